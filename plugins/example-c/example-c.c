/* SPDX-License-Identifier: BSD-3-Clause
 *
 * example-c: a plugin in C, against nbdkit-plugin.h alone. It serves a disk in
 * memory.
 *
 * It is C90, compiles unchanged against the header of the original nbdkit, and
 * what was compiled against either header loads into either server:
 *
 *   gcc -shared -fPIC example-c.c -o nbdkit-example-c-plugin.so
 *   nbdkit ./nbdkit-example-c-plugin.so size=1M
 *
 * Threads: the thread model lets one request at a time in, so nothing here
 * needs a lock.
 */
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS

static int64_t size = 1024 * 1024;
static char *disk;

static void
example_unload (void)
{
  free (disk);
}

static int
example_config (const char *key, const char *value)
{
  if (strcmp (key, "size") != 0) {
    nbdkit_error ("unknown parameter '%s'", key);
    return -1;
  }
  size = nbdkit_parse_size (value); /* says itself what is wrong */
  return size == -1 ? -1 : 0;
}

static int
example_config_complete (void)
{
  disk = calloc (size > 0 ? (size_t) size : 1, 1);
  if (disk == NULL) {
    nbdkit_error ("there is no memory for the disk");
    return -1;
  }
  return 0;
}

static void *
example_open (int readonly)
{
  (void) readonly; /* the server lets no write through then */
  return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t
example_get_size (void *handle)
{
  (void) handle;
  return size;
}

static int
example_pread (void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void) handle;
  (void) flags;
  memcpy (buf, disk + offset, count);
  return 0;
}

static int
example_pwrite (void *handle, const void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void) handle;
  (void) flags;
  memcpy (disk + offset, buf, count);
  return 0;
}

/* C90 has no .name = "...": the fields in their order, which never changes. A
 * plugin in later C names those that it has. */
static struct nbdkit_plugin plugin = {
  0, 0, 0, /* set by NBDKIT_REGISTER_PLUGIN */
  "example-c", "nbdkit example in C", NULL, "Example: a disk in memory, in C",
  NULL, example_unload,
  example_config, example_config_complete,
  "size=<SIZE>                   size of the disk (default 1M)",
  example_open, NULL /* close */,
  example_get_size,
  NULL, NULL, NULL, NULL,       /* can_write, can_flush, is_rotational, can_trim */
  NULL, NULL, NULL, NULL, NULL, /* requests as API version 1 had them */
  0,                            /* errno_is_preserved */
  NULL, NULL, NULL,             /* dump_plugin, can_zero, can_fua */
  example_pread, example_pwrite
};

NBDKIT_REGISTER_PLUGIN (plugin)
