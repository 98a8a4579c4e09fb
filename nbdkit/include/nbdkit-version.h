/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How far the plugin interface of nbdkit-plugin.h reaches, in the numbers of the
 * releases in which the interface grew: what was there in NBDKIT_VERSION_STRING
 * is here. Sources test these macros before they use what older headers lack,
 * and pkg-config compares the same number. It is not the version of the server,
 * which `nbdkit --version` says.
 */

#ifndef NBDKIT_VERSION_H
#define NBDKIT_VERSION_H

#define NBDKIT_VERSION_MAJOR 1
#define NBDKIT_VERSION_MINOR 46
#define NBDKIT_VERSION_MICRO 0
#define NBDKIT_VERSION_STRING "1.46.0"

#endif /* NBDKIT_VERSION_H */
