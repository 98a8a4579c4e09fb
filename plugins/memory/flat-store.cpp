// SPDX-License-Identifier: BSD-3-Clause
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>

#include "page-locks.hpp"

namespace memory {

namespace {

class FlatStore final : public Store {
 public:
  FlatStore(uint64_t size, bool lock_in_ram) : size_(std::max<uint64_t>(size, 1)) {
    void* p = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
      throw nbd::Error(errno, "allocator=malloc: cannot allocate " + std::to_string(size_) +
                                  " bytes: " + std::strerror(errno));
    }
    data_ = static_cast<std::byte*>(p);
    if (lock_in_ram && ::mlock(data_, size_) == -1) {
      const int errnum = errno;
      ::munmap(data_, size_);
      throw nbd::Error(errnum, "mlock: cannot lock " + std::to_string(size_) + " bytes into RAM: " +
                                   std::strerror(errnum) + " (see ulimit -l)");
    }
  }
  ~FlatStore() override { ::munmap(data_, size_); }

  nbd::Status read(std::span<std::byte> buf, uint64_t offset) override {
    return each_page(buf.size(), offset, [&](uint64_t page, size_t, size_t length, uint64_t done) {
      const std::shared_lock lock(locks_.of(page));
      std::memcpy(buf.data() + done, data_ + offset + done, length);
      return nbd::kOk;
    });
  }
  std::span<const std::byte> where(uint64_t count, uint64_t offset) override {
    return {data_ + offset, count};
  }
  nbd::Status write(std::span<const std::byte> buf, uint64_t offset) override {
    return each_page(buf.size(), offset, [&](uint64_t page, size_t, size_t length, uint64_t done) {
      const std::unique_lock lock(locks_.of(page));
      std::memcpy(data_ + offset + done, buf.data() + done, length);
      return nbd::kOk;
    });
  }
  nbd::Status zero(uint64_t count, uint64_t offset) override {
    return each_page(count, offset, [&](uint64_t page, size_t, size_t length, uint64_t done) {
      const std::unique_lock lock(locks_.of(page));
      std::memset(data_ + offset + done, 0, length);
      return nbd::kOk;
    });
  }
  void runs(uint64_t count, uint64_t offset, const EachRun& each) override {
    each(offset, count, true);
  }

 private:
  uint64_t size_;
  std::byte* data_;
  PageLocks locks_;
};

}  // namespace

std::unique_ptr<Store> make_flat_store(uint64_t size, bool lock_in_ram) {
  return std::make_unique<FlatStore>(size, lock_in_ram);
}

}  // namespace memory
