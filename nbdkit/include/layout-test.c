/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plugin interface as plain C sees it, at compile time: where the fields
 * stand on 64-bit machines, as in every nbdkit since 1.30. A plugin that was
 * compiled against another header relies on them.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define FIELD_AT(field, offset) \
  _Static_assert(offsetof(struct nbdkit_plugin, field) == (offset), #field)

#if UINTPTR_MAX == UINT64_MAX
FIELD_AT(_struct_size, 0);
FIELD_AT(_api_version, 8);
FIELD_AT(_thread_model, 12);
FIELD_AT(name, 16);
FIELD_AT(longname, 24);
FIELD_AT(version, 32);
FIELD_AT(description, 40);
FIELD_AT(load, 48);
FIELD_AT(unload, 56);
FIELD_AT(config, 64);
FIELD_AT(config_complete, 72);
FIELD_AT(config_help, 80);
FIELD_AT(open, 88);
FIELD_AT(close, 96);
FIELD_AT(get_size, 104);
FIELD_AT(can_write, 112);
FIELD_AT(can_flush, 120);
FIELD_AT(is_rotational, 128);
FIELD_AT(can_trim, 136);
FIELD_AT(_pread_v1, 144);
FIELD_AT(_pwrite_v1, 152);
FIELD_AT(_flush_v1, 160);
FIELD_AT(_trim_v1, 168);
FIELD_AT(_zero_v1, 176);
FIELD_AT(errno_is_preserved, 184);
FIELD_AT(dump_plugin, 192);
FIELD_AT(can_zero, 200);
FIELD_AT(can_fua, 208);
FIELD_AT(pread, 216);
FIELD_AT(pwrite, 224);
FIELD_AT(flush, 232);
FIELD_AT(trim, 240);
FIELD_AT(zero, 248);
FIELD_AT(magic_config_key, 256);
FIELD_AT(can_multi_conn, 264);
FIELD_AT(can_extents, 272);
FIELD_AT(extents, 280);
FIELD_AT(can_cache, 288);
FIELD_AT(cache, 296);
FIELD_AT(thread_model, 304);
FIELD_AT(can_fast_zero, 312);
FIELD_AT(preconnect, 320);
FIELD_AT(get_ready, 328);
FIELD_AT(after_fork, 336);
FIELD_AT(list_exports, 344);
FIELD_AT(default_export, 352);
FIELD_AT(export_description, 360);
FIELD_AT(cleanup, 368);
FIELD_AT(block_size, 376);
_Static_assert(sizeof(struct nbdkit_plugin) == 384, "size");
#endif
