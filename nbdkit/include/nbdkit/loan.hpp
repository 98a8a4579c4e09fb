// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace nbd {

// Where references to pages of memory can be put on their way to a client, which
// sees what is in these pages when it receives them.
class PageSink {
 public:
  // false: no more of them can be taken, and those that were are forgotten.
  virtual bool add(std::span<const std::byte> bytes) noexcept = 0;

 protected:
  ~PageSink() = default;
};

// The bytes of a read where they are, instead of a copy of them: pieces of
// memory, one behind the other, or one range of a file. Whoever lends keeps them
// there, and the file open, until the loan is given back; they may change
// meanwhile, as they may under any read that a write overlaps. Or else their
// pages are on their way as soon as they are added, and addresses do not matter
// any more.
//
// Threads: one at a time. It may be given back in another thread than the one
// that asked for it.
class Loan {
 public:
  struct File {
    int fd = -1;  // -1: it is memory that is lent
    uint64_t offset = 0;
  };

  // pages: outlives the loan. None: addresses are lent, or nothing.
  Loan() : Loan(nullptr) {}
  explicit Loan(PageSink* pages) : pages_(pages) {}
  Loan(Loan&& other) noexcept : pages_(nullptr) { *this = std::move(other); }
  Loan& operator=(Loan&& other) noexcept {
    give_back();
    file_ = std::exchange(other.file_, {});
    memory_ = std::exchange(other.memory_, {});
    length_ = std::exchange(other.length_, 0);
    until_ = std::exchange(other.until_, {});
    pages_ = other.pages_;
    in_pages_ = std::exchange(other.in_pages_, false);
    return *this;
  }
  ~Loan() { give_back(); }

  void add(std::span<const std::byte> bytes) {
    memory_.push_back(bytes);
    length_ += bytes.size();
  }
  // false: they cannot be, and none that were added before are lent either.
  bool add_pages(std::span<const std::byte> bytes) noexcept {
    in_pages_ = pages_ != nullptr && pages_->add(bytes);
    length_ = in_pages_ ? length_ + bytes.size() : 0;
    if (!in_pages_) pages_ = nullptr;
    return in_pages_;
  }
  // Alone in its loan.
  void set_file(int fd, uint64_t offset, uint64_t length) {
    file_ = {fd, offset};
    length_ = length;
  }
  // Calls done(argument) once, when it is given back.
  void until(void (*done)(void*), void* argument) { until_.emplace_back(done, argument); }

  uint64_t length() const { return length_; }  // 0: nothing is lent
  const File& file() const { return file_; }
  std::span<const std::span<const std::byte>> memory() const { return memory_; }
  bool in_pages() const { return in_pages_; }
  PageSink* pages() const { return pages_; }

  void give_back() noexcept {
    for (const auto& [done, argument] : std::exchange(until_, {})) done(argument);
    memory_.clear();
    file_ = {};
    length_ = 0;
    in_pages_ = false;
  }

 private:
  File file_;
  std::vector<std::span<const std::byte>> memory_;
  uint64_t length_ = 0;
  std::vector<std::pair<void (*)(void*), void*>> until_;
  PageSink* pages_;
  bool in_pages_ = false;
};

}  // namespace nbd
