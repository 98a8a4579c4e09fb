// SPDX-License-Identifier: BSD-3-Clause
//
// What a bench asks of a server, as a user writes it:
// "randread", "randwrite:bs=64K,depth=64,connections=8".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace testkit::bench {

enum class Kind : uint8_t { transfer, block_status, connect, idle, start };

// Which processors client and server run on. How far they are apart decides what a
// wake-up costs, and with it all of a small request at depth 1.
enum class Pin : uint8_t { no, together, apart };

struct Workload {
  std::string text;  // as it was written: its name in reports
  Kind kind = Kind::transfer;
  bool random = false;
  unsigned write_percent = 0;  // of the requests of a transfer; the others read
  uint32_t block_size = 4096;  // bytes of a request
  unsigned depth = 1;          // requests in flight, of each connection
  unsigned connections = 1;    // at once; idle: those that are held
  uint64_t range = 0;          // bytes of the export, from its start; 0: all of it
  bool structured = false;     // reads with structured replies
  Pin pin = Pin::no;
  bool awake = false;  // the client looks for replies without sleeping

  bool reads() const { return kind == Kind::transfer && write_percent < 100; }
  bool writes() const { return kind == Kind::transfer && write_percent > 0; }
};

// Throws an Error that names the workload and what is wrong with it.
Workload parse_workload(std::string_view text);

// A server takes no request of more than this: the limit that clients keep to
// where it names none ("a client SHOULD NOT send requests of more than 32 MiB").
inline constexpr uint32_t kMaxBlockSize = 32u << 20;
inline constexpr unsigned kMaxDepth = 4096;          // 64 times what any client of the field uses
inline constexpr unsigned kMaxConnections = 100000;  // more than the ports of an address

}  // namespace testkit::bench
