// SPDX-License-Identifier: BSD-3-Clause
#include "session/export.hpp"

#include <algorithm>
#include <cerrno>

#include <nbdkit/sdk.hpp>

#include "base/log.hpp"
#include "base/zero.hpp"
#include "session/limits.hpp"

namespace nbdkit {

using nbd::Flags;
using nbd::Op;
using nbd::Status;
using nbd::Support;
using nbd::wire::Command;
using nbd::wire::Request;
namespace wire = nbd::wire;
namespace cf = nbd::wire::command_flag;

namespace {

bool is_write(Command c) {
  return c == Command::write || c == Command::trim || c == Command::write_zeroes;
}

bool has_data(Command c) { return c == Command::read || c == Command::write; }

// The flags that may stand on a command. FUA may on all of them: it is without
// meaning where nothing is written.
uint16_t flags_of(Command c) {
  switch (c) {
    case Command::read: return cf::kFua | cf::kDf;
    case Command::write_zeroes: return cf::kFua | cf::kNoHole | cf::kFastZero;
    case Command::block_status: return cf::kFua | cf::kReqOne;
    default: return cf::kFua;
  }
}

// What the flags of a command are to the layers.
Flags flags_for_layers(const Request& r) {
  Flags flags = Flags::none;
  if (is_write(r.command) && (r.flags & cf::kFua) != 0) flags = flags | Flags::fua;
  if (r.command == Command::write_zeroes) {
    if ((r.flags & cf::kNoHole) == 0) flags = flags | Flags::may_trim;
    if ((r.flags & cf::kFastZero) != 0) flags = flags | Flags::fast_zero;
  }
  if (r.command == Command::block_status && (r.flags & cf::kReqOne) != 0) {
    flags = flags | Flags::req_one;
  }
  return flags;
}

// Filters may throw where they fail to keep to Status; a request is then lost,
// not the server.
template <class Call>
Status guarded(Call&& call) {
  try {
    return call();
  } catch (...) {
    return Status(nbd::detail::report_current_exception());
  }
}

}  // namespace

Export::~Export() {
  std::unique_lock<std::mutex> lock;
  if (stack_lock_ != nullptr) lock = std::unique_lock(*stack_lock_);
  disk_.reset();
}

uint16_t Export::transmission_flags(const Negotiated& negotiated) const {
  namespace tf = wire::transmission_flag;
  const nbd::Properties& p = disk_->properties();
  uint16_t flags = tf::kHasFlags;
  const auto set_if = [&](bool condition, uint16_t flag) {
    if (condition) flags = static_cast<uint16_t>(flags | flag);
  };
  set_if(!p.can_write, tf::kReadOnly);
  set_if(p.can_flush, tf::kSendFlush);
  set_if(p.can_fua != Support::none, tf::kSendFua);
  set_if(p.is_rotational, tf::kRotational);
  set_if(p.can_trim, tf::kSendTrim);
  set_if(p.can_zero, tf::kSendWriteZeroes);
  set_if(negotiated.replies != wire::ReplyStyle::simple, tf::kSendDf);
  set_if(negotiated.replies == wire::ReplyStyle::extended && negotiated.base_allocation,
         tf::kBlockStatusPayload);
  set_if(p.can_multi_conn && !one_client_, tf::kCanMultiConn);
  set_if(p.can_cache != Support::none, tf::kSendCache);
  set_if(p.can_zero && p.can_fast_zero, tf::kSendFastZero);
  return flags;
}

Status Export::check(const Request& r, const Negotiated& negotiated) const {
  if (const Status s = check_form(r); !s.ok()) return s;
  if (const Status s = check_flags(r, negotiated); !s.ok()) return s;
  return check_offered(r, negotiated);
}

// Is it a command, on bytes that exist?
Status Export::check_form(const Request& r) const {
  if (wire::name_of(r.command).empty()) return Status(EINVAL);
  if (is_write(r.command) && !disk_->properties().can_write) return Status(EPERM);
  if (r.command == Command::flush) {
    return r.offset == 0 && r.length == 0 ? nbd::kOk : Status(EINVAL);
  }
  // Payloads are for writes alone; a block status has had its own taken off.
  if (r.payload != (r.command == Command::write ? r.length : 0)) return Status(EINVAL);
  const bool inside = r.length > 0 && r.offset <= size() && r.length <= size() - r.offset;
  const bool grows = r.command == Command::write || r.command == Command::write_zeroes;
  if (!inside) return Status(grows ? ENOSPC : EINVAL);
  if (const Status s = check_blocks(r); !s.ok()) return s;
  return has_data(r.command) && r.length > limits::kMaxData ? Status(ENOMEM) : nbd::kOk;
}

// Whole blocks, but for the last one of a disk that ends within it; and no more of
// them at once than the plugin takes, where bytes go with them.
Status Export::check_blocks(const Request& r) const {
  const nbd::BlockSize& b = disk_->properties().block_size;
  if (b.minimum == 0 || b.advisory) return nbd::kOk;
  const uint64_t within = b.minimum - 1;  // a power of two
  const bool to_the_end = r.offset + r.length == size();
  if ((r.offset & within) != 0 || ((r.length & within) != 0 && !to_the_end)) return Status(EINVAL);
  return has_data(r.command) && r.length > b.maximum ? Status(EINVAL) : nbd::kOk;
}

Status Export::check_flags(const Request& r, const Negotiated& negotiated) const {
  const nbd::Properties& p = disk_->properties();
  if ((r.flags & ~flags_of(r.command)) != 0) return Status(EINVAL);
  if ((r.flags & cf::kFua) != 0 && p.can_fua == Support::none) return Status(EINVAL);
  if ((r.flags & cf::kDf) != 0 && negotiated.replies == wire::ReplyStyle::simple) {
    return Status(EINVAL);
  }
  if ((r.flags & cf::kFastZero) != 0 && !p.can_fast_zero) return Status(EINVAL);
  return nbd::kOk;
}

// Was the command offered to this client?
Status Export::check_offered(const Request& r, const Negotiated& negotiated) const {
  const nbd::Properties& p = disk_->properties();
  bool offered = true;
  switch (r.command) {
    case Command::flush: offered = p.can_flush; break;
    case Command::trim: offered = p.can_trim; break;
    case Command::write_zeroes: offered = p.can_zero; break;
    case Command::cache: offered = p.can_cache != Support::none; break;
    case Command::block_status: offered = negotiated.base_allocation; break;
    default: break;
  }
  return offered ? nbd::kOk : Status(EINVAL);
}

Op Export::op_of(Command command) {
  switch (command) {
    case Command::write: return Op::write;
    case Command::flush: return Op::flush;
    case Command::trim: return Op::trim;
    case Command::cache: return Op::cache;
    case Command::write_zeroes: return Op::zero;
    case Command::block_status: return Op::extents;
    case Command::read:
    case Command::disc: break;
  }
  return Op::read;
}

bool Export::may_block(Command command) const {
  return disk_->properties().blocking.contains(op_of(command));
}

Status Export::read(const Request& r, std::span<std::byte> buf) const {
  return guarded([&] { return disk_->pread(buf, r.offset, Flags::none); });
}

bool Export::try_read(const Request& r, std::span<std::byte> buf) const {
  bool done = false;
  const Status s = guarded([&] {
    done = disk_->try_pread(buf, r.offset);
    return nbd::kOk;
  });
  return s.ok() && done;
}

Status Export::lend(const Request& r, nbd::Loan& out) const {
  return guarded([&] { return disk_->lend(static_cast<uint32_t>(r.length), r.offset, out); });
}

// Extents are hints here: without them the read is as right as with them.
Export::ReadMap Export::map(const Request& r) const {
  ReadMap out;
  nbd::Extents extents(r.offset, size());
  const Status s =
      guarded([&] { return disk_->extents(r.length, r.offset, Flags::probe, extents); });
  if (!s.ok()) return out;

  const uint64_t block = std::max(disk_->properties().block_size.minimum, limits::kMinHole);
  const uint64_t end = r.offset + r.length;
  uint64_t begin = r.offset, mapped = r.offset;
  const auto add = [&](uint64_t to, bool zero) {
    if (mapped < to) out.pieces.push_back({mapped, to - mapped, zero});
    mapped = to;
  };
  for (const nbd::Extent& e : extents.list()) {
    const uint64_t extent_end = begin + e.length;
    if ((e.type & nbd::kExtentZero) != 0) {
      // Whole blocks of it; its ends go with the data beside them.
      const uint64_t from = (begin + block - 1) / block * block;
      const uint64_t to = extent_end >= end ? end : extent_end / block * block;
      if (from < to) {
        add(from, false);
        add(to, true);
      }
    } else if (begin == r.offset) {
      out.data_until = extent_end;
    }
    begin = extent_end;
    if (begin >= end || out.pieces.size() + 2 >= limits::kMaxReadPieces) break;
  }
  add(end, false);
  return out;
}

Export::ReadMap Export::map(const Request& r, std::span<const std::byte> data) {
  constexpr size_t kBlock = limits::kMinHole;
  ReadMap out;
  // Blocks of the disk, not of the buffer.
  for (size_t at = 0; at < data.size();) {
    const size_t length = std::min(kBlock - (r.offset + at) % kBlock, data.size() - at);
    const auto block = data.subspan(at, length);
    const bool zero = length == kBlock && nbd::is_zero(block);
    const bool room = out.pieces.size() + 1 < limits::kMaxReadPieces;
    if (!out.pieces.empty() && (out.pieces.back().zero == zero || !room)) {
      out.pieces.back().length += length;
      out.pieces.back().zero = out.pieces.back().zero && zero;
    } else {
      out.pieces.push_back({r.offset + at, length, zero});
    }
    at += length;
  }
  return out;
}

Status Export::write(const Request& r, std::span<const std::byte> buf) const {
  return guarded([&] { return disk_->pwrite(buf, r.offset, flags_for_layers(r)); });
}

Status Export::perform(const Request& r) const {
  const Flags flags = flags_for_layers(r);
  return guarded([&] {
    switch (r.command) {
      case Command::flush: return disk_->flush(flags);
      case Command::trim: return disk_->trim(r.length, r.offset, flags);
      case Command::cache: return disk_->cache(r.length, r.offset, flags);
      case Command::write_zeroes: return disk_->zero(r.length, r.offset, flags);
      default: return Status(EINVAL);
    }
  });
}

void Export::announce(const Request& r) const {
  if (!disk_->properties().wants_announcements) return;
  const Status s = guarded([&] {
    disk_->announce({op_of(r.command), r.offset, r.length, flags_for_layers(r)});
    return nbd::kOk;
  });
  if (!s.ok()) nbd::log::debug("{}: not announced", wire::name_of(r.command));
}

Status Export::block_status(const Request& r, bool extended,
                            std::vector<wire::BlockDescriptor>& out) const {
  const bool one = (r.flags & cf::kReqOne) != 0;
  nbd::Extents extents(r.offset, size());
  if (disk_->properties().can_extents) {
    const Status s =
        guarded([&] { return disk_->extents(r.length, r.offset, flags_for_layers(r), extents); });
    if (!s.ok()) return s;
  } else if (!extents.add(r.offset, r.length, 0)) {  // nothing known: all of it is data
    return Status(EINVAL);
  }

  // The last descriptor may tell more than was asked for, but not with REQ_ONE;
  // a length is 32 bits, and clients want them aligned.
  constexpr uint64_t kLongest = UINT32_MAX - (wire::kMaxString - 1);
  const uint64_t most = one ? r.length : extended ? UINT64_MAX : kLongest;
  uint64_t covered = 0;
  for (const nbd::Extent& e : extents.list()) {
    const uint64_t length = std::min(e.length, most);
    out.push_back({length, e.type & (wire::kStateHole | wire::kStateZero)});
    covered += length;
    if (one || length < e.length || covered >= r.length ||
        out.size() == limits::kMaxBlockDescriptors) {
      break;
    }
  }
  return out.empty() ? Status(EIO) : nbd::kOk;
}

}  // namespace nbdkit
