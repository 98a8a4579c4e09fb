# SPDX-License-Identifier: BSD-3-Clause
# add_fuzz_target(NAME source... SEEDS FOLDER|SCRIPT [DICT file] [LINK lib...]): a
# function LLVMFuzzerTestOneInput(). With NBD_FUZZ (preset fuzz, clang) it becomes a
# fuzzer, which `./dev fuzz` runs; in every build its seeds are put through it once as the
# CTest entry fuzz/NAME. SEEDS is a folder, or a script that fills the one it is given.

option(NBD_FUZZ "build the fuzz targets with libFuzzer, which needs clang" OFF)
if(NBD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "NBD_FUZZ needs clang, not ${CMAKE_CXX_COMPILER_ID}: use the preset fuzz")
  endif()
  target_compile_options(nbd-settings INTERFACE -fsanitize=fuzzer-no-link)
endif()
add_custom_target(fuzzers)

function(add_fuzz_target name)
  cmake_parse_arguments(arg "" "SEEDS;DICT" "LINK" ${ARGN})
  cmake_path(ABSOLUTE_PATH arg_SEEDS)
  add_executable(${name}-fuzz ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name}-fuzz PRIVATE nbd-settings ${arg_LINK})
  set_target_properties(${name}-fuzz PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
  if(NBD_FUZZ)
    target_link_options(${name}-fuzz PRIVATE -fsanitize=fuzzer)
    if(arg_DICT)
      cmake_path(ABSOLUTE_PATH arg_DICT)
    endif()
    # What ./dev fuzz reads.
    file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/fuzz/${name}.target"
      CONTENT "seeds=@arg_SEEDS@\ndict=@arg_DICT@\n" @ONLY)
  else()
    target_sources(${name}-fuzz PRIVATE "${CMAKE_SOURCE_DIR}/cmake/fuzz-replay.cpp")
  endif()
  add_dependencies(fuzzers ${name}-fuzz)
  add_test(NAME fuzz/${name} COMMAND "${CMAKE_SOURCE_DIR}/cmake/fuzz-replay.sh"
    "${CMAKE_BINARY_DIR}/fuzz/${name}-fuzz" "${arg_SEEDS}")
  set_tests_properties(fuzz/${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
endfunction()
