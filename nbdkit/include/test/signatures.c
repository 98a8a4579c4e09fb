/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The public interface as a source sees it: every function with its type, every
 * constant with its value, callbacks with theirs. Compiles against the header of
 * the original as well, which shows that the two are one interface. C and C++.
 */
#include <stddef.h>

#include <nbdkit-plugin.h>

/* The second header a source may name, once it has the first. */
#include <nbdkit-common.h>
#include <nbdkit-version.h>

#define SINCE(minor) (NBDKIT_VERSION_MAJOR > 1 || NBDKIT_VERSION_MINOR >= (minor))

struct functions {
  void (*error) (const char *, ...);
  void (*verror) (const char *, va_list);
  void (*set_error) (int);
  int (*parse_int) (const char *, const char *, int *);
  int (*parse_unsigned) (const char *, const char *, unsigned *);
  int (*parse_int8_t) (const char *, const char *, int8_t *);
  int (*parse_uint8_t) (const char *, const char *, uint8_t *);
  int (*parse_int16_t) (const char *, const char *, int16_t *);
  int (*parse_uint16_t) (const char *, const char *, uint16_t *);
  int (*parse_int32_t) (const char *, const char *, int32_t *);
  int (*parse_uint32_t) (const char *, const char *, uint32_t *);
  int (*parse_int64_t) (const char *, const char *, int64_t *);
  int (*parse_uint64_t) (const char *, const char *, uint64_t *);
  int64_t (*parse_size) (const char *);
  int (*parse_bool) (const char *);
  int (*read_password) (const char *, char **);
  int (*no_arguments) (void);
  char *(*path) (const char *);
  int (*nanosleep_) (unsigned, unsigned);
  const char *(*export_name) (void);
  int (*peer_name) (struct sockaddr *, socklen_t *);
  int64_t (*peer_id) (void);
  void (*shutdown_) (void);
  const char *(*strdup_) (const char *);
  const char *(*strndup_) (const char *, size_t);
  const char *(*printf_) (const char *, ...);
  const char *(*vprintf_) (const char *, va_list);
  int (*add_extent) (struct nbdkit_extents *, uint64_t, uint64_t, uint32_t);
  int (*add_export) (struct nbdkit_exports *, const char *, const char *);
  int (*use_default_export) (struct nbdkit_exports *);
#if SINCE (34)
  void (*disconnect) (int);
#endif
#if SINCE (36)
  int (*parse_probability) (const char *, const char *, double *);
  char *(*peer_security_context) (void);
#endif
#if SINCE (40)
  int (*parse_delay) (const char *, const char *, unsigned *, unsigned *);
  char *(*peer_tls_dn) (void);
#endif
#if SINCE (44)
  struct nbdkit_extents *(*extents_new) (uint64_t, uint64_t);
  void (*extents_free) (struct nbdkit_extents *);
  struct nbdkit_exports *(*exports_new) (void);
  void (*exports_free) (struct nbdkit_exports *);
#endif
#if SINCE (46)
  void (*hexdump) (const void *, size_t, const char *, uint64_t);
#endif
};

extern void take_functions (struct functions *f);

void
take_functions (struct functions *f)
{
  f->error = nbdkit_error;
  f->error = nbdkit_debug;
  f->verror = nbdkit_verror;
  f->verror = nbdkit_vdebug;
  f->set_error = nbdkit_set_error;
  f->parse_int = nbdkit_parse_int;
  f->parse_unsigned = nbdkit_parse_unsigned;
  f->parse_int8_t = nbdkit_parse_int8_t;
  f->parse_uint8_t = nbdkit_parse_uint8_t;
  f->parse_int16_t = nbdkit_parse_int16_t;
  f->parse_uint16_t = nbdkit_parse_uint16_t;
  f->parse_int32_t = nbdkit_parse_int32_t;
  f->parse_uint32_t = nbdkit_parse_uint32_t;
  f->parse_int64_t = nbdkit_parse_int64_t;
  f->parse_uint64_t = nbdkit_parse_uint64_t;
  f->parse_size = nbdkit_parse_size;
  f->parse_bool = nbdkit_parse_bool;
  f->read_password = nbdkit_read_password;
  f->no_arguments = nbdkit_stdio_safe;
  f->no_arguments = nbdkit_is_tls;
  f->path = nbdkit_absolute_path;
  f->path = nbdkit_realpath;
  f->nanosleep_ = nbdkit_nanosleep;
  f->export_name = nbdkit_export_name;
  f->peer_name = nbdkit_peer_name;
  f->peer_id = nbdkit_peer_pid;
  f->peer_id = nbdkit_peer_uid;
  f->peer_id = nbdkit_peer_gid;
  f->shutdown_ = nbdkit_shutdown;
  f->strdup_ = nbdkit_strdup_intern;
  f->strndup_ = nbdkit_strndup_intern;
  f->printf_ = nbdkit_printf_intern;
  f->vprintf_ = nbdkit_vprintf_intern;
  f->add_extent = nbdkit_add_extent;
  f->add_export = nbdkit_add_export;
  f->use_default_export = nbdkit_use_default_export;
#if SINCE (34)
  f->disconnect = nbdkit_disconnect;
#endif
#if SINCE (36)
  f->parse_probability = nbdkit_parse_probability;
  f->peer_security_context = nbdkit_peer_security_context;
#endif
#if SINCE (40)
  f->parse_delay = nbdkit_parse_delay;
  f->peer_tls_dn = nbdkit_peer_tls_dn;
  f->peer_tls_dn = nbdkit_peer_tls_issuer_dn;
#endif
#if SINCE (44)
  f->extents_new = nbdkit_extents_new;
  f->extents_free = nbdkit_extents_free;
  f->exports_new = nbdkit_exports_new;
  f->exports_free = nbdkit_exports_free;
#endif
#if SINCE (46)
  f->hexdump = nbdkit_debug_hexdump;
#endif
}

