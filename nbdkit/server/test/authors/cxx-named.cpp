// SPDX-License-Identifier: BSD-3-Clause
//
// A C++20 plugin that names its callbacks, which the language takes only in the
// order of the fields: that order is a part of the interface. Callbacks are
// extern "C"; the two headers beside nbdkit-plugin.h are named.
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <nbdkit-common.h>
#include <nbdkit-version.h>

#include <cstring>

#if NBDKIT_VERSION_MAJOR == 1 && NBDKIT_VERSION_MINOR < 10
#error "an nbdkit from the last years, please"
#endif

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_CONNECTIONS

extern "C" {

static void *named_open(int) { return NBDKIT_HANDLE_NOT_NEEDED; }
static int64_t named_get_size(void *) { return 1 << 20; }
static int named_is_rotational(void *) { return 1; }
static int named_pread(void *, void *buf, uint32_t count, uint64_t offset, uint32_t) {
  if (offset >= 1 << 19) {
    nbdkit_error("the second half of the disk is lost");
    nbdkit_set_error(EIO);
    return -1;
  }
  std::memset(buf, 'n', count);
  return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "cxx-named",
    .version = NBDKIT_VERSION_STRING,
    .open = named_open,
    .get_size = named_get_size,
    .is_rotational = named_is_rotational,
    .pread = named_pread,
};

NBDKIT_REGISTER_PLUGIN(plugin)
}
