#!/usr/bin/env -S nbdkit sh
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
#
# example4: a plugin that is a script. One disk, all zeroes at first, which all
# clients share and which is thrown away when the server ends:
#
#   nbdkit example4 size=64M
#
# nbdkit runs this file anew for each callback: $1 is the callback's name, the
# others are its arguments. What has to be remembered is in $tmpdir, a folder
# that nbdkit makes for us and removes. Exit status 0 means done, or yes; 1 means
# failed, with an errno and a message on stderr; 2 means that we do not have
# this callback. See nbdkit-sh-plugin(3) for all of them.
# shellcheck disable=SC2154  # $tmpdir is the server's gift
disk=$tmpdir/disk

fail() { echo "$*" >&2; exit 1; }

case "$1" in
  magic_config_key) echo size ;;  # "nbdkit example4 64M" will do

  config)  # KEY VALUE: one parameter of the command line
    [ "$2" = size ] || fail "unknown parameter '$2': size is the only one"
    case "$3" in
      '' | *[!0-9KMGTP]*) fail "size: expected a size like 64M, got \"$3\"" ;;
    esac
    truncate -s "$3" "$disk" ;;

  config_complete) [ -e "$disk" ] || fail "you must give a size: size=64M" ;;

  thread_model) echo parallel ;;  # each run of this file minds its own bytes

  # What clients may do. A script must say so, since nbdkit cannot see which
  # callbacks it has.
  can_write | can_flush | can_trim | can_zero | can_multi_conn) exit 0 ;;

  # Callbacks of a connection have its handle in $2. We do not need one, so there
  # is no "open".
  get_size) stat -c %s "$disk" ;;

  pread)  # HANDLE COUNT OFFSET: print that many bytes
    dd if="$disk" skip="$4" count="$3" bs=64K iflag=skip_bytes,count_bytes status=none ;;

  pwrite)  # HANDLE COUNT OFFSET FLAGS: the data is on stdin
    dd of="$disk" seek="$4" bs=64K oflag=seek_bytes iflag=fullblock conv=notrunc status=none ;;

  flush) sync "$disk" ;;

  # HANDLE COUNT OFFSET FLAGS
  trim) fallocate --punch-hole -o "$4" -l "$3" "$disk" 2>/dev/null || true ;;  # it is but a hint
  # After ENOTSUP nbdkit writes the zeroes itself.
  zero) fallocate --zero-range -o "$4" -l "$3" "$disk" 2>/dev/null || fail ENOTSUP ;;

  *) exit 2 ;;
esac
