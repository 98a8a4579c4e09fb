#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A plugin that has lost its peer is opened again, never while it is open, and requests go on;
# also many in parallel.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
# A handle works for four requests; two at a time are an error. Events are lines of `calls`.
plugin=(eval open='mkdir D/lock || { echo two are open >>D/calls; exit 1; }; n=$(cat D/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n >D/n
    echo "open $n $2" >>D/calls; [ ! -e D/cannot-open ] || { rmdir D/lock; exit 1; }; echo $n'
  close='echo "close $2" >>D/calls; rmdir D/lock' get_size='cat D/size' can_write='exit 0' pwrite='cat >/dev/null'
  pread='for i in 1 2 3 4 5; do [ $i = 5 ] || ! mkdir D/used.$2.$i 2>/dev/null || break; done
    [ $i -le 4 ] || { echo EIO the peer has gone >&2; exit 1; }
    dd if=/dev/zero bs=$3 count=1 2>/dev/null')
for i in "${!plugin[@]}"; do plugin[i]=${plugin[i]//D\//$dir/}; done
run() { echo 1M >size; rm -rf calls n used.*; serve --filter=retry "${plugin[@]}" retry-delay=1ms "$@" 2>err; }
reads() { echo 'nbdsh -u "$uri" -c "
for i in range('"$1"'): assert h.pread(512, 0) == bytes(512)"'; }
run --run "$(reads 9)" || fail "$(cat err)"
expect 'open 1 false
close 1
open 2 false
close 2
open 3 false
close 3' "$(cat calls)"
# In parallel: every request gets its data, and no handle is opened beside another.
run thread_model='echo parallel' retries=50 retry-exponential=no --run 'nbdsh -u "$uri" -c "
cs = [h.aio_pread(nbd.Buffer(512), 512 * i) for i in range(40)]
for c in cs:
  while not h.aio_command_completed(c): h.poll(-1)"' || fail "in parallel: $(cat err)"
if grep 'two are open' calls; then fail 'a handle was opened beside another'; fi
[ "$(grep -c open calls)" -ge 5 ] || fail 'it was not opened again'
[ "$(grep -c open calls)" -eq "$(grep -c close calls)" ]
# Read-only once something has failed; and so is a disk that has become smaller.
expect 'ok ok EPERM' "$(run retry-readonly=yes --run 'nbdsh -u "$uri" -c "
def w():
  try: h.pwrite(b\"x\", 0)
  except nbd.Error as e: return e.errno
  return \"ok\"
print(w(), end=\" \")
for i in range(5): h.pread(512, 0)
print(\"ok\", w())"' | sed 's/EROFS/EPERM/')"
grep -q 'open 2 true' calls
expect EIO "$(run retries=1 --run 'nbdsh -u "$uri" -c "
open(\"size\", \"w\").write(\"1k\")
for i in range(5): h.pread(512, 0)
try: h.pread(512, 1024)
except nbd.Error as e: print(e.errno)"')"
# It gives up; a plugin that cannot be opened for a while is tried again like a request.
if run retries=0 --run "$(reads 5)"; then fail 'no retry was wanted'; fi
if run retries=3 --run "echo >$dir/cannot-open; $(reads 5)"; then fail 'it cannot be opened'; fi
expect 4 "$(grep -c open calls)"
rm cannot-open
: >cannot-open
run retries=14 --run '(until grep -q open '"$dir"'/calls; do sleep 0.01; done; rm '"$dir"'/cannot-open) & nbdinfo --size "$uri"' >size.out || fail "open: $(cat err)"
expect 1048576 "$(cat size.out)"
[ "$(grep -c open calls)" -gt 1 ]
# Properties are those of the plugin; fast zeroes that are refused stay refused.
abilities_like_the_original retry memory 1M
abilities_like_the_original retry null 1M
refused 'retries' --filter=retry memory 1M retries=-1
refused 'retry-delay' --filter=retry memory 1M retry-delay=x
