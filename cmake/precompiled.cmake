# SPDX-License-Identifier: BSD-3-Clause
# With NBD_PCH the headers that nearly every file includes are compiled once and not
# some hundred times, and the files of the large libraries some at a time: a build from
# nothing takes less than half of the time. CI wants that. It is off otherwise, so that a file
# which leaves an include out is found, and since it makes ccache less exact.
option(NBD_PCH "compile common headers once, for builds from nothing" OFF)
# Not nbd-base, of which nbdkit-tls.so takes all but the log.
set(nbd_libraries_at_once "^(testkit-(scenario|net|proxy|run|report|bench|vm)|nbdfuse-core|nbdkit-(server|layers|session|net))$")

# nbd_pch_holder(NAME POSITION-OPTION header...): other targets take its headers.
function(nbd_pch_holder name option)
  add_library(${name} OBJECT "${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp")
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE ${option})
  target_link_libraries(${name} PRIVATE nbd-settings PkgConfig::fmt)
  set(headers algorithm array atomic chrono condition_variable cstring filesystem fstream functional
    map memory mutex optional span sstream string string_view thread unordered_map variant vector
    fmt/format.h ${ARGN})
  list(TRANSFORM headers REPLACE "(.+)" "$<$<COMPILE_LANGUAGE:CXX>:<\\1$<ANGLE-R>>")
  target_precompile_headers(${name} PRIVATE ${headers})
endfunction()

# All targets of a folder and of those below it.
function(nbd_precompile folder)
  get_property(targets DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(sources ${target} SOURCES)
    get_target_property(type ${target} TYPE)
    # CMake would want the headers of a target with C in it for C, too.
    if(target MATCHES "^nbd-pch|^testkit-guest" OR NOT sources MATCHES "\\.cpp" OR sources MATCHES "\\.c(;|$)"
        OR type STREQUAL "UTILITY")
      continue()
    endif()
    if(target MATCHES "${nbd_libraries_at_once}")
      set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    endif()
    if(target MATCHES "^testkit-(scenario|net|proxy|run|report|bench|vm)$")
      target_precompile_headers(${target} REUSE_FROM nbd-pch-json)
    elseif(NOT type STREQUAL "EXECUTABLE")
      target_precompile_headers(${target} REUSE_FROM nbd-pch-library)
    elseif(target MATCHES "-test$")
      target_precompile_headers(${target} REUSE_FROM nbd-pch-test)
    else()
      target_precompile_headers(${target} REUSE_FROM nbd-pch-program)
    endif()
  endforeach()
  get_property(below DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
  foreach(one IN LISTS below)
    nbd_precompile("${one}")
  endforeach()
endfunction()

if(NBD_PCH)
  # Lines are all that a stack in CI's log needs of debug information.
  target_compile_options(nbd-settings INTERFACE -g1)
  # Compilers forget there that headers are the system's, whose false alarms they hide else.
  target_compile_options(nbd-settings INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread>
    $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
  nbd_pch_holder(nbd-pch-library -fPIC)
  nbd_pch_holder(nbd-pch-json -fPIC nlohmann/json.hpp)
  nbd_pch_holder(nbd-pch-program -fPIE)
  nbd_pch_holder(nbd-pch-test -fPIE catch2/catch.hpp)
  nbd_precompile("${CMAKE_SOURCE_DIR}")
endif()
