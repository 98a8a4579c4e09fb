// SPDX-License-Identifier: BSD-3-Clause
#include "layers/plugin-disk.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/answers.hpp"
#include "layers/context.hpp"
#include "layers/plugin-call.hpp"

namespace nbdkit {

using nbd::Flags;
using nbd::Status;
using nbd::Support;

namespace {

// The most that one callback is asked for: plugins may rely on it for data, and
// the other requests must fit the 32 bits of the C interface.
constexpr uint64_t kMaxData = 64 << 20;
constexpr uint64_t kMaxRange = 1 << 30;

// What zero_by_writing() writes from: large enough that the calls cost little,
// never written to, so it takes no memory.
constexpr size_t kZeroesSize = 1 << 20;
constexpr std::array<std::byte, kZeroesSize> kZeroes{};

// Nobody waits for the rest of a long request any more.
bool is_abandoned() {
  return server().quitting() ||
         (current.client != nullptr && current.client->hearing.load() == Hearing::gone);
}

// Runs piece(count, offset) over [offset, offset + count) until one fails.
template <class Piece>
Status in_pieces(uint64_t count, uint64_t offset, uint64_t most, Piece&& piece) {
  while (count > most) {
    if (const Status s = piece(static_cast<uint32_t>(most), offset); !s.ok()) return s;
    count -= most;
    offset += most;
    if (is_abandoned()) return Status(ESHUTDOWN);
  }
  return piece(static_cast<uint32_t>(count), offset);
}

bool is_unsupported(Status s) { return s.errnum() == EOPNOTSUPP || s.errnum() == ENOTSUP; }

uint32_t bits(Flags flags) { return static_cast<uint32_t>(flags); }

// All that a plugin may ask of a client, but not its socket once that is closed.
std::unique_ptr<Client> stand_in_for(const Client& client) {
  auto out = std::make_unique<Client>();
  out->socket = client.socket;
  out->tls = client.tls;
  out->export_name = client.export_name;
  out->tls_dn = client.tls_dn;
  out->tls_issuer_dn = client.tls_issuer_dn;
  out->log_name = client.log_name;
  out->number = client.number;
  return out;
}

// The plugin sees this client for a scope; nullptr: the one that is there.
class SeenAs {
 public:
  explicit SeenAs(Client* client) {
    if (client != nullptr) current.client = client;
  }
  ~SeenAs() { current.client = saved_; }
  SeenAs(const SeenAs&) = delete;
  SeenAs& operator=(const SeenAs&) = delete;

