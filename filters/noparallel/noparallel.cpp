// SPDX-License-Identifier: BSD-3-Clause
//
// noparallel: one request, or one client, at a time.
#include "../common.hpp"

namespace {

using nbd::ThreadModel;

struct NoParallel {
  static constexpr auto name = "noparallel";
  static constexpr auto longname = "nbdkit noparallel filter";
  static constexpr auto description = "Serve one request or one client at a time";
  static constexpr auto help =
      "serialize=requests|all-requests|connections   one request of each client at a time\n"
      "                              (default), one in all, or one client";

  bool config(std::string_view key, std::string_view value) {
    if (key != "serialize") return false;
    model =
        nbd::filters::one_of<ThreadModel>(key, value,
                                          {{"requests", ThreadModel::serialize_requests},
                                           {"all-requests", ThreadModel::serialize_all_requests},
                                           {"connections", ThreadModel::serialize_connections}});
    return true;
  }
  ThreadModel thread_model() const { return model; }

  ThreadModel model = ThreadModel::serialize_requests;
};

}  // namespace

NBDKIT_FILTER(NoParallel)
