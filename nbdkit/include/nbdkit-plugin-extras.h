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

#endif /* NBDKIT_PLUGIN_EXTRAS_H */
