// SPDX-License-Identifier: BSD-3-Clause
//
// info: a small disk that tells the client something about itself or about the
// server, made when it connects; the modes that tell the time make it anew for
// each read.
#include <nbdkit/plugin.hpp>

#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/base64.hpp"
#include "base/version.hpp"

namespace {

using nbd::Flags;
using nbd::Status;
using Wall = std::chrono::system_clock;
using Steady = std::chrono::steady_clock;  // does not jump when the time is set

enum class Mode { exportname, base64exportname, address, time, uptime, conntime, version };
constexpr std::array<std::string_view, 7> kModes{
    "exportname", "base64exportname", "address", "time", "uptime", "conntime", "version"};

// The format of all times: seconds and microseconds, 64 and 32 bits, big endian.
constexpr size_t kTimeSize = 12;

std::string encode(std::chrono::nanoseconds time) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  const uint64_t seconds = __builtin_bswap64(static_cast<uint64_t>(us / 1000000));
  const uint32_t rest = __builtin_bswap32(static_cast<uint32_t>(us % 1000000));
  std::string out(kTimeSize, '\0');
  std::memcpy(out.data(), &seconds, sizeof seconds);
  std::memcpy(out.data() + sizeof seconds, &rest, sizeof rest);
  return out;
}

// "192.0.2.1:1234", "[2001:db8::1]:1234", "vsock:3:1234"; "unix" alone, since
// the paths of this machine are nobody's business.
std::string peer_address() {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (nbdkit_peer_name(address, &length) == -1) throw nbd::Reported();
  char text[INET6_ADDRSTRLEN] = "";
  switch (storage.ss_family) {
    case AF_UNIX: return "unix";
    case AF_INET: {
      const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
      ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
      return std::string(text) + ":" + std::to_string(ntohs(in.sin_port));
    }
    case AF_INET6: {
      const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
      ::inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
      return "[" + std::string(text) + "]:" + std::to_string(ntohs(in6.sin6_port));
    }
    case AF_VSOCK: {
      const auto& vm = reinterpret_cast<const sockaddr_vm&>(storage);
      return "vsock:" + std::to_string(vm.svm_cid) + ":" + std::to_string(vm.svm_port);
    }
    default:
      throw nbd::Error("info: unknown family of addresses: " + std::to_string(storage.ss_family));
  }
}

struct Info {
  static constexpr auto name = "info";
  static constexpr auto longname = "nbdkit info plugin";
  static constexpr auto description = "Tell the client about itself and the server";
  static constexpr auto help =
      "[mode=]exportname|base64exportname|address|time|uptime|conntime|version\n"
      "                              what the disk holds (default exportname)";
  static constexpr auto magic_key = "mode";
  static constexpr bool never_blocks = true;

  bool config(std::string_view key, std::string_view value) {
    if (key != "mode") return false;
    const auto found = std::find(kModes.begin(), kModes.end(), value);
    if (found == kModes.end()) throw nbd::Error("info: unknown mode: '" + std::string(value) + "'");
    mode_ = static_cast<Mode>(found - kModes.begin());
    return true;
  }
  // For scripts that were written for servers built without one of these.
  void dump_plugin() { std::printf("info_address=yes\ninfo_base64=yes\n"); }

  struct Connection;

 private:
  Mode mode_ = Mode::exportname;
  const Steady::time_point loaded_ = Steady::now();
};

struct Info::Connection {
  Connection(Info& plugin, bool) : plugin_(plugin), text_(make_text()) {}

  uint64_t size() { return text_.size(); }
  // Not what may differ from one connection to the next.
  bool can_multi_conn() {
    const Mode m = plugin_.mode_;
    return m == Mode::exportname || m == Mode::base64exportname || m == Mode::version;
  }
  nbd::Support can_cache() { return nbd::Support::native; }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) {
    switch (plugin_.mode_) {
      case Mode::time: return reply(encode(Wall::now().time_since_epoch()), buf, offset);
      case Mode::uptime: return reply(encode(Steady::now() - plugin_.loaded_), buf, offset);
      case Mode::conntime: return reply(encode(Steady::now() - connected_), buf, offset);
      default: return reply(text_, buf, offset);
    }
  }

 private:
  std::string make_text() const {
    switch (plugin_.mode_) {
      case Mode::exportname: return nbdkit_export_name();
      case Mode::base64exportname: {
        const auto decoded = nbd::decode_base64(nbdkit_export_name());
        if (!decoded) throw nbd::Error(EINVAL, "info: the export name is not base64");
        return *decoded;
      }
      case Mode::address: return peer_address();
      case Mode::version: return nbdkit::kVersion;
      default: return std::string(kTimeSize, '\0');
    }
  }
  static Status reply(const std::string& text, std::span<std::byte> buf, uint64_t offset) {
    std::memcpy(buf.data(), text.data() + offset, buf.size());
    return nbd::kOk;
  }

  const Info& plugin_;
  const Steady::time_point connected_ = Steady::now();
  const std::string text_;
};

}  // namespace

NBDKIT_PLUGIN(Info)
