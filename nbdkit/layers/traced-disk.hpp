// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string_view>

#include <nbdkit/disk.hpp>

namespace nbdkit {

// The same disk, but every request goes to the debug log with its arguments:
// "memory: pread count=512 offset=0". Only made under --verbose, so that
// tracing costs nothing otherwise.
std::unique_ptr<nbd::Disk> trace(std::string_view layer, std::unique_ptr<nbd::Disk> disk);

}  // namespace nbdkit
