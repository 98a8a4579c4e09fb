// SPDX-License-Identifier: BSD-3-Clause
//
// A scenario's text: read, expanded and checked. A text is refused with at least
// one problem that has a place, or makes cells that can be run.
#include <cstdint>
#include <cstdlib>

#include "scenario/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<testkit::Problem> problems;
  const auto file = testkit::load_scenario("fuzz.json", text, 1, problems);
  if (problems.empty() && file.cells.empty()) std::abort();
  return 0;
}
