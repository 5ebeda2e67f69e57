# cmake -D NM=<nm> -D FILES=<file>... -P symbols.cmake
#
# Each plugin exports its entry alone and takes nothing of Boost from its host.
foreach(file IN LISTS FILES)
  execute_process(COMMAND ${NM} -D --defined-only -P ${file} OUTPUT_VARIABLE offered)
  if(NOT offered MATCHES "^stepd_plugin_v1 T [0-9a-f]+ ?[0-9a-f]*\n$")
    message(FATAL_ERROR "${file} exports more than its entry, or less:\n${offered}")
  endif()
  execute_process(COMMAND ${NM} -D --undefined-only -P ${file} OUTPUT_VARIABLE wanted)
  if(wanted MATCHES "boost" OR wanted STREQUAL "")
    message(FATAL_ERROR "${file} takes from its host:\n${wanted}")
  endif()
endforeach()
