// SPDX-License-Identifier: BSD-3-Clause
//
// -u and -g: who the server is once it has opened its sockets.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "server/options.hpp"

namespace nbdkit {

struct Identity {
  std::optional<uid_t> user;  // nothing: stay who we are
  std::optional<gid_t> group;
  std::string user_word, group_word;  // as they were given, for messages

  explicit operator bool() const { return user || group; }
};

// Throws an Error that names an unknown user or group.
Identity find_identity(const Options& options);

// For good: there is no way back. Supplementary groups go, whichever of the two
// is given. Throws an Error if that is not allowed.
void become(const Identity& identity);

// Gives away a file of ours, so that it can still be removed after become().
void give_to(const Identity& identity, const std::string& path);

}  // namespace nbdkit
