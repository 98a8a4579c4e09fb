// SPDX-License-Identifier: BSD-3-Clause
//
// The stack of layers that a command line describes: filters in the order in
// which they were given, the plugin below them all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nbdkit/disk.hpp>

#include "layers/module.hpp"
#include "layers/plugin-layer.hpp"

namespace nbdkit {

// "parallel": as thread models are written on the command line and in dumps.
std::string_view name_of(nbd::ThreadModel model);

class Stack {
 public:
  // Loads; filters outermost first. debug: words NAME.FLAG=N. Throws an Error
  // that names the module or the flag.
  Stack(const std::string& plugin, const std::vector<std::string>& filters,
        const std::vector<std::string>& debug = {});
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  nbd::Layer& top() { return *layers_.back(); }
  PluginLayer& plugin() { return *plugin_; }
  // Outermost filter first, plugin last: the order in which users read them.
  std::vector<nbd::Layer*> from_top() const;
  // The files of the filters, outermost first.
  const std::vector<std::string>& filter_paths() const { return filter_paths_; }

  // Start-up. See nbd::Layer; each goes to the plugin first, then upwards.
  void config(const std::string& key, const std::string& value);
  void config_complete();
  void get_ready();
  void after_fork();
  void cleanup() noexcept;

  // The strictest of all layers; layers know theirs after config_complete().
  nbd::ThreadModel thread_model() const { return thread_model_; }
  // Whether requests of some layer wait aside, and no filter wants them in turn.
  bool steps_aside() const;
  nbd::ThreadModel strictest_thread_model();

  std::unique_ptr<nbd::Disk> open(const nbd::OpenRequest& request);

 private:
  void add(std::unique_ptr<nbd::Layer> layer);

  std::vector<std::unique_ptr<nbd::Layer>> layers_;  // plugin first; each uses the one before
  PluginLayer* plugin_ = nullptr;
  std::vector<std::string> filter_paths_;
  nbd::ThreadModel thread_model_ = nbd::ThreadModel::parallel;
};

}  // namespace nbdkit
