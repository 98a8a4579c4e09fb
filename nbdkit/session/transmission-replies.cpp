// SPDX-License-Identifier: BSD-3-Clause
//
// What is answered to a request: bytes that were read, or lent, or the word that
// they are zero; a success, an error, a status of blocks.
#include <cstring>
#include <utility>

#include "session/transmission.hpp"

namespace nbdkit {

using nbd::Status;
using nbd::wire::Command;
namespace wire = nbd::wire;

Reply Transmission::reply_from(wire::Bytes bytes) const {
  Reply reply;
  if (bytes.size() > reply.brief.size()) reply.bytes = buffers_.take(bytes.size());
  reply.size = bytes.size();
  std::memcpy(reply.own().data(), bytes.data(), bytes.size());
  return reply;
}

wire::Writer Transmission::error_reply(const Request& r, Status status,
                                       std::optional<uint64_t> offset) const {
  const wire::ErrorCode error = wire::error_code_for(r, status.errnum());
  return wire::error_reply(style_, r, error, last_error(), offset);
}

// A large one when the server has the memory for it. header: what comes before its data.
Reply Transmission::new_reply(size_t header, size_t size) const {
  Reply reply;
  if (size > limits::kMaxUncounted) reply.lease = options_.budget.take(size, stream_);
  reply.bytes = buffers_.take(size, header);
  reply.size = size;
  return reply;
}

Reply Transmission::reply_by_reading(const Request& r) const {
  const auto length = static_cast<uint32_t>(r.length);
  const wire::ReplyHeader header = wire::data_chunk(style_, r, r.offset, length);
  Reply reply = new_reply(header.size, header.size + length);
  const Status s =
      locked([&] { return export_.read(r, {reply.bytes.get() + header.size, length}); });
  if (!s.ok()) return reply_from(error_reply(r, s).bytes());
  if (looks_for_zeroes(r)) {
    const std::byte* const data = reply.bytes.get() + header.size;
    const Export::ReadMap map = Export::map(r, {data, length});
    if (map.has_hole()) {
      // In the same buffer: a hole leaves more room than the headers around it take,
      // so no piece moves towards the end.
      put_in_pieces(reply, r, map.pieces, [&](const Export::ReadPiece& p, std::byte* to) {
        std::memmove(to, data + (p.offset - r.offset), p.length);
        return true;
      });
      return reply;
    }
  }
  std::memcpy(reply.bytes.get(), header.bytes.data(), header.size);
  return reply;
}

std::optional<Reply> Transmission::reply_without_copy(const Request& r) {
  if (auto reply = sparse_reply(r)) return reply;
  std::optional<FilledPipe> pipe;
  auto reply = lent_reply(r, pipe);
  if (reply && !reply->pipe) reply->pipe = std::move(pipe);
  return reply;
}

namespace {

// A reply that is put into a pipe, behind others: its header and then pages. What
// is there of it in the end is cut off unless it is all there. One whose pages fill
// a pipe has its header apart.
class PipedReply final : public nbd::PageSink {
 public:
  PipedReply(PipePool& pipes, std::optional<FilledPipe>& pipe, const wire::ReplyHeader& header,
             uint64_t length)
      : pipes_(pipes),
        header_(header),
        length_(length),
        pipe_(pipe),
        begin_(pipe ? pipe->size() : 0) {}
  ~PipedReply() {
    if (pipe_ && !is_whole_) pipe_->cut_to(begin_);
  }
  PipedReply(const PipedReply&) = delete;
  PipedReply& operator=(const PipedReply&) = delete;

  bool add(std::span<const std::byte> bytes) noexcept override {
    return begin() && pipe_->add_pages(bytes);
  }
  bool has_header_apart() const { return where_ == Header::apart; }
  // Whether it is all there; else nothing of it is.
  bool put(const nbd::Loan& loan) {
    const nbd::Loan::File& file = loan.file();
    is_whole_ = file.fd < 0 ? loan.in_pages()
                            : begin() && pipe_->add_file(file.fd, file.offset, loan.length());
    return is_whole_;
  }

 private:
  bool begin() noexcept {
    if (where_ != Header::nowhere) return true;
    if (!pipe_) pipe_ = pipes_.take();
    if (!pipe_) return false;
    if (pipe_->has_room_for_reply(length_) && pipe_->add_copy(header_.view())) {
      where_ = Header::in_pipe;
    } else if (pipe_->size() == 0 && pipe_->has_room_for(length_)) {
      where_ = Header::apart;
    }
    return where_ != Header::nowhere;
  }

