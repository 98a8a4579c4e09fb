// SPDX-License-Identifier: BSD-3-Clause
//
// Every limit of nbdfuse, with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nbdfuse {

// Requests that the kernel may have open with us at a time. Each owns one
// buffer, so this also bounds memory: 256 x (1 MiB + 4 KiB) if all are large.
// Hundreds, because a server that needs a second for each must still be busy.
inline constexpr unsigned kMaxInFlight = 256;

// So many of their buffers, and of other things that a write may need, have their memory
// from the beginning.
inline constexpr unsigned kReady = 4;

// Frames of coroutines: the largest that g++ 12 makes of ours has 360 bytes, and a write
// has up to four at a time.
inline constexpr size_t kFrameSize = 512;
inline constexpr unsigned kFrames = 4 * kMaxInFlight;

// What one read or write carries: the kernel's own bound (256 pages).
inline constexpr size_t kMaxPayload = 1 << 20;

// How far the kernel reads ahead of who reads in order: some of the largest requests,
// so that each connection has one.
inline constexpr unsigned kReadAheadKb = 4 * kMaxPayload / 1024;

// --cache=writeback: how much of what the kernel lets be dirty at all may be the
// file's, in percent. FUSE's own 1 has writers wait for the server all the time.
inline constexpr unsigned kMaxDirtyPercent = 20;

// -C: as in libnbd's nbdfuse.
inline constexpr unsigned kDefaultConnections = 4;
inline constexpr unsigned kMaxConnections = 1024;

// One WRITE_ZEROES or BLOCK_STATUS: the length field has 32 bits; 1 GiB keeps
// a slow server's answer within reach and is a multiple of any block size.
inline constexpr uint64_t kMaxSpan = 1 << 30;

// For st_blocks. Most servers tell of many extents in each answer.
inline constexpr unsigned kBlockCountAnswers = 16;

// What a server may need (NBD allows up to 64 KiB; some need more). A larger
// minimum than one of our requests cannot be served by read-modify-write.
inline constexpr uint64_t kMaxMinimumBlock = kMaxPayload;

// Names and attributes change only through us: the kernel may keep them.
inline constexpr double kAttrTimeoutSeconds = 60;

// Threads for connections, if there are as many: their number is that of the
// processors, but no less, so that a busy machine gives us our share.
inline constexpr unsigned kMinLoops = 4;

// A request goes to a connection of another thread only if that has so much less to
// do: handing one over costs a wake-up. Where the server answers soon it costs more
// than it gains, and larger batches gain more: of 128 random 4 KiB reads in flight 70
// thousand are done in a second and not 61, of 16 writes 59 and not 48.
inline constexpr unsigned kHandOver = 6;
inline constexpr unsigned kHandOverIfQuick = 48;
// With its place in the queue: 128 requests at 60 thousand a second take 2 ms.
inline constexpr std::chrono::milliseconds kQuick{10};

// What a request counts: one, and one more for so many bytes, which are copied in the
// thread of its connection.
inline constexpr uint64_t kBytesPerLoad = 1 << 12;
inline constexpr unsigned kMostLoad = 32;

// What the kernel hands us at a time before we look at the server's answers.
inline constexpr unsigned kBatch = 32;

// What is received of a server's replies at a time, beyond the data of a read that
// goes straight to its buffer: a batch of small ones. Behind the header of a large
// one (an average of more than kLargeRead) comes data that would be copied again, so
// then it is only a few headers.
inline constexpr size_t kStaging = 1 << 16;
inline constexpr size_t kLittleStaging = 256;
inline constexpr size_t kLargeRead = 1 << 14;

// A chunk of a reply that is no data: extents of 8 bytes, of which servers send up to
// a million.
inline constexpr size_t kLargestChunk = 16 << 20;

// In one sendmsg: at most 32 writes, or 63 other requests.
inline constexpr size_t kMaxIov = 64;

// So often is one server's socket read before others have their turn.
inline constexpr unsigned kReceiveRounds = 4;

// A request that lasts longer than this is looked after: does its caller still
// wait? Twice this is how long a killed process stays at most.
inline constexpr std::chrono::milliseconds kPatience{250};

// A server that went away is looked for after these pauses, and an attempt to
// connect to it is given up after this time.
inline constexpr std::chrono::milliseconds kFirstPause{20};
inline constexpr std::chrono::milliseconds kLongestPause{1000};
inline constexpr std::chrono::seconds kConnectTimeout{10};
// --reconnect without a number; a clock can add this without overflow.
inline constexpr std::chrono::seconds kForEver{100L * 365 * 24 * 3600};

// --unmount tries so long, and so often, while the mount is in use.
inline constexpr std::chrono::milliseconds kBusyPatience{1000};
inline constexpr std::chrono::milliseconds kBusyPause{20};

// At the end the server gets this long to close its side.
inline constexpr std::chrono::milliseconds kDisconnectTimeout{2000};

}  // namespace nbdfuse
