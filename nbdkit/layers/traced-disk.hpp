// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string_view>

#include <nbdkit/disk.hpp>

namespace nbdkit {

// The same disk, but its requests and its end go to the debug log; see
// traced-layer.hpp.
std::unique_ptr<nbd::Disk> trace(std::string_view layer, std::unique_ptr<nbd::Disk> disk);

}  // namespace nbdkit
