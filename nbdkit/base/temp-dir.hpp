// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace nbd {

// A private folder (mode 0700) under $TMPDIR, else /tmp, removed with all that
// is in it when this goes. Short names on purpose: a Unix socket's path may
// have 107 bytes.
class TempDir {
 public:
  explicit TempDir(const std::string& prefix);  // "nbdkit" -> /tmp/nbdkitXXXXXX
  TempDir(TempDir&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir();

  const std::string& path() const noexcept { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // Leaves the folder where it is.
  void keep() noexcept { keep_ = true; }

 private:
  std::string path_;
  bool keep_ = false;
};

}  // namespace nbd
