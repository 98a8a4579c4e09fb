// SPDX-License-Identifier: BSD-3-Clause
//
// The edge of a plugin: while a callback runs, its name is known to the thread,
// so that a crash can be blamed; what a C++ plugin throws does not get out of
// it as anything but an nbd::Error.
#pragma once

#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/context.hpp"

namespace nbdkit {

// Sets current.callback for a scope.
class CallbackName {
 public:
  explicit CallbackName(const char* name) : saved_(std::exchange(current.callback, name)) {}
  ~CallbackName() { current.callback = saved_; }
  CallbackName(const CallbackName&) = delete;
  CallbackName& operator=(const CallbackName&) = delete;

 private:
  const char* const saved_;
};

// Runs a callback. name: of the callback, a literal.
template <class Call>
auto call_plugin(std::string_view plugin, const char* name, Call&& call) {
  const CallbackName scope(name);
  try {
    return call();
  } catch (const std::exception& e) {
    nbd::fail("plugin {}: {} threw an exception: {}", plugin, name, e.what());
  } catch (...) {
    nbd::fail("plugin {}: {} threw an exception", plugin, name);
  }
}

// The same where nothing may fail: an exception is a message.
template <class Call>
void call_plugin_at_end(std::string_view plugin, const char* name, Call&& call) noexcept {
  try {
    call_plugin(plugin, name, call);
  } catch (const std::exception& e) {
    nbd::log::error(std::string_view(e.what()));
  }
}

}  // namespace nbdkit
