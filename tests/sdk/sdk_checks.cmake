# What the SDK's own test executable cannot show: the bundled plugins as files, what the compiler
# says of a wrong step, and a project outside the tree against the installed SDK.

target_compile_definitions(sdk_test PRIVATE
  STEPD_DEMO_PLUGIN="$<TARGET_FILE:demo>"
  STEPD_PLAIN_C_PLUGIN="$<TARGET_FILE:plain_c>")
add_dependencies(sdk_test demo plain_c)

file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/refused/*.cpp)
foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  add_test(NAME sdk/compiler_says/${name} COMMAND ${CMAKE_COMMAND}
    -D COMPILER=${CMAKE_CXX_COMPILER} -D INCLUDE=${PROJECT_SOURCE_DIR}/sdk/include
    -D SOURCE=${source} -P ${CMAKE_CURRENT_LIST_DIR}/refused/expect.cmake)
endforeach()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(add_outside_test name c_compiler cxx_compiler)
  add_test(NAME sdk/outside_the_tree/${name} COMMAND ${CMAKE_COMMAND}
    -D BUILD=${PROJECT_BINARY_DIR} -D SDK=${PROJECT_SOURCE_DIR}/sdk
    -D WORK=${CMAKE_CURRENT_BINARY_DIR}/outside_${name} -D GENERATOR=${CMAKE_GENERATOR}
    -D PYTHON=${Python3_EXECUTABLE}
    -D C_COMPILER=${c_compiler} -D CXX_COMPILER=${cxx_compiler}
    -D LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
    -P ${CMAKE_CURRENT_LIST_DIR}/outside/check.cmake)
endfunction()
add_outside_test(same_compiler ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER})
find_program(STEPD_CLANG clang)
find_program(STEPD_CLANGXX clang++)
if(STEPD_CLANG AND STEPD_CLANGXX)
  add_outside_test(clang ${STEPD_CLANG} ${STEPD_CLANGXX})
endif()

# What `stepctl plugin new` writes, as an author has it at first.
foreach(kind plain saga)
  set(flag)
  if(kind STREQUAL "saga")
    set(flag --saga)
  endif()
  add_test(NAME sdk/new_project/${kind} COMMAND ${CMAKE_COMMAND}
    -D BUILD=${PROJECT_BINARY_DIR} -D WORK=${CMAKE_CURRENT_BINARY_DIR}/new_${kind}
    -D FLAG=${flag} -D GENERATOR=${CMAKE_GENERATOR} -D CXX_COMPILER=${CMAKE_CXX_COMPILER}
    -D LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER} -P ${CMAKE_CURRENT_LIST_DIR}/template/check.cmake)
endforeach()
