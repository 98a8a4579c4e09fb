/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tls-clients.sh: a disk that says what a plugin is told of its client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define SIZE 512

static void* names_open(int readonly) {
  char* disk = calloc(1, SIZE);
  char* dn = nbdkit_peer_tls_dn();
  char* issuer = nbdkit_peer_tls_issuer_dn();
  (void)readonly;
  if (disk && dn && issuer) {
    snprintf(disk, SIZE, "tls=%d dn=%s issuer=%s", nbdkit_is_tls(), dn, issuer);
  }
  free(dn);
  free(issuer);
  return disk;
}

static int64_t names_get_size(void* handle) {
  (void)handle;
  return SIZE;
}

static int names_pread(void* handle, void* buf, uint32_t count, uint64_t offset, uint32_t flags) {
  (void)flags;
  memcpy(buf, (const char*)handle + offset, count);
  return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "tls-names",
    .open = names_open,
    .close = free,
    .get_size = names_get_size,
    .pread = names_pread,
};
NBDKIT_REGISTER_PLUGIN(plugin)
