// SPDX-License-Identifier: BSD-3-Clause
#include "layers/debug-flags.hpp"

#include <algorithm>
#include <climits>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace nbdkit {

namespace {

// "data-path" of "my-plugin" -> my_plugin_debug_data_path, which C can spell.
std::string variable_name(std::string_view module, std::string_view flag) {
  std::string out = fmt::format("{}_debug_{}", module, flag);
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return out;
}

int* server_variable(std::string_view name) {
  ServerDebugFlags& own = server_debug_flags();
  if (name == "nbdkit_debug_backend_controlpath") return &own.backend_controlpath;
  if (name == "nbdkit_debug_backend_datapath") return &own.backend_datapath;
  if (name == "nbdkit_debug_environ") return &own.environ_;
  if (name == "nbdkit_debug_tls_log") return &own.tls_log;
  if (name == "nbdkit_debug_tls_session") return &own.tls_session;
  return nullptr;
}

}  // namespace

ServerDebugFlags& server_debug_flags() {
  static ServerDebugFlags flags;
  return flags;
}

DebugFlags::DebugFlags(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    const size_t dot = word.substr(0, equals).find('.');
    if (equals == std::string::npos || dot == std::string::npos || dot == 0 || dot + 1 == equals) {
      nbd::fail("-D: expected NAME.FLAG=N, got \"{}\"", word);
    }
    const auto value =
        nbd::parse_int("-D " + word.substr(0, equals), word.substr(equals + 1), INT_MIN, INT_MAX);
    flags_.push_back(
        {word.substr(0, dot), word.substr(dot + 1, equals - dot - 1), static_cast<int>(value)});
  }
  apply_to_server();
}

void DebugFlags::apply_to_server() {
  for (Flag& flag : flags_) {
    if (flag.module != "nbdkit") continue;
    int* variable = server_variable(variable_name(flag.module, flag.name));
    if (variable == nullptr) nbd::fail("-D: the server has no debug flag \"{}\"", flag.name);
    *variable = flag.value;
    flag.applied = true;
  }
}

void DebugFlags::apply(std::string_view name, const Module& module) {
  for (Flag& flag : flags_) {
    if (flag.module != name) continue;
    const std::string variable = variable_name(name, flag.name);
    int* const value = module.variable<int>(variable.c_str());
    if (value == nullptr) {
      nbd::fail("-D: {} has no debug flag \"{}\" (a global variable {})", name, flag.name,
                variable);
    }
    *value = flag.value;
    flag.applied = true;
  }
}

void DebugFlags::check_all_applied() const {
  for (const Flag& flag : flags_) {
    if (flag.applied) continue;
    nbd::fail("-D {}.{}: no plugin or filter of this name is loaded", flag.module, flag.name);
  }
}

}  // namespace nbdkit
