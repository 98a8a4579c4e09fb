// SPDX-License-Identifier: BSD-3-Clause
// Nothing but the headers that come with it: see precompiled.cmake.
