# SPDX-License-Identifier: BSD-3-Clause
# Settings that every target of ours takes by linking nbd-settings, and the
# places where artefacts stand in the build folder (fixed: scripts rely on them).

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(NBDKIT_PLUGIN_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib/nbdkit/plugins")
set(NBDKIT_FILTER_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib/nbdkit/filters")
# Installed, modules stand here under the prefix; the server looks for them
# relative to its own executable (bin/../lib/nbdkit), so any prefix works.
set(NBDKIT_MODULE_INSTALL_DIR "lib/nbdkit")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
  if(NBD_PCH)  # see precompiled.cmake; ccache(1), "precompiled headers"
    set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;${CCACHE}")
  endif()
endif()

set(NBD_SANITIZE "" CACHE STRING "sanitizers to build with, e.g. address,undefined or thread")
option(NBD_WERROR "treat warnings as errors" OFF)

find_package(Threads REQUIRED)

add_library(nbd-settings INTERFACE)
target_compile_options(nbd-settings INTERFACE -Wall -Wextra -Wshadow -Wno-missing-field-initializers
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion>
  $<$<BOOL:${NBD_WERROR}>:-Werror>)
target_link_libraries(nbd-settings INTERFACE Threads::Threads)
if(NBD_SANITIZE)
  target_compile_options(nbd-settings INTERFACE
    -fsanitize=${NBD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # This one check makes a pipe to see whether memory is there: a false alarm in a process
  # that is out of descriptors, as tests see to.
  target_compile_options(nbd-settings INTERFACE -fno-sanitize=vptr)
  target_link_options(nbd-settings INTERFACE -fsanitize=${NBD_SANITIZE})
endif()

# nbd_require(TARGET DEBIAN-PACKAGE pkg-config-module): an imported target for a
# library that must be there; its absence is one line that names the package.
find_package(PkgConfig REQUIRED)
function(nbd_require target package module)
  pkg_check_modules(${target} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${target}_FOUND)
    message(FATAL_ERROR "library ${module} is missing: apt-get install ${package}")
  endif()
endfunction()

nbd_require(fmt libfmt-dev fmt)
