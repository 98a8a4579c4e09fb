// SPDX-License-Identifier: BSD-3-Clause
//
// The edge of nbdkit-tls.so: what the server finds in it, and the log, which is the
// server's and not what the base would link in here.
#include "base/log.hpp"
#include "net/tls.hpp"
#include "tls/credentials.hpp"
#include "tls/description.hpp"

namespace {

nbdkit::TlsLog g_log{};  // set before there are threads

}  // namespace

namespace nbd::log {

bool verbose() noexcept { return g_log.verbose(); }
void debug(std::string_view text) noexcept { g_log.debug(text); }

}  // namespace nbd::log

extern "C" {

[[gnu::visibility("default")]] extern const char* const nbdkit_tls_abi;
const char* const nbdkit_tls_abi = nbdkit::kTlsAbi;

[[gnu::visibility("default")]] std::unique_ptr<nbdkit::TlsCredentials> nbdkit_tls_load(
    const nbdkit::TlsLog& log, const nbdkit::TlsSettings& settings,
    const std::string& certificates) {
  g_log = log;
  if (settings.log_level != 0) nbdkit::log_what_gnutls_does(settings.log_level);
  return nbdkit::GnutlsCredentials::load(settings, certificates);
}
}
