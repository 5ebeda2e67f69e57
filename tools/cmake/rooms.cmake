# How the rooms of this project are compiled; no user of the SDK sees any of it.

add_library(stepd_build_options INTERFACE)
target_compile_options(stepd_build_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor
                            -Woverloaded-virtual
                            # Designated initialisers leave the rest at its declared default.
                            -Wno-missing-field-initializers
                            # g++ 12 sees uninitialised alternatives in moved variants where
                            # sanitizers instrument them; the sanitizers themselves look better.
                            -Wno-maybe-uninitialized>
  # Optimised, g++ 12 sees copies of 2^63 bytes in the standard library's own strings.
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-Wno-stringop-overflow -Wno-array-bounds
                                                     -Wno-restrict>)
target_compile_definitions(stepd_build_options INTERFACE BOOST_DLL_USE_STD_FS)
target_include_directories(stepd_build_options INTERFACE ${PROJECT_SOURCE_DIR})

# One precompiled header for all rooms: the standard library and Boost.JSON's values, nothing else.
file(WRITE ${CMAKE_BINARY_DIR}/stepd_pch.cpp "")
add_library(stepd_pch OBJECT ${CMAKE_BINARY_DIR}/stepd_pch.cpp)
target_link_libraries(stepd_pch PRIVATE stepd_build_options Boost::json)
target_precompile_headers(stepd_pch PRIVATE
  <algorithm> <atomic> <chrono> <condition_variable> <cstdint> <deque> <filesystem> <functional>
  <map> <memory> <mutex> <optional> <set> <span> <sstream> <string> <string_view> <thread>
  <unordered_map> <utility> <variant> <vector> <boost/json.hpp>)

# stepd_add_room(<target> LIBRARIES <library>...): every .cpp in the calling folder is of the room,
# but for main.cpp, which tests cannot link.
function(stepd_add_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE stepd_build_options Boost::json ${arg_LIBRARIES})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC stepd_build_options Boost::json ${arg_LIBRARIES})
  target_precompile_headers(${name} REUSE_FROM stepd_pch)
endfunction()
