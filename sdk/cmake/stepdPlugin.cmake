# stepd_add_plugin(<name> <source>...)
#
# Makes the target <name>, a plugin <name>.so, from C++20 or C sources. It exports stepd_plugin_v1
# alone and binds nothing of its host but the C and C++ libraries. Anything else it needs is linked
# as usual: target_link_libraries(<name> PRIVATE ...).
#
# stepd_plugin_json is Boost.JSON as a static library, hidden and position-independent. It is built
# here, once per build tree, rather than shipped, so that it always fits the Boost headers, the
# compiler and the sanitizer that the plugins themselves are built with.

set(STEPD_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

function(stepd_provide_json)
  if(TARGET stepd_plugin_json)
    return()
  endif()
  find_package(Boost 1.81 REQUIRED)
  add_library(stepd_plugin_json STATIC EXCLUDE_FROM_ALL ${STEPD_CMAKE_DIR}/json.cpp)
  target_link_libraries(stepd_plugin_json PUBLIC Boost::headers)
  set_target_properties(stepd_plugin_json PROPERTIES
    CXX_STANDARD 20
    CXX_STANDARD_REQUIRED ON
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
endfunction()

# stepd::testing is what an author's tests of steps link: <stepd/testing/rehearsal.hpp>.
function(stepd_provide_testing)
  if(TARGET stepd_testing)
    return()
  endif()
  stepd_provide_json()
  add_library(stepd_testing INTERFACE)
  add_library(stepd::testing ALIAS stepd_testing)
  target_link_libraries(stepd_testing INTERFACE stepd::sdk stepd_plugin_json)
  target_compile_features(stepd_testing INTERFACE cxx_std_20)
endfunction()

# A sanitizer's symbols come from the program that loads the plugin.
function(stepd_is_sanitized result)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  set(flags "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${CMAKE_C_FLAGS_${type}} \
${CMAKE_CXX_FLAGS_${type}} ${CMAKE_MODULE_LINKER_FLAGS}")
  string(FIND "${flags}" "-fsanitize=" found)
  if(found EQUAL -1)
    set(${result} FALSE PARENT_SCOPE)
  else()
    set(${result} TRUE PARENT_SCOPE)
  endif()
endfunction()

function(stepd_add_plugin name)
  set(sources ${ARGN})
  if(NOT sources)
    message(FATAL_ERROR "stepd_add_plugin(${name}): names no source file")
  endif()
  add_library(${name} MODULE ${sources})
  target_link_libraries(${name} PRIVATE stepd::sdk)
  list(FILTER sources EXCLUDE REGEX "\\.c$")
  if(sources)
    stepd_provide_json()
    target_link_libraries(${name} PRIVATE stepd_plugin_json)
  endif()
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    SUFFIX ".so"
    CXX_STANDARD 20
    CXX_STANDARD_REQUIRED ON
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${STEPD_CMAKE_DIR}/plugin.map)
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${STEPD_CMAKE_DIR}/plugin.map -Wl,-z,now -Wl,-z,nodelete)
  stepd_is_sanitized(sanitized)
  if(NOT sanitized)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
endfunction()

# A program of stepd's: built in this tree, or installed beside this SDK or on the path.
function(stepd_find_program variable name test)
  if(TARGET ${name})
    set(${variable} $<TARGET_FILE:${name}> PARENT_SCOPE)
    return()
  endif()
  find_program(${variable} ${name} HINTS ${STEPD_CMAKE_DIR}/../../../bin)
  if(NOT ${variable})
    message(FATAL_ERROR "stepd_add_job_test(${test}): there is no program ${name}: install stepd, "
      "or say where it is with -D ${variable}=FILE")
  endif()
endfunction()

# stepd_add_job_test(<name> JOB <file> PLUGINS <target>... [REAL] [FIRST <file>...]
#                    [OUTPUTS <file>] [CONFIG <file>])
#
# A test that plays every way the job in the file can take, in a daemon of its own with these
# plugins (stepctl job test). It fails when a promise is broken or arguments are bad, with the table
# of those paths. REAL: the steps' own code runs, and it fails when one is at fault, too. FIRST:
# jobs that run before, and must succeed. OUTPUTS: what steps return, by step; with REAL these are
# not called. CONFIG: the configuration. HOME and XDG_DATA_HOME are a folder that is gone
# afterwards.
function(stepd_add_job_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "REAL" "JOB;OUTPUTS;CONFIG" "PLUGINS;FIRST")
  if(NOT arg_JOB OR NOT arg_PLUGINS OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "stepd_add_job_test(${name}): needs JOB <file> and PLUGINS <target>... "
      "and knows nothing of: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  stepd_find_program(STEPD_PROGRAM stepd ${name})
  stepd_find_program(STEPCTL_PROGRAM stepctl ${name})
  set(options)
  if(arg_REAL)
    list(APPEND options --real)
  endif()
  foreach(file IN LISTS arg_FIRST)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND options --first ${file})
  endforeach()
  foreach(option OUTPUTS CONFIG)
    if(arg_${option})
      cmake_path(ABSOLUTE_PATH arg_${option} BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
      string(TOLOWER --${option} flag)
      list(APPEND options ${flag} ${arg_${option}})
    endif()
  endforeach()
  foreach(plugin IN LISTS arg_PLUGINS)
    list(APPEND options $<TARGET_FILE:${plugin}>)
  endforeach()
  cmake_path(ABSOLUTE_PATH arg_JOB BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  add_test(NAME ${name} COMMAND ${STEPD_CMAKE_DIR}/job_test.sh ${STEPD_PROGRAM} ${STEPCTL_PROGRAM}
    ${arg_JOB} ${options})
endfunction()
