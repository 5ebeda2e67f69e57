# cmake -D BUILD=<build tree> -D WORK=<folder> -D GENERATOR=<generator> [-D FLAG=--saga]
#       -D CXX_COMPILER=<c++> [-D LAUNCHER=<ccache>] -P check.cmake
#
# What `stepctl plugin new` writes is configured against the installed SDK, built, tested and
# validated as it stands.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY
    WORKING_DIRECTORY ${WORK})
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/installed)
run(${BUILD}/bin/stepctl plugin new orchard ${FLAG})
run(${CMAKE_COMMAND} -S orchard -B build -G ${GENERATOR}
  -D CMAKE_PREFIX_PATH=${WORK}/installed -D STEPCTL_PROGRAM=${BUILD}/bin/stepctl
  -D CMAKE_BUILD_TYPE=Release -D CMAKE_CXX_FLAGS_RELEASE=-O1
  -D CMAKE_CXX_FLAGS=-Wall\ -Wextra\ -Werror
  -D CMAKE_CXX_COMPILER=${CXX_COMPILER} -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
run(${CMAKE_COMMAND} --build build)
run(${CMAKE_CTEST_COMMAND} --test-dir build --output-on-failure --no-tests=error)
# In its own words: both tests were there, and no check of a call was left out for its arguments.
execute_process(COMMAND ${BUILD}/bin/stepctl --output json plugin validate build/orchard.so
  WORKING_DIRECTORY ${WORK} OUTPUT_VARIABLE told COMMAND_ERROR_IS_FATAL ANY)
if(told MATCHES "others: --args" OR NOT told MATCHES "bears a crash before and after each")
  message(FATAL_ERROR "the example arguments show nothing:\n${told}")
endif()
execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --test-dir build -N
  WORKING_DIRECTORY ${WORK} OUTPUT_VARIABLE told COMMAND_ERROR_IS_FATAL ANY)
if(NOT told MATCHES "orchard_test" OR NOT told MATCHES "validate")
  message(FATAL_ERROR "a test is missing:\n${told}")
endif()
file(REMOVE_RECURSE ${WORK})
