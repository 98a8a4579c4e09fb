#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A script of every method gets the arguments that the page says, through one
# life of a client.
. "${0%/*}/lib.sh"
need qemu-io nbdinfo

cat >"$tmp/script" <<'EOF'
#!/bin/sh
echo "$*" >>"${0%/*}/calls"
case "$1" in
  magic_config_key) echo file ;;
  thread_model) echo parallel ;;
  list_exports) printf 'INTERLEAVED\none\nfirst\n' ;;
  default_export) echo one ;;
  open) echo "h-$3" ;;
  export_description) echo "a disk" ;;
  get_size) echo 1M ;;
  block_size) echo 512 4K 1M ;;
  can_fua | can_cache) echo native ;;
  can_multi_conn | is_rotational) exit 3 ;;
  pread) head -c "$3" /dev/zero ;;
  pwrite) cat >/dev/null ;;
  extents) echo 0 1M hole,zero ;;
  zero) echo ENOTSUP >&2; exit 1 ;;
esac
EOF
chmod +x "$tmp/script"
start sh "$tmp/script" bare key=value
nbdinfo --list "$uri" >"$tmp/info"
grep -q 'description: first' "$tmp/info" || fail "$(cat "$tmp/info")"
nbdinfo "$uri" >"$tmp/info"
for want in 'export="one"' 'a disk' 'block_size_minimum: 512' 'can_fua: true' 'can_cache: true' \
  'can_multi_conn: false'; do
  grep -q "$want" "$tmp/info" || fail "no $want: $(cat "$tmp/info")"
done
io -c 'w -f 0 512' -c 'w -z -u 512 512' -c 'discard 1024 512' -c flush -c 'r 0 512' || fail "$(cat "$tmp/io")"
nbdinfo --map "$uri" | grep -q hole || fail "no hole"
kill "$server_pid"
wait "$server_pid"
server_pid=
for want in load 'config file bare' 'config key value' config_complete get_ready after_fork \
  'preconnect false' 'list_exports false false' 'default_export false false' \
  'open false one false' 'can_write h-one' 'pread h-one [0-9]* 0' 'pwrite h-one 512 0 fua' \
  'zero h-one 512 512 .*may_trim.*' 'pwrite h-one 512 512 .*' 'trim h-one 512 1024 .*' \
  'flush h-one' 'extents h-one .*' 'close h-one' unload; do
  grep -qx "$want" "$tmp/calls" || fail "not called: $want"
done
