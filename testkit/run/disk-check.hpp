// SPDX-License-Identifier: BSD-3-Clause
//
// The whole of a disk, read at the start and again at the end of a round: what was
// acknowledged is there, and nothing that nobody wrote.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "net/endpoint.hpp"
#include "net/wait.hpp"
#include "proxy/written.hpp"
#include "run/result.hpp"

namespace testkit {

struct DiskPlace {
  std::string file;  // or, if empty, from the server itself:
  Endpoint endpoint;
  std::string export_name;
};

// Throws an Error, also if it is larger than WrittenDisk follows.
std::vector<std::byte> read_disk(const DiskPlace& place, const Deadline& deadline,
                                 const Interrupt& interrupt);

Action judge_disk(const DiskCheck& check, const proxy::WrittenDisk& written,
                  const std::vector<std::byte>& before, const std::vector<std::byte>& now);

}  // namespace testkit
