// SPDX-License-Identifier: BSD-3-Clause
//
// Exported to plugins: how .lend says where the bytes are.
#include <nbdkit-plugin-extras.h>

#include "layers/answers.hpp"

int nbdkit_lend_bytes(struct nbdkit_loan* loan, const void* bytes, size_t length) {
  return nbdkit::if_memory_lasts(
      [&] { loan->loan.add({static_cast<const std::byte*>(bytes), length}); });
}

int nbdkit_lend_file(struct nbdkit_loan* loan, int fd, uint64_t offset, size_t length) {
  return nbdkit::if_memory_lasts([&] { loan->loan.set_file(fd, offset, length); });
}

int nbdkit_lend_pages(struct nbdkit_loan* loan, const void* bytes, size_t length) {
  return loan->loan.add_pages({static_cast<const std::byte*>(bytes), length}) ? 0 : 1;
}

int nbdkit_lend_until(struct nbdkit_loan* loan, void (*done)(void*), void* argument) {
  return nbdkit::if_memory_lasts([&] { loan->loan.until(done, argument); });
}
