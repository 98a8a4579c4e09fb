// SPDX-License-Identifier: BSD-3-Clause
#include "fuse-options.hpp"

#include <unistd.h>

#include <charconv>
#include <chrono>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace nbdfuse {

namespace {

using Set = void (*)(FuseOptions&, const std::string& value);

double parse_seconds(const char* what, const std::string& value) {
  return std::chrono::duration<double>(nbd::parse_delay(what, value)).count();
}

mode_t parse_octal(const std::string& value) {
  unsigned mode = 0;
  const char* const end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, mode, 8);
  if (error != std::errc() || rest != end || mode > 0777) {
    nbd::fail("-o umask: \"{}\" is not an octal number of at most 777", value);
  }
  return mode;
}

struct Row {
  const char* name;
  bool takes_value;
  Set set;
};

constexpr Row kOurs[] = {
    {"ro", false, [](FuseOptions& o, const std::string&) { o.read_only = true; }},
    {"nonempty", false, [](FuseOptions& o, const std::string&) { o.nonempty = true; }},
    // One thread reads the kernel's requests, and never waits.
    {"clone_fd", false, [](FuseOptions&, const std::string&) {}},
    {"max_threads", true,
     [](FuseOptions&, const std::string& v) {
       (void)nbd::parse_unsigned("-o max_threads", v, UINT32_MAX);
     }},
    {"max_idle_threads", true,
     [](FuseOptions&, const std::string& v) {
       (void)nbd::parse_unsigned("-o max_idle_threads", v, UINT32_MAX);
     }},
    {"kernel_cache", false,
     [](FuseOptions& o, const std::string&) {
       o.file.keep_cache = FileSystemSettings::Keep::always;
     }},
    {"auto_cache", false,
     [](FuseOptions& o, const std::string&) {
       o.file.keep_cache = FileSystemSettings::Keep::unless_written;
     }},
    {"uid", true,
     [](FuseOptions& o, const std::string& v) {
       o.file.uid = static_cast<uid_t>(nbd::parse_unsigned("-o uid", v, UINT32_MAX - 1));
     }},
    {"gid", true,
     [](FuseOptions& o, const std::string& v) {
       o.file.gid = static_cast<gid_t>(nbd::parse_unsigned("-o gid", v, UINT32_MAX - 1));
     }},
    {"umask", true, [](FuseOptions& o, const std::string& v) { o.file.umask = parse_octal(v); }},
    {"entry_timeout", true,
     [](FuseOptions& o, const std::string& v) {
       o.file.entry_timeout = parse_seconds("-o entry_timeout", v);
     }},
    {"attr_timeout", true,
     [](FuseOptions& o, const std::string& v) {
       o.file.attr_timeout = parse_seconds("-o attr_timeout", v);
     }},
};

}  // namespace

FuseOptions read_fuse_options(const std::vector<std::string>& options) {
  FuseOptions result;
  result.file.uid = ::geteuid();
  result.file.gid = ::getegid();
  for (const auto& option : options) {
    const auto equals = option.find('=');
    const std::string name = option.substr(0, equals);
    const bool has_value = equals != std::string::npos;
    const Row* ours = nullptr;
    for (const Row& row : kOurs) {
      if (name == row.name) ours = &row;
    }
    if (ours == nullptr) {
      result.for_kernel.push_back(option);
      continue;
    }
    if (ours->takes_value != has_value) {
      nbd::fail("-o {}: {}", option, has_value ? "takes no value" : "needs a value");
    }
    ours->set(result, has_value ? option.substr(equals + 1) : "");
  }
  return result;
}

}  // namespace nbdfuse