 private:
  Client* const saved_ = current.client;
};

}  // namespace

PluginDisk::PluginDisk(const PluginTable& table, const nbd::OpenRequest& request)
    : table_(table), plugin_(table.callbacks) {
  current.error = 0;
  if (request.outlives_client && current.client != nullptr) {
    opener_ = stand_in_for(*current.client);
  }
  const SeenAs seen(opener_.get());
  handle_ = call_plugin(plugin_.name, "open", [&] { return plugin_.open(request.read_only); });
  if (handle_ == nullptr) {
    nbd::fail("plugin {}: cannot open the disk", plugin_.name);
  }
  try {
    read_properties(request.read_only);
    if (table.extras.never_blocks != 0) properties_.blocking = {};
    properties_.tries_reads = table.extras.pread_now != nullptr || table.extras.never_blocks != 0;
    properties_.tells_holes = properties_.can_extents && table.extras.tells_holes != 0;
  } catch (...) {
    close();
    throw;
  }
  if (opener_ != nullptr) opener_->socket = -1;
}

PluginDisk::~PluginDisk() { close(); }

void PluginDisk::close() noexcept {
  if (plugin_.close == nullptr) return;
  const SeenAs seen(opener_.get());
  call_plugin_at_end(plugin_.name, "close", [&] { plugin_.close(handle_); });
}

bool PluginDisk::ask(int (*callback)(void*), bool fallback, const char* what) const {
  if (callback == nullptr) return fallback;
  const int answer = call_plugin(plugin_.name, what, [&] { return callback(handle_); });
  if (answer == -1) nbd::fail("plugin {}: {} failed", plugin_.name, what);
  return answer > 0;
}

Support PluginDisk::ask_support(int (*callback)(void*), Support fallback, const char* what) const {
  if (callback == nullptr) return fallback;
  const int answer = call_plugin(plugin_.name, what, [&] { return callback(handle_); });
  if (answer < 0 || answer > static_cast<int>(Support::native)) {
    nbd::fail("plugin {}: {} failed, or returned what cannot be: {}", plugin_.name, what, answer);
  }
  return static_cast<Support>(answer);
}

void PluginDisk::read_properties(bool read_only) {
  const nbdkit_plugin& p = plugin_;
  nbd::Properties& out = properties_;

  const int64_t size = call_plugin(p.name, "get_size", [&] { return p.get_size(handle_); });
  if (size < 0)
    nbd::fail("plugin {}: get_size failed, or returned a negative size: {}", p.name, size);
  out.size = static_cast<uint64_t>(size);

  const bool has_write = p.pwrite != nullptr || p._pwrite_v1 != nullptr;
  const bool has_zero = p.zero != nullptr || p._zero_v1 != nullptr;
  out.can_write = !read_only && ask(p.can_write, has_write, "can_write");
  const bool has_flush = p.flush != nullptr || p._flush_v1 != nullptr;
  out.can_flush = ask(p.can_flush, has_flush, "can_flush");
  if (out.can_write) {
    plugin_can_zero_ = ask(p.can_zero, has_zero, "can_zero") && has_zero;
    out.can_zero = true;
    // Without .zero, a fast zero fails as fast as can be; so it does where .zero
    // is that of API version 1, which cannot be told that it should be fast.
    out.can_fast_zero =
        ask(p.can_fast_zero, !plugin_can_zero_ || p.zero == nullptr, "can_fast_zero");
    out.can_trim = ask(p.can_trim, p.trim != nullptr || p._trim_v1 != nullptr, "can_trim");
    // .flush must work for this even where .can_flush says no, which only keeps
    // flushes from the client: the plugins for Lua, Perl and Tcl are such.
    out.can_fua = ask_support(p.can_fua, has_flush ? Support::emulate : Support::none, "can_fua");
    // A write of API version 1 has no flags to carry FUA.
    if (out.can_fua == Support::native && p.pwrite == nullptr) out.can_fua = Support::emulate;
    if (out.can_fua == Support::emulate && !has_flush) out.can_fua = Support::none;
  }
  out.is_rotational = ask(p.is_rotational, false, "is_rotational");
  out.can_multi_conn = ask(p.can_multi_conn, false, "can_multi_conn");
  out.can_cache =
      ask_support(p.can_cache, p.cache != nullptr ? Support::native : Support::none, "can_cache");
  out.can_extents = ask(p.can_extents, p.extents != nullptr, "can_extents") && p.extents != nullptr;
  read_block_size();
}

void PluginDisk::read_block_size() {
  if (plugin_.block_size == nullptr) return;
  nbd::BlockSize& b = properties_.block_size;
  const int answer = call_plugin(plugin_.name, "block_size", [&] {
    return plugin_.block_size(handle_, &b.minimum, &b.preferred, &b.maximum);
  });
  if (answer == -1) {
    nbd::fail("plugin {}: block_size failed", plugin_.name);
  }
  if (b.minimum == 0 && b.preferred == 0 && b.maximum == 0) return;
  // What the protocol demands of INFO_BLOCK_SIZE.
  const bool minimum_ok = std::has_single_bit(b.minimum) && b.minimum <= 65536;
  const bool preferred_ok = std::has_single_bit(b.preferred) && b.preferred >= 512 &&
                            b.preferred <= (32u << 20) && b.preferred >= b.minimum;
  const bool maximum_ok = b.maximum == UINT32_MAX ||
                          (minimum_ok && b.maximum % b.minimum == 0 && b.maximum >= b.preferred);
  if (!minimum_ok || !preferred_ok || !maximum_ok) {
    nbd::fail("plugin {}: block sizes are not allowed: minimum {}, preferred {}, maximum {}",
              plugin_.name, b.minimum, b.preferred, b.maximum);
  }
}

template <class Call>
Status PluginDisk::call(const char* name, Call&& callback) const {
  current.error = 0;
  errno = 0;
  try {
    if (call_plugin(plugin_.name, name, callback) != -1) return nbd::kOk;
  } catch (const std::exception& e) {
    nbd::log::error(std::string_view(e.what()));
    return Status(EIO);
  }
  const int own = plugin_.errno_is_preserved != 0 ? errno : 0;
  const int errnum = current.error != 0 ? current.error : own;
  return Status(errnum != 0 ? errnum : EIO);
}

template <class Call>
Status PluginDisk::call_fua(Flags flags, Call&& callback) {
  const bool flush_after = has(flags, Flags::fua) && properties_.can_fua == Support::emulate;
  if (flush_after) flags = without(flags, Flags::fua);
  const Status s = callback(flags);
  return s.ok() && flush_after ? flush(Flags::none) : s;
}

Status PluginDisk::pread(std::span<std::byte> buf, uint64_t offset, Flags flags) {
  return in_pieces(buf.size(), offset, kMaxData, [&](uint32_t count, uint64_t at) {
    std::byte* to = buf.data() + (at - offset);
    return call("pread", [&] {
      return plugin_.pread != nullptr ? plugin_.pread(handle_, to, count, at, bits(flags))
                                      : plugin_._pread_v1(handle_, to, count, at);
    });
  });
}

Status PluginDisk::pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) {
  if (plugin_.pwrite == nullptr && plugin_._pwrite_v1 == nullptr) return Status(EROFS);
  return call_fua(flags, [&](Flags f) {
    return in_pieces(buf.size(), offset, kMaxData, [&](uint32_t count, uint64_t at) {
      const std::byte* from = buf.data() + (at - offset);
      return call("pwrite", [&] {
        return plugin_.pwrite != nullptr ? plugin_.pwrite(handle_, from, count, at, bits(f))
                                         : plugin_._pwrite_v1(handle_, from, count, at);
      });
    });
  });
}

