// SPDX-License-Identifier: BSD-3-Clause
//
// From an address to an open libnbd handle, and what a server tells of its exports.
// Everything here throws an Error with libnbd's reason.
#pragma once

#include <libnbd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "options.hpp"
#include "remote.hpp"

namespace nbdfuse {

struct CloseHandle {
  void operator()(nbd_handle* handle) const noexcept { nbd_close(handle); }
};
using Handle = std::unique_ptr<nbd_handle, CloseHandle>;

inline constexpr const char* kAllocationContext = "base:allocation";

// libnbd's last error in this thread, without the name of the function.
std::string last_nbd_error();

// structured: with them a server can tell extents, and send holes as such; without
// them libnbd needs half the system calls for a read.
enum class Replies { structured, simple };

// export_name: instead of the one that the target says.
Handle connect(const Target& target, const std::optional<std::string>& export_name,
               Replies replies);

// The same, given up at a time or when it is told to stop. For targets with an
// address.
Handle connect_until(const Target& target, const std::optional<std::string>& export_name,
                     Replies replies, std::chrono::steady_clock::time_point deadline,
                     const std::stop_token& stopping);

// Whether there can be a second connection: a subprocess, or a socket that was
// handed to us, is there once.
bool has_address(Mode mode);
std::string describe(const Target& target);
// Whether what is sent crosses no network: bytes are cheaper than system calls.
bool is_local(nbd_handle* handle);

// What an open handle tells of its export, made sound: sizes that a server may
// get wrong are checked here and trusted from then on.
Export describe_export(nbd_handle* handle, bool read_only);

struct Listed {
  std::string name;
  Export facts;
};
// One that the server lists and then says nothing of is left out, and that is said.
std::vector<Listed> list_exports(const Target& target, bool read_only);

}  // namespace nbdfuse
