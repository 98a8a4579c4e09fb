// SPDX-License-Identifier: BSD-3-Clause
#include "server/leftovers.hpp"

#include <limits.h>
#include <unistd.h>

#include <cstring>

namespace nbdkit {

namespace {

pid_t g_whose = 0;  // forked children of plugins do not tidy up for us
char g_socket[PATH_MAX];
char g_folder[PATH_MAX];

void keep(char* place, const std::string& path) {
  if (path.size() >= PATH_MAX) return;  // longer than any socket's
  std::memcpy(place, path.c_str(), path.size() + 1);
}

}  // namespace

void remember_leftovers(const std::string& socket, const std::string& folder) {
  g_whose = 0;
  keep(g_socket, socket);
  keep(g_folder, folder);
  g_whose = ::getpid();
}

void remove_leftovers() noexcept {
  if (::getpid() != g_whose) return;
  if (g_socket[0] != '\0') ::unlink(g_socket);
  if (g_folder[0] != '\0') ::rmdir(g_folder);
}

}  // namespace nbdkit
