// SPDX-License-Identifier: BSD-3-Clause
//
// Threads: one for each connection. The disk is shared without a lock, as a
// disk's bytes are: clients that write the same block at once get a mixture.
#include "bench/loop-server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <array>
#include <climits>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/page-aligned.hpp"
#include "base/thread.hpp"
#include "net/socket-io.hpp"
#include "wire/reply.hpp"

namespace testkit::bench {

namespace wire = nbd::wire;

namespace {

constexpr size_t kBufferSize = 256 << 10;
constexpr uint32_t kMaxOptionData = 8192;    // a name and a few contexts
constexpr size_t kMaxReplies = IOV_MAX / 2;  // of one sendmsg: header and data each
constexpr uint16_t kExportFlags =
    wire::transmission_flag::kHasFlags | wire::transmission_flag::kCanMultiConn;

struct Disk {
  std::byte* bytes;
  uint64_t size;
};

// True: the client goes on to transmission.
bool answer_option(int fd, wire::OptionHeader header, const Disk& disk, bool& structured) {
  const auto reply = [&](wire::OptionReply type, wire::Bytes data) {
    send_all(fd, wire::encode_option_reply(header.option, type, data).bytes());
  };
  switch (header.option) {
    case wire::Option::structured_reply:
      structured = true;
      reply(wire::OptionReply::ack, {});
      return false;
    case wire::Option::set_meta_context: {
      wire::Writer context;
      context.put(wire::kBaseAllocationId).put(wire::kBaseAllocation);
      reply(wire::OptionReply::meta_context, context.bytes());
      reply(wire::OptionReply::ack, {});
      return false;
    }
    case wire::Option::go: {
      wire::Writer info;
      info.put(static_cast<uint16_t>(wire::Info::export_)).put(disk.size).put(kExportFlags);
      reply(wire::OptionReply::info, info.bytes());
      reply(wire::OptionReply::ack, {});
      return true;
    }
    case wire::Option::abort: nbd::fail("the client leaves");
    default: reply(wire::OptionReply::err_unsup, {}); return false;
  }
}

bool negotiate(int fd, const Disk& disk) {
  wire::Writer hello;
  hello.put(wire::kNbdMagic).put(wire::kIHaveOpt).put(wire::handshake_flag::kFixedNewstyle);
  send_all(fd, hello.bytes());
  std::array<std::byte, 4> client_flags;
  receive_all(fd, client_flags);
  for (bool structured = false;;) {
    std::array<std::byte, wire::kOptionHeaderSize> bytes;
    receive_all(fd, bytes);
    const auto header = wire::decode_option_header(bytes);
    if (!header || header->length > kMaxOptionData) nbd::fail("a bad option");
    std::vector<std::byte> data(header->length);
    receive_all(fd, data);
    if (answer_option(fd, *header, disk, structured)) return structured;
  }
}

// Replies of a batch, and the one system call that sends them.
class Batch {
 public:
  explicit Batch(int fd) : fd_(fd) { headers_.reserve(kMaxReplies); }

  void add(const wire::ReplyHeader& header, wire::Bytes data) {
    if (headers_.size() == kMaxReplies) send();
    const wire::ReplyHeader& kept = headers_.emplace_back(header);
    parts_.push_back({const_cast<std::byte*>(kept.bytes.data()), kept.size});
    if (!data.empty()) parts_.push_back({const_cast<std::byte*>(data.data()), data.size()});
  }

  void send() {
    for (size_t first = 0; first < parts_.size();) {
      msghdr message{};
      message.msg_iov = &parts_[first];
      message.msg_iovlen = parts_.size() - first;
      auto left = static_cast<size_t>(
          nbd::sys([&] { return ::sendmsg(fd_, &message, MSG_NOSIGNAL); }, "send replies"));
      while (first < parts_.size() && left >= parts_[first].iov_len)
        left -= parts_[first++].iov_len;
      if (left == 0) continue;
      parts_[first].iov_base = static_cast<std::byte*>(parts_[first].iov_base) + left;
      parts_[first].iov_len -= left;
    }
    parts_.clear();
    headers_.clear();
  }

