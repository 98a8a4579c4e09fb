/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For sources that name this header: constants and functions stand in
 * nbdkit-plugin.h, which needs no other. Define NBDKIT_API_VERSION before either.
 *
 * Other nbdkits have a third header beside these, nbdkit-filter.h, for filters in
 * C. There is none here: a filter is a C++ class, see nbdkit/filter.hpp and
 * nbdkit-filter(3).
 */

#ifndef NBDKIT_COMMON_H
#define NBDKIT_COMMON_H

#include <nbdkit-plugin.h>

#endif /* NBDKIT_COMMON_H */
