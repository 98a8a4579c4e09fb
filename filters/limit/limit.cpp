// SPDX-License-Identifier: BSD-3-Clause
//
// limit: so many clients at a time, and no more.
//
// Those count that have a disk open: a connection that says nothing takes no
// client's place.
//
// Threads: clients come and go in threads of their own; the count is atomic.
#include <nbdkit/filter.hpp>

#include <atomic>
#include <limits>

namespace {

class Limit {
 public:
  static constexpr auto name = "limit";
  static constexpr auto longname = "nbdkit limit filter";
  static constexpr auto description = "Limit the number of clients at a time";
  static constexpr auto help = "limit=<N>                     how many (default 1; 0: any number)";

  bool config(std::string_view key, std::string_view value) {
    if (key != "limit") return false;
    most_ = nbd::parse_uint64(key, value);
    return true;
  }

  std::unique_ptr<nbd::Disk> open_below(nbd::Layer& below, const nbd::OpenRequest& request) {
    if (clients_.fetch_add(1) >= most_ && most_ != 0) {
      clients_.fetch_sub(1);
      throw nbd::Error(EBUSY, "limit: " + std::to_string(most_) +
                                  (most_ == 1 ? " client is" : " clients are") +
                                  " connected already, the limit");
    }
    try {
      return below.open(request);
    } catch (...) {
      clients_.fetch_sub(1);
      throw;
    }
  }
  void closing(nbd::Next&) { clients_.fetch_sub(1); }

 private:
  uint64_t most_ = 1;
  std::atomic<uint64_t> clients_{0};
};

}  // namespace

NBDKIT_FILTER(Limit)
