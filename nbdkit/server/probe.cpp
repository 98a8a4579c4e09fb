// SPDX-License-Identifier: BSD-3-Clause
#include "server/probe.hpp"

#include <cstdio>
#include <filesystem>
#include <map>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/version.hpp"
#include "layers/plugin-dump.hpp"
#include "layers/stack.hpp"
#include "server/parameters.hpp"

namespace nbdkit {

namespace {

constexpr const char* kOwnVersion = "nbdkit-house " NBDKIT_OWN_VERSION;

// ---- --help and --version

void print_module_help(const Stack& stack) {
  for (const nbd::Layer* layer : stack.from_top()) {
    const bool is_plugin = layer == stack.from_top().back();
    fmt::print("\n{}: {}", is_plugin ? "plugin" : "filter", layer->name());
    if (!layer->longname().empty()) fmt::print(" ({})", layer->longname());
    fmt::print("\n");
    if (!layer->description().empty()) fmt::print("{}\n", layer->description());
    if (!layer->help().empty()) fmt::print("{}\n", layer->help());
  }
}

int print_help(const Options& options) {
  fmt::print("{}", usage());
  if (!options.plugin.empty()) {
    print_module_help(Stack(options.plugin, options.filters, options.debug));
  }
  return 0;
}

int print_version(const Options& options) {
  fmt::print("nbdkit {} ({})\n", kVersion, kOwnVersion);
  if (options.plugin.empty()) return 0;
  const Stack stack(options.plugin, options.filters, options.debug);
  for (const nbd::Layer* layer : stack.from_top()) {
    fmt::print("{} {}\n", layer->name(), layer->version());
  }
  return 0;
}

// ---- --dump-config

// Where things are, seen from the executable: also in a build folder, and in a
// prefix that was moved.
std::string beside_us(const std::string& relative) {
  const std::filesystem::path path = nbd::executable_directory() + "/" + relative;
  return path.lexically_normal().string();
}

int dump_config() {
  const std::string version = kVersion;
  const size_t minor = version.find('.') + 1;
  const std::map<std::string, std::string> config{
      {"binary", beside_us("nbdkit")},
      {"bindir", nbd::executable_directory()},
      {"exit_with_parent", "yes"},
      {"filterdir", beside_us("../lib/nbdkit/filters")},
      {"host_cpu", NBDKIT_HOST_CPU},
      {"host_os", "linux-gnu"},
      {"libdir", beside_us("../lib")},
      {"mandir", beside_us("../share/man")},
      {"max_api_version", std::to_string(kNewestPluginApi)},
      {"name", "nbdkit"},
      {"plugindir", beside_us("../lib/nbdkit/plugins")},
      {"root_tls_certificates_dir", NBDKIT_SYSCONFDIR "/pki/nbdkit"},
      {"run_default_socket", "Unix"},
      {"sbindir", nbd::executable_directory()},
      {"selinux", "yes"},
      {"soext", "so"},
      {"sysconfdir", NBDKIT_SYSCONFDIR},
      {"tls", "yes"},
      {"version", version},
      {"version_extra", kOwnVersion},
      {"version_major", version.substr(0, minor - 1)},
      {"version_minor", version.substr(minor, version.find('.', minor) - minor)},
      {"timeout_option", "yes"},
      {"vsock_option", "yes"},
  };
  for (const auto& [key, value] : config) fmt::print("{}={}\n", key, value);
  return 0;
}

// ---- --dump-plugin

// Parameters are given to the plugin, since its answers may depend on them (a
// script has none without script=); config_complete is not called, so that a
// plugin which lacks a parameter can still be asked.
int dump_plugin(const Options& options) {
  if (options.plugin.empty()) {
    nbd::fail("--dump-plugin needs a plugin; --dump-config tells about the server itself");
  }
  Stack stack(options.plugin, options.filters, options.debug);
  configure(stack, options.parameters);
  print_plugin(stack.plugin().path(), stack.plugin().table(), stack.strictest_thread_model());
  const std::vector<nbd::Layer*> layers = stack.from_top();
  for (size_t i = 0; i < stack.filter_paths().size(); ++i) {
    fmt::print("{0}_path={1}\n{0}_name={0}\n", layers[i]->name(), stack.filter_paths()[i]);
  }
  // What modules print goes through the same stdout.
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) (*layer)->dump_plugin();
  return 0;
}

}  // namespace

int answer(const Options& options) {
  if (options.help) return print_help(options);
  if (options.version) return print_version(options);
  if (options.dump_config) return dump_config();
  if (options.short_options || options.long_options) {
    fmt::print("{}", options.short_options ? list_short_options() : list_long_options());
    return 0;
  }
  return dump_plugin(options);
}

}  // namespace nbdkit
