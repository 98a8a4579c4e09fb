// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>

#include <nbdkit/disk.hpp>

namespace nbdkit {

// The same layer, but every call goes to the debug log with its arguments:
// "memory: open readonly=0 exportname="" tls=0", "memory: pread count=512
// offset=0". Made under --verbose alone, so that tracing costs nothing
// otherwise; -D nbdkit.backend.controlpath=0 and datapath=0 silence the two
// kinds of call.
std::unique_ptr<nbd::Layer> trace(std::unique_ptr<nbd::Layer> layer);

}  // namespace nbdkit
