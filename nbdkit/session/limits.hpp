// SPDX-License-Identifier: BSD-3-Clause
//
// Every limit on what one client can make the server do, with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nbdkit::limits {

// Longest read or write. Twice the 32 MiB that a client may rely on without
// asking; larger ones are answered ENOMEM.
inline constexpr uint32_t kMaxData = 64 << 20;
// A refused write's payload is read and thrown away, so that the connection
// survives; past this, reading on is not worth it and the client is cut off.
inline constexpr uint32_t kMaxRefusedPayload = 128 << 20;

// From the greeting to the first request, TLS included, without the time that
// plugins take: a client that says nothing does not keep its thread for ever.
inline constexpr std::chrono::seconds kHandshakeTime{60};

// Longest option. 16 names of the longest kind; an option that is longer is
// refused, past the second limit together with the client.
inline constexpr uint32_t kMaxOptionData = 64 << 10;
inline constexpr uint32_t kMaxRefusedOption = 1 << 20;
// Options in one handshake: a client has no use for more, an attacker has.
inline constexpr unsigned kMaxOptions = 128;

// Bytes of a client's stream that wait to be decoded. A write up to this is
// served from where it was received; pages count only once touched.
inline constexpr size_t kInputBuffer = 256 << 10;
// A write from this size on that gets a buffer of its own is received where it belongs.
// Then little more is received with it, and before the next: enough for some requests
// without data; data that comes along would be copied.
inline constexpr size_t kLargePayload = 16 << 10;
inline constexpr size_t kLittleInput = 512;
// The same before the client has got through the handshake, which has no use for
// more: longer options are received where they are kept.
inline constexpr size_t kHandshakeInput = 16 << 10;
// Replies gathered for one system call.
inline constexpr size_t kReplyBatch = 256 << 10;
// They are not kept back longer than it took to serve so much that may block: the client
// is to have something to do, too.
inline constexpr std::chrono::microseconds kBatchTime{100};
// A read whose data is longer gets a buffer of its own.
inline constexpr uint32_t kMaxBatchedRead = 128 << 10;

// A read that is at least this long is sent from where its bytes are, if its
// plugin lends them; copying fewer costs less than keeping track of them.
inline constexpr uint32_t kMinLoan = 32 << 10;

// A read that is at least this long is looked at for holes, if the client can be
// told of them ...
inline constexpr uint32_t kMinSparseRead = 32 << 10;
// ... which count from this size on, and of which there are at most so many
// pieces in one reply: each costs 32 bytes, and a client time.
inline constexpr uint32_t kMinHole = 4 << 10;
inline constexpr size_t kMaxReadPieces = 64;

// Context ids in the payload of one block status: there is one context.
inline constexpr uint64_t kMaxBlockStatusPayload = 8 + 4 * 64;

// Buffers of past requests that are kept for the next, over all connections.
inline constexpr size_t kMaxKeptBuffers = 32 << 20;

// A read up to this is tried in the thread that reads the socket, where the
// plugin can tell at once that it would have to wait. From there on handing it
// to a worker costs little beside it, and its pages need not be copied.
inline constexpr uint32_t kMaxTriedRead = 64 << 10;

// Requests that are given to the workers together, at most.
inline constexpr size_t kMaxJobsAtOnce = 64;

// What the requests of one connection that are with the workers may hold: one of
// the longest, or many that are shorter.
inline constexpr uint64_t kMaxBytesInFlight = 64 << 20;
// Up to here a buffer is not counted by the server: a reply to a read of 256 KiB,
// which is what copying programs send, with its headers ...
inline constexpr size_t kMaxUncounted = (256 << 10) + (4 << 10);
// ... of which one connection has so much with the workers: 16 such requests.
inline constexpr uint64_t kMaxUncountedInFlight = 16 * kMaxUncounted;
// Requests of one connection that have stepped aside to wait, in a filter that
// delays them: each has a thread and keeps its bytes, and past either limit the
// next one keeps its place among those that the plugin is given.
inline constexpr unsigned kMaxAside = 1024;
inline constexpr uint64_t kMaxBytesAside = 64 << 20;
// What a block status of kMaxBlockDescriptors costs while it is made.
inline constexpr uint64_t kBlockStatusHeld = 1 << 20;
// What counted buffers may hold, of all connections together: four requests of
// the longest kind, 128 of 2 MiB. Others wait for them.
inline constexpr uint64_t kMaxHeldByAll = 256 << 20;
// A client that keeps memory in use while others wait for some has this time, and
// more in proportion to the bytes (per second) that it is to send or take. Who is
// slower is cut off.
inline constexpr std::chrono::seconds kPatience{10};
inline constexpr uint64_t kSlowestClient = 1 << 20;

// Descriptors in one block status reply: 512 KiB of them.
inline constexpr size_t kMaxBlockDescriptors = 64 << 10;

}  // namespace nbdkit::limits
