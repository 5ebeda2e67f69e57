# cmake -D BUILD=<build tree> -D SOURCE=<this folder> -D WORK=<folder> -D GENERATOR=<generator>
#       -D C_COMPILER=<cc> -D CXX_COMPILER=<c++> [-D LAUNCHER=<ccache>] -P check.cmake
#
# Installs the SDK, configures and builds the project in this folder against it, and runs its tests.
file(REMOVE_RECURSE ${WORK})
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/installed)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G ${GENERATOR}
  -D CMAKE_PREFIX_PATH=${WORK}/installed
  -D CMAKE_BUILD_TYPE=Release
  -D CMAKE_CXX_FLAGS_RELEASE=-O1
  -D CMAKE_C_COMPILER=${C_COMPILER} -D CMAKE_CXX_COMPILER=${CXX_COMPILER}
  -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/build --output-on-failure --no-tests=error)
file(REMOVE_RECURSE ${WORK})
