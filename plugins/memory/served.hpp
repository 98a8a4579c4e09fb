// SPDX-License-Identifier: BSD-3-Clause
//
// What plugins that keep their disk in a Store have in common: the allocator=
// parameter and all requests. A plugin derives from it and makes the store.
#pragma once

#include <nbdkit/plugin.hpp>

#include <memory>
#include <string_view>

#include "allocator.hpp"

namespace memory {

class Served {
 public:
  uint64_t size() const { return size_; }
  void dump_plugin() { print_allocators(); }
  bool can_multi_conn() { return true; }
  bool can_fast_zero() { return true; }
  nbd::Support can_fua() { return nbd::Support::native; }
  nbd::Support can_cache() { return nbd::Support::native; }  // it is cached

  nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags) {
    return store_->read(buf, offset);
  }
  bool lend(uint32_t count, uint64_t offset, nbd::Lender& out) {
    const auto lend_pages = [&](std::span<const std::byte> piece) { return out.pages(piece); };
    if (store_->pages(count, offset, lend_pages)) return true;
    const std::span<const std::byte> bytes = store_->where(count, offset);
    if (bytes.empty()) return false;
    out.bytes(bytes);
    return true;
  }
  nbd::Status pwrite(std::span<const std::byte> buf, uint64_t offset, nbd::Flags) {
    return store_->write(buf, offset);
  }
  nbd::Status flush(nbd::Flags) { return nbd::kOk; }
  nbd::Status trim(uint32_t count, uint64_t offset, nbd::Flags) {
    return store_->zero(count, offset);
  }
  nbd::Status zero(uint32_t count, uint64_t offset, nbd::Flags) {
    return store_->zero(count, offset);
  }

  nbd::Status extents(uint32_t count, uint64_t offset, nbd::Flags flags, nbd::ExtentList& out) {
    nbd::Status status;
    store_->runs(count, offset, [&](uint64_t at, uint64_t length, bool allocated) {
      status = out.add(at, length, allocated ? 0 : nbd::kExtentHole | nbd::kExtentZero);
      return status.ok() && !has(flags, nbd::Flags::req_one);
    });
    return status;
  }

 protected:
  void parse_allocator(std::string_view value) { allocator_ = Allocator::parse(value); }
  Store& make_store(uint64_t size) {
    size_ = size;
    store_ = allocator_.make_store(size);
    return *store_;
  }

 private:
  uint64_t size_ = 0;
  Allocator allocator_;
  std::unique_ptr<Store> store_;
};

}  // namespace memory
