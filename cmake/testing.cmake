# SPDX-License-Identifier: BSD-3-Clause
# add_unit_test(NAME source... [LINK lib...]): a Catch2 program, one CTest entry.
# add_script_test(NAME script [ENV k=v...]): an executable script; exit 77 is a
# skip, and the script says on its last line which tool is missing.

find_package(Catch2 2 REQUIRED)

# Catch2's main takes seconds to compile: once for all of our test programs.
add_library(catch-main STATIC "${CMAKE_SOURCE_DIR}/cmake/catch-main.cpp")
target_link_libraries(catch-main PUBLIC Catch2::Catch2)
target_compile_options(catch-main PRIVATE -O0)  # it reads command lines

function(add_unit_test name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  add_executable(${name}-test ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name}-test PRIVATE nbd-settings catch-main ${arg_LINK})
  set_target_properties(${name}-test PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/test")
  add_test(NAME unit/${name} COMMAND ${name}-test)
  set_tests_properties(unit/${name} PROPERTIES TIMEOUT 120)
endfunction()

function(add_script_test name script)
  cmake_parse_arguments(arg "" "TIMEOUT" "ENV" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/${script}")
  if(NBD_SANITIZE)  # scripts that limit memory cannot do so then
    list(APPEND arg_ENV "SANITIZED=${NBD_SANITIZE}")
  endif()
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "BUILD=${CMAKE_BINARY_DIR};SOURCE=${CMAKE_SOURCE_DIR};${arg_ENV}")
endfunction()
