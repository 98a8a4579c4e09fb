// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>

namespace nbdkit {

enum class ModuleKind { plugin, filter };
std::string_view kind_name(ModuleKind kind);  // "plugin", "filter"

// An open shared object. It stays mapped until the process ends: an exception
// that a filter threw, or a thread-local of a plugin, may outlive the stack.
class Module {
 public:
  // name: a short name, looked for in ../lib/nbdkit beside the executable, or a
  // path. Throws an Error that names it.
  Module(ModuleKind kind, const std::string& name);

  const std::string& path() const { return path_; }
  // nullptr if it has no such symbol.
  template <class Function>
  Function* function(const char* symbol) const {
    return reinterpret_cast<Function*>(find(symbol));
  }
  template <class Variable>
  Variable* variable(const char* symbol) const {
    return static_cast<Variable*>(find(symbol));
  }

 private:
  void* find(const char* symbol) const;

  std::string path_;
  void* handle_ = nullptr;
};

// A short name has neither '.' nor '/'.
bool is_short_name(std::string_view name);
std::string module_path(ModuleKind kind, const std::string& name);

// The rule for the names that modules give themselves: letters, digits, '-'.
bool is_valid_module_name(std::string_view name);

}  // namespace nbdkit
