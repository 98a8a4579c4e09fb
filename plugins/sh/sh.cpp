// SPDX-License-Identifier: BSD-3-Clause
//
// sh: a plugin that is one script, run anew for every callback.
#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plugin.hpp"

namespace {

// Whether the file's "#!" line runs nbdkit, as in a script that is to be called
// as a plugin by its own name. For a method such a file must not run by that
// line, or it would be a plugin again, for ever: /bin/sh takes it instead.
bool is_run_by_nbdkit(const std::string& path) {
  const nbd::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char start[256];  // of which the kernel looks at no more
  const ssize_t n = nbd::retry_eintr([&] { return ::read(file.get(), start, sizeof start); });
  std::string_view line(start, n > 0 ? static_cast<size_t>(n) : 0);
  line = line.substr(0, line.find('\n'));
  if (!line.starts_with("#!")) return false;
  line.remove_prefix(2);
  while (!line.empty()) {
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view word = line.substr(0, end);
    if (word.substr(word.rfind('/') + 1) == "nbdkit") return true;
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return false;
}

struct Sh : script::Plugin {
  static constexpr auto name = "sh";
  static constexpr auto longname = "nbdkit shell script plugin";
  static constexpr auto description = "Plugin written as a shell script or any other program";
  static constexpr auto help =
      "[script=]<FILENAME>           (required) the script to run, or - for stdin\n"
      "other parameters are the script's";
  static constexpr auto magic_key = "script";

  bool config(const std::string_view key, const std::string_view value) {
    if (path_.empty()) {
      if (key != "script") throw nbd::Error("sh: the first parameter must be script=<FILENAME>");
      take_script(std::string(value));
      call_optional("load");
      const auto magic = call("magic_config_key", {});
      if (!script::status_of("magic_config_key", magic, true).ok()) throw nbd::Reported();
      if (magic.ok()) own_magic_key_ = script::one_line(magic.output);
      return true;
    }
    const bool is_bare = key == "script";  // once there is a script, a bare word is for that
    if (is_bare && own_magic_key_.empty()) {
      nbd::fail("expecting key=value on the command line but got: {}", value);
    }
    const auto outcome =
        call("config", {is_bare ? own_magic_key_ : std::string(key), std::string(value)});
    if (outcome.ending == script::Ending::failed) throw nbd::Reported();
    return outcome.ok();
  }
  void config_complete() {
    if (path_.empty()) throw nbd::Error("sh: you must give the script: script=<FILENAME>");
    Plugin::config_complete();
  }

 protected:
  script::Args command(const std::string& method, const script::Args& args) override {
    if (path_.empty()) return {};
    script::Args argv;
    if (through_shell_) argv.emplace_back("/bin/sh");
    argv.insert(argv.end(), {path_, method});
    argv.insert(argv.end(), args.begin(), args.end());
    return argv;
  }

 private:
  void take_script(const std::string& value) {
    path_ = value == "-" ? save_stdin() : checked(value);
    through_shell_ = is_run_by_nbdkit(path_);
  }

  static std::string checked(const std::string& value) {
    char* real = nbdkit_realpath(value.c_str());
    if (real == nullptr) throw nbd::Reported();
    const std::string path = real;
    ::free(real);
    if (::access(path.c_str(), X_OK) == -1) nbd::fail_errno(errno, "sh: cannot run {}", path);
    return path;
  }

  // exec runs a file without "#!" by /bin/sh.
  std::string save_stdin() {
    if (nbdkit_stdio_safe() == 0)
      throw nbd::Error("sh: stdin is the client: it cannot be the script");
    const std::string path = temp_dir() / "inline-script.sh";
    const nbd::Fd file(nbd::sys(
        [&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700); },
        "cannot write {}", path));
    char buffer[4096];
    while (const auto n = nbd::sys([&] { return ::read(STDIN_FILENO, buffer, sizeof buffer); },
                                   "cannot read the script from stdin")) {
      const auto written =
          nbd::sys([&] { return ::write(file.get(), buffer, static_cast<size_t>(n)); },
                   "cannot write {}", path);
      if (written != n) nbd::fail("cannot write {}: no space left", path);
    }
    return path;
  }

  std::string path_;
  bool through_shell_ = false;
  std::string own_magic_key_;  // the script's; may be empty
};

}  // namespace

NBDKIT_PLUGIN(Sh)
