// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>

#include "report/report.hpp"

namespace testkit {

// JUnit XML as GitLab, Jenkins and GitHub actions read it: a testsuite for each
// scenario, a testcase for each of its cells.
std::string junit_xml(const RunReport& report);

// For text and attributes. XML 1.0 cannot hold most control characters, not
// even escaped, nor bytes that are not UTF-8: these become U+FFFD.
std::string xml_escape(std::string_view text);

}  // namespace testkit
