// SPDX-License-Identifier: BSD-3-Clause
//
// retry-request: a request that fails is made again.
#include "../every-request.hpp"

#include "retry/backoff.hpp"

namespace {

using nbd::Status;

class RetryRequest : public nbd::filters::EveryRequest<RetryRequest> {
 public:
  static constexpr auto name = "retry-request";
  static constexpr auto longname = "nbdkit retry request filter";
  static constexpr auto description = "Make requests that fail again";
  static constexpr auto help =
      "retry-request-retries=<N>     how often (default 2)\n"
      "retry-request-delay=<TIME>    the pause before that (default 2 seconds)\n"
      "retry-request-open=<BOOL>     opening the plugin is tried again too (default true)";
  static constexpr bool passes_unchanged = true;

  bool config(std::string_view key, std::string_view value) {
    if (key == "retry-request-retries") {
      backoff_.retries = nbd::parse_uint64(key, value);
    } else if (key == "retry-request-delay") {
      backoff_.delay = nbd::parse_delay(key, value);
    } else if (key == "retry-request-open") {
      opens_ = nbd::parse_bool(value);
    } else {
      return false;
    }
    return true;
  }
  std::unique_ptr<nbd::Disk> open_below(nbd::Layer& below, const nbd::OpenRequest& request) const {
    return opens_ ? backoff_.open(below, request) : below.open(request);
  }
  void properties(nbd::Properties& p) const { p.blocking = nbd::OpSet::all(); }

  template <class Call>
  Status around(const nbd::Announcement& request, Call&& call) const {
    return backoff_.run(request, call, [](uint64_t) {});
  }

 private:
  nbd::filters::Backoff backoff_{.retries = 2};
  bool opens_ = true;
};

}  // namespace

NBDKIT_FILTER(RetryRequest)
