// SPDX-License-Identifier: BSD-3-Clause
//
// What a disk must hold after its clients, whoever they are, as far as the wire
// tells: every byte whose write was acknowledged, and every byte that nobody has
// written. Between them are bytes that may be either: of writes that failed or were
// never answered, of trims, and of writes that crossed each other.
//
// A write without an answer may reach the disk at any later time, also behind the
// end of its connection. So whatever is written over its range later, with other
// bytes, is not known either.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/message.hpp"

namespace testkit::proxy {

class WrittenDisk {
 public:
  // Offsets from here on are not followed: a disk that is larger is not for this.
  static constexpr uint64_t kMaxSize = 256 << 20;

  // A request is on its way to the server. payload: of a write.
  void begin(uint64_t connection, const nbd::wire::Request& request, nbd::wire::Bytes payload);
  // The client has been told how it went. Others that were begun are still open.
  void answered(uint64_t connection, uint64_t cookie, bool success);
  // The server has lost what was not flushed.
  void crash();

  // Nothing if `now` at offset is what has to be there, `before` being what was there
  // at first, else the first byte that is not, in words. flushed_only: what was
  // acknowledged and not flushed when the server crashed need not be there.
  std::string compare(uint64_t offset, nbd::wire::Bytes now, nbd::wire::Bytes before,
                      bool flushed_only) const;
  // So many bytes were acknowledged, and are known.
  uint64_t known() const;

 private:
  struct Range {
    uint64_t begin, end;
    bool meets(const Range& o) const { return begin < o.end && o.begin < end; }
  };
  enum class State : uint8_t { untouched, known, lost_unless_luck, unknown };
  struct Page {
    std::vector<std::byte> bytes;
    std::vector<State> states;
  };
  // Writes, zeroes and trims, from begin() on; flushes too.
  struct Open {
    uint64_t connection, cookie;
    nbd::wire::Command command;
    Range range;
    Buffer payload;
    bool fua;
    bool crossed;           // by one with other bytes
    uint64_t flushes_upto;  // of a flush: writes acknowledged before it

    std::byte byte_at(uint64_t at) const {
      return payload.empty() ? std::byte{0} : payload[at - range.begin];
    }
  };
  struct Unflushed {
    uint64_t number;
    Range range;
  };

  static bool same_bytes(const Open& a, const Open& b);
  void apply(const Open& done);
  void set(const Range& range, const std::byte* bytes, State state);
  Page& page(uint64_t number);
  bool may_be_of_open(uint64_t at, std::byte byte) const;
  std::string compare_page(const Page* page, uint64_t offset, nbd::wire::Bytes now,
                           nbd::wire::Bytes before, bool flushed_only) const;

  mutable std::mutex mutex_;
  std::map<uint64_t, Page> pages_;
  std::list<Open> open_;
  std::vector<Unflushed> unflushed_;
  uint64_t acknowledged_ = 0;  // writes, so far
};

}  // namespace testkit::proxy
