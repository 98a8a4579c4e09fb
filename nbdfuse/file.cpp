// SPDX-License-Identifier: BSD-3-Clause
#include "file.hpp"

#include <algorithm>

namespace nbdfuse {

int64_t File::now_ns() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

File::File(std::string name, std::unique_ptr<Remote> remote)
    : modified_ns(now_ns()),
      accessed_ns(modified_ns.load()),
      name_(std::move(name)),
      facts_(remote->exported()),
      remote_(std::move(remote)),
      disk_(std::make_unique<Disk>(*remote_)),
      open_(true) {}

File::File(std::string name, const Export& listed, Connect connect)
    : modified_ns(now_ns()),
      accessed_ns(modified_ns.load()),
      name_(std::move(name)),
      connect_(std::move(connect)),
      facts_(listed) {}

Export File::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

uint64_t File::data_bytes() const { return std::min(counted_.load(), facts().size); }

Task<Found> File::count_data() {
  const uint64_t writes = writes_.load(std::memory_order_relaxed);
  if (!is_open() || counted_after_.load() == writes) co_return Found(data_bytes());
  const Found found = co_await disk_->count_data();
  if (found.status.ok()) {
    counted_.store(found.offset);
    counted_after_.store(writes);
  }
  co_return found;
}

void File::open() {
  if (is_open()) return;
  remote_ = connect_();
  disk_ = std::make_unique<Disk>(*remote_);
  const std::lock_guard lock(mutex_);
  facts_ = remote_->exported();
  open_.store(true, std::memory_order_release);
}

}  // namespace nbdfuse
