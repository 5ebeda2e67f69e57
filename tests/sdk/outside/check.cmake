# cmake -D BUILD=<build tree> -D SDK=<the room> -D WORK=<folder> -D GENERATOR=<generator>
#       -D PYTHON=<python3> -D C_COMPILER=<cc> -D CXX_COMPILER=<c++> [-D LAUNCHER=<ccache>]
#       -P check.cmake
#
# Installs the SDK, then configures, builds and tests two projects against it: the one in this
# folder, and the one that the tutorial shows.
file(REMOVE_RECURSE ${WORK})
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()
function(build_and_test name source)
  run(${CMAKE_COMMAND} -S ${source} -B ${WORK}/${name}_build -G ${GENERATOR}
    -D CMAKE_PREFIX_PATH=${WORK}/installed
    -D STEPD_PROGRAM=${BUILD}/bin/stepd -D STEPCTL_PROGRAM=${BUILD}/bin/stepctl
    -D CMAKE_BUILD_TYPE=Release
    -D CMAKE_CXX_FLAGS_RELEASE=-O1
    -D CMAKE_C_COMPILER=${C_COMPILER} -D CMAKE_CXX_COMPILER=${CXX_COMPILER}
    -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
  run(${CMAKE_COMMAND} --build ${WORK}/${name}_build)
  run(${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/${name}_build --output-on-failure
    --no-tests=error)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/installed)
run(${PYTHON} ${CMAKE_CURRENT_LIST_DIR}/extract.py ${SDK}/TUTORIAL.md ${WORK}/tutorial)
build_and_test(outside ${CMAKE_CURRENT_LIST_DIR})
build_and_test(tutorial ${WORK}/tutorial)
file(REMOVE_RECURSE ${WORK})
