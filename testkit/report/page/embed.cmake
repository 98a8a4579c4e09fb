# SPDX-License-Identifier: BSD-3-Clause
# cmake -DFOLDER=... -DOUTPUT=... -P embed.cmake: a source file with the texts of the page.
function(constant name)
  set(text "")
  foreach(file IN LISTS ARGN)
    file(READ "${file}" content)
    string(APPEND text "${content}")
  endforeach()
  set(source "${source}const std::string_view ${name} = R\"~~~(${text})~~~\";\n" PARENT_SCOPE)
endfunction()

file(GLOB scripts "${FOLDER}/*.js")
list(SORT scripts)
set(source "#include \"report/page.hpp\"\nnamespace testkit::page {\n")
constant(kHtml "${FOLDER}/page.html")
constant(kStyle "${FOLDER}/page.css")
constant(kScript ${scripts})
file(WRITE "${OUTPUT}" "${source}}  // namespace testkit::page\n")
