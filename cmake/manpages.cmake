# SPDX-License-Identifier: BSD-3-Clause
# add_manual_page(POD SECTION): NAME.pod becomes share/man/manSECTION/NAME.SECTION
# in the build folder (`man -M build/share/man nbdkit`) and is installed.

find_program(POD2MAN pod2man)
if(NOT POD2MAN)
  message(STATUS "manual pages are skipped, pod2man is missing: apt-get install perl")
endif()
add_custom_target(manual-pages ALL)

function(add_manual_page pod section)
  if(NOT POD2MAN)
    return()
  endif()
  cmake_path(ABSOLUTE_PATH pod)
  cmake_path(GET pod STEM name)
  set(dir "${CMAKE_BINARY_DIR}/share/man/man${section}")
  set(page "${dir}/${name}.${section}")
  add_custom_command(OUTPUT "${page}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${dir}"
    COMMAND "${POD2MAN}" --utf8 --errors=die --name "${name}" --section "${section}"
      --center "NBD toolkit" --release "${PROJECT_NAME} ${PROJECT_VERSION}" "${pod}" "${page}"
    DEPENDS "${pod}"
    VERBATIM)
  add_custom_target("man-${name}" DEPENDS "${page}")
  add_dependencies(manual-pages "man-${name}")
  install(FILES "${page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
endfunction()
