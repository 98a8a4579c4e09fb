// SPDX-License-Identifier: BSD-3-Clause
//
// systemd socket activation, as sd_listen_fds(3) describes it: whoever starts us
// has opened the listening sockets, descriptors 3 and on, and says so in the
// environment (LISTEN_PID, LISTEN_FDS).
#pragma once

#include <vector>

#include "base/fd.hpp"
#include "server/options.hpp"

namespace nbdkit {

// The sockets, or none if the environment speaks of none for this process. Takes
// the variables away, so that children do not take them for theirs; therefore to
// be called once, before anything opens a descriptor. Throws an Error if what
// the environment says is not so.
std::vector<nbd::Fd> take_activation_sockets();

// Throws an Error that names an option which says where to listen as well.
void check_with_activation(const Options& options);

}  // namespace nbdkit
