// SPDX-License-Identifier: BSD-3-Clause
//
// The options that ask a question instead of serving: --help, --version,
// --dump-config, --dump-plugin, --short-options, --long-options. See nbdkit-probing(1) for the
// formats, which programs parse.
#pragma once

#include "server/options.hpp"

namespace nbdkit {

// REQUIRES: options.is_question(). Prints the answer; the exit status.
int answer(const Options& options);

}  // namespace nbdkit
