// SPDX-License-Identifier: BSD-3-Clause
//
// Certificates and keys for the tests of TLS, good ones and such as a client must
// refuse.
#pragma once

#include <string>

#include "scenario/model.hpp"

namespace testkit {

// Makes the folder, with the files that nbdkit(1)'s --tls-certificates and libnbd
// have names for: ca-cert.pem, server-cert.pem and server-key.pem (of that kind, for
// localhost, 127.0.0.1 and ::1), client-cert.pem and client-key.pem; and keys.psk
// with a key of user "testkit". Throws an Error.
void make_pki(const std::string& folder, CertificateKind kind);

}  // namespace testkit
