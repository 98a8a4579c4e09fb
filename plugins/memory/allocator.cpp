// SPDX-License-Identifier: BSD-3-Clause
#include "allocator.hpp"

#include <nbdkit/sdk.hpp>

#include <cstdio>
#include <string>

namespace memory {

namespace {

#ifdef NBD_HAVE_ZSTD
constexpr bool kHaveZstd = true;
#else
constexpr bool kHaveZstd = false;
#endif
constexpr uint64_t kMaxLevel = 22;  // zstd's

struct Name {
  std::string_view text;
  Allocator::Kind kind;
};
constexpr Name kKinds[] = {{"sparse", Allocator::Kind::sparse},
                           {"malloc", Allocator::Kind::flat},
                           {"zstd", Allocator::Kind::zstd}};

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

int parse_level(std::string_view value) {
  const uint64_t level = nbd::parse_uint64("allocator=zstd,level", value);
  if (level < 1 || level > kMaxLevel) {
    throw nbd::Error("allocator=zstd: level=" + std::string(value) + " is not from 1 to " +
                     std::to_string(kMaxLevel));
  }
  return static_cast<int>(level);
}

// One NAME=VALUE after the kind.
void set(Allocator& allocator, std::string_view parameter, std::string_view all) {
  const size_t equals = parameter.find('=');
  const std::string_view name = parameter.substr(0, equals);
  const bool has_value = equals != std::string_view::npos;
  if (allocator.kind == Allocator::Kind::flat && name == "mlock") {
    allocator.lock_in_ram = !has_value || nbd::parse_bool(parameter.substr(equals + 1));
  } else if (allocator.kind == Allocator::Kind::zstd && name == "level" && has_value) {
    allocator.level = parse_level(parameter.substr(equals + 1));
  } else {
    throw nbd::Error("unknown parameter of the allocator: " + quoted(parameter) + " in " +
                     quoted(all));
  }
}

}  // namespace

Allocator Allocator::parse(std::string_view text) {
  size_t comma = text.find(',');
  const std::string_view name = text.substr(0, comma);
  Allocator out;
  bool known = false;
  for (const Name& k : kKinds) {
    if (k.text != name) continue;
    out.kind = k.kind;
    known = true;
  }
  if (!known) {
    throw nbd::Error("unknown allocator: expected sparse, malloc or zstd, got " + quoted(text));
  }
  if (out.kind == Kind::zstd && !kHaveZstd) {
    throw nbd::Error("allocator=zstd: this nbdkit was built without it (libzstd-dev)");
  }
  while (comma != std::string_view::npos) {
    const size_t start = comma + 1;
    comma = text.find(',', start);
    set(out, text.substr(start, comma - start), text);
  }
  return out;
}

std::unique_ptr<Store> Allocator::make_store(uint64_t size) const {
  switch (kind) {
    case Kind::flat: return make_flat_store(size, lock_in_ram);
#ifdef NBD_HAVE_ZSTD
    case Kind::zstd: return make_zstd_store(size, level);
#endif
    default: return make_sparse_store(size);
  }
}

void print_allocators() {
  std::printf("mlock=yes\n");
  if (kHaveZstd) std::printf("zstd=yes\n");
}

}  // namespace memory
