#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The standing comparison: `./dev bench` runs it. Each table is one call of testkit
# bench, in which the servers take turns; only ratios within a table say anything.
#
# usage: compare.sh TIME ROUNDS PAGE REPORTS   in the top folder, after a build.
# Five to six minutes with 0.3s and 3.
# shellcheck disable=SC2016,SC2054  # $unixsocket and $port are for testkit, ` for Markdown
set -euo pipefail
time=$1 rounds=$2 page=$3 reports=$4

# Not in /tmp: a cold file must be on a disk.
dir=$(mktemp -d "$PWD/build/bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir -p "$reports"
disk=$dir/disk
truncate -s 256M "$disk"
(umask 077; echo "bench:$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" >"$dir/psk")
debian_plugins=/usr/lib/$(uname -m)-linux-gnu/nbdkit/plugins

ours() { echo "@${2-ours} build/bin/nbdkit -f -U \$unixsocket $1"; }
theirs() { echo "@${2-nbdkit-1.32} /usr/bin/nbdkit -f -U \$unixsocket $1"; }

# table NAME TITLE TEXT ARG...: of testkit bench; NAME.md has it, with its servers.
table() {
  local name=$1 title=$2 text=$3; shift 3
  echo "== $title"
  build/bin/testkit bench "$@" --time "$time" --rounds "$rounds" --markdown "$dir/$name.table" \
    --json "$reports/bench-$name.json" --html "$reports/bench-$name.html"
  {
    printf '## %s\n\n' "$title"
    if [ -n "$text" ]; then printf '%s\n\n' "$text" | fmt -w 100; fi
    echo '```sh'
    local server=
    for arg in "$@"; do
      if [ "$server" = yes ]; then
        arg=${arg//"$dir"/\$dir}
        echo "${arg//"${shm:-$dir}"/\$shm}"
      fi
      if [ "$arg" = --server ]; then server=yes; else server=; fi
    done
    printf '```\n\n'
    cat "$dir/$name.table"
  } >>"$dir/page"
}
# both ARGS: ours and theirs, with the same arguments.
both() { servers=(--server "$(ours "$1")" --server "$(theirs "$1")"); }

depths=(-w randread -w randread:depth=64 -w randwrite -w randwrite:depth=64
        -w randread:bs=64K,depth=64 -w randread:bs=256K,depth=64 -w randwrite:bs=64K,depth=64
        -w randread:depth=64,connections=8)

both 'memory 256M'
memory=("${servers[@]}" --server :loop)
table memory 'Memory' 'At depth 1 the scheduler decides: pin=together has client and server on one
processor, pin=apart on two, each of which must be woken by the other. A client=awake looks for the
reply all the time, so what is left is the time that the server takes.' \
  "${memory[@]}" "${depths[@]}" -w randread:pin=together -w randread:pin=apart \
  -w randread:client=awake -w randwrite:client=awake --verify

both "file $disk"
table file 'A file in the page cache' '' "${servers[@]}" \
  --server "@qemu-nbd qemu-nbd -f raw -e 1000 --persistent --cache=writeback -k \$unixsocket $disk" \
  "${depths[@]}" --verify

# What the file system itself takes is in all figures of a file; here it is least.
shm=$(mktemp -d /dev/shm/bench.XXXXXX 2>/dev/null) || shm=
if [ -n "$shm" ]; then
  trap 'rm -rf "$dir" "$shm"' EXIT
  truncate -s 256M "$shm/disk"
  both "file $shm/disk"
  table tmpfs 'A file on tmpfs' 'A file system that has no more to do than to copy.' "${servers[@]}" \
    -w randread:depth=64 -w randwrite:depth=64 -w randread:bs=64K,depth=64 --verify
  rm -rf "$shm"
fi
both "file $disk"

drop="dd of=$disk oflag=nocache conv=notrunc,fdatasync count=0 status=none"
table cold 'A cold file' 'The page cache forgets the file before each round. With cache=none it does
so all the time, which is what clients with O_DIRECT ask for.' \
  "${servers[@]}" --server "$(ours "file $disk cache=none" ours-none)" \
  --server "$(theirs "file $disk cache=none" nbdkit-1.32-none)" \
  -w randread -w randread:depth=16 -w read:bs=256K,depth=4 --before "$drop"

if command -v nbd-server >/dev/null; then
  table tcp 'A file over TCP' 'nbd-server listens on TCP alone, as started here.' \
    --server "@ours build/bin/nbdkit -f -i 127.0.0.1 -p \$port file $disk" \
    --server "@nbdkit-1.32 /usr/bin/nbdkit -f -i 127.0.0.1 -p \$port file $disk" \
    --server "@nbd-server nbd-server 127.0.0.1@\$port $disk -d -C /dev/null" \
    -w randread -w randread:depth=64 -w randwrite:depth=64 --verify
fi

both '--filter=delay memory 256M rdelay=1ms'
table blocking 'Requests that wait 1 ms' 'The delay filter: what counts is how many wait at once.' \
  "${servers[@]}" -w randread:depth=16 -w randread:depth=64 -w randread:depth=16,connections=8

stack='--filter=nofilter --filter=nofilter --filter=nofilter --filter=nofilter --filter=nofilter memory 256M'
table filters 'Five filters that pass all through' '' \
  --server "$(ours 'memory 256M')" --server "$(ours "$stack" ours+5)" \
  --server "$(theirs 'memory 256M')" --server "$(theirs "$stack" nbdkit-1.32+5)" \
  -w randread:depth=64 -w randwrite:depth=64 --verify

both "--tls=require --tls-psk=$dir/psk memory 256M"
table tls 'TLS' 'TLS 1.3 with a pre-shared key and AES-128-GCM, which is all that the client offers.' \
  "${servers[@]}" -w randread -w randread:depth=64 -w randread:bs=256K,depth=16 \
  -w randwrite:bs=256K,depth=16 --verify --tls-psk "$dir/psk"

for plugin in 'memory 256M' "file $disk" 'pattern 256M' 'null 256M' 'random 256M'; do
  so=$debian_plugins/nbdkit-${plugin%% *}-plugin.so
  [ -e "$so" ] || continue
  table "so-${plugin%% *}" "Debian's compiled ${plugin%% *} plugin" '' \
    --server "$(ours "$so ${plugin#* }")" --server "$(theirs "$so ${plugin#* }")" \
    -w randread -w randread:depth=64
done

table connect 'Connecting, and 500 idle connections' 'A request of connect is connect, handshake,
disconnect. In idle, one more client reads 4 KiB at a time while the others hold their connections.' \
  "${memory[@]}" -w connect -w idle:connections=500
if [ "$(ulimit -Hn)" -ge 10100 ]; then
  table idle '10 000 idle connections' 'The others cannot hold as many.' \
    --server "$(ours 'memory 256M')" -w idle:connections=10000
fi

both 'null 1M'
table start 'Start' 'From before the process is made, by way of a shell, to the greeting of a client.' \
  "${servers[@]}" -w start

if [ -r /dev/fuse ] && [ -w /dev/fuse ] && [ -x /usr/bin/nbdfuse ] && command -v fio jq >/dev/null; then
  echo '== nbdfuse'
  {
    printf '## nbdfuse\n\n'
    fmt -w 100 <<'TEXT'
The same fio job on files mounted by libnbd's nbdfuse and by ours, with each kind of `--cache`; each
has an nbdkit (memory 1G) of its own. What is not "direct" goes through the page cache, where depth 16
is depth 1, but for `--cache=none`, which has none. Below the figure are the least and the greatest,
and the time in which half of the requests were done, which a busy machine changes least.
TEXT
    echo
    nbdfuse/bench.sh "$time" "$rounds"
    echo
  } >>"$dir/page"
fi

{
  echo '# Performance'
  echo
  echo 'Written by `./dev bench`. Others work on such a machine at the same time, so only the ratios'
  echo 'within one table say anything. Each figure is the median of the rounds, the line below it the'
  echo 'least and the greatest; in brackets is the ratio to the first server. `loop` is the least'
  echo 'server there can be (`testkit bench-server`), the floor for the others. How each figure is'
  echo 'taken: testkit-bench(1).'
  echo
  echo "- $(grep -m1 -oP 'model name\s*: \K.*' /proc/cpuinfo), $(nproc) processors, Linux $(uname -r)"
  echo "- ours: revision $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
  echo "- $(/usr/bin/nbdkit --version), $(qemu-nbd --version | head -n 1)$(
    command -v nbd-server >/dev/null && echo ", nbd-server $(nbd-server -V 2>&1 | grep -oE '[0-9]+\.[0-9]+' | head -n 1)")"
  echo "- $rounds rounds of $time, a connection over a Unix socket where nothing else is said, every"
  echo '  reply verified, and where the disk is written to all data'
  echo
  cat "$dir/page"
} | cat -s >"$dir/whole"
printf '%s\n' "$(cat "$dir/whole")" >"$page"  # ends with one newline
