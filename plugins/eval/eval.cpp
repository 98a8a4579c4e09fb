// SPDX-License-Identifier: BSD-3-Clause
//
// eval: a plugin on the command line, one parameter for each callback.
#include <algorithm>
#include <map>

#include "../sh/plugin.hpp"
#include "base/error.hpp"

namespace {

constexpr std::string_view kMethods[] = {"after_fork",     "block_size",    "cache",
                                         "can_cache",      "can_extents",   "can_fast_zero",
                                         "can_flush",      "can_fua",       "can_multi_conn",
                                         "can_trim",       "can_write",     "can_zero",
                                         "close",          "config",        "config_complete",
                                         "default_export", "dump_plugin",   "export_description",
                                         "extents",        "flush",         "get_ready",
                                         "get_size",       "is_rotational", "list_exports",
                                         "open",           "pread",         "preconnect",
                                         "pwrite",         "thread_model",  "trim",
                                         "unload",         "zero"};

// Who defines a callback need not say that it is there.
struct Implied {
  const char *callback, *ability, *script;
};
constexpr Implied kImplied[] = {
    {"pwrite", "can_write", "exit 0"},     {"flush", "can_flush", "exit 0"},
    {"trim", "can_trim", "exit 0"},        {"zero", "can_zero", "exit 0"},
    {"cache", "can_cache", "echo native"}, {"extents", "can_extents", "exit 0"}};

struct Eval : script::Plugin {
  static constexpr auto name = "eval";
  static constexpr auto longname = "nbdkit eval plugin";
  static constexpr auto description = "Plugin written as shell scripts on the command line";
  static constexpr auto help =
      "get_size=<SCRIPT> pread=<SCRIPT> ...   the script for each callback\n"
      "missing=<SCRIPT>              for every other callback (default: exit 2)\n"
      "other parameters are for the script config=<SCRIPT>";

  bool config(std::string_view key, std::string_view value) {
    const bool is_method =
        std::find(std::begin(kMethods), std::end(kMethods), key) != std::end(kMethods);
    if (is_method || key == "missing") {
      if (!scripts_.emplace(key, value).second) nbd::fail("eval: {} is given more than once", key);
      return true;
    }
    const auto outcome = call("config", {std::string(key), std::string(value)});
    if (outcome.ending == script::Ending::failed) throw nbd::Reported();
    return outcome.ok();
  }
  void config_complete() {
    for (const Implied& i : kImplied) {
      if (scripts_.contains(i.callback)) scripts_.emplace(i.ability, i.script);
    }
    Plugin::config_complete();
  }

 protected:
  script::Args command(const std::string& method, const script::Args& args) override {
    auto found = scripts_.find(method);
    if (found == scripts_.end()) found = scripts_.find("missing");
    if (found == scripts_.end()) return {};
    script::Args argv{"/bin/sh", "-c", found->second, "/bin/sh", method};
    argv.insert(argv.end(), args.begin(), args.end());
    return argv;
  }

 private:
  std::map<std::string, std::string> scripts_;
};

}  // namespace

NBDKIT_PLUGIN(Eval)
