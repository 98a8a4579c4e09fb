// SPDX-License-Identifier: BSD-3-Clause
//
// What one layer of the stack offers to the layer above it.
//
//   Layer  a filter or the plugin in its place in the stack; one for the life
//          of the server
//   Disk   that layer as one client has opened it; what a filter calls `next`
//
// Requests that reach a Disk are valid: they lie inside size(), are not empty,
// and ask for nothing that properties() denies. The server checks once, above
// the whole stack, and every filter keeps it so for the layer below it. In
// return a Disk keeps its word: where properties() says can_zero, can_cache or
// can_fua, the call works (if need be emulated by the lowest layer).
//
// Threads: calls on one Disk come from many threads at the same time, unless
// the thread model of some layer in the stack forbids it. properties() is fixed
// before the first of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nbdkit/error.hpp>
#include <nbdkit/loan.hpp>

namespace nbd {

// ---- Requests

enum class Op : uint8_t { read, write, flush, trim, zero, cache, extents };

// Values as in the C interface (NBDKIT_FLAG_*), which has not the last.
enum class Flags : uint32_t {
  none = 0,
  may_trim = 1 << 0,   // zero: a hole is as good as zeroes
  fua = 1 << 1,        // write, zero, trim: on the disk before the reply
  req_one = 1 << 2,    // extents: the first one is enough
  fast_zero = 1 << 3,  // zero: fail with EOPNOTSUPP rather than write zeroes
  probe = 1 << 16,     // extents: asked by the server for a read, not by the client
};
constexpr Flags operator|(Flags a, Flags b) {
  return static_cast<Flags>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr Flags operator&(Flags a, Flags b) {
  return static_cast<Flags>(static_cast<uint32_t>(a) & static_cast<uint32_t>(b));
}
constexpr Flags without(Flags all, Flags some) {
  return static_cast<Flags>(static_cast<uint32_t>(all) & ~static_cast<uint32_t>(some));
}
constexpr bool has(Flags all, Flags one) { return (all & one) == one; }

// A set of kinds of request.
class OpSet {
 public:
  constexpr OpSet() = default;
  static constexpr OpSet all() { return OpSet(0x7f); }
  constexpr void insert(Op op) { bits_ |= bit(op); }
  constexpr bool contains(Op op) const { return (bits_ & bit(op)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }

 private:
  constexpr explicit OpSet(unsigned bits) : bits_(bits) {}
  static constexpr unsigned bit(Op op) { return 1u << static_cast<unsigned>(op); }
  unsigned bits_ = 0;
};

// ---- Extents

// Bits as in the C interface and in base:allocation; 0 is allocated data.
inline constexpr uint32_t kExtentHole = 1 << 0;
inline constexpr uint32_t kExtentZero = 1 << 1;

struct Extent {
  uint64_t length;
  uint32_t type;
};

// The answer to an extents request: a run without gaps from `start` upwards.
// Neighbours of one type are joined; what reaches outside [start, end) is cut.
class Extents {
 public:
  // One more would not make any client happier, and memory is finite.
  static constexpr size_t kMax = size_t{1} << 20;

  Extents(uint64_t start, uint64_t end) : start_(start), end_(end) {}

  // false: it does not continue where the last one ended.
  [[nodiscard]] bool add(uint64_t offset, uint64_t length, uint32_t type) {
    if (length == 0) return true;
    if (any_ ? offset != next_ : offset > start_) return false;
    any_ = true;
    next_ = offset + std::min(length, UINT64_MAX - offset);
    const uint64_t from = std::max(offset, start_), to = std::min(next_, end_);
    if (from >= to) return true;
    covered_ += to - from;
    if (!list_.empty() && list_.back().type == type) {
      list_.back().length += to - from;
    } else if (list_.size() < kMax) {
      list_.push_back({to - from, type});
    } else {
      covered_ -= to - from;
      end_ = from;  // full: what follows is outside
    }
    return true;
  }

  uint64_t start() const { return start_; }
  uint64_t covered() const { return covered_; }  // the sum of all lengths
  const std::vector<Extent>& list() const { return list_; }

 private:
  uint64_t start_, end_;
  uint64_t covered_ = 0;
  uint64_t next_ = 0;  // where the next one must begin, once there is any
  bool any_ = false;
  std::vector<Extent> list_;
};

// ---- What an open disk can do

enum class Support : uint8_t {
  none,
  emulate,  // works, by other means: FUA by a flush, cache by a read
  native,
};

struct BlockSize {  // all 0: no constraint known
  uint32_t minimum = 0, preferred = 0, maximum = 0;
  // Clients are told, but whoever does not keep to it is served all the same.
  bool advisory = false;
};

struct Properties {
  uint64_t size = 0;
  bool can_write = false;
  bool can_flush = false;
  bool can_trim = false;
  bool can_zero = false;  // write zeroes; always works where can_write does
  bool can_fast_zero = false;
  bool can_extents = false;
  bool tries_reads = false;  // try_pread is worth a call
  bool tells_holes = false;  // extents may be asked before a read, at little cost
  bool can_multi_conn = false;
  bool is_rotational = false;
  Support can_fua = Support::none;
  Support can_cache = Support::none;
  BlockSize block_size;
  bool wants_announcements = false;  // announce() is worth a call
  // The requests that may wait (for a disk, a peer, a clock) and so must not be
  // served in the thread that reads the client's socket.
  OpSet blocking = OpSet::all();
};

// A request of the client's as it arrives; see Disk::announce.
struct Announcement {
  Op op;
  uint64_t offset, count;  // of a flush: 0
  Flags flags;
};

class Disk {
 public:
  virtual ~Disk() = default;

  const Properties& properties() const { return properties_; }
  uint64_t size() const { return properties_.size; }

  // The whole buffer, or an errno.
  virtual Status pread(std::span<std::byte> buf, uint64_t offset, Flags flags) = 0;
  virtual Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) = 0;
  virtual Status flush(Flags flags) = 0;
  virtual Status trim(uint64_t count, uint64_t offset, Flags flags) = 0;
  virtual Status zero(uint64_t count, uint64_t offset, Flags flags) = 0;
  virtual Status cache(uint64_t count, uint64_t offset, Flags flags) = 0;
  // At least one extent that covers `offset`; the last may end anywhere.
  virtual Status extents(uint64_t count, uint64_t offset, Flags flags, Extents& out) = 0;
  // A read that does not wait: false, and the buffer is as it may be, if it would
  // have to, or failed. Called in the thread that reads the client's socket.
  virtual bool try_pread(std::span<std::byte>, uint64_t) { return false; }
  // Where the bytes of a read are, if it can be said; the loan stays empty if
  // not, and they are read by pread.
  virtual Status lend(uint32_t, uint64_t, Loan&) { return kOk; }
  // A request that is going to be made: told in the order in which the client sent
  // them, in the thread that reads its socket, before threads part them. For
  // decisions that must not depend on which thread is the quickest. Where a layer
  // changes requests on their way, those below it are told nothing.
  virtual void announce(const Announcement&) {}
  // For people; empty if there is none.
  virtual std::string description() = 0;

 protected:
  Properties properties_;
};

using Next = Disk;

// ---- Layers

enum class ThreadModel : int {  // values as in the C interface
  serialize_connections = 0,
  serialize_all_requests = 1,
  serialize_requests = 2,
  parallel = 3,
};

struct OpenRequest {
  std::string export_name;
  bool read_only = false;
  bool tls = false;
  // The disk is kept for others when the client that asks for it has gone.
  bool outlives_client = false;
};

struct ExportItem {
  std::string name;
  std::string description;
};

class Layer {
 public:
  virtual ~Layer() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view longname() const = 0;
  virtual std::string_view description() const = 0;
  virtual std::string_view help() const = 0;  // its parameters, one line each
  virtual std::string_view version() const = 0;

  // Start-up, in this order; each throws an Error that ends the server.
  // config: false if the key is not this layer's.
  virtual bool config(std::string_view key, std::string_view value) = 0;
  virtual void config_complete() = 0;
  virtual ThreadModel thread_model() = 0;
  // Whether its requests wait aside (nbd::Aside), so that others go past them also
  // where one is served at a time.
  virtual bool steps_aside() const { return false; }
  // Before the fork: no threads yet. model: the strictest of all layers.
  virtual void get_ready(ThreadModel model) = 0;
  virtual void after_fork() = 0;        // threads may be started
  virtual void cleanup() noexcept = 0;  // all clients are gone
  // Prints lines of its own, key=value, for --dump-plugin.
  virtual void dump_plugin() = 0;

  // For each client; an Error refuses it.
  virtual void preconnect(bool read_only) = 0;
  // Once for each preconnect() that did not throw, when the client is gone and
  // all that it had open is closed.
  virtual void disconnected() noexcept = 0;
  virtual std::vector<ExportItem> list_exports(bool read_only, bool tls) = 0;
  // The name that stands for "".
  virtual std::string default_export(bool read_only, bool tls) = 0;
  virtual std::unique_ptr<Disk> open(const OpenRequest& request) = 0;
};

}  // namespace nbd
