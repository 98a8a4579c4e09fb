#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The plugin is opened for the first client of each export and closed at the end; all see one disk.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
code='
import os, threading
def connect(name=""):
  n = nbd.NBD(); n.set_export_name(name); n.connect_unix(os.environ["unixsocket"]); return n
def use(i):
  n = connect("one" if i % 2 else "two")
  for k in range(20): assert n.pread(512, 0) == bytes(512)
  n.shutdown()
ts = [threading.Thread(target=use, args=(i,)) for i in range(8)]
for t in ts: t.start()
for t in ts: t.join()
print(open("calls").read(), end="")'
plugin=(eval open='echo "open $3" >>calls; echo "$3"' close='echo "close $2" >>calls' get_size='echo 1M'
  pread='echo "read" >>reads; dd if=/dev/zero bs=$3 count=1 2>/dev/null')
for i in "${!plugin[@]}"; do plugin[i]=${plugin[i]//calls/$dir/calls}; plugin[i]=${plugin[i]//reads/$dir/reads}; done
: >calls
expect 'open one
open two' "$(CODE=$code serve --filter=openonce "${plugin[@]}" --run 'export unixsocket; nbdsh -c "$CODE"' | sort)"
[ "$(wc -l <reads)" -eq 160 ]
expect 'close one
close two
open one
open two' "$(sort calls)"
# What one writes the other reads; properties are those of the disk; loans and extents pass.
expect 'True b'"'hello'" "$(python_client '
a, b = nbd.NBD(), nbd.NBD()
a.connect_uri(h.get_uri()); b.connect_uri(h.get_uri())
a.pwrite(b"hello", 1000); a.shutdown()
print(b.can_multi_conn(), bytes(b.pread(5, 1000)))' --filter=openonce memory 1M)"
for look in 'nbdinfo "$uri" | grep -v uri:' 'nbdinfo --map "$uri"' 'nbdcopy "$uri" - | sha256sum'; do
  diff <(serve data '@1M 1 @3M' --run "$look") <(serve --filter=openonce data '@1M 1 @3M' --run "$look")
done
head -c 3000000 /dev/urandom >disk
serve --filter=openonce file disk --run 'nbdcopy "$uri" copy'
cmp disk copy
# A plugin that bears one request of each client bears one of all that share it.
CODE='
import os
ns = []
for i in range(6):
  n = nbd.NBD(); n.connect_uri(os.environ["uri"]); ns.append(n)
for k in range(10):
  cookies = [(n, n.aio_pread(nbd.Buffer(512), 0)) for n in ns]
  for n, c in cookies:
    while not n.aio_command_completed(c): n.poll(-1)' serve --filter=openonce eval thread_model='echo serialize_requests' \
  get_size='echo 1M' pread='mkdir '"$dir"'/busy || exit 1; dd if=/dev/zero bs=$3 count=1 2>/dev/null; rmdir '"$dir"'/busy' \
  --run 'export uri; nbdsh -c "$CODE"'
# A plugin that could not be opened is tried again for the next.
serve --filter=openonce eval open='mkdir '"$dir"'/tried 2>/dev/null && exit 1; echo h' get_size='echo 1M' pread='exit 1' \
  --run '! nbdinfo --size "$uri" && nbdinfo --size "$uri"' 2>/dev/null | grep -qx 1048576
# The name that the plugin was opened with stays its own when that client has gone.
expect 'one one' "$(CODE='
import os
def read(name):
  n = nbd.NBD(); n.set_export_name(name); n.connect_unix(os.environ["unixsocket"])
  out = n.pread(n.get_size(), 0).decode(); n.shutdown(); return out
print(read("one"), read("one"))' serve --filter=openonce info --run 'export unixsocket; nbdsh -c "$CODE"')"
