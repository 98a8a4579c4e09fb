// SPDX-License-Identifier: BSD-3-Clause
#include "base/temp-dir.hpp"

#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "base/error.hpp"

namespace nbd {

TempDir::TempDir(const std::string& prefix) {
  const char* base = std::getenv("TMPDIR");
  std::string name =
      fmt::format("{}/{}XXXXXX", base != nullptr && *base == '/' ? base : "/tmp", prefix);
  if (::mkdtemp(name.data()) == nullptr)
    fail_errno(errno, "cannot make a temporary folder {}", name);
  path_ = name;
}

TempDir::~TempDir() {
  if (path_.empty() || keep_) return;
  std::error_code ignored;  // nothing to be done about it, and no one to tell
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace nbd