Status PluginDisk::flush(Flags) {
  if (plugin_.flush == nullptr && plugin_._flush_v1 == nullptr) return Status(EINVAL);
  return call("flush", [&] {
    return plugin_.flush != nullptr ? plugin_.flush(handle_, 0) : plugin_._flush_v1(handle_);
  });
}

Status PluginDisk::trim(uint64_t count, uint64_t offset, Flags flags) {
  if (plugin_.trim == nullptr && plugin_._trim_v1 == nullptr) return Status(EINVAL);
  return call_fua(flags, [&](Flags f) {
    return in_pieces(count, offset, kMaxRange, [&](uint32_t n, uint64_t at) {
      return call("trim", [&] {
        return plugin_.trim != nullptr ? plugin_.trim(handle_, n, at, bits(f))
                                       : plugin_._trim_v1(handle_, n, at);
      });
    });
  });
}

Status PluginDisk::zero(uint64_t count, uint64_t offset, Flags flags) {
  return call_fua(flags, [&](Flags f) {
    return in_pieces(count, offset, kMaxRange, [&](uint32_t n, uint64_t at) {
      const Status s = zero_natively(n, at, f);
      if (!is_unsupported(s) || has(f, Flags::fast_zero)) return s;
      return zero_by_writing(n, at, f);
    });
  });
}

Status PluginDisk::zero_natively(uint64_t count, uint64_t offset, Flags flags) {
  if (!plugin_can_zero_) return Status(EOPNOTSUPP);
  const auto n = static_cast<uint32_t>(count);
  if (plugin_.zero != nullptr) {
    return call("zero", [&] { return plugin_.zero(handle_, n, offset, bits(flags)); });
  }
  if (has(flags, Flags::fast_zero)) return Status(EOPNOTSUPP);
  return call("zero",
              [&] { return plugin_._zero_v1(handle_, n, offset, has(flags, Flags::may_trim)); });
}

