/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests: a plugin in plain C, as its author would write it for any nbdkit.
 * It is compiled once for each version of the interface (NBDKIT_API_VERSION),
 * and says with what it reads how it was called:
 *
 *   byte 0  the most calls of pread that ran at the same time, in all
 *   byte 1  the same within one connection
 *   byte 2  how many connections were open at the same time
 *   byte 3  how many flushes there were
 *   byte 4  how many bytes of writes, modulo 256
 *   byte 5  the most calls of any kind that ran at the same time, open and close
 *           and what the handshake calls included
 *
 * Parameters: model=0..3 the thread model; wait=MS how long a pread takes;
 * struct-size=N how much of the struct the plugin claims to know; api=N the
 * version of the interface that it claims; bad=WHAT misbehave;
 * slow=MS how long each other call takes.
 */
#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#include <nbdkit-plugin.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZE (1 << 20)

struct connection {
  int running, most;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int running, most, open_now, open_most, flushes;
static unsigned written;
static int model = NBDKIT_THREAD_MODEL_PARALLEL;
static unsigned wait_ms = 0, slow_ms = 0;
static int inside, inside_most;
static const char* bad = "";

static int probe_config(const char* key, const char* value) {
  if (strcmp(key, "model") == 0) return nbdkit_parse_int("model", value, &model);
  if (strcmp(key, "slow") == 0) return nbdkit_parse_unsigned("slow", value, &slow_ms);
  if (strcmp(key, "wait") == 0) return nbdkit_parse_unsigned("wait", value, &wait_ms);
  if (strcmp(key, "bad") == 0) {
    bad = value;
    return 0;
  }
  nbdkit_error("unknown parameter '%s'", key);
  return -1;
}

static int probe_thread_model(void) { return model; }

static void sleep_ms(unsigned ms) {
  struct timespec t;
  t.tv_sec = 0;
  t.tv_nsec = ms * 1000000L;
  if (ms > 0) nanosleep(&t, NULL);
}

/* Around every call. */
static void enter(void) {
  pthread_mutex_lock(&lock);
  if (++inside > inside_most) inside_most = inside;
  pthread_mutex_unlock(&lock);
}

static void leave(void) {
  pthread_mutex_lock(&lock);
  inside--;
  pthread_mutex_unlock(&lock);
}

static void pass_through(void) {
  enter();
  sleep_ms(slow_ms);
  leave();
}

static void* probe_open(int readonly) {
  struct connection* c = calloc(1, sizeof *c);
  (void)readonly;
  pass_through();
  if (strcmp(bad, "shutdown") == 0) nbdkit_shutdown();
  if (strcmp(bad, "open") == 0) {
    nbdkit_error("open is bad");
    free(c);
    return NULL;
  }
  pthread_mutex_lock(&lock);
  if (++open_now > open_most) open_most = open_now;
  pthread_mutex_unlock(&lock);
  return c;
}

static void probe_close(void* handle) {
  pass_through();
  pthread_mutex_lock(&lock);
  open_now--;
  pthread_mutex_unlock(&lock);
  free(handle);
}

#ifndef PROBE_SIZELESS
static int64_t probe_get_size(void* handle) {
  (void)handle;
  pass_through();
  return strcmp(bad, "size") == 0 ? -5 : SIZE;
}
#endif

static int do_pread(void* handle, void* buf, uint32_t count, uint64_t offset) {
  struct connection* c = handle;
  unsigned char* out = buf;

  (void)offset;
  if (strcmp(bad, "pread") == 0) {
    nbdkit_error("pread is bad");
    nbdkit_set_error(ENOSPC);
    return -1;
  }
  enter();
  pthread_mutex_lock(&lock);
  if (++running > most) most = running;
  if (++c->running > c->most) c->most = c->running;
  pthread_mutex_unlock(&lock);

  sleep_ms(wait_ms);

  memset(buf, 0, count);
  pthread_mutex_lock(&lock);
  if (count >= 6) {
    out[0] = (unsigned char)most;
    out[1] = (unsigned char)c->most;
    out[2] = (unsigned char)open_most;
    out[3] = (unsigned char)flushes;
    out[4] = (unsigned char)written;
    out[5] = (unsigned char)inside_most;
  }
  running--;
  c->running--;
  pthread_mutex_unlock(&lock);
  leave();
  return 0;
}

static int do_pwrite(void* handle, const void* buf, uint32_t count, uint64_t offset) {
  (void)handle;
  (void)buf;
  (void)offset;
  pass_through();
  pthread_mutex_lock(&lock);
  written += count;
  pthread_mutex_unlock(&lock);
  return 0;
}

static int do_flush(void* handle) {
  (void)handle;
  pass_through();
  pthread_mutex_lock(&lock);
  flushes++;
  pthread_mutex_unlock(&lock);
  return 0;
}

#if NBDKIT_API_VERSION == 1

#define probe_pread do_pread
#define probe_pwrite do_pwrite
#define probe_flush do_flush

#else

static int probe_pread(void* handle, void* buf, uint32_t count, uint64_t offset, uint32_t flags) {
  (void)flags;
  return do_pread(handle, buf, count, offset);
}

static int probe_pwrite(void* handle, const void* buf, uint32_t count, uint64_t offset,
                        uint32_t flags) {
  (void)flags;
  return do_pwrite(handle, buf, count, offset);
}

static int probe_flush(void* handle, uint32_t flags) {
  (void)flags;
  return do_flush(handle);
}

static int probe_can_multi_conn(void* handle) {
  (void)handle;
  pass_through();
  return 1;
}

static int probe_extents(void* handle, uint32_t count, uint64_t offset, uint32_t flags,
                         struct nbdkit_extents* extents) {
  (void)handle;
  (void)flags;
  if (strcmp(bad, "no-extents") == 0) return 0;
  if (strcmp(bad, "gap") == 0) return nbdkit_add_extent(extents, offset + 512, count, 0);
  if (strcmp(bad, "ignored-gap") == 0) {
    nbdkit_add_extent(extents, offset + 512, count, 0);
    return 0;
  }
  if (strcmp(bad, "hole-in-the-middle") == 0) {
    if (nbdkit_add_extent(extents, offset, 512, 0) == -1) return -1;
    return nbdkit_add_extent(extents, offset + 1024, count, 0);
  }
  if (nbdkit_add_extent(extents, 0, offset + 512, 0) == -1) return -1;
  return nbdkit_add_extent(extents, offset + 512, UINT64_MAX - offset - 512, NBDKIT_EXTENT_HOLE);
}

static int probe_can_fua(void* handle) {
  (void)handle;
  return strcmp(bad, "can-fua") == 0 ? -7 : NBDKIT_FUA_EMULATE;
}

static int probe_can_cache(void* handle) {
  (void)handle;
  return strcmp(bad, "can-cache") == 0 ? 99 : NBDKIT_CACHE_NONE;
}

static int probe_block_size(void* handle, uint32_t* minimum, uint32_t* preferred,
                            uint32_t* maximum) {
  (void)handle;
  *minimum = strcmp(bad, "block-size") == 0 ? 3 : 1;
  *preferred = 4096;
  *maximum = 0xffffffff;
  return 0;
}

#endif

static struct nbdkit_plugin plugin = {
#ifndef PROBE_NAMELESS
    .name = "probe",
#endif
    .config = probe_config,
    .open = probe_open,
    .close = probe_close,
#ifndef PROBE_SIZELESS
    .get_size = probe_get_size,
#endif
    .pread = probe_pread,
    .pwrite = probe_pwrite,
    .flush = probe_flush,
    .thread_model = probe_thread_model,
#if NBDKIT_API_VERSION != 1
    .can_multi_conn = probe_can_multi_conn,
    .can_fua = probe_can_fua,
    .can_cache = probe_can_cache,
    .extents = probe_extents,
    .block_size = probe_block_size,
#endif
};

#ifndef PROBE_STRUCT_SIZE
NBDKIT_REGISTER_PLUGIN(plugin)
#else
/* As compiled against a header that knew less, or more, or another interface. */
NBDKIT_CXX_LANG_C NBDKIT_DLL_PUBLIC struct nbdkit_plugin* plugin_init(void);
struct nbdkit_plugin* plugin_init(void) {
  static char newer[2 * sizeof(struct nbdkit_plugin)];
  plugin._struct_size = PROBE_STRUCT_SIZE;
  plugin._api_version = PROBE_API;
  plugin._thread_model = THREAD_MODEL;
  memset(newer, 0xff, sizeof newer); /* what a newer header has behind ours */
  memcpy(newer, &plugin, sizeof plugin);
  return (struct nbdkit_plugin*)newer;
}
#endif
