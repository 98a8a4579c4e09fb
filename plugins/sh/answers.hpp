// SPDX-License-Identifier: BSD-3-Clause
//
// What scripts print, read. Each function throws an Error that shows the text
// that it does not understand, unless it says otherwise.
#pragma once

#include <nbdkit/disk.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace script {

// What stands on stderr of a script that failed: "ENOSPC text" or "text".
struct Failure {
  int errnum = EIO;
  std::string text;  // may be empty
};
Failure parse_failure(std::string_view text);  // never throws

// Output without the newline at its end.
std::string one_line(std::string_view text);

nbd::Support parse_support(std::string_view method, std::string_view text);
// nullopt for an unknown word, which scripts may print.
std::optional<nbd::ThreadModel> parse_thread_model(std::string_view text);
nbd::BlockSize parse_block_size(std::string_view text);
// NAMES, INTERLEAVED, NAMES+DESCRIPTIONS, or names alone.
std::vector<nbd::ExportItem> parse_exports(std::string_view text);

struct PlacedExtent {
  uint64_t offset, length;
  uint32_t type;
};
std::vector<PlacedExtent> parse_extents(std::string_view text);

}  // namespace script
