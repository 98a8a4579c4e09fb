// SPDX-License-Identifier: BSD-3-Clause
#include "net/tls.hpp"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"

namespace nbdkit {

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool has_certificates(const std::string& folder) {
  return exists(folder + "/ca-cert.pem") && exists(folder + "/server-cert.pem") &&
         exists(folder + "/server-key.pem");
}

std::vector<std::string> folders(const TlsSettings& settings) {
  if (!settings.certificates.empty()) return {settings.certificates};
  if (::geteuid() == 0) return {NBDKIT_SYSCONFDIR "/pki/nbdkit"};
  const char* home = ::secure_getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return {std::string(home) + "/.pki/nbdkit", std::string(home) + "/.config/pki/nbdkit"};
}

// The first that has them; empty: none has.
std::string find_certificates(const TlsSettings& settings) {
  for (const std::string& folder : folders(settings)) {
    if (has_certificates(folder)) {
      nbd::log::debug("TLS certificates from {}", folder);
      return folder;
    }
    nbd::log::debug("no TLS certificates in {}", folder);
  }
  return "";
}

// It stays open to the end.
LoadTls* open_tls_object() {
  const std::string path =
      fmt::format("{}/../lib/nbdkit/{}", nbd::executable_directory(), kTlsObject);
  void* const object = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) nbd::fail("TLS: {}", ::dlerror());
  const auto* const abi = static_cast<const char* const*>(::dlsym(object, "nbdkit_tls_abi"));
  if (abi == nullptr || std::strcmp(*abi, kTlsAbi) != 0) {
    nbd::fail("TLS: {} is of another build of nbdkit: it has {}, and {} is wanted", path,
              abi != nullptr ? *abi : "no version", kTlsAbi);
  }
  void* const load = ::dlsym(object, "nbdkit_tls_load");
  if (load == nullptr) nbd::fail("TLS: {} has no nbdkit_tls_load", path);
  return reinterpret_cast<LoadTls*>(load);
}

}  // namespace

std::unique_ptr<TlsCredentials> load_tls_credentials(const TlsSettings& settings) {
  const std::string folder = settings.psk_file.empty() ? find_certificates(settings) : "";
  // A priority that GnuTLS does not understand is an error in any case.
  if (folder.empty() && settings.psk_file.empty() && settings.priority.empty()) return nullptr;
  const TlsLog log{nbd::log::verbose, nbd::log::debug};
  return open_tls_object()(log, settings, folder);
}

}  // namespace nbdkit
