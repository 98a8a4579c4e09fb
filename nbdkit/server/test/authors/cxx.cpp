// SPDX-License-Identifier: BSD-3-Clause
//
// A C++ plugin in the original's manner: a function makes the struct. Compiles
// from C++11 on. A disk of one text, which letters= gives.
#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS

namespace {

std::string letters = "abcdefgh";

class Reader {
public:
  explicit Reader(bool readonly) : readonly_(readonly) {}
  bool readonly() const { return readonly_; }
  void read(char *to, uint32_t count, uint64_t offset) const {
    for (uint32_t i = 0; i < count; ++i) to[i] = letters[(offset + i) % letters.size()];
  }

private:
  bool readonly_;
};

int cxx_config(const char *key, const char *value) {
  if (std::strcmp(key, "letters") != 0 || *value == '\0') {
    nbdkit_error("no parameter %s=%s is known", key, value);
    return -1;
  }
  letters = value;
  return 0;
}

void *cxx_open(int readonly) { return new (std::nothrow) Reader(readonly != 0); }
void cxx_close(void *handle) { delete static_cast<Reader *>(handle); }
int64_t cxx_get_size(void *) { return 1 << 20; }

int cxx_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t) {
  static_cast<Reader *>(handle)->read(static_cast<char *>(buf), count, offset);
  return 0;
}

nbdkit_plugin create_plugin() {
  nbdkit_plugin plugin = nbdkit_plugin();
  plugin.name = "cxx";
  plugin.description = "Letters, again and again.";
  plugin.config = cxx_config;
  plugin.open = cxx_open;
  plugin.close = cxx_close;
  plugin.get_size = cxx_get_size;
  plugin.pread = cxx_pread;
  return plugin;
}

}  // namespace

static struct nbdkit_plugin plugin = create_plugin();
NBDKIT_REGISTER_PLUGIN(plugin)