  PipePool& pipes_;
  const wire::ReplyHeader& header_;
  const uint64_t length_;  // of the data
  std::optional<FilledPipe>& pipe_;
  const size_t begin_;
  enum class Header { nowhere, in_pipe, apart } where_ = Header::nowhere;
  bool is_whole_ = false;
};

}  // namespace

// Into the pipe, behind others: an empty answer; or else one by itself. Nothing if
// nothing is lent.
std::optional<Reply> Transmission::lent_reply(const Request& r,
                                              std::optional<FilledPipe>& pipe) const {
  if (r.length < limits::kMinLoan) return std::nullopt;
  const auto header = wire::data_chunk(style_, r, r.offset, static_cast<uint32_t>(r.length));
  PipedReply piped(pipes_, pipe, header, r.length);
  nbd::Loan loan(stream_.moves_pages() ? &piped : nullptr);
  const Status s = locked([&] { return export_.lend(r, loan); });
  if (!s.ok()) return reply_from(error_reply(r, s).bytes());
  if (loan.length() == 0) return std::nullopt;
  if (piped.put(loan)) {
    Reply reply;
    if (piped.has_header_apart()) {
      reply = reply_from(header.view());
      reply.pipe = std::exchange(pipe, std::nullopt);
    }
    return reply;
  }
  if (loan.memory().empty()) return std::nullopt;
  Reply reply = reply_from(header.view());
  reply.loan = std::move(loan);
  return reply;
}

// In what was read: the plugin has holes, but cannot be asked each time.
bool Transmission::looks_for_zeroes(const Request& r) const {
  return may_leave_out(r) && export_.may_have_holes() && !export_.has_map();
}

bool Transmission::may_leave_out(const Request& r) const {
  return style_ != wire::ReplyStyle::simple && r.length >= limits::kMinSparseRead &&
         (r.flags & wire::command_flag::kDf) == 0;
}

// A read of which a part is a hole: chunks for the data, and a word for each
// hole.
std::optional<Reply> Transmission::sparse_reply(const Request& r) {
  if (!may_leave_out(r) || !export_.has_map() || data_known_.covers(r.offset, r.offset + r.length))
    return std::nullopt;
  // In the client's own thread, only what cannot block.
  if (!current.is_worker && !export_.may_block(Command::read) &&
      export_.may_block(Command::block_status)) {
    return std::nullopt;
  }
  const Export::ReadMap map = locked([&] { return export_.map(r); });
  if (map.data_until >= r.offset + r.length) data_known_.set(r.offset, map.data_until);
  if (!map.has_hole()) return std::nullopt;
  Status failed;
  uint64_t failed_at = 0;
  auto reply = reply_in_pieces(r, map.pieces, [&](const Export::ReadPiece& p, std::byte* to) {
    Request part = r;
    part.offset = failed_at = p.offset;
    part.length = p.length;
    failed = locked([&] { return export_.read(part, {to, p.length}); });
    return failed.ok();
  });
  return reply ? std::move(*reply) : reply_from(error_reply(r, failed, failed_at).bytes());
}

// A header for each piece, and behind those of data what fill(piece, where) puts
// there; nothing once that returns false.
template <class Fill>
std::optional<Reply> Transmission::reply_in_pieces(const Request& r,
                                                   std::span<const Export::ReadPiece> pieces,
                                                   Fill&& fill) const {
  size_t size = 0;
  for (const auto& p : pieces) {
    size += sizeof(wire::ReplyHeader::bytes) + (p.zero ? 0 : p.length);
  }
  Reply reply = new_reply(wire::data_chunk(style_, r, r.offset, 1).size, size);
  if (!put_in_pieces(reply, r, pieces, fill)) return std::nullopt;
  return reply;
}

// The same into a reply that has the room.
template <class Fill>
bool Transmission::put_in_pieces(Reply& reply, const Request& r,
                                 std::span<const Export::ReadPiece> pieces, Fill&& fill) const {
  reply.size = 0;
  for (const auto& p : pieces) {
    const auto length = static_cast<uint32_t>(p.length);
    const bool done = &p == &pieces.back();
    const wire::ReplyHeader header = p.zero ? wire::hole_chunk(style_, r, p.offset, length, done)
                                            : wire::data_chunk(style_, r, p.offset, length, done);
    std::memcpy(reply.bytes.get() + reply.size, header.bytes.data(), header.size);
    reply.size += header.size;
    if (p.zero) continue;
    if (!fill(p, reply.bytes.get() + reply.size)) return false;
    reply.size += length;
  }
  return true;
}

wire::Writer Transmission::block_status_reply(const Request& r) const {
  std::vector<wire::BlockDescriptor> blocks;
  const bool extended = style_ == wire::ReplyStyle::extended;
  const Status s = locked([&] { return export_.block_status(r, extended, blocks); });
  if (!s.ok()) return error_reply(r, s);
  return wire::block_status_reply(style_, r, wire::kBaseAllocationId, blocks);
}

}  // namespace nbdkit
