// SPDX-License-Identifier: BSD-3-Clause
#include "server/tls.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/debug-flags.hpp"

namespace nbdkit {

std::unique_ptr<TlsCredentials> load_tls(const Options& options) {
  if (options.tls == TlsMode::off) return nullptr;
  const ServerDebugFlags& debug = server_debug_flags();
  TlsSettings settings = options.tls_settings;
  settings.describe_sessions = debug.tls_session != 0;
  settings.log_level = debug.tls_log;
  auto credentials = load_tls_credentials(settings);
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
