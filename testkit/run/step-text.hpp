// SPDX-License-Identifier: BSD-3-Clause
//
// Steps and what is expected of them, in the words of the reports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "scenario/model.hpp"

namespace testkit {

std::string show_step(const Step& step);         // "read 4096+4096 df"
std::string show_expectation(const Step& step);  // "success, data as written within 1 s"
// "512 data, 4K hole"
std::string show_chunks(const std::vector<Extent>& chunks);
std::string show_extents(const std::vector<Extent>& extents);  // "64K data, 960K hole+zero"
std::string show_errno(int errnum);                            // "EIO"; "without errno" for 0
std::string_view flag_name(ExportFlag flag);
std::string_view block_size_name(int type);  // of LIBNBD_SIZE_*

}  // namespace testkit
