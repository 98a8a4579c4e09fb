// SPDX-License-Identifier: BSD-3-Clause
//
// -o: some of its options are ours to heed, the rest are for the kernel and
// libfuse, which refuse what they do not know.
#pragma once

#include <string>
#include <vector>

#include "file-system.hpp"

namespace nbdfuse {

struct FuseOptions {
  FileSystemSettings file;
  bool read_only = false;
  bool nonempty = false;
  std::vector<std::string> for_kernel;
};

// Owner and group are the process's own unless given. Throws an Error for a
// value that is none.
FuseOptions read_fuse_options(const std::vector<std::string>& options);

}  // namespace nbdfuse
