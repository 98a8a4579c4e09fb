// SPDX-License-Identifier: BSD-3-Clause
//
// Whole messages over a blocking socket, for clients and servers. Both throw
// an Error when the peer closes, or keeps silent longer than the socket's timeout.
#pragma once

#include <span>

#include "wire/codec.hpp"

namespace testkit {

void send_all(int fd, nbd::wire::Bytes bytes);
void receive_all(int fd, std::span<std::byte> bytes);

// The sentence for a receive that failed with this errno.
[[noreturn]] void fail_receive(int errnum);

}  // namespace testkit
