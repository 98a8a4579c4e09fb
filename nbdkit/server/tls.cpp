// SPDX-License-Identifier: BSD-3-Clause
#include "server/tls.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/debug-flags.hpp"
#include "net/tls-description.hpp"

namespace nbdkit {

std::unique_ptr<TlsCredentials> load_tls(const Options& options) {
  if (options.tls == TlsMode::off) return nullptr;
  const ServerDebugFlags& debug = server_debug_flags();
  if (debug.tls_log != 0) log_what_gnutls_does(debug.tls_log);
  TlsSettings settings = options.tls_settings;
  settings.describe_sessions = debug.tls_session != 0;
  auto credentials = TlsCredentials::load(settings);
  if (credentials != nullptr) return credentials;

  const std::string& folder = options.tls_settings.certificates;
  const std::string where =
      folder.empty() ? "; see --tls-certificates" : fmt::format(" in {}", folder);
  if (options.tls == TlsMode::require) {
    nbd::fail("TLS is required, but there are no certificates{}", where);
  }
  // Whoever gives a folder wants TLS as well.
  if (options.tls == TlsMode::on || !folder.empty()) {
    nbd::log::warning("TLS is off, as there are no certificates{}", where);
  }
  return nullptr;
}

}  // namespace nbdkit
