// SPDX-License-Identifier: BSD-3-Clause
//
// What plugins that keep their disk in a Store have in common: the allocator=
// parameter and all requests. A plugin derives from it and makes the store.
#pragma once

#include <nbdkit/plugin.hpp>

#include <memory>
#include <string>

#include "store.hpp"

namespace memory {

class Served {
 public:
  uint64_t size() const { return size_; }
  bool can_multi_conn() { return true; }
  bool can_fast_zero() { return true; }
  nbd::Support can_fua() { return nbd::Support::native; }
  nbd::Support can_cache() { return nbd::Support::native; }  // it is cached

  nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags) {
    store_->read(buf, offset);
    return nbd::kOk;
  }
  nbd::Status pwrite(std::span<const std::byte> buf, uint64_t offset, nbd::Flags) {
    return store_->write(buf, offset);
  }
  nbd::Status flush(nbd::Flags) { return nbd::kOk; }
  nbd::Status trim(uint32_t count, uint64_t offset, nbd::Flags) { return make_zero(count, offset); }
  nbd::Status zero(uint32_t count, uint64_t offset, nbd::Flags) { return make_zero(count, offset); }

  nbd::Status extents(uint32_t count, uint64_t offset, nbd::Flags flags, nbd::ExtentList& out) {
    nbd::Status status;
    store_->runs(count, offset, [&](uint64_t at, uint64_t length, bool allocated) {
      status = out.add(at, length, allocated ? 0 : nbd::kExtentHole | nbd::kExtentZero);
      return status.ok() && !has(flags, nbd::Flags::req_one);
    });
    return status;
  }

 protected:
  void parse_allocator(std::string_view value) {
    const size_t comma = value.find(',');
    const std::string_view kind = value.substr(0, comma);
    flat_ = kind == "malloc";
    lock_in_ram_ = false;
    if (!flat_ && kind != "sparse") {
      throw nbd::Error("unknown allocator: expected sparse or malloc, got \"" + std::string(value) +
                       "\"");
    }
    if (comma == std::string_view::npos) return;
    const std::string_view parameter = value.substr(comma + 1);
    constexpr std::string_view kLock = "mlock=";
    if (!flat_ || !parameter.starts_with(kLock)) {
      throw nbd::Error("unknown parameter of the allocator: \"" + std::string(value) + "\"");
    }
    lock_in_ram_ = nbd::parse_bool(parameter.substr(kLock.size()));
  }
  Store& make_store(uint64_t size) {
    size_ = size;
    store_ = flat_ ? make_flat_store(size, lock_in_ram_) : make_sparse_store(size);
    return *store_;
  }

 private:
  nbd::Status make_zero(uint32_t count, uint64_t offset) {
    store_->zero(count, offset);
    return nbd::kOk;
  }

  uint64_t size_ = 0;
  bool flat_ = false;
  bool lock_in_ram_ = false;
  std::unique_ptr<Store> store_;
};

}  // namespace memory