/* A wrong value makes an array of a negative size. */
#define IS(name, value) extern int name##_is[(name) == (value) ? 1 : -1]
IS (NBDKIT_THREAD_MODEL_SERIALIZE_CONNECTIONS, 0);
IS (NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS, 1);
IS (NBDKIT_THREAD_MODEL_SERIALIZE_REQUESTS, 2);
IS (NBDKIT_THREAD_MODEL_PARALLEL, 3);
IS (NBDKIT_FLAG_MAY_TRIM, 1);
IS (NBDKIT_FLAG_FUA, 2);
IS (NBDKIT_FLAG_REQ_ONE, 4);
IS (NBDKIT_FLAG_FAST_ZERO, 8);
IS (NBDKIT_FUA_NONE, 0);
IS (NBDKIT_FUA_EMULATE, 1);
IS (NBDKIT_FUA_NATIVE, 2);
IS (NBDKIT_CACHE_NONE, 0);
IS (NBDKIT_CACHE_EMULATE, 1);
IS (NBDKIT_CACHE_NATIVE, 2);
IS (NBDKIT_EXTENT_HOLE, 1);
IS (NBDKIT_EXTENT_ZERO, 2);
IS (NBDKIT_VERSION_MAJOR, 1);
#if UINTPTR_MAX > 0xffffffffu
extern int size_is[sizeof (struct nbdkit_plugin) == 384 ? 1 : -1];
#endif
extern int version_is_text[sizeof (NBDKIT_VERSION_STRING) >= sizeof ("1.0.0") ? 1 : -1];

/* Requests, in the two versions of the interface. */
#if NBDKIT_API_VERSION == 1
typedef int (*pread_t) (void *, void *, uint32_t, uint64_t);
typedef int (*pwrite_t) (void *, const void *, uint32_t, uint64_t);
typedef int (*flush_t) (void *);
typedef int (*trim_t) (void *, uint32_t, uint64_t);
typedef int (*zero_t) (void *, uint32_t, uint64_t, int);
#else
typedef int (*pread_t) (void *, void *, uint32_t, uint64_t, uint32_t);
typedef int (*pwrite_t) (void *, const void *, uint32_t, uint64_t, uint32_t);
typedef int (*flush_t) (void *, uint32_t);
typedef int (*trim_t) (void *, uint32_t, uint64_t, uint32_t);
typedef int (*zero_t) (void *, uint32_t, uint64_t, uint32_t);
#endif

struct callbacks {
  pread_t pread;
  pwrite_t pwrite;
  flush_t flush;
  trim_t trim;
  zero_t zero;
  int (*ask) (void *);
  int (*start) (void);
  void (*end) (void);
  int (*config) (const char *, const char *);
  void *(*open) (int);
  void (*close) (void *);
  int64_t (*get_size) (void *);
  int (*extents) (void *, uint32_t, uint64_t, uint32_t, struct nbdkit_extents *);
  int (*cache) (void *, uint32_t, uint64_t, uint32_t);
  int (*preconnect) (int);
  int (*list_exports) (int, int, struct nbdkit_exports *);
  const char *(*default_export) (int, int);
  const char *(*export_description) (void *);
  int (*block_size) (void *, uint32_t *, uint32_t *, uint32_t *);
};

extern void fill (struct nbdkit_plugin *p, const struct callbacks *c);

void
fill (struct nbdkit_plugin *p, const struct callbacks *c)
{
  p->name = p->longname = p->version = p->description = "x";
  p->config_help = p->magic_config_key = NULL;
  p->errno_is_preserved = 1;
  p->load = p->unload = p->dump_plugin = p->cleanup = c->end;
  p->config = c->config;
  p->config_complete = p->thread_model = p->get_ready = p->after_fork = c->start;
  p->preconnect = c->preconnect;
  p->list_exports = c->list_exports;
  p->default_export = c->default_export;
  p->open = c->open;
  p->close = c->close;
  p->get_size = c->get_size;
  p->export_description = c->export_description;
  p->block_size = c->block_size;
  p->can_write = p->can_flush = p->is_rotational = p->can_trim = p->can_zero = c->ask;
  p->can_fast_zero = p->can_extents = p->can_fua = p->can_multi_conn = p->can_cache = c->ask;
  p->pread = c->pread;
  p->pwrite = c->pwrite;
  p->flush = c->flush;
  p->trim = c->trim;
  p->zero = c->zero;
  p->extents = c->extents;
  p->cache = c->cache;
}

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
static struct nbdkit_plugin registered;
NBDKIT_REGISTER_PLUGIN (registered)
