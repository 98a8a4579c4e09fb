// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "report/report.hpp"

namespace testkit {

// Everything that the run knows, for programs.
std::string json_report(const RunReport& report);

}  // namespace testkit
