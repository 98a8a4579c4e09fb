// SPDX-License-Identifier: BSD-3-Clause
#include "layers/stack.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <nbdkit/filter.hpp>

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/traced-layer.hpp"

namespace nbdkit {

namespace {

std::unique_ptr<nbd::Layer> make_filter(const Module& module, nbd::Layer& below) {
  auto* init = module.function<const nbd::FilterModule*()>("nbdkit_filter_module");
  if (init == nullptr) {
    const bool foreign = module.function<void()>("filter_init") != nullptr;
    nbd::fail("{} {}", module.path(),
              foreign ? "is a filter of another nbdkit: filters are tied to the server that they "
                        "were built with"
                      : "is not an nbdkit filter: it has no symbol nbdkit_filter_module");
  }
  const nbd::FilterModule* filter = init();
  if (std::strcmp(filter->abi, nbd::kFilterAbi) != 0) {
    nbd::fail("filter {} is incompatible with this version of nbdkit (built for {}, need {})",
              module.path(), filter->abi, nbd::kFilterAbi);
  }
  return filter->make(below);
}

}  // namespace

Stack::Stack(const std::string& plugin, const std::vector<std::string>& filters,
             const std::vector<std::string>& debug) {
  DebugFlags flags(debug);
  auto lowest = std::make_unique<PluginLayer>(Module(ModuleKind::plugin, plugin), flags);
  plugin_ = lowest.get();
  add(std::move(lowest));
  for (auto name = filters.rbegin(); name != filters.rend(); ++name) {
    const Module module(ModuleKind::filter, *name);
    auto layer = make_filter(module, top());
    flags.apply(layer->name(), module);
    filter_paths_.insert(filter_paths_.begin(), module.path());
    add(std::move(layer));
  }
  flags.check_all_applied();
}

void Stack::add(std::unique_ptr<nbd::Layer> layer) {
  if (nbd::log::verbose()) layer = trace(std::move(layer));
  layers_.push_back(std::move(layer));
}

// From the top, since each layer uses the one below it.
Stack::~Stack() {
  while (!layers_.empty()) layers_.pop_back();
}

std::vector<nbd::Layer*> Stack::from_top() const {
  std::vector<nbd::Layer*> out;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) out.push_back(layer->get());
  return out;
}

void Stack::config(const std::string& key, const std::string& value) {
  for (nbd::Layer* layer : from_top()) {
    if (layer->config(key, value)) return;
  }
}

void Stack::config_complete() {
  for (const auto& layer : layers_) layer->config_complete();
  thread_model_ = strictest_thread_model();
  nbd::log::debug("using thread model: {}", name_of(thread_model_));
}

nbd::ThreadModel Stack::strictest_thread_model() {
  auto strictest = nbd::ThreadModel::parallel;
  for (const auto& layer : layers_) strictest = std::min(strictest, layer->thread_model());
  return strictest;
}

// A plugin that takes one request at a time is not asked in which order; a filter
// that is as strict is there for its order.
bool Stack::steps_aside() const {
  const auto in_turn = [](const auto& filter) {
    return filter->thread_model() != nbd::ThreadModel::parallel;
  };
  return std::any_of(layers_.begin(), layers_.end(),
                     [](const auto& layer) { return layer->steps_aside(); }) &&
         std::none_of(std::next(layers_.begin()), layers_.end(), in_turn);
}

std::string_view name_of(nbd::ThreadModel model) {
  switch (model) {
    case nbd::ThreadModel::serialize_connections: return "serialize_connections";
    case nbd::ThreadModel::serialize_all_requests: return "serialize_all_requests";
    case nbd::ThreadModel::serialize_requests: return "serialize_requests";
    case nbd::ThreadModel::parallel: break;
  }
  return "parallel";
}

void Stack::get_ready() {
  for (const auto& layer : layers_) layer->get_ready(thread_model_);
}

void Stack::after_fork() {
  for (const auto& layer : layers_) layer->after_fork();
}

void Stack::cleanup() noexcept {
  for (nbd::Layer* layer : from_top()) layer->cleanup();
}

std::unique_ptr<nbd::Disk> Stack::open(const nbd::OpenRequest& request) {
  return top().open(request);
}

}  // namespace nbdkit
