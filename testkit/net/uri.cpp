// SPDX-License-Identifier: BSD-3-Clause
#include <cctype>

#include "base/error.hpp"
#include "net/connect.hpp"
#include "net/endpoint.hpp"

namespace testkit {

namespace {

std::string percent_decode(std::string_view text, std::string_view uri) {
  const auto digit = [&](size_t at) -> int {
    const char c = at < text.size() ? text[at] : '\0';
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) {
      nbd::fail("URI \"{}\": % is not followed by two hexadecimal digits", uri);
    }
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
    } else {
      out += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    }
  }
  return out;
}

void take_authority(Address& a, std::string_view text) {
  a.port = "10809";  // of NBD, by IANA
  const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  const size_t colon =
      bracket == std::string_view::npos ? std::string_view::npos : text.find(':', bracket);
  std::string_view host = text.substr(0, colon);
  if (colon != std::string_view::npos && colon + 1 < text.size()) a.port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  a.host = host.empty() ? "localhost" : std::string(host);
}

}  // namespace

Address parse_uri(std::string_view uri) {
  const size_t scheme_end = uri.find("://");
  const std::string_view scheme = uri.substr(0, scheme_end);
  const bool over_unix = scheme == "nbd+unix";
  const bool over_vsock = scheme == "nbd+vsock";
  if (scheme_end == std::string_view::npos || (scheme != "nbd" && !over_unix && !over_vsock)) {
    nbd::fail(
        "URI \"{}\": must be nbd://HOST[:PORT]/EXPORT, nbd+vsock://CID[:PORT]/EXPORT or "
        "nbd+unix:///EXPORT?socket=PATH{}",
        uri, scheme.starts_with("nbds") ? "; for TLS see --tls-psk" : "");
  }
  std::string_view rest = uri.substr(scheme_end + 3);
  const size_t question = rest.find('?');
  const std::string_view query =
      question == std::string_view::npos ? "" : rest.substr(question + 1);
  rest = rest.substr(0, question);
  const size_t slash = rest.find('/');
  Address a;
  a.vsock = over_vsock;
  if (slash != std::string_view::npos) a.export_name = percent_decode(rest.substr(slash + 1), uri);
  if (!over_unix) {
    if (!query.empty()) nbd::fail("URI \"{}\": nothing may follow \"?\" here", uri);
    take_authority(a, rest.substr(0, slash));
  } else if (query.starts_with("socket=") && query.size() > 7) {
    a.path = percent_decode(query.substr(7), uri);
  } else {
    nbd::fail("URI \"{}\": ?socket=PATH is missing", uri);
  }
  return a;
}

std::string Address::uri() const {
  if (!path.empty()) return fmt::format("nbd+unix:///{}?socket={}", uri_escape(export_name), path);
  const bool is_v6 = host.find(':') != std::string::npos;
  if (vsock) return fmt::format("nbd+vsock://{}:{}/{}", host, port, uri_escape(export_name));
  return fmt::format("nbd://{}{}{}:{}/{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port,
                     uri_escape(export_name));
}

}  // namespace testkit
