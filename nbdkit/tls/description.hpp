// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gnutls/gnutls.h>

namespace nbdkit {

// Debug messages about a session whose handshake is over: what was agreed on and
// who the client is, its certificates included.
void describe_session(gnutls_session_t session);

// -D nbdkit.tls.log: what GnuTLS says of its work, up to this level (0 to 99), as
// debug messages. For the whole process; before there are threads.
void log_what_gnutls_does(int level);

}  // namespace nbdkit
