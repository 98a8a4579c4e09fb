/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The C interface between nbdkit and a plugin.
 *
 * Binary compatible with every nbdkit since 1.0: the order of the fields in
 * struct nbdkit_plugin, the way in which a plugin says how much of it it knows
 * (_struct_size, _api_version), and the names and signatures of the functions
 * that the server exports. Fields are only ever added at the end.
 *
 * A plugin defines THREAD_MODEL, fills one static struct nbdkit_plugin and ends
 * with NBDKIT_REGISTER_PLUGIN (that_struct). It is not linked to any library:
 * the nbdkit_* functions are found in the server that loads it.
 *
 * Conventions. Callbacks return 0 (or a handle, or a boolean as 0/1) on success
 * and -1 (or NULL) on failure, after nbdkit_error() has said why. The errno that
 * a client sees is what nbdkit_set_error() was given, else errno if
 * .errno_is_preserved is non-zero, else EIO. Offsets and sizes are in bytes; a
 * request never reaches past the size that .get_size returned. Which callbacks
 * may run at the same time, and in which threads, is what THREAD_MODEL says.
 *
 * C90 apart from <stdint.h>, so that old compilers take it; C++ as well.
 * nbdkit-plugin(3) is the reference.
 */

#ifndef NBDKIT_PLUGIN_H
#define NBDKIT_PLUGIN_H

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <nbdkit-version.h>

/* Which interface the source was written for; 1 is that of before 2018. */
#ifndef NBDKIT_API_VERSION
#define NBDKIT_API_VERSION 1
#elif (NBDKIT_API_VERSION - 0) < 1 || (NBDKIT_API_VERSION - 0) > 2
#error "NBDKIT_API_VERSION must be 1 or 2"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Constants ------------------------------------------------------- */

/* Thread models, from the most careful to the least. */
#define NBDKIT_THREAD_MODEL_SERIALIZE_CONNECTIONS 0  /* one client at a time */
#define NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS 1 /* one request at a time */
#define NBDKIT_THREAD_MODEL_SERIALIZE_REQUESTS 2     /* one per connection */
#define NBDKIT_THREAD_MODEL_PARALLEL 3               /* any number at once */

/* Flags of requests. */
#define NBDKIT_FLAG_MAY_TRIM (1 << 0)  /* zero: a hole is as good as zeroes */
#define NBDKIT_FLAG_FUA (1 << 1)       /* on the disk before the reply */
#define NBDKIT_FLAG_REQ_ONE (1 << 2)   /* extents: the first one is enough */
#define NBDKIT_FLAG_FAST_ZERO (1 << 3) /* zero: only if faster than writing */

/* What .can_fua and .can_cache return. */
#define NBDKIT_FUA_NONE 0
#define NBDKIT_FUA_EMULATE 1 /* the server flushes after the request */
#define NBDKIT_FUA_NATIVE 2
#define NBDKIT_CACHE_NONE 0
#define NBDKIT_CACHE_EMULATE 1 /* the server reads and forgets */
#define NBDKIT_CACHE_NATIVE 2

/* Types of extents, or-ed; 0 is allocated data. */
#define NBDKIT_EXTENT_HOLE (1 << 0)
#define NBDKIT_EXTENT_ZERO (1 << 1)

/* What .open returns when a plugin keeps nothing per connection. */
#define NBDKIT_HANDLE_NOT_NEEDED (&errno)

/* ---- What the server offers to plugins ------------------------------- */

#if defined(__GNUC__)
#define NBDKIT_PUBLIC_ __attribute__((__visibility__("default")))
#else
#define NBDKIT_PUBLIC_
#endif

/* The compiler checks formats, except where it would object to %m: gcc in its
 * strict modes, when pedantic. HAVE_VFPRINTF_PERCENT_M asks for it there too. */
#if defined(__clang__) || \
    (defined(__GNUC__) && (defined(HAVE_VFPRINTF_PERCENT_M) || !defined(__STRICT_ANSI__)))
#define NBDKIT_PRINTF_(f, a) __attribute__((__format__(__printf__, f, a)))
#else
#define NBDKIT_PRINTF_(f, a)
#endif
#define NBDKIT_DLL_PUBLIC NBDKIT_PUBLIC_

