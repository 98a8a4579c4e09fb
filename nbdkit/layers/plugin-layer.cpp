// SPDX-License-Identifier: BSD-3-Clause
#include "layers/plugin-layer.hpp"

#include <nbdkit-plugin-extras.h>
#include <nbdkit/sdk.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/answers.hpp"
#include "layers/context.hpp"
#include "layers/plugin-call.hpp"
#include "layers/plugin-disk.hpp"
#include "wire/protocol.hpp"

namespace nbdkit {

namespace {

// A callback has said no, and normally why.
[[noreturn]] void refused(std::string_view plugin, std::string_view what) {
  nbd::fail("plugin {}: {} failed", plugin, what);
}

// Runs a callback of start-up. If it fails and has said why, that is the
// message; else it is one that names what failed.
template <class Call>
int start_up(std::string_view plugin, const char* name, std::string_view what, Call&& callback) {
  const unsigned errors = nbd::log::errors_so_far();
  const int answer = call_plugin(plugin, name, callback);
  if (answer != -1) return answer;
  if (nbd::log::errors_so_far() != errors) throw nbd::Reported();
  refused(plugin, what);
}

}  // namespace

PluginTable PluginTable::read(const Module& module) {
  auto* init = module.function<nbdkit_plugin*()>("plugin_init");
  if (init == nullptr) {
    nbd::fail("{} is not an nbdkit plugin: it has no symbol plugin_init", module.path());
  }
  const nbdkit_plugin* given = init();
  if (given == nullptr) nbd::fail("plugin {}: plugin_init returned nothing", module.path());
  if (given->_api_version < 0 || given->_api_version > kNewestPluginApi) {
    nbd::fail(
        "plugin {} is incompatible with this version of nbdkit (_api_version = {}, need 0 to {})",
        module.path(), given->_api_version, kNewestPluginApi);
  }

  PluginTable table;
  // What a shorter (older) struct lacks stays null; a longer (newer) is cut.
  std::memcpy(&table.callbacks, given,
              std::min<size_t>(sizeof table.callbacks, given->_struct_size));
  const nbdkit_plugin& p = table.callbacks;
  if (p.name == nullptr || !is_valid_module_name(p.name)) {
    nbd::fail("plugin {} has no valid name: \"{}\"", module.path(),
              p.name != nullptr ? p.name : "");
  }
  if (p.open == nullptr) nbd::fail("plugin {} has no .open callback", p.name);
  if (p.get_size == nullptr) nbd::fail("plugin {} has no .get_size callback", p.name);
  if (p.pread == nullptr && p._pread_v1 == nullptr) {
    nbd::fail("plugin {} has no .pread callback", p.name);
  }

  if (auto* extras = module.function<const nbdkit_plugin_extras*()>("nbdkit_plugin_extras_init")) {
    if (const nbdkit_plugin_extras* e = extras()) {
      std::memcpy(&table.extras, e, std::min<size_t>(sizeof table.extras, e->_struct_size));
    }
  }
  return table;
}

PluginLayer::PluginLayer(Module module, DebugFlags& debug)
    : module_(std::move(module)), table_(PluginTable::read(module_)), plugin_(table_.callbacks) {
  debug.apply(name(), module_);
  if (plugin_.load != nullptr) call_plugin(name(), "load", plugin_.load);
}

PluginLayer::~PluginLayer() {
  if (plugin_.unload != nullptr) call_plugin_at_end(name(), "unload", plugin_.unload);
}

bool PluginLayer::config(std::string_view key, std::string_view value) {
  if (plugin_.config == nullptr) {
    nbd::fail("{}: this plugin takes no parameters, but got {}={}", name(), key, value);
  }
  // Plugins may keep the pointers for ever.
  const char* k = server().interned.add(key);
  const char* v = server().interned.add(value);
  start_up(name(), "config", fmt::format("parameter {}={}", key, value),
           [&] { return plugin_.config(k, v); });
  return true;
}

void PluginLayer::config_complete() {
  if (plugin_.config_complete != nullptr) {
    start_up(name(), "config_complete", "checking the parameters", plugin_.config_complete);
  }
}

nbd::ThreadModel PluginLayer::thread_model() {
  int model = plugin_._thread_model;
  if (plugin_.thread_model != nullptr) {
    const int own = start_up(name(), "thread_model", "thread_model", plugin_.thread_model);
    model = std::min(model, own);
  }
  if (model < 0 || model > static_cast<int>(nbd::ThreadModel::parallel)) {
    nbd::fail("plugin {}: unknown thread model {}", name(), model);
  }
  return static_cast<nbd::ThreadModel>(model);
}

void PluginLayer::get_ready(nbd::ThreadModel) {
  if (plugin_.get_ready != nullptr) start_up(name(), "get_ready", "get_ready", plugin_.get_ready);
}

void PluginLayer::after_fork() {
  if (plugin_.after_fork != nullptr)
    start_up(name(), "after_fork", "after_fork", plugin_.after_fork);
}

void PluginLayer::cleanup() noexcept {
  if (plugin_.cleanup != nullptr) call_plugin_at_end(name(), "cleanup", plugin_.cleanup);
}

void PluginLayer::dump_plugin() {
  if (plugin_.dump_plugin != nullptr) call_plugin(name(), "dump_plugin", plugin_.dump_plugin);
}

void PluginLayer::preconnect(bool read_only) {
  if (plugin_.preconnect == nullptr) return;
  if (call_plugin(name(), "preconnect", [&] { return plugin_.preconnect(read_only); }) == -1) {
    refused(name(), "preconnect");
  }
}

std::vector<nbd::ExportItem> PluginLayer::list_exports(bool read_only, bool tls) {
  nbdkit_exports exports;
  if (plugin_.list_exports == nullptr) {
    exports.use_default = true;
  } else if (call_plugin(name(), "list_exports",
                         [&] { return plugin_.list_exports(read_only, tls, &exports); }) == -1) {
    refused(name(), "list_exports");
  }
  if (exports.use_default)
    exports.list.insert(exports.list.begin(), {default_export(read_only, tls), ""});
  return std::move(exports.list);
}

std::string PluginLayer::default_export(bool read_only, bool tls) {
  if (plugin_.default_export == nullptr) return "";
  const char* out =
      call_plugin(name(), "default_export", [&] { return plugin_.default_export(read_only, tls); });
  if (out == nullptr) refused(name(), "default_export");
  if (std::strlen(out) > nbd::wire::kMaxString) {
    nbd::fail("plugin {}: default export name is longer than {} bytes", name(),
              nbd::wire::kMaxString);
  }
  return out;
}

std::unique_ptr<nbd::Disk> PluginLayer::open(const nbd::OpenRequest& request) {
  return std::make_unique<PluginDisk>(table_, request);
}

}  // namespace nbdkit
