#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Writes of what is there succeed, all others fail, and the disk stays as it is.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
abilities_like_the_original checkwrite data 1 size=1M
head -c 300001 /dev/urandom >disk
truncate -s 500000 disk
cp disk before
serve --filter=checkwrite file disk --run 'nbdcopy "$uri" "$uri"'
if serve --filter=checkwrite file disk --run 'nbdcopy /dev/zero "$uri"' 2>/dev/null; then fail 'other data was taken'; fi
expect 'ok EIO EIO EIO ok ok ok' "$(python_client '
f = lambda g: fails(g)
print(f(lambda: h.pwrite(h.pread(200000, 7), 7, nbd.CMD_FLAG_FUA)), f(lambda: h.pwrite(b"x" * 100000, 0)),
      f(lambda: h.zero(300002, 0)), f(lambda: h.trim(512, 0)),
      f(lambda: h.zero(199999, 300001)), f(lambda: h.trim(199999, 300001)), f(lambda: h.flush()))' --filter=checkwrite file disk 2>err)"
grep -q 'checkwrite: data written at offset 0 is not what the disk has' err
chmod 444 disk  # it is never opened for writing
serve --filter=checkwrite --filter=log file disk logfile=log --run 'nbdcopy "$uri" "$uri"'
grep -q 'Connect.* write=0 ' log
cmp disk before
