// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string_view>

#include "store.hpp"

namespace memory {

// What allocator= says.
struct Allocator {
  enum class Kind { sparse, flat, zstd } kind = Kind::sparse;
  bool lock_in_ram = false;  // flat only
  int level = 0;             // zstd only; 0: its default

  // sparse | malloc[,mlock[=BOOL]] | zstd[,level=N]. Throws an Error that names
  // what is not understood, or not built in.
  static Allocator parse(std::string_view text);

  std::unique_ptr<Store> make_store(uint64_t size) const;
};

// The lines of --dump-plugin that tell scripts which allocators there are.
void print_allocators();

}  // namespace memory
