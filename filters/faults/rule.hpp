// SPDX-License-Identifier: BSD-3-Clause
//
// A rule: which requests, and what becomes of them. How people write it is in
// parser.hpp; how it is applied in matcher.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nbdkit/disk.hpp>

namespace nbd::filters {

// What can go wrong: the kinds of request in the order of nbd::Op, and what happens
// around them.
enum class Kind : uint8_t {
  read,
  write,
  flush,
  trim,
  zero,
  cache,
  extents,
  open,   // of an export, before the layers below open it
  size,   // ... and after, when the client is to be told of it
  list,   // of exports
  close,  // when the client is gone: can be delayed, but not fail
};
inline constexpr size_t kKinds = 11;
std::string_view name_of(Kind kind);
constexpr Kind kind_of(Op op) { return static_cast<Kind>(op); }

class KindSet {
 public:
  constexpr KindSet() = default;
  constexpr KindSet(std::initializer_list<Kind> kinds) {
    for (const Kind k : kinds) insert(k);
  }
  constexpr void insert(Kind k) { bits_ |= 1u << static_cast<unsigned>(k); }
  constexpr bool contains(Kind k) const { return (bits_ >> static_cast<unsigned>(k) & 1) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr KindSet operator|(KindSet other) const { return KindSet(bits_ | other.bits_); }
  constexpr KindSet operator&(KindSet other) const { return KindSet(bits_ & other.bits_); }
  constexpr KindSet without(KindSet other) const { return KindSet(bits_ & ~other.bits_); }
  constexpr bool operator==(const KindSet&) const = default;

 private:
  constexpr explicit KindSet(unsigned bits) : bits_(bits) {}
  unsigned bits_ = 0;
};
inline constexpr KindSet kRequests{Kind::read, Kind::write, Kind::flush,  Kind::trim,
                                   Kind::zero, Kind::cache, Kind::extents};
inline constexpr KindSet kChanges{Kind::write, Kind::zero, Kind::trim};
inline constexpr KindSet kWithRange = kRequests.without({Kind::flush});
inline constexpr KindSet kHandshake{Kind::open, Kind::size, Kind::list};

// From one number to another, both included.
struct Range {
  static constexpr uint64_t kNoEnd = std::numeric_limits<uint64_t>::max();
  uint64_t from = 0, to = kNoEnd;

  constexpr bool contains(uint64_t n) const { return n >= from && n <= to; }
  // Whether [at, at + count) and this have a number in common.
  constexpr bool meets(uint64_t at, uint64_t count) const {
    return count > 0 && at <= to && at + (count - 1) >= from;
  }
  constexpr bool operator==(const Range&) const = default;
};

struct WeightedError {
  int errnum;
  uint64_t weight;
  bool operator==(const WeightedError&) const = default;
};

// How long: fixed a; uniform from a to b; normal with mean a and deviation b;
// Pareto from a upwards, with that shape. Never less than nothing.
struct Distribution {
  enum class Form : uint8_t { fixed, uniform, normal, pareto };
  Form form = Form::fixed;
  std::chrono::nanoseconds a{}, b{};
  double shape = 0;
};

// What becomes of the data.
enum class Damage : uint8_t {
  none,
  flip,        // bits of what is read or written
  torn,        // only the beginning of a write is stored
  lost,        // nothing of it is
  misdirect,   // it is stored elsewhere
  stale,       // a read gets what was there before the last write
  lost_flush,  // nothing is flushed
};
std::string_view name_of(Damage damage);

struct Rule {
  std::string text;  // as it was written

  // Which requests are counted.
  KindSet kinds;
  std::vector<Range> offsets;  // any byte of one of them; empty: wherever
  Range lengths;
  Flags flags_set = Flags::none, flags_clear = Flags::none;
  Range connections;
  std::optional<std::string> export_name;
  bool per_connection = false;  // each connection's are counted by themselves

  // Which of those.
  uint64_t from = 1, to = Range::kNoEnd, every = 1;
  std::vector<Range> nth;       // empty: each
  Range bytes;                  // of those that were counted
  Range time, connection_time;  // nanoseconds
  std::string file;             // only while it exists
  std::string state;            // only in this one
  double probability = 1;
  uint64_t times = Range::kNoEnd;  // how often at most

  // What happens.
  std::string set_state;
  bool passes = false;  // nothing else
  std::vector<WeightedError> errors;
  std::string message;  // for the client
  bool heals = false;   // what is written to can be read again
  std::optional<Distribution> delay;
  std::chrono::nanoseconds jitter{};
  Damage damage = Damage::none;
  std::optional<uint64_t> amount;       // of damage: bits, or bytes of a prefix
  std::optional<int64_t> displacement;  // of a write

  // Made of a plain parameter of the error filter: the number of a request is the one
  // that it has on its arrival, and random numbers are those of error-seed.
  bool is_plain = false;

  // Whether a random number has a part in it.
  bool draws() const;
  // Whether it matters in which order requests are looked at.
  bool counts() const;
};

}  // namespace nbd::filters
