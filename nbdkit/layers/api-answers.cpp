// SPDX-License-Identifier: BSD-3-Clause
//
// Exported to plugins: the answers to .extents and .list_exports, and the same
// lists as values of their own.
#include <string.h>

#include <cerrno>
#include <new>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "base/log.hpp"
#include "layers/answers.hpp"
#include "wire/protocol.hpp"

int nbdkit_add_extent(struct nbdkit_extents* extents, uint64_t offset, uint64_t length,
                      uint32_t type) {
  bool continues = false;
  const auto add = [&] { continues = extents->list.add(offset, length, type); };
  if (nbdkit::if_memory_lasts(add) == -1) return -1;
  if (continues) return 0;
  nbd::log::error("nbdkit_add_extent: extent at offset {} does not continue the one before",
                  offset);
  errno = ERANGE;
  return -1;
}

int nbdkit_add_export(struct nbdkit_exports* exports, const char* name, const char* description) {
  constexpr size_t kMaxString = nbd::wire::kMaxString;
  if (exports->list.size() >= nbdkit::kMaxExports || ::strlen(name) > kMaxString ||
      (description != nullptr && ::strlen(description) > kMaxString)) {
    nbd::log::error("nbdkit_add_export: more than {} exports, or a string longer than {} bytes",
                    nbdkit::kMaxExports, kMaxString);
    errno = EINVAL;
    return -1;
  }
  const auto add = [&] {
    exports->list.push_back({name, description != nullptr ? description : ""});
  };
  return nbdkit::if_memory_lasts(add);
}

int nbdkit_use_default_export(struct nbdkit_exports* exports) {
  exports->use_default = true;
  return 0;
}

// ---- Lists as values

struct nbdkit_extents* nbdkit_extents_new(uint64_t start, uint64_t end) {
  if (start >= INT64_MAX || end >= INT64_MAX || start >= end) {
    nbd::log::error("nbdkit_extents_new: start {} and end {} are out of range", start, end);
    errno = ERANGE;
    return nullptr;
  }
  auto* extents = new (std::nothrow) nbdkit_extents{nbd::Extents(start, end)};
  if (extents == nullptr) nbd::log::error("out of memory");
  return extents;
}

void nbdkit_extents_free(struct nbdkit_extents* extents) { delete extents; }

size_t nbdkit_extents_count(const struct nbdkit_extents* extents) {
  return extents->list.list().size();
}

struct nbdkit_extent nbdkit_get_extent(const struct nbdkit_extents* extents, size_t i) {
  // The list keeps lengths alone, being without gaps; few plugins walk it.
  uint64_t offset = extents->list.start();
  for (size_t before = 0; before < i; ++before) offset += extents->list.list()[before].length;
  const nbd::Extent& e = extents->list.list()[i];
  return {offset, e.length, e.type};
}

struct nbdkit_exports* nbdkit_exports_new(void) {
  auto* exports = new (std::nothrow) nbdkit_exports;
  if (exports == nullptr) nbd::log::error("out of memory");
  return exports;
}

void nbdkit_exports_free(struct nbdkit_exports* exports) { delete exports; }

size_t nbdkit_exports_count(const struct nbdkit_exports* exports) { return exports->list.size(); }

struct nbdkit_export nbdkit_get_export(const struct nbdkit_exports* exports, size_t i) {
  const nbd::ExportItem& item = exports->list[i];
  // The interface has no const here, but the strings are the list's.
  return {const_cast<char*>(item.name.c_str()),
          item.description.empty() ? nullptr : const_cast<char*>(item.description.c_str())};
}
