// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>

#include "server/options.hpp"

namespace nbdkit {

// What the options, and the server's debug flags, make of TLS: nullptr if it is off, which it is by
// default where there are no certificates. Throws an Error if TLS is required and cannot be had, or
// if what there is cannot be used.
std::unique_ptr<TlsCredentials> load_tls(const Options& options);

}  // namespace nbdkit