struct nbdkit_extents; /* filled by .extents, through nbdkit_add_extent */
struct nbdkit_exports; /* filled by .list_exports, through nbdkit_add_export */

/* Messages. printf formats; %m is the text of errno, which survives the call. */
extern NBDKIT_PUBLIC_ void nbdkit_error(const char* fmt, ...) NBDKIT_PRINTF_(1, 2);
extern NBDKIT_PUBLIC_ void nbdkit_verror(const char* fmt, va_list args) NBDKIT_PRINTF_(1, 0);
extern NBDKIT_PUBLIC_ void nbdkit_debug(const char* fmt, ...) NBDKIT_PRINTF_(1, 2);
extern NBDKIT_PUBLIC_ void nbdkit_vdebug(const char* fmt, va_list args) NBDKIT_PRINTF_(1, 0);

/* The errno of the request that this thread works on. */
extern NBDKIT_PUBLIC_ void nbdkit_set_error(int err);

/* With --verbose, len bytes as lines of "PREFIXOFFSET: 16 bytes in hex |ASCII|".
 * prefix: may be NULL. start: the offset of the first byte that is shown. */
extern NBDKIT_PUBLIC_ void nbdkit_debug_hexdump(const void* buf, size_t len, const char* prefix,
                                                uint64_t start);
/* The same of two buffers of len bytes: a line in which they differ stands there
 * twice, "-" before that of buf1, "+" before the bytes of buf2 that are others. */
extern NBDKIT_PUBLIC_ void nbdkit_debug_hexdiff(const void* buf1, const void* buf2, size_t len,
                                                const char* prefix, uint64_t start);

