// SPDX-License-Identifier: BSD-3-Clause
#include "server/identity.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cctype>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"

namespace nbdkit {

namespace {

// A word that is no name may be a number; the largest one means "no change".
uint32_t parse_id(const char* what, const std::string& word) {
  if (std::isdigit(static_cast<unsigned char>(word[0])) == 0) {
    nbd::fail("{}: there is no such {}: {}", what, what + 2, word);
  }
  return static_cast<uint32_t>(
      nbd::parse_unsigned(what, word, std::numeric_limits<uint32_t>::max() - 1));
}

// Whether there is nothing to be changed, which everybody may do.
bool is_already(const Identity& wanted) {
  if (wanted.user.value_or(::geteuid()) != ::geteuid()) return false;
  if (wanted.group.value_or(::getegid()) != ::getegid()) return false;
  return ::geteuid() != 0;
}

}  // namespace

Identity find_identity(const Options& options) {
  Identity out;
  out.user_word = options.user;
  out.group_word = options.group;
  if (!options.user.empty()) {
    const passwd* entry = ::getpwnam(options.user.c_str());
    out.user = entry != nullptr ? entry->pw_uid : parse_id("--user", options.user);
  }
  if (!options.group.empty()) {
    const group* entry = ::getgrnam(options.group.c_str());
    out.group = entry != nullptr ? entry->gr_gid : parse_id("--group", options.group);
  }
  return out;
}

void become(const Identity& identity) {
  if (!identity || is_already(identity)) return;
  const gid_t group = identity.group.value_or(::getegid());
  const std::string& word = identity.group ? identity.group_word : identity.user_word;
  nbd::sys([&] { return ::setgroups(1, &group); }, "cannot give up groups for \"{}\"", word);
  nbd::sys([&] { return ::setresgid(group, group, group); }, "cannot change to group \"{}\"", word);
  if (identity.user) {
    const uid_t user = *identity.user;
    nbd::sys([&] { return ::setresuid(user, user, user); }, "cannot change to user \"{}\"",
             identity.user_word);
  }
  nbd::log::debug("changed to user {}, group {}", ::geteuid(), ::getegid());
}

void give_to(const Identity& identity, const std::string& path) {
  constexpr uid_t kNoUser = -1;
  constexpr gid_t kNoGroup = -1;
  if (!identity || is_already(identity)) return;
  nbd::sys(
      [&] {
        return ::chown(path.c_str(), identity.user.value_or(kNoUser),
                       identity.group.value_or(kNoGroup));
      },
      "cannot give {} to \"{}\"", path, identity.user ? identity.user_word : identity.group_word);
}

}  // namespace nbdkit
