#!/bin/bash
# A disk that is the file that file= names; bad= is a byte that cannot be read.
# For the sh plugin.
# shellcheck disable=SC2154  # the plugin sets tmpdir
parameter() { sed -n "s/^$1=//p" "$tmpdir/parameters"; }
disk() { parameter file; }
move() { dd bs=64K iflag=fullblock,skip_bytes,count_bytes oflag=seek_bytes status=none "$@"; }
case $1 in
  config) echo "$2=$3" >>"$tmpdir/parameters" ;;
  list_exports) printf '%s\n' NAMES+DESCRIPTIONS '' 'a disk in sh' other 'another' ;;
  default_export) echo '' ;;
  get_size) stat -Lc %s "$(disk)" ;;
  block_size) echo 1 64K 32M ;;
  export_description) echo 'a disk in sh' ;;
  pread)
    bad=$(parameter bad)
    if [ -n "$bad" ] && [ "$4" -le "$bad" ] && [ "$bad" -lt $(($4 + $3)) ]; then
      echo 'ENOSPC a bad byte' >&2
      exit 1
    fi
    move if="$(disk)" skip="$4" count="$3" ;;
  pwrite) move of="$(disk)" seek="$4" conv=notrunc ;;
  zero)
    case $5 in *fast*) echo 'EOPNOTSUPP not that fast' >&2; exit 1 ;; esac
    move if=/dev/zero count="$3" of="$(disk)" seek="$4" conv=notrunc ;;
  trim) move if=/dev/zero count="$3" of="$(disk)" seek="$4" conv=notrunc ;;
  flush) ;;
  can_write | can_flush | can_trim | can_zero | can_fast_zero | can_multi_conn | can_extents) ;;
  can_fua) echo native ;;
  can_cache) echo emulate ;;
  extents) echo 0 "$(stat -Lc %s "$(disk)")" ;;
  *) exit 2 ;;
esac
