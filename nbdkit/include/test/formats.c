/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages as authors write them, %m included, bring no warning in any mode; a
 * mistake in a format does, unless the mode is strict (see nbdkit-plugin.h).
 */
#include <nbdkit-plugin.h>

extern int complain (const char *path, uint32_t count);

int
complain (const char *path, uint32_t count)
{
#ifdef MISTAKE
  nbdkit_error ("read %s bytes", count);
#elif defined(__STRICT_ANSI__)
  nbdkit_error ("%s: %m", path);
#endif
  nbdkit_debug ("%s: %u bytes, errno %d", path, (unsigned) count, errno);
  return -1;
}
