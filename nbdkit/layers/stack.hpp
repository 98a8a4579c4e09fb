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

class Stack {
 public:
  // Loads; filters outermost first. Throws an Error that names the module.
  Stack(const std::string& plugin, const std::vector<std::string>& filters);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  nbd::Layer& top() { return *layers_.back(); }
  PluginLayer& plugin() { return static_cast<PluginLayer&>(*layers_.front()); }
  // Outermost filter first, plugin last: the order in which users read them.
  std::vector<nbd::Layer*> from_top() const;

  // Start-up. See nbd::Layer; each goes to the plugin first, then upwards.
  void config(const std::string& key, const std::string& value);
  void config_complete();
  void get_ready();
  void after_fork();
  void cleanup() noexcept;

  // The strictest of all layers; known after config_complete().
  nbd::ThreadModel thread_model() const { return thread_model_; }

  std::unique_ptr<nbd::Disk> open(const nbd::OpenRequest& request);

 private:
  std::vector<std::unique_ptr<nbd::Layer>> layers_;  // plugin first; each uses the one before
  nbd::ThreadModel thread_model_ = nbd::ThreadModel::parallel;
};

}  // namespace nbdkit
