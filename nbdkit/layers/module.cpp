// SPDX-License-Identifier: BSD-3-Clause
#include "layers/module.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "base/error.hpp"
#include "base/process.hpp"

namespace nbdkit {

namespace {
constexpr std::string_view kHint =
    "Use 'nbdkit --help' or read the nbdkit(1) manual page for documentation.";
}

std::string_view kind_name(ModuleKind kind) {
  return kind == ModuleKind::plugin ? "plugin" : "filter";
}

bool is_short_name(std::string_view name) {
  return name.find_first_of("./") == std::string_view::npos;
}

std::string module_path(ModuleKind kind, const std::string& name) {
  if (!is_short_name(name)) return name;
  const std::filesystem::path path =
      fmt::format("{0}/../lib/nbdkit/{1}s/nbdkit-{2}-{1}.so", nbd::executable_directory(),
                  kind_name(kind), name);
  return path.lexically_normal().string();
}

bool is_valid_module_name(std::string_view name) {
  const auto alphanumeric = [](unsigned char c) { return std::isalnum(c) != 0; };
  return !name.empty() && alphanumeric(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(),
                     [&](unsigned char c) { return c == '-' || alphanumeric(c); });
}

Module::Module(ModuleKind kind, const std::string& name) : path_(module_path(kind, name)) {
  // Plugins see each other's symbols: language plugins load extension modules
  // that expect to find the interpreter's.
  const int visibility = kind == ModuleKind::plugin ? RTLD_GLOBAL : RTLD_LOCAL;
  handle_ = ::dlopen(path_.c_str(), RTLD_NOW | visibility);
  if (handle_ == nullptr) {
    nbd::fail("cannot open {} '{}': {}\n{}", kind_name(kind), name, ::dlerror(), kHint);
  }
}

void* Module::find(const char* symbol) const { return ::dlsym(handle_, symbol); }

}  // namespace nbdkit
