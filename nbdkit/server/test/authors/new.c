/* SPDX-License-Identifier: BSD-3-Clause
 *
 * As plugins are written today: API version 2, flags, extents, exports, block
 * sizes, a mutex of its own under the parallel model, every callback in use.
 *
 * One disk in memory; it remembers which blocks were written, and says so in
 * extents. `nbdkit new.so SIZE`.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2

#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define BLOCK 4096

int new_debug_writes; /* -D new.writes=1 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t size = -1;
static unsigned char *disk;
static bool *written;
static bool ready, forked;

struct handle {
  bool readonly;
  const char *name;
};

static void
new_load (void)
{
  nbdkit_debug ("load");
}

static void
new_unload (void)
{
  free (disk);
  free (written);
}

static int
new_config (const char *key, const char *value)
{
  if (strcmp (key, "size") == 0) {
    size = nbdkit_parse_size (value);
    return size == -1 ? -1 : 0;
  }
  nbdkit_error ("unknown parameter '%s'", key);
  return -1;
}

static int
new_config_complete (void)
{
  if (size == -1) {
    nbdkit_error ("you must give size=<SIZE> on the command line");
    return -1;
  }
  return 0;
}

static int
new_thread_model (void)
{
  return NBDKIT_THREAD_MODEL_PARALLEL;
}

static int
new_get_ready (void)
{
  disk = calloc (size + 1, 1);
  written = calloc (size / BLOCK + 1, sizeof *written);
  if (disk == NULL || written == NULL) {
    nbdkit_error ("calloc: %m");
    return -1;
  }
  ready = true;
  return 0;
}

static int
new_after_fork (void)
{
  forked = ready;
  return 0;
}

static void
new_cleanup (void)
{
  forked = false;
}

static void
new_dump_plugin (void)
{
  printf ("new_block=%d\n", BLOCK);
}

static int
new_preconnect (int readonly)
{
  (void) readonly;
  return forked ? 0 : -1;
}

static int
new_list_exports (int readonly, int is_tls, struct nbdkit_exports *exports)
{
  (void) readonly;
  (void) is_tls;
  if (nbdkit_use_default_export (exports) == -1)
    return -1;
  return nbdkit_add_export (exports, "other", "the other name of the disk");
}

static const char *
new_default_export (int readonly, int is_tls)
{
  return readonly || is_tls ? "guarded" : "open";
}

static void *
new_open (int readonly)
{
  struct handle *h = malloc (sizeof *h);

  if (h == NULL) {
    nbdkit_error ("malloc: %m");
    return NULL;
  }
  h->readonly = readonly;
  h->name = nbdkit_strdup_intern (nbdkit_export_name ());
  if (strcmp (h->name, "missing") == 0) {
    nbdkit_error ("there is no export \"%s\"", h->name);
    free (h);
    return NULL;
  }
  return h;
}

static void
new_close (void *handle)
{
  free (handle);
}

static const char *
new_export_description (void *handle)
{
  struct handle *h = handle;

  return nbdkit_printf_intern ("disk of %d, as \"%s\"", (int) size, h->name);
}

static int64_t
new_get_size (void *handle)
{
  (void) handle;
  return size;
}

static int
new_block_size (void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
  (void) handle;
  *minimum = 1;
  *preferred = BLOCK;
  *maximum = 0xffffffff;
  return 0;
}

static int
new_can_multi_conn (void *handle)
{
  (void) handle;
  return 1;
}

static int
new_can_fua (void *handle)
{
  (void) handle;
  return NBDKIT_FUA_NATIVE;
}

static int
new_can_fast_zero (void *handle)
{
  (void) handle;
  return 1;
}

static int
new_can_cache (void *handle)
{
  (void) handle;
  return NBDKIT_CACHE_EMULATE;
}

static void
mark (uint32_t count, uint64_t offset, bool value)
{
  uint64_t block;

  for (block = offset / BLOCK; block <= (offset + count - 1) / BLOCK; block++)
    written[block] = value;
}

static int
new_pread (void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void) handle;
  (void) flags;
  pthread_mutex_lock (&lock);
  memcpy (buf, disk + offset, count);
  pthread_mutex_unlock (&lock);
  return 0;
}

static int
new_pwrite (void *handle, const void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void) handle;
  /* A byte that cannot be written shows the errno that is set. */
  if (memchr (buf, 0xee, count)) {
    nbdkit_error ("0xee does not fit on this disk (%s)",
                  flags & NBDKIT_FLAG_FUA ? "at once" : "in time");
    nbdkit_set_error (ENOSPC);
    return -1;
  }
  if (new_debug_writes)
    nbdkit_debug ("write %u at %u", (unsigned) count, (unsigned) offset);
  pthread_mutex_lock (&lock);
  memcpy (disk + offset, buf, count);
  mark (count, offset, true);
  pthread_mutex_unlock (&lock);
  return 0;
}

static int
new_flush (void *handle, uint32_t flags)
{
  (void) handle;
  (void) flags;
  return 0;
}

static int
new_zero (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void) handle;
  if (offset % BLOCK != 0 || count % BLOCK != 0 || !(flags & NBDKIT_FLAG_MAY_TRIM)) {
    nbdkit_set_error (EOPNOTSUPP);
    return -1;
  }
  pthread_mutex_lock (&lock);
  memset (disk + offset, 0, count);
  mark (count, offset, false);
  pthread_mutex_unlock (&lock);
  return 0;
}

static int
new_trim (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  if (offset % BLOCK != 0 || count % BLOCK != 0)
    return 0;
  return new_zero (handle, count, offset, flags | NBDKIT_FLAG_MAY_TRIM);
}

static int
new_extents (void *handle, uint32_t count, uint64_t offset, uint32_t flags,
             struct nbdkit_extents *extents)
{
  uint64_t block;
  int r = 0;

  (void) handle;
  pthread_mutex_lock (&lock);
  for (block = offset / BLOCK; r == 0 && block * BLOCK < offset + count; block++) {
    r = nbdkit_add_extent (extents, block * BLOCK, BLOCK,
                           written[block] ? 0 : NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO);
    if (flags & NBDKIT_FLAG_REQ_ONE)
      break;
  }
  pthread_mutex_unlock (&lock);
  return r;
}

static struct nbdkit_plugin plugin = {
  .name               = "new",
  .longname           = "plugin in today's manner",
  .version            = "2",
  .description        = "Remembers which blocks were written.",
  .load               = new_load,
  .unload             = new_unload,
  .config             = new_config,
  .config_complete    = new_config_complete,
  .config_help        = "size=<SIZE>  (required) The size of the disk.",
  .magic_config_key   = "size",
  .thread_model       = new_thread_model,
  .get_ready          = new_get_ready,
  .after_fork         = new_after_fork,
  .cleanup            = new_cleanup,
  .dump_plugin        = new_dump_plugin,
  .preconnect         = new_preconnect,
  .list_exports       = new_list_exports,
  .default_export     = new_default_export,
  .open               = new_open,
  .close              = new_close,
  .export_description = new_export_description,
  .get_size           = new_get_size,
  .block_size         = new_block_size,
  .can_multi_conn     = new_can_multi_conn,
  .can_fua            = new_can_fua,
  .can_fast_zero      = new_can_fast_zero,
  .can_cache          = new_can_cache,
  .pread              = new_pread,
  .pwrite             = new_pwrite,
  .flush              = new_flush,
  .trim               = new_trim,
  .zero               = new_zero,
  .extents            = new_extents,
};

NBDKIT_REGISTER_PLUGIN(plugin)
