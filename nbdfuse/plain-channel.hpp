// SPDX-License-Identifier: BSD-3-Clause
//
// A channel that speaks the protocol's transmission phase itself, on the socket of a
// handle with which libnbd has negotiated. libnbd needs one system call for each
// request and two or three for each reply; here all requests of a turn go out in one
// sendmsg, and all replies that are there come in with one readv. At a queue depth of
// 64 that halves the CPU time of a 4 KiB read, the server's too, which gets batches.
//
// What does not fit what was asked for (a reply to nothing, a chunk outside of its
// request, a read with gaps) ends the connection, since the rest of the stream means
// nothing then, but for a gap, which is EIO.
//
// Threads: the loop's thread alone.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/page-aligned.hpp"
#include "channel.hpp"
#include "limits.hpp"
#include "wire/protocol.hpp"

namespace nbdfuse {

class PlainChannel final : public Channel {
 public:
  // REQUIRES: no TLS, no extended headers, and ready for requests.
  PlainChannel(Handle connected, Answered answered);
  // On a socket of the owner's, which stays open.
  PlainChannel(int fd, bool structured, Answered answered);

  void issue(Request& request) override;
  void work() override;
  void ready(uint32_t events) override;
  Loop::Client::Wish wish() const override;
  bool gone() const override { return gone_; }
  const std::string& why_gone() const override { return why_gone_; }
  bool idle() const override { return in_flight_ == 0; }
  RequestQueue take_flights() override;
  void disconnect() noexcept override;

 private:
  // A request on its way, at the place that its cookie tells.
  struct Flight {
    Request* request = nullptr;  // null: free
    uint64_t cookie = 0;
    uint64_t seen = 0;  // bytes of a read
    int errnum = 0;     // the first that was told
    bool sent = false;  // all of it
    bool answered = false;
    std::byte header[nbd::wire::kRequestSize];
    Flight* next = nullptr;  // of those that are free, or still to be sent

    // What is sent of it.
    size_t data_size() const { return request->command == Command::write ? request->length : 0; }
    size_t size() const { return sizeof header + data_size(); }
  };
  enum class Parsed { one, more, broken };

  void lay_in();
  void add_flights();
  Flight& take_flight();
  void send_some();
  void note_sent(size_t count);
  void receive_some();
  size_t room_wanted() const;
  void parse();
  Parsed parse_one();
  void grow_staging(size_t size);
  Parsed parse_simple();
  Parsed parse_chunk();
  Parsed parse_content(uint16_t type, uint32_t length, Flight& flight);
  Parsed start_payload(Flight& flight, uint64_t offset, size_t length);
  Parsed parse_extents(Flight& flight, size_t length);
  void payload_done();
  void done(Flight& flight);
  void finish(Flight& flight);
  Flight* find(uint64_t cookie);
  Parsed break_off(std::string why);

  const Handle handle_;  // owns the socket
  const int fd_;
  const bool structured_;
  const Answered answered_;

  // They stay where they are. As many as the kernel has requests are there from the
  // beginning; more, if requests are split, are added.
  std::deque<Flight> flights_;
  Flight* free_ = nullptr;
  uint64_t next_number_ = 1;
  size_t in_flight_ = 0;
  uint64_t bytes_awaited_ = 0;  // of reads in flight

  Flight* first_out_ = nullptr;  // not sent yet, in their order
  Flight* last_out_ = nullptr;
  size_t first_sent_ = 0;      // bytes of the first
  bool send_blocked_ = false;  // until the socket has room, or for good

  // Received and not parsed yet: [begin_, end_) of staging_.
  size_t staging_size_ = kStaging;
  nbd::PageAligned staging_ = nbd::page_aligned(staging_size_);
  size_t begin_ = 0;
  size_t end_ = 0;
  // A read's data that goes straight to where it belongs.
  std::byte* payload_ = nullptr;
  size_t payload_left_ = 0;
  Flight* payload_flight_ = nullptr;
  bool payload_is_last_ = false;

  bool gone_ = false;
  std::string why_gone_ = "it closed the connection";
};

}  // namespace nbdfuse
