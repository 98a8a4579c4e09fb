/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a plugin may tell this server beyond the interface that it shares with
 * every nbdkit. A plugin that exports
 *
 *   const struct nbdkit_plugin_extras *nbdkit_plugin_extras_init (void);
 *
 * beside plugin_init is asked once, after plugin_init; other servers do not
 * look for it. Fields are only ever added at the end; a field past _struct_size
 * counts as 0.
 */

#ifndef NBDKIT_PLUGIN_EXTRAS_H
#define NBDKIT_PLUGIN_EXTRAS_H

#include <stddef.h>
#include <stdint.h>

struct nbdkit_loan;

struct nbdkit_plugin_extras {
  uint64_t _struct_size;

  /* Non-zero: no request waits for a disk, a peer, a clock or a lock that is
   * held for long. The server then serves requests in the thread that reads the
   * client's socket, many with one system call. */
  int never_blocks;

  /* Instead of pread, for reads that are large enough: says where the bytes are
   * with the functions below, and the server sends them from there, without a
   * copy. It returns 0 once all `count` bytes are lent, 1 if it would rather be
   * asked by pread (always right, also when something fails), -1 for an error.
   * The bytes stay where they are, and a file open, until the server calls what
   * nbdkit_lend_until was given, or else until the handle is closed. */
  int (*lend)(void* handle, uint32_t count, uint64_t offset, struct nbdkit_loan* loan);

  /* Non-zero: .extents is right at any time and costs little, so the server may
   * ask it before a large read, and not read what it says is zero. */
  int tells_holes;

  /* A pread that never waits: 0 if it has read all, 1 if it would have to wait,
   * or is to fail: then pread is called, where waiting holds up nobody. Called in
   * the thread that reads the client's socket. */
  int (*pread_now)(void* handle, void* buf, uint32_t count, uint64_t offset);
};

#ifdef __cplusplus
extern "C" {
#endif

/* Which request of its kind this thread works on: 1 is the first that reached
 * the server, over all connections. Counted where requests arrive, so one
 * client that does the same things again gets the same numbers, in whatever
 * threads they run. 0 if this is no request of that kind (a layer's own, say).
 * kind: 0 read, 1 write, 2 flush, 3 trim, 4 zero, 5 cache, 6 extents. */
extern __attribute__((__visibility__("default"))) uint64_t nbdkit_request_arrival(unsigned kind);

/* The same, counted for the client of this request alone. */
extern __attribute__((__visibility__("default"))) uint64_t nbdkit_connection_arrival(unsigned kind);

/* The client that this thread works for: 1 is the first that connected since the
 * server started. 0 if there is none. */
extern __attribute__((__visibility__("default"))) uint64_t nbdkit_connection_number(void);

/* How long ago it connected, in nanoseconds; 0 if there is none. */
extern __attribute__((__visibility__("default"))) uint64_t nbdkit_connection_age(void);

/* This request waits for a time or an event, not for the plugin below: until
 * nbdkit_step_back, which waits for a place again, another request of its
 * connection may be served beyond those that --threads allows. 1, or 0 if that
 * cannot be: then there is nothing to step back from. The thread is the
 * caller's all the while, and must hold no lock that others need to go on. */
extern __attribute__((__visibility__("default"))) int nbdkit_step_aside(void);
extern __attribute__((__visibility__("default"))) void nbdkit_step_back(void);

/* One object for all modules of this server, which see nothing of each other
 * otherwise: what make () returned for the first of them that asked with this
 * name. It lives as long as the server. NULL if there is no memory, or make ()
 * returned NULL. Say in the name which version of the object you mean: whoever
 * knows the name must know its layout. */
extern __attribute__((__visibility__("default"))) void* nbdkit_shared_object(const char* name,
                                                                             void* (*make)(void));

/* What .lend lends: pieces of memory, one call for each in the order of the
 * disk, or one range of a file.
 *
 * Or pages, also one call for each piece: nbdkit_lend_pages has put references to
 * the pages of these bytes on their way to the client when it returns. What they
 * hold when the client receives them is what it sees; so memory that is used for
 * another part of the disk afterwards must be other pages (mmap, MADV_DONTNEED),
 * but need not be kept where it is. Returns 1 if that cannot be: then .lend may
 * lend all in another way, or return 1.
 *
 * nbdkit_lend_until: done (argument) is called
 * once, when the loan is given back, in any thread. Each returns 0, or -1 if
 * there is no memory. */
extern __attribute__((__visibility__("default"))) int nbdkit_lend_bytes(struct nbdkit_loan* loan,
                                                                        const void* bytes,
                                                                        size_t length);
extern __attribute__((__visibility__("default"))) int nbdkit_lend_file(struct nbdkit_loan* loan,
                                                                       int fd, uint64_t offset,
                                                                       size_t length);
extern __attribute__((__visibility__("default"))) int nbdkit_lend_pages(struct nbdkit_loan* loan,
                                                                        const void* bytes,
                                                                        size_t length);
extern __attribute__((__visibility__("default"))) int nbdkit_lend_until(struct nbdkit_loan* loan,
                                                                        void (*done)(void*),
                                                                        void* argument);

#ifdef __cplusplus
}
#endif

#endif /* NBDKIT_PLUGIN_EXTRAS_H */
