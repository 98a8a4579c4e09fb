// SPDX-License-Identifier: BSD-3-Clause
#include "tls/psk-file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace nbdkit {

namespace {

// Far more users than anybody has; a larger file is some other file.
constexpr size_t kLongestFile = 16 << 20;

std::string read_all(const std::string& path) {
  const nbd::Fd file(nbd::sys([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); },
                              "cannot read the pre-shared keys {}", path));
  std::string out;
  std::array<char, 4096> piece;
  for (;;) {
    const auto n = nbd::sys([&] { return ::read(file.get(), piece.data(), piece.size()); },
                            "cannot read the pre-shared keys {}", path);
    if (n == 0) return out;
    out.append(piece.data(), static_cast<size_t>(n));
    if (out.size() > kLongestFile) {
      nbd::fail("the pre-shared keys {}: more than {} bytes", path, kLongestFile);
    }
  }
}

std::optional<std::string> decode_hex(std::string_view text) {
  const auto digit = [](char c) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    return kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
  };
  std::string out;
  if (text.size() % 2 != 0) return std::nullopt;
  for (size_t i = 0; i < text.size(); i += 2) {
    const size_t high = digit(text[i]), low = digit(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

}  // namespace

PskFile read_psk_file(const std::string& path) {
  const std::string text = read_all(path);
  PskFile out;
  std::string_view rest = text;
  for (unsigned number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;

    const size_t colon = line.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
      nbd::fail("the pre-shared keys {}: line {} is not of the form user:key", path, number);
    }
    std::optional<std::string> user(line.substr(0, colon));
    if (user->front() == '#') user = decode_hex(user->substr(1));
    const auto key = decode_hex(line.substr(colon + 1));
    if (!user || user->empty() || !key || key->empty()) {
      nbd::fail("the pre-shared keys {}: line {}: the {} is not in hexadecimal", path, number,
                user && !user->empty() ? "key" : "user");
    }
    if (out.keys.empty()) out.first_user = *user;
    const auto bytes = std::as_bytes(std::span(*key));
    out.keys.insert_or_assign(*user, std::vector(bytes.begin(), bytes.end()));
  }
  if (out.keys.empty()) nbd::fail("the pre-shared keys {}: there is no key in it", path);
  return out;
}

}  // namespace nbdkit
