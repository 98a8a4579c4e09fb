// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "report/report.hpp"

namespace testkit {

// A page that needs nothing but itself: report/page/ with the results as JSON in it.
std::string html_report(const RunReport& report);

}  // namespace testkit
