// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gnutls/gnutls.h>

#include <string>
#include <string_view>

namespace nbdkit {

// GnuTLS's word for one of its error codes, as the end of a sentence of ours.
std::string tls_error_text(int code);
// Why the session failed with this code: with the alert that the client sent,
// or what is wrong with its certificate, where it is that.
std::string tls_failure_text(gnutls_session_t session, int code);

// What a peer has sent as text, fit for a log: short and printable.
std::string printable(std::string_view hostile);

}  // namespace nbdkit
