// SPDX-License-Identifier: BSD-3-Clause
//
// memory: a disk in RAM, all zeroes at first and gone when the server ends.
//
// All clients see the same disk, so flush and FUA have nothing to do and several
// connections of one client are safe.
#include <nbdkit/plugin.hpp>

#include <optional>

#include "store.hpp"

namespace {

struct Memory {
  static constexpr auto name = "memory";
  static constexpr auto longname = "nbdkit memory plugin";
  static constexpr auto description = "Virtual memory (RAM disk)";
  static constexpr auto help =
      "[size=]<SIZE>                 (required) size of the disk\n"
      "allocator=sparse|malloc[,mlock=true]   where it is kept (default sparse)";
  static constexpr auto magic_key = "size";
  static constexpr bool never_blocks = true;

  bool config(std::string_view key, std::string_view value) {
    if (key == "size") {
      size_ = nbd::parse_size(value);
    } else if (key == "allocator") {
      parse_allocator(value);
    } else {
      return false;
    }
    return true;
  }
  void config_complete() {
    if (!size_) throw nbd::Error("memory: you must give the size of the disk: size=<SIZE>");
  }
  void get_ready() {
    store_ =
        flat_ ? memory::make_flat_store(*size_, lock_in_ram_) : memory::make_sparse_store(*size_);
  }

  uint64_t size() { return *size_; }
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

 private:
  nbd::Status make_zero(uint32_t count, uint64_t offset) {
    store_->zero(count, offset);
    return nbd::kOk;
  }

  void parse_allocator(std::string_view value) {
    const size_t comma = value.find(',');
    const std::string_view kind = value.substr(0, comma);
    flat_ = kind == "malloc";
    lock_in_ram_ = false;
    if (!flat_ && kind != "sparse") {
      throw nbd::Error("memory: unknown allocator: expected sparse or malloc, got \"" +
                       std::string(value) + "\"");
    }
    if (comma == std::string_view::npos) return;
    const std::string_view parameter = value.substr(comma + 1);
    constexpr std::string_view kLock = "mlock=";
    if (!flat_ || !parameter.starts_with(kLock)) {
      throw nbd::Error("memory: unknown parameter of the allocator: \"" + std::string(value) +
                       "\"");
    }
    lock_in_ram_ = nbd::parse_bool(parameter.substr(kLock.size()));
  }

  std::optional<uint64_t> size_;
  bool flat_ = false;
  bool lock_in_ram_ = false;
  std::unique_ptr<memory::Store> store_;
};

}  // namespace

NBDKIT_PLUGIN(Memory)