/* Parameters. 0 and *r set; or -1, an error said, *r as it was. */
extern NBDKIT_PUBLIC_ int nbdkit_parse_int(const char* what, const char* str, int* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_unsigned(const char* what, const char* str, unsigned* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_int8_t(const char* what, const char* str, int8_t* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_uint8_t(const char* what, const char* str, uint8_t* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_int16_t(const char* what, const char* str, int16_t* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_uint16_t(const char* what, const char* str, uint16_t* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_int32_t(const char* what, const char* str, int32_t* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_uint32_t(const char* what, const char* str, uint32_t* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_int64_t(const char* what, const char* str, int64_t* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_uint64_t(const char* what, const char* str, uint64_t* r);
extern NBDKIT_PUBLIC_ int64_t nbdkit_parse_size(const char* str);
extern NBDKIT_PUBLIC_ int nbdkit_parse_bool(const char* str);
extern NBDKIT_PUBLIC_ int nbdkit_parse_probability(const char* what, const char* str, double* r);
extern NBDKIT_PUBLIC_ int nbdkit_parse_delay(const char* what, const char* str, unsigned* sec,
                                             unsigned* nsec);

/* A password from a parameter: itself; "-" asks for it on the terminal; "+FILE"
 * is the first line of a file; "-FD" that of a descriptor, which is closed then.
 * 0 and *password malloc'd, the caller frees; or -1 after an error. */
extern NBDKIT_PUBLIC_ int nbdkit_read_password(const char* value, char** password);

/* Paths, as they were before the server changed to "/": absolute; or also with
 * symbolic links resolved. malloc'd, the caller frees; NULL after an error. */
extern NBDKIT_PUBLIC_ char* nbdkit_absolute_path(const char* path);
extern NBDKIT_PUBLIC_ char* nbdkit_realpath(const char* path);

/* 1 while a plugin may use stdin and stdout (to ask for a password, say). */
extern NBDKIT_PUBLIC_ int nbdkit_stdio_safe(void);

/* Sleeps. -1 with errno ESHUTDOWN, early, if the server ends, or if the client of
 * this request is found to have gone away without a goodbye; with a strict
 * thread model that may be noticed only after the sleep. */
extern NBDKIT_PUBLIC_ int nbdkit_nanosleep(unsigned sec, unsigned nsec);

/* The client of this thread's request. Strings live until it disconnects. */
extern NBDKIT_PUBLIC_ const char* nbdkit_export_name(void);
extern NBDKIT_PUBLIC_ int nbdkit_is_tls(void);
extern NBDKIT_PUBLIC_ int nbdkit_peer_name(struct sockaddr* addr, socklen_t* addrlen);
extern NBDKIT_PUBLIC_ int64_t nbdkit_peer_pid(void);
extern NBDKIT_PUBLIC_ int64_t nbdkit_peer_uid(void);
extern NBDKIT_PUBLIC_ int64_t nbdkit_peer_gid(void);
/* The SELinux or AppArmor label of a client on a Unix socket; free() it. NULL
 * after a message if there is none. */
extern NBDKIT_PUBLIC_ char* nbdkit_peer_security_context(void);
/* RFC 4514 names from the client's TLS certificate; "" if it was not verified
 * (--tls-verify-peer). malloc'd, the caller frees; NULL after an error. */
extern NBDKIT_PUBLIC_ char* nbdkit_peer_tls_dn(void);
extern NBDKIT_PUBLIC_ char* nbdkit_peer_tls_issuer_dn(void);

/* Ends the server cleanly; returns at once. */
extern NBDKIT_PUBLIC_ void nbdkit_shutdown(void);
/* Ends this client's connection: force != 0 now and without a reply, else its
 * later requests fail with ESHUTDOWN. */
extern NBDKIT_PUBLIC_ void nbdkit_disconnect(int force);

/* Copies that the server frees: with the connection, or at exit if there is
 * none. NULL after an error. */
extern NBDKIT_PUBLIC_ const char* nbdkit_strdup_intern(const char* str);
extern NBDKIT_PUBLIC_ const char* nbdkit_strndup_intern(const char* str, size_t n);
extern NBDKIT_PUBLIC_ const char* nbdkit_printf_intern(const char* fmt, ...) NBDKIT_PRINTF_(1, 2);
extern NBDKIT_PUBLIC_ const char* nbdkit_vprintf_intern(const char* fmt, va_list args)
    NBDKIT_PRINTF_(1, 0);

/* In .extents: ascending and without gaps from the offset asked for. What lies
 * before it or past the end of the disk is cut off, neighbours of one type are
 * joined. -1 after an error. */
extern NBDKIT_PUBLIC_ int nbdkit_add_extent(struct nbdkit_extents* extents, uint64_t offset,
                                            uint64_t length, uint32_t type);
/* In .list_exports; description may be NULL. */
extern NBDKIT_PUBLIC_ int nbdkit_add_export(struct nbdkit_exports* exports, const char* name,
                                            const char* description);
extern NBDKIT_PUBLIC_ int nbdkit_use_default_export(struct nbdkit_exports* exports);

/* The same as values, for plugins that work out an answer before they give it.
 * new returns NULL after an error; the caller frees. What get returns belongs to
 * the list. Indexes are from 0 to count - 1. */
struct nbdkit_extent {
  uint64_t offset;
  uint64_t length;
  uint32_t type;
};
struct nbdkit_export {
  char* name;
  char* description; /* may be NULL */
};
extern NBDKIT_PUBLIC_ struct nbdkit_extents* nbdkit_extents_new(uint64_t start, uint64_t end);
extern NBDKIT_PUBLIC_ void nbdkit_extents_free(struct nbdkit_extents* extents);
extern NBDKIT_PUBLIC_ size_t nbdkit_extents_count(const struct nbdkit_extents* extents);
extern NBDKIT_PUBLIC_ struct nbdkit_extent nbdkit_get_extent(const struct nbdkit_extents* extents,
                                                             size_t i);
extern NBDKIT_PUBLIC_ struct nbdkit_exports* nbdkit_exports_new(void);
extern NBDKIT_PUBLIC_ void nbdkit_exports_free(struct nbdkit_exports* exports);
extern NBDKIT_PUBLIC_ size_t nbdkit_exports_count(const struct nbdkit_exports* exports);
extern NBDKIT_PUBLIC_ struct nbdkit_export nbdkit_get_export(const struct nbdkit_exports* exports,
                                                             size_t i);

/* ---- What a plugin offers to the server ------------------------------ */

struct nbdkit_plugin {
  /* Set by NBDKIT_REGISTER_PLUGIN. */
  uint64_t _struct_size;
  int _api_version;
  int _thread_model;

  const char* name; /* required: letters, digits and '-' */
  const char* longname;
  const char* version;
  const char* description;

  void (*load)(void);
  void (*unload)(void);

  int (*config)(const char* key, const char* value);
  int (*config_complete)(void);
  const char* config_help;

  void* (*open)(int readonly); /* required; NULL is failure */
  void (*close)(void* handle);

  int64_t (*get_size)(void* handle); /* required */

  int (*can_write)(void* handle);
  int (*can_flush)(void* handle);
  int (*is_rotational)(void* handle);
  int (*can_trim)(void* handle);

  /* Requests as API version 1 had them, without flags. */
#if NBDKIT_API_VERSION == 1
  int (*pread)(void* handle, void* buf, uint32_t count, uint64_t offset);
  int (*pwrite)(void* handle, const void* buf, uint32_t count, uint64_t offset);
  int (*flush)(void* handle);
  int (*trim)(void* handle, uint32_t count, uint64_t offset);
  int (*zero)(void* handle, uint32_t count, uint64_t offset, int may_trim);
#else
  int (*_pread_v1)(void* handle, void* buf, uint32_t count, uint64_t offset);
  int (*_pwrite_v1)(void* handle, const void* buf, uint32_t count, uint64_t offset);
  int (*_flush_v1)(void* handle);
  int (*_trim_v1)(void* handle, uint32_t count, uint64_t offset);
  int (*_zero_v1)(void* handle, uint32_t count, uint64_t offset, int may_trim);
#endif

  int errno_is_preserved;

  void (*dump_plugin)(void);

  int (*can_zero)(void* handle);
  int (*can_fua)(void* handle);

  /* Requests of API version 2. .pread (of either version) is required. */
#if NBDKIT_API_VERSION == 1
  int (*_unused1)(void*, void*, uint32_t, uint64_t, uint32_t);
  int (*_unused2)(void*, const void*, uint32_t, uint64_t, uint32_t);
  int (*_unused3)(void*, uint32_t);
  int (*_unused4)(void*, uint32_t, uint64_t, uint32_t);
  int (*_unused5)(void*, uint32_t, uint64_t, uint32_t);
#else
  int (*pread)(void* handle, void* buf, uint32_t count, uint64_t offset, uint32_t flags);
  int (*pwrite)(void* handle, const void* buf, uint32_t count, uint64_t offset, uint32_t flags);
  int (*flush)(void* handle, uint32_t flags);
  int (*trim)(void* handle, uint32_t count, uint64_t offset, uint32_t flags);
  int (*zero)(void* handle, uint32_t count, uint64_t offset, uint32_t flags);
#endif

  const char* magic_config_key;

  int (*can_multi_conn)(void* handle);

  int (*can_extents)(void* handle);
  int (*extents)(void* handle, uint32_t count, uint64_t offset, uint32_t flags,
                 struct nbdkit_extents* extents);

  int (*can_cache)(void* handle);
  int (*cache)(void* handle, uint32_t count, uint64_t offset, uint32_t flags);

  int (*thread_model)(void);

  int (*can_fast_zero)(void* handle);

  int (*preconnect)(int readonly);
  int (*get_ready)(void);
  int (*after_fork)(void);

  int (*list_exports)(int readonly, int is_tls, struct nbdkit_exports* exports);
  const char* (*default_export)(int readonly, int is_tls);
  const char* (*export_description)(void* handle);

  void (*cleanup)(void);

  int (*block_size)(void* handle, uint32_t* minimum, uint32_t* preferred, uint32_t* maximum);
};

#ifdef __cplusplus
}
#define NBDKIT_CXX_LANG_C extern "C"
#else
#define NBDKIT_CXX_LANG_C
#endif

#define NBDKIT_REGISTER_PLUGIN(plugin)                                      \
  NBDKIT_CXX_LANG_C NBDKIT_PUBLIC_ struct nbdkit_plugin* plugin_init(void); \
  NBDKIT_CXX_LANG_C struct nbdkit_plugin* plugin_init(void) {               \
    (plugin)._struct_size = sizeof(plugin);                                 \
    (plugin)._api_version = NBDKIT_API_VERSION;                             \
    (plugin)._thread_model = THREAD_MODEL;                                  \
    return &(plugin);                                                       \
  }

#endif /* NBDKIT_PLUGIN_H */
