# SPDX-License-Identifier: BSD-3-Clause
# add_nbdkit_plugin(NAME source...) and add_nbdkit_filter(NAME source...):
# a module at its fixed place in the build folder, installed beside its kind.

function(add_nbdkit_module kind name output_dir)
  set(target "nbdkit-${name}-${kind}")
  add_library(${target} MODULE ${ARGN})
  set_target_properties(${target} PROPERTIES PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY "${output_dir}")
  target_link_libraries(${target} PRIVATE nbd-settings nbdkit-sdk)
  # ours may use headers of the base; others have the SDK alone
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/nbdkit")
  # what a module that names no version of its own shows (see sdk.hpp)
  target_compile_definitions(${target} PRIVATE NBD_MODULE_VERSION="${PROJECT_VERSION}")
  install(TARGETS ${target} LIBRARY DESTINATION "${NBDKIT_MODULE_INSTALL_DIR}/${kind}s")
  add_dependencies(nbdkit-modules ${target})
endfunction()

function(add_nbdkit_plugin name)
  add_nbdkit_module(plugin ${name} "${NBDKIT_PLUGIN_OUTPUT_DIRECTORY}" ${ARGN})
endfunction()

# add_nbdkit_script_plugin(NAME script): nbdkit runs it by its first line.
function(add_nbdkit_script_plugin name script)
  cmake_path(ABSOLUTE_PATH script)
  set(target "nbdkit-${name}-plugin")
  set(output "${NBDKIT_PLUGIN_OUTPUT_DIRECTORY}/${target}")
  add_custom_command(OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" -E copy "${script}" "${output}"
    DEPENDS "${script}"
    VERBATIM)
  add_custom_target(${target} ALL DEPENDS "${output}")
  install(PROGRAMS "${output}" DESTINATION "${NBDKIT_MODULE_INSTALL_DIR}/plugins")
  add_dependencies(nbdkit-modules ${target})
endfunction()

function(add_nbdkit_filter name)
  add_nbdkit_module(filter ${name} "${NBDKIT_FILTER_OUTPUT_DIRECTORY}" ${ARGN})
endfunction()

add_custom_target(nbdkit-modules)
