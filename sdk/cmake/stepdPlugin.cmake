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
