// SPDX-License-Identifier: BSD-3-Clause
//
// The lowest layer: a plugin behind the C interface, made into a Layer.
//
// This is where -1 and errno end and Status begins, and where what a plugin
// lacks is made good, so that the layers above need not ask: zeroes by writing,
// FUA by flushing, cache by reading. Plugins of API versions 1 and 2, compiled
// against an older or newer header, look the same from above.
#pragma once

#include <memory>
#include <string>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin-extras.h>
#include <nbdkit-plugin.h>
#include <nbdkit/disk.hpp>

#include "layers/debug-flags.hpp"
#include "layers/module.hpp"

namespace nbdkit {

// Plugins may be written for API versions 0 to this.
inline constexpr int kNewestPluginApi = 2;

// A plugin's table, in our size: fields that it does not know are null.
struct PluginTable {
  nbdkit_plugin callbacks{};
  nbdkit_plugin_extras extras{};

  // Throws an Error if the plugin cannot be served.
  static PluginTable read(const Module& module);
};

class PluginLayer final : public nbd::Layer {
 public:
  // The flags are set before the plugin's .load sees them.
  PluginLayer(Module module, DebugFlags& debug);
  ~PluginLayer() override;

  std::string_view name() const override { return plugin_.name; }
  std::string_view longname() const override { return text(plugin_.longname); }
  std::string_view description() const override { return text(plugin_.description); }
  std::string_view help() const override { return text(plugin_.config_help); }
  std::string_view version() const override { return text(plugin_.version); }
  std::string_view magic_config_key() const { return text(plugin_.magic_config_key); }
  const std::string& path() const { return module_.path(); }
  const PluginTable& table() const { return table_; }

  // A plugin refuses an unknown key with an Error of its own.
  bool config(std::string_view key, std::string_view value) override;
  void config_complete() override;
  nbd::ThreadModel thread_model() override;
  void get_ready(nbd::ThreadModel model) override;
  void after_fork() override;
  void cleanup() noexcept override;
  void dump_plugin() override;
  void preconnect(bool read_only) override;
  void disconnected() noexcept override {}
  std::vector<nbd::ExportItem> list_exports(bool read_only, bool tls) override;
  std::string default_export(bool read_only, bool tls) override;
  std::unique_ptr<nbd::Disk> open(const nbd::OpenRequest& request) override;

 private:
  static std::string_view text(const char* t) { return t != nullptr ? t : ""; }

  Module module_;
  PluginTable table_;
  const nbdkit_plugin& plugin_;
};

}  // namespace nbdkit
