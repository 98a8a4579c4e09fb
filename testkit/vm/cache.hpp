// SPDX-License-Identifier: BSD-3-Clause
//
// What was downloaded once, in the user's cache folder.
//
// Threads: a Cache belongs to one. Of several processes one at a time has it; the others wait.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "net/wait.hpp"

namespace testkit::vm {

class Cache {
 public:
  // $XDG_CACHE_HOME/testkit, else ~/.cache/testkit. Throws an Error if it cannot be made.
  explicit Cache(const Interrupt& interrupt);

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // Downloads a Debian package (its signature is checked by apt) and unpacks it in `folder`.
  void fetch_package(const std::string& package, const std::string& folder);
  // A tool's standard output. Throws an Error with its words on stderr if it fails.
  std::string output_of(const std::vector<std::string>& argv, const std::string& directory = "");

 private:
  std::string path_;
  nbd::Fd lock_;
  const Interrupt& interrupt_;
};

}  // namespace testkit::vm
