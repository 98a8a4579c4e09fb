// SPDX-License-Identifier: BSD-3-Clause
//
// Exported to modules: objects that several of them share. Filters are loaded so
// that none sees the symbols of another; what they have in common is found here by
// its name.
//
// Threads: any.
#include <cerrno>
#include <map>
#include <mutex>
#include <string>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin-extras.h>

#include "layers/answers.hpp"

namespace {

struct SharedObjects {
  std::mutex mutex;
  std::map<std::string, void*, std::less<>> by_name;
};

// Never destroyed: modules may use what they share until the process ends.
SharedObjects& shared_objects() {
  static auto* const all = new SharedObjects;
  return *all;
}

}  // namespace

void* nbdkit_shared_object(const char* name, void* (*make)(void)) {
  void* object = nullptr;
  const int result = nbdkit::if_memory_lasts([&] {
    SharedObjects& all = shared_objects();
    const std::lock_guard lock(all.mutex);
    auto [place, is_new] = all.by_name.try_emplace(name, nullptr);
    if (place->second == nullptr) place->second = make();
    object = place->second;
  });
  return result == 0 ? object : nullptr;
}
