// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "report/report.hpp"

namespace testkit {

// TAP 14 (https://testanything.org/tap-version-14-specification.html): a test point for
// each cell, with a block of YAML if there is anything to tell. A cell that fails for the
// reason its scenario knows is "not ok" with TODO.
std::string tap_report(const RunReport& report);

}  // namespace testkit
