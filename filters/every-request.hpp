// SPDX-License-Identifier: BSD-3-Clause
//
// For what does the same with every kind of request: it derives from one of the
// two below and defines
//
//   template <class Call>
//   Status around(const Announcement& request, Call&& call);
//
// which calls `call` as often as it likes and returns what becomes of the request.
//
//   EveryRequest<Derived>   a filter, or its Connection: call(), or call(flags)
//                           with other flags, passes the request to `next`
//   DiskAround<Derived>     a Disk, for open_below(): call(disk), call(disk, flags)
//                           passes it to that disk
#pragma once

#include <nbdkit/filter.hpp>

#include <span>

namespace nbd::filters {

namespace detail {

// One function for each kind of request: it is put to `disk`.
struct Put {
  static auto pread(std::span<std::byte> buf, uint64_t offset) {
    return [=](Disk& disk, Flags f) { return disk.pread(buf, offset, f); };
  }
  static auto pwrite(std::span<const std::byte> buf, uint64_t offset) {
    return [=](Disk& disk, Flags f) { return disk.pwrite(buf, offset, f); };
  }
  static auto flush() {
    return [](Disk& disk, Flags f) { return disk.flush(f); };
  }
  static auto trim(uint64_t count, uint64_t offset) {
    return [=](Disk& disk, Flags f) { return disk.trim(count, offset, f); };
  }
  static auto zero(uint64_t count, uint64_t offset) {
    return [=](Disk& disk, Flags f) { return disk.zero(count, offset, f); };
  }
  static auto cache(uint64_t count, uint64_t offset) {
    return [=](Disk& disk, Flags f) { return disk.cache(count, offset, f); };
  }
  // What a failed attempt has added is none of the answer of the next.
  static auto extents(uint64_t count, uint64_t offset, Extents& out) {
    return [count, offset, &out, empty = out](Disk& disk, Flags f) {
      out = empty;
      return disk.extents(count, offset, f, out);
    };
  }
};

}  // namespace detail

template <class Derived>
class EveryRequest {
  using Put = detail::Put;
  friend Derived;
  EveryRequest() = default;

 public:
  Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) {
    return run(next, {Op::read, offset, buf.size(), flags}, Put::pread(buf, offset));
  }
  Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) {
    return run(next, {Op::write, offset, buf.size(), flags}, Put::pwrite(buf, offset));
  }
  Status flush(Next& next, Flags flags) {
    return run(next, {Op::flush, 0, 0, flags}, Put::flush());
  }
  Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    return run(next, {Op::trim, offset, count, flags}, Put::trim(count, offset));
  }
  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    return run(next, {Op::zero, offset, count, flags}, Put::zero(count, offset));
  }
  Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    return run(next, {Op::cache, offset, count, flags}, Put::cache(count, offset));
  }
  Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags, Extents& out) {
    return run(next, {Op::extents, offset, count, flags}, Put::extents(count, offset, out));
  }

 private:
  template <class Call>
  Status run(Next& next, const Announcement& request, Call&& put) {
    return static_cast<Derived&>(*this).around(request, [&](auto... flags) {
      if constexpr (sizeof...(flags) == 0) {
        return put(next, request.flags);
      } else {
        return put(next, flags...);
      }
    });
  }
};

template <class Derived>
class DiskAround : public Disk {
  using Put = detail::Put;
  friend Derived;
  DiskAround() = default;

 public:
  Status pread(std::span<std::byte> buf, uint64_t offset, Flags flags) override {
    return run({Op::read, offset, buf.size(), flags}, Put::pread(buf, offset));
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) override {
    return run({Op::write, offset, buf.size(), flags}, Put::pwrite(buf, offset));
  }
  Status flush(Flags flags) override { return run({Op::flush, 0, 0, flags}, Put::flush()); }
  Status trim(uint64_t count, uint64_t offset, Flags flags) override {
    return run({Op::trim, offset, count, flags}, Put::trim(count, offset));
  }
  Status zero(uint64_t count, uint64_t offset, Flags flags) override {
    return run({Op::zero, offset, count, flags}, Put::zero(count, offset));
  }
  Status cache(uint64_t count, uint64_t offset, Flags flags) override {
    return run({Op::cache, offset, count, flags}, Put::cache(count, offset));
  }
  Status extents(uint64_t count, uint64_t offset, Flags flags, Extents& out) override {
    return run({Op::extents, offset, count, flags}, Put::extents(count, offset, out));
  }

 private:
  template <class Call>
  Status run(const Announcement& request, Call&& put) {
    return static_cast<Derived&>(*this).around(request, [&](Disk& disk, auto... flags) {
      if constexpr (sizeof...(flags) == 0) {
        return put(disk, request.flags);
      } else {
        return put(disk, flags...);
      }
    });
  }
};

}  // namespace nbd::filters
