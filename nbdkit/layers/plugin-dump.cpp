// SPDX-License-Identifier: BSD-3-Clause
#include "layers/plugin-dump.hpp"

#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include "layers/stack.hpp"

namespace nbdkit {

void print_plugin(const std::string& path, const PluginTable& table, nbd::ThreadModel in_use) {
  const nbdkit_plugin& p = table.callbacks;
  const auto text = [](const char* key, const char* value) {
    if (value != nullptr) fmt::print("{}={}\n", key, value);
  };
  // For programs that run elsewhere than we do.
  std::error_code unresolved;
  const std::string real = std::filesystem::canonical(path, unresolved).string();
  text("path", unresolved ? path.c_str() : real.c_str());
  text("name", p.name);
  text("version", p.version);
  fmt::print("api_version={}\nstruct_size={}\n", p._api_version, p._struct_size);
  fmt::print("max_thread_model={}\nthread_model={}\n",
             name_of(static_cast<nbd::ThreadModel>(p._thread_model)), name_of(in_use));
  fmt::print("errno_is_preserved={:d}\n", p.errno_is_preserved != 0);
  text("magic_config_key", p.magic_config_key);

#define NBDKIT_HAS(callback) \
  if (p.callback != nullptr) fmt::print("has_" #callback "=1\n");
  NBDKIT_HAS(longname)
  NBDKIT_HAS(description)
  NBDKIT_HAS(load)
  NBDKIT_HAS(unload)
  NBDKIT_HAS(dump_plugin)
  NBDKIT_HAS(config)
  NBDKIT_HAS(config_complete)
  NBDKIT_HAS(config_help)
  NBDKIT_HAS(thread_model)
  NBDKIT_HAS(get_ready)
  NBDKIT_HAS(after_fork)
  NBDKIT_HAS(cleanup)
  NBDKIT_HAS(preconnect)
  NBDKIT_HAS(list_exports)
  NBDKIT_HAS(default_export)
  NBDKIT_HAS(open)
  NBDKIT_HAS(close)
  NBDKIT_HAS(export_description)
  NBDKIT_HAS(get_size)
  NBDKIT_HAS(block_size)
  NBDKIT_HAS(can_write)
  NBDKIT_HAS(can_flush)
  NBDKIT_HAS(is_rotational)
  NBDKIT_HAS(can_trim)
  NBDKIT_HAS(can_zero)
  NBDKIT_HAS(can_fast_zero)
  NBDKIT_HAS(can_extents)
  NBDKIT_HAS(can_fua)
  NBDKIT_HAS(can_multi_conn)
  NBDKIT_HAS(can_cache)
  NBDKIT_HAS(pread)
  NBDKIT_HAS(pwrite)
  NBDKIT_HAS(flush)
  NBDKIT_HAS(trim)
  NBDKIT_HAS(zero)
  NBDKIT_HAS(extents)
  NBDKIT_HAS(cache)
  NBDKIT_HAS(_pread_v1)
  NBDKIT_HAS(_pwrite_v1)
  NBDKIT_HAS(_flush_v1)
  NBDKIT_HAS(_trim_v1)
  NBDKIT_HAS(_zero_v1)
#undef NBDKIT_HAS
}

}  // namespace nbdkit
