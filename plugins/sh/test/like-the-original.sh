#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a client sees of a script is what it sees of the same script behind the
# original nbdkit, also where the manual page is silent. Messages differ.
# shellcheck disable=SC2016 # the scripts' variables, and those of --run
. "${0%/*}/lib.sh"
need nbdinfo qemu-io
original=/usr/bin/nbdkit
"$original" eval --version >/dev/null 2>&1 || skip "the original is missing: apt-get install nbdkit"

same() { # same LOOK ARGUMENT...
  local look=$1 server said=() status
  shift
  for server in "$original" "$nbdkit"; do
    status=0
    said+=("$("$server" -U - "$@" --run "$look" 2>/dev/null)") || status=$?
    said[-1]+=" status $status"
  done
  [ "${said[0]}" = "${said[1]}" ] || fail "$*: ${said[0]}
but ours: ${said[1]}"
}
disk=(get_size='echo 1M' pread='head -c $3 /dev/zero')
info='nbdinfo "$uri" | grep -v uri:'

for method in pwrite flush trim zero cache extents; do
  same "$info" eval "${disk[@]}" $method='exit 0'
done
for method in can_write can_flush can_trim can_zero can_multi_conn is_rotational can_fast_zero can_extents; do
  for script in 'exit 0' 'exit 1' 'exit 2' 'exit 3'; do
    same "$info" eval "${disk[@]}" pwrite='cat >/dev/null' zero='exit 0' $method="$script"
  done
done
for script in 'echo none' 'echo native' 'echo NATIVE' 'echo native x' 'exit 0' 'exit 2' 'exit 3'; do
  same "$info" eval "${disk[@]}" pwrite='cat >/dev/null' can_fua="$script" can_cache="$script"
done
for script in 'echo 512 4K 1M' 'printf "512\n4096\n1M\n"' 'echo 512 4K 1M more' 'exit 2'; do
  same "$info" eval "${disk[@]}" block_size="$script"
done
for list in 'NAMES\na\nb\n' 'NAMES\nNAMES\n' 'a\n\nb\n' 'INTERLEAVED\na\n1\nb\n2\n' 'INTERLEAVED\na\n1\nb\n' \
  'NAMES+DESCRIPTIONS\na\nb\n1\n2\n' 'NAMES+DESCRIPTIONS\na\nb\n1\n' 'NAMES\n' 'OTHER\na\n'; do
  same 'nbdinfo --list "$uri" | grep -e ^export -e desc' eval "${disk[@]}" list_exports="printf '$list'"
  same 'nbdinfo "$uri" | grep -e ^export -e desc' eval "${disk[@]}" default_export="printf '$list'"
done
for script in 'echo 0 1M' 'echo 0 1M 3' 'echo 0 1M hole' 'echo 0 1M zero,hole' 'echo 0 1M data' 'echo 0 1M hole,new' \
  'echo 0 512K; echo 512K 512K hole' 'echo 0 0; echo 0 1M' 'echo 0 10M zero' 'echo 0 1M hole more' 'exit 1' :; do
  same 'nbdinfo --map "$uri"' eval "${disk[@]}" extents="$script"
done
for script in 'echo ENOSPC x >&2; exit 1' 'echo enospc x >&2; exit 1' 'echo ENOSPCX >&2; exit 1' \
  'printf "EPERM\tx" >&2; exit 130' 'echo EPERM: x >&2; exit 1' 'echo EINVAL >&2' 'exit 2' 'exit 3'; do
  same 'qemu-io -f raw -c "w 0 512" "$uri" 2>&1 | grep -v ops' eval "${disk[@]}" pwrite="cat >/dev/null; $script"
done
for script in 'echo ENOTSUP >&2; exit 1' 'echo EOPNOTSUPP >&2; exit 1' 'echo EIO >&2; exit 1' 'exit 2'; do
  same 'qemu-io -f raw -c "w -z 0 512" -c "w -z -n 0 512" "$uri" 2>&1 | grep -v ops' \
    eval "${disk[@]}" pwrite='cat >/dev/null' zero="$script"
done
for script in 'exit 0' 'exit 1' 'exit 2' 'exit 3'; do
  for method in preconnect config_complete get_ready thread_model open close unload missing; do
    same 'nbdinfo --size "$uri"' eval "${disk[@]}" $method="$script"
  done
done

# Parameters: of a script with a key for bare words, and of others.
script() { printf '#!/bin/sh\ncase $1 in get_size) echo 1M ;; %s\n*) exit 2; esac\n' "$1" >"$tmp/script"; }
touch "$tmp/script"
chmod +x "$tmp/script"
for body in 'magic_config_key) echo file ;; config) echo "$2=$3" >>"${0%/*}/p" ;;' 'config) ;;' 'config) exit 3 ;;' '' \
  'magic_config_key) exit 1 ;; config) ;;' 'magic_config_key) exit 3 ;; config) ;;' 'load) exit 1 ;;'; do
  script "$body"
  for words in '' k=v bare 'k=v bare' script=x 'a.b-c_d=1' '1a=b' k=; do
    # shellcheck disable=SC2086 # several words
    same "cat '$tmp/p'; rm -f '$tmp/p'; "'nbdinfo --size "$uri"' sh "$tmp/script" $words
  done
done
