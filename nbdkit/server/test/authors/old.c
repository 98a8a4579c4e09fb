/* SPDX-License-Identifier: BSD-3-Clause
 *
 * As plugins were written before API version 2: no NBDKIT_API_VERSION, requests
 * without flags, a parameter that is a bare first word (script=).
 *
 * A disk of 1 MiB in memory for each client, filled with the byte fill=.
 */
#include <stdlib.h>
#include <string.h>

#include <nbdkit-plugin.h>

#define SIZE (1024 * 1024)

static int fill = 0x11;

static int
old_config (const char *key, const char *value)
{
  if (strcmp (key, "fill") == 0 || strcmp (key, "script") == 0) {
    if (nbdkit_parse_int ("fill", value, &fill) == -1)
      return -1;
    return 0;
  }
  nbdkit_error ("unknown parameter '%s'", key);
  return -1;
}

#define old_config_help "fill=<N>     The byte that the disk is full of."

static void *
old_open (int readonly)
{
  char *disk = malloc (SIZE);

  if (disk == NULL) {
    nbdkit_error ("malloc: %m");
    return NULL;
  }
  nbdkit_debug ("readonly is %d", readonly);
  memset (disk, fill, SIZE);
  return disk;
}

static void
old_close (void *handle)
{
  free (handle);
}

static int64_t
old_get_size (void *handle)
{
  (void) handle;
  return SIZE;
}

static int
old_pread (void *handle, void *buf, uint32_t count, uint64_t offset)
{
  memcpy (buf, (char *) handle + offset, count);
  return 0;
}

static int
old_pwrite (void *handle, const void *buf, uint32_t count, uint64_t offset)
{
  memcpy ((char *) handle + offset, buf, count);
  return 0;
}

static int
old_flush (void *handle)
{
  (void) handle;
  return 0;
}

static int
old_trim (void *handle, uint32_t count, uint64_t offset)
{
  memset ((char *) handle + offset, fill, count);
  return 0;
}

static int
old_zero (void *handle, uint32_t count, uint64_t offset, int may_trim)
{
  /* The last 4 KiB show that the server writes zeroes itself when told to. */
  if (offset + count > SIZE - 4096) {
    errno = EOPNOTSUPP;
    return -1;
  }
  nbdkit_debug ("zero: may_trim is %d", may_trim);
  memset ((char *) handle + offset, 0, count);
  return 0;
}

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_REQUESTS

static struct nbdkit_plugin plugin = {
  .name               = "old",
  .longname           = "plugin in the old manner",
  .version            = "0.1",
  .config             = old_config,
  .config_help        = old_config_help,
  .open               = old_open,
  .close              = old_close,
  .get_size           = old_get_size,
  .pread              = old_pread,
  .pwrite             = old_pwrite,
  .flush              = old_flush,
  .trim               = old_trim,
  .zero               = old_zero,
  .errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN (plugin)
