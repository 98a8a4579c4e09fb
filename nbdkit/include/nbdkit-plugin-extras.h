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

#include <stdint.h>

struct nbdkit_plugin_extras {
  uint64_t _struct_size;

  /* Non-zero: no request waits for a disk, a peer, a clock or a lock that is
   * held for long. The server then serves requests in the thread that reads the
   * client's socket, many with one system call. */
  int never_blocks;
};

#ifdef __cplusplus
extern "C" {
#endif

/* Which request of its kind this thread works on: 1 is the first that reached
 * the server, over all connections. Counted where requests arrive, so one
 * client that does the same things again gets the same numbers, in whatever
 * threads they run. 0 if this is no request of that kind (a layer's own, say).
 * kind: 0 read, 1 write, 2 flush, 3 trim, 4 zero, 5 cache, 6 extents. */
extern __attribute__ ((__visibility__ ("default"))) uint64_t nbdkit_request_arrival (unsigned kind);

#ifdef __cplusplus
}
#endif

#endif /* NBDKIT_PLUGIN_EXTRAS_H */
