# cmake -D COMPILER=<c++> -D INCLUDE=<folder> -D SOURCE=<file> -P expect.cmake
#
# Passes when the compiler refuses the file with the sentence of its first line, or, for a file
# without such a line, when it accepts it.
file(STRINGS ${SOURCE} first LIMIT_COUNT 1)
execute_process(
  COMMAND ${COMPILER} -std=c++20 -fsyntax-only -I${INCLUDE} ${SOURCE}
  RESULT_VARIABLE status
  ERROR_VARIABLE said)
if(NOT first MATCHES "^// refused: (.*)$")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${SOURCE} was refused:\n${said}")
  endif()
  return()
endif()
set(sentence "${CMAKE_MATCH_1}")
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} was accepted, and should have been refused: ${sentence}")
endif()
string(FIND "${said}" "${sentence}" found)
if(found EQUAL -1)
  message(FATAL_ERROR "${SOURCE} was refused without the sentence: ${sentence}\n${said}")
endif()