Status PluginDisk::zero_by_writing(uint64_t count, uint64_t offset, Flags flags) {
  // A FUA that the plugin does itself is asked for with every piece.
  const Flags each = flags & Flags::fua;
  const Status s = in_pieces(count, offset, kZeroesSize, [&](uint32_t n, uint64_t at) {
    return pwrite(std::span(kZeroes).first(n), at, each);
  });
  // "Not supported" is the answer to a fast zero alone.
  return is_unsupported(s) ? Status(EIO) : s;
}

Status PluginDisk::cache(uint64_t count, uint64_t offset, Flags) {
  switch (properties_.can_cache) {
    case Support::none: return Status(EINVAL);
    case Support::native:
      if (plugin_.cache == nullptr) return nbd::kOk;
      return in_pieces(count, offset, kMaxRange, [&](uint32_t n, uint64_t at) {
        return call("cache", [&] { return plugin_.cache(handle_, n, at, 0); });
      });
    case Support::emulate: break;
  }
  std::array<std::byte, 65536> scratch;
  return in_pieces(count, offset, scratch.size(), [&](uint32_t n, uint64_t at) {
    return pread(std::span(scratch).first(n), at, Flags::none);
  });
}

// The C interface asks in 32 bits; a longer request is put together from answers
// to several. It may end early: clients ask again from where it ends.
Status PluginDisk::extents(uint64_t count, uint64_t offset, Flags flags, nbd::Extents& out) {
  constexpr uint64_t kMost = uint64_t{UINT32_MAX} + 1 - 65536;  // of 64 KiB blocks
  constexpr int kMostCalls = 4096;
  flags = without(flags, Flags::probe);
  nbdkit_extents sink{std::move(out)};
  Status status = nbd::kOk;
  uint64_t known = 0;
  for (int calls = 0; calls < kMostCalls && known < count; ++calls) {
    const auto n = static_cast<uint32_t>(std::min(count - known, kMost));
    status = call("extents",
                  [&] { return plugin_.extents(handle_, n, offset + known, bits(flags), &sink); });
    if (!status.ok()) break;
    const uint64_t before = std::exchange(known, sink.list.covered());
    if (known == before || has(flags, Flags::req_one)) break;
  }
  out = std::move(sink.list);
  if (known > 0) return nbd::kOk;  // what is known is right, also if the rest failed
  if (!status.ok()) return status;
  nbd::log::error("{}: extents returned none that covers offset {}", plugin_.name, offset);
  return Status(EINVAL);
}

bool PluginDisk::try_pread(std::span<std::byte> buf, uint64_t offset) {
  const auto count = static_cast<uint32_t>(buf.size());
  if (table_.extras.pread_now == nullptr) return pread(buf, offset, Flags::none).ok();
  int answer = 1;
  const Status s = call("pread_now", [&] {
    return answer = table_.extras.pread_now(handle_, buf.data(), count, offset);
  });
  return s.ok() && answer == 0;
}

Status PluginDisk::lend(uint32_t count, uint64_t offset, nbd::Loan& out) {
  if (table_.extras.lend == nullptr) return nbd::kOk;
  nbdkit_loan sink{nbd::Loan(out.pages())};
  int answer = 0;
  const Status s =
      call("lend", [&] { return answer = table_.extras.lend(handle_, count, offset, &sink); });
  if (!s.ok() || answer != 0) return s;
  if (sink.loan.length() != count) {
    nbd::log::error("plugin {}: lend gave {} bytes of {}", plugin_.name, sink.loan.length(), count);
    return Status(EIO);
  }
  out = std::move(sink.loan);
  return nbd::kOk;
}

std::string PluginDisk::description() {
  if (plugin_.export_description == nullptr) return "";
  const char* text = call_plugin(plugin_.name, "export_description",
                                 [&] { return plugin_.export_description(handle_); });
  return text != nullptr ? text : "";
}

}  // namespace nbdkit
