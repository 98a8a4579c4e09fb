/* SPDX-License-Identifier: BSD-3-Clause
   A disk in memory, a copy of the file that file= names. For the cc plugin. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS

static char disk[1 << 20];
static int64_t bad = -1;

static int my_config(const char *key, const char *value) {
  if (strcmp(key, "bad") == 0) {
    bad = nbdkit_parse_size(value);
    return bad == -1 ? -1 : 0;
  }
  char *path = nbdkit_realpath(value);
  FILE *file = path ? fopen(path, "rb") : NULL;
  if (!file || fread(disk, 1, sizeof disk, file) != sizeof disk) {
    nbdkit_error("%s: %m", value);
    return -1;
  }
  fclose(file);
  free(path);
  return 0;
}

static void *my_open(int readonly) { return NBDKIT_HANDLE_NOT_NEEDED; }
static int64_t my_get_size(void *h) { return sizeof disk; }

static int my_pread(void *h, void *buf, uint32_t count, uint64_t offset, uint32_t flags) {
  if (bad >= 0 && offset <= (uint64_t)bad && (uint64_t)bad < offset + count) {
    nbdkit_set_error(EPERM);
    return -1;
  }
  memcpy(buf, disk + offset, count);
  return 0;
}
static int my_pwrite(void *h, const void *buf, uint32_t count, uint64_t offset, uint32_t flags) {
  memcpy(disk + offset, buf, count);
  return 0;
}
static int my_flush(void *h, uint32_t flags) { return 0; }

static struct nbdkit_plugin plugin = {
  .name = "disk", .config = my_config, .magic_config_key = "file", .open = my_open,
  .get_size = my_get_size, .pread = my_pread, .pwrite = my_pwrite, .flush = my_flush,
};
NBDKIT_REGISTER_PLUGIN(plugin)
