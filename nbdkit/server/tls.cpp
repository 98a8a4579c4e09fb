// SPDX-License-Identifier: BSD-3-Clause
#include "server/tls.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

namespace nbdkit {

std::unique_ptr<TlsCredentials> load_tls(const Options& options) {
  if (options.tls == TlsMode::off) return nullptr;
  auto credentials = TlsCredentials::load(options.tls_settings);
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
