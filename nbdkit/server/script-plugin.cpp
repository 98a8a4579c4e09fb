// SPDX-License-Identifier: BSD-3-Clause
#include "server/script-plugin.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/process.hpp"
#include "layers/module.hpp"

namespace nbdkit {

namespace {

// The scripts that this process has been, one path a line: one that comes up
// again would come up for ever. Only ever set across an exec.
constexpr const char* kScripts = "NBDKIT_SCRIPT_PLUGINS";

// So that neither the command of --run nor a plugin's children inherit it.
std::string take_scripts() {
  const char* value = ::getenv(kScripts);
  std::string scripts = value != nullptr ? value : "";
  ::unsetenv(kScripts);
  return scripts;
}

bool is_regular_file(const std::string& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

bool starts_with_shebang(const std::string& path) {
  const nbd::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char start[2];
  return file && nbd::retry_eintr([&] { return ::read(file.get(), start, sizeof start); }) == 2 &&
         start[0] == '#' && start[1] == '!';
}

// Empty if the name is not that of a script.
std::string script_of(const std::string& plugin) {
  std::string path = module_path(ModuleKind::plugin, plugin);
  if (!is_short_name(plugin)) {
    return is_regular_file(path) && starts_with_shebang(path) ? path : "";
  }
  constexpr std::string_view kSuffix = ".so";
  if (path.ends_with(kSuffix)) path.resize(path.size() - kSuffix.size());
  return is_regular_file(path) ? path : "";
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat x{}, y{};
  return ::stat(a.c_str(), &x) == 0 && ::stat(b.c_str(), &y) == 0 && x.st_dev == y.st_dev &&
         x.st_ino == y.st_ino;
}

// "#!/usr/bin/env -S nbdkit sh" must find this server, installed or not. PATH
// stays as it is where that is so already.
void put_ourselves_in_path() {
  const char* value = ::getenv("PATH");
  const std::string path = value != nullptr ? value : "/usr/bin:/bin";
  std::string_view rest = path;
  while (true) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/nbdkit";
    if (::access(candidate.c_str(), X_OK) == 0) {
      if (same_file(candidate, "/proc/self/exe")) return;
      break;  // another nbdkit comes first
    }
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  ::setenv("PATH", (nbd::executable_directory() + ":" + path).c_str(), 1);
}

bool has_line(std::string_view lines, std::string_view line) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    if (lines.substr(0, end) == line) return true;
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return false;
}

}  // namespace

void become_script_plugin(const Options& options, std::span<char* const> words) {
  const std::string before = take_scripts();
  if (options.plugin.empty()) return;
  const std::string path = script_of(options.plugin);
  if (path.empty()) return;
  if (has_line(before, path)) {
    nbd::fail(
        "the script plugin {} runs itself: its first line must name the plugin of its "
        "language, like \"#!/usr/bin/env -S nbdkit sh\"",
        path);
  }

  // The name comes first; a "#!" line puts the path of the script in its place.
  const size_t name = words.size() - options.parameters.size() - 1;
  std::vector<char*> argv{words[name]};
  for (size_t i = 1; i < words.size(); ++i) {
    if (i != name) argv.push_back(words[i]);
  }
  argv.push_back(nullptr);

  ::setenv(kScripts, (before + path + "\n").c_str(), 1);
  put_ourselves_in_path();
  ::execv(path.c_str(), argv.data());
  const int err = errno;
  if (err == ENOENT) nbd::fail("cannot run the script plugin {}: no such interpreter", path);
  if (err == ENOEXEC) {
    nbd::fail(
        "cannot run the script plugin {}: its first line must be like "
        "\"#!/usr/bin/env -S nbdkit sh\"",
        path);
  }
  nbd::fail_errno(err, "cannot run the script plugin {}", path);
}

}  // namespace nbdkit
