// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "scenario/model.hpp"

namespace testkit {

// Nothing if `text` is as expected, else what it lacks, as "does not contain X".
std::string check_text(const TextCheck& check, const std::string& text);

// "contains "X", matches /Y/": what is expected, for a report.
std::string describe(const TextCheck& check);

// "1.5 s", "31 ms", "0.4 ms"
std::string show_time(Duration time);

// " within 1 s, not sooner than 100 ms"; empty if nothing is expected.
std::string describe(const TimeCheck& check);

}  // namespace testkit