 private:
  int fd_;
  std::vector<wire::ReplyHeader> headers_;
  std::vector<iovec> parts_;
};

void transmit(int fd, const Disk& disk, wire::ReplyStyle style) {
  const nbd::PageAligned buffer = nbd::page_aligned(kBufferSize);
  Batch batch(fd);
  size_t begin = 0, end = 0;
  for (;;) {
    while (end - begin >= wire::kRequestSize) {
      const auto r = wire::decode_request(&buffer[begin], false);
      if (!r || r->command == wire::Command::disc) return batch.send();
      begin += wire::kRequestSize;
      if (r->offset > disk.size || r->length > disk.size - r->offset || r->length == 0) {
        nbd::fail("a request past the end of the disk");
      }
      std::byte* at = disk.bytes + r->offset;
      if (r->command == wire::Command::write) {
        const size_t here = std::min<size_t>(end - begin, r->payload);
        std::memcpy(at, &buffer[begin], here);
        begin += here;
        if (here < r->payload) {  // the rest goes to its place at once
          batch.send();
          receive_all(fd, {at + here, static_cast<size_t>(r->payload) - here});
        }
        batch.add(wire::success_reply(style, *r), {});
      } else if (r->command == wire::Command::read) {
        const auto length = static_cast<uint32_t>(r->length);
        batch.add(wire::data_chunk(style, *r, r->offset, length), {at, length});
      } else if (r->command == wire::Command::block_status && style != wire::ReplyStyle::simple) {
        batch.send();
        send_all(
            fd,
            wire::block_status_reply(style, *r, wire::kBaseAllocationId, {{r->length, 0}}).bytes());
      } else {
        batch.send();
        send_all(fd, wire::error_reply(style, *r, wire::ErrorCode::einval).bytes());
      }
    }
    batch.send();
    std::memmove(buffer.get(), &buffer[begin], end - begin);
    end -= begin;
    begin = 0;
    const ssize_t got =
        nbd::retry_eintr([&] { return ::recv(fd, buffer.get() + end, kBufferSize - end, 0); });
    if (got <= 0) return;
    end += static_cast<size_t>(got);
  }
}

nbd::Fd listen_on(const LoopServer& settings) {
  const bool tcp = settings.socket_path.empty();
  nbd::Fd fd(nbd::sys(
      [&] { return ::socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }, "socket"));
  if (tcp) {
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(settings.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    nbd::sys(
        [&] { return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); },
        "bind to port {}", settings.port);
  } else {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (settings.socket_path.size() >= sizeof address.sun_path) {
      nbd::fail("socket path is too long: {}", settings.socket_path);
    }
    settings.socket_path.copy(address.sun_path, settings.socket_path.size());
    nbd::sys(
        [&] { return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); },
        "bind to {}", settings.socket_path);
  }
  nbd::sys([&] { return ::listen(fd.get(), SOMAXCONN); }, "listen");
  return fd;
}

}  // namespace

void serve_loop(const LoopServer& settings) {
  void* memory = ::mmap(nullptr, settings.size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) nbd::fail_errno(errno, "memory of {} bytes", settings.size);
  const Disk disk{static_cast<std::byte*>(memory), settings.size};
  const nbd::Fd listener = listen_on(settings);
  for (;;) {
    const int fd = nbd::sys(
        [&] { return ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC); }, "accept");
    const bool started = nbd::start_thread(nbd::kStackSize, [fd, disk] {
      const nbd::Fd owner(fd);
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      try {
        transmit(fd, disk,
                 negotiate(fd, disk) ? wire::ReplyStyle::structured : wire::ReplyStyle::simple);
      } catch (const std::exception&) {
        // The client has gone or talks nonsense: its connection closes.
      }
    });
    if (!started) ::close(fd);
  }
}

}  // namespace testkit::bench
