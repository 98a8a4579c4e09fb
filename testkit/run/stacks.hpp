// SPDX-License-Identifier: BSD-3-Clause
//
// Where a client that hangs stands: the stacks of its threads, by eu-stack or gdb
// where one of them is installed.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace testkit {

// Of every process of the group, for people; empty without such a program. Takes
// a few seconds at most.
std::vector<std::string> stacks_of_group(pid_t group, const std::string& scratch_file);

}  // namespace testkit
