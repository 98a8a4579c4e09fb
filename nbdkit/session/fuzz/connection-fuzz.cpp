// SPDX-License-Identifier: BSD-3-Clause
//
// A whole connection, from the greeting to its end, with everything below it but
// the socket: real layers, a real plugin. The first byte of an input says how the
// server was started (see Mode), the second how much comes with each receive(), the
// rest is what the client sends.
//
// Besides what the sanitizers see, the server must say something sensible: it greets,
// and after that it never sends more than its answers can have.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "session/connection.hpp"

namespace {

enum Mode : uint8_t {
  kOldstyle = 1,
  kNoStructuredReplies = 2,
  kReadOnly = 4,
  kWorkers = 8,      // a plugin that may block, so that workers serve its requests
  kTlsRequired = 16  // and nobody can start it
};

// What the client sends stands in memory; what it would receive is counted.
class MemoryStream final : public nbdkit::Stream {
 public:
  MemoryStream(std::span<const uint8_t> input, size_t piece) : input_(input), piece_(piece) {}

  size_t receive(std::span<std::byte> buf) override {
    const size_t count = std::min({buf.size(), piece_, input_.size()});
    if (count > 0) std::memcpy(buf.data(), input_.data(), count);
    input_ = input_.subspan(count);
    return count;
  }
  void send(std::span<iovec> parts) override {
    for (const iovec& part : parts) {
      // Every byte of it is looked at: the address sanitizer then sees one too many.
      const auto* bytes = static_cast<const unsigned char*>(part.iov_base);
      for (size_t i = 0; i < part.iov_len; ++i) sum_ = sum_ + bytes[i];
      sent_ += part.iov_len;
    }
  }
  void end_input() noexcept override {}  // it ends soon
  void set_deadline(Deadline) noexcept override {}
  void abort() noexcept override {}
  int fd() const noexcept override { return -1; }
  size_t sent() const { return sent_; }

 private:
  std::span<const uint8_t> input_;
  const size_t piece_;
  size_t sent_ = 0;
  volatile unsigned sum_ = 0;
};

// Started once, as the server does.
struct Server {
  nbdkit::Stack stack;
  nbdkit::WorkerPool pool;

  Server(const char* plugin, const char* size) : stack(plugin, {}) {
    if (size != nullptr) stack.config("size", size);
    stack.config_complete();
    stack.get_ready();
    stack.after_fork();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Never destroyed: libFuzzer ends the process as it likes.
  static auto& in_place = *new Server(MEMORY_PLUGIN, "1M");
  static auto& with_workers = *new Server(BLOCKING_PLUGIN, nullptr);
  if (size < 2) return 0;
  const uint8_t mode = data[0];
  const size_t piece = data[1] == 0 ? SIZE_MAX : data[1];
  Server& server = (mode & kWorkers) != 0 ? with_workers : in_place;
  nbdkit::Shared shared{
      .stack = server.stack,
      .pool = server.pool,
      .options = {.handshake = {.oldstyle = (mode & kOldstyle) != 0,
                                .read_only = (mode & kReadOnly) != 0,
                                .structured_replies = (mode & kNoStructuredReplies) == 0,
                                .tls_required = (mode & kTlsRequired) != 0},
                  .threads = 4},
      .pipes = {},
      .one_client = {},
      .all_requests = {}};
  MemoryStream stream({data + 2, size - 2}, piece);
  nbdkit::serve_client(shared, stream, 1);
  // A request has 28 bytes at least and at most 1 MiB to read.
  const size_t greeting = (mode & kOldstyle) != 0 ? 152 : 18;
  if (stream.sent() < greeting || stream.sent() > greeting + (size / 16 + 1) * (2 << 20)) {
    std::abort();
  }
  return 0;
}
