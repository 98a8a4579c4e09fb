#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What becomes of FUA and flush in each mode, and what the plugin is asked for.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
abilities_like_the_original fua memory 1M  # whose manual has fuamode=none, but it does not take it
expect 'is_read_only: false' "$(serve --filter=fua memory 1M fuamode=none --run 'nbdinfo "$uri"' | grep -o 'is_read_only:.*')"
for mode in emulate native force pass discard; do
  abilities_like_the_original fua memory 1M fuamode=$mode
  abilities_like_the_original fua -r memory 1M fuamode=$mode
done
no_flush=(eval get_size='echo 1M' pread='head -c $3 /dev/zero' pwrite='cat >/dev/null')
for mode in emulate native force; do  # discard promises what is easy to keep
  abilities_like_the_original fua "${no_flush[@]}" fuamode=$mode
done
below() {
  python_client 'h.pwrite(b"x" * 512, 0, nbd.CMD_FLAG_FUA); h.trim(512, 0); h.zero(512, 0, nbd.CMD_FLAG_FUA); h.flush()' \
    --filter=fua --filter=log memory 1M logfile=log "$@"
  requests log | sed -E 's/(offset|count|trim|fast)=[^ ]* ?//g; s/ *$//' | tr '\n' ';'
}
expect 'Write fua=0;Flush;Trim fua=0;Zero fua=0;Flush;Flush;' "$(below fuamode=emulate)"
expect 'Write fua=1;Trim fua=0;Zero fua=1;Flush;' "$(below fuamode=native)"
expect 'Write fua=1;Trim fua=0;Zero fua=1;Flush;' "$(below fuamode=pass)"
expect 'Write fua=1;Trim fua=1;Zero fua=1;' "$(below fuamode=force)"
expect 'Write fua=0;Trim fua=0;Zero fua=0;' "$(below fuamode=discard)"
# When a client goes, in a mode that flushes nothing else.
expect 'Write fua=0;Trim fua=0;Zero fua=0;Flush;' "$(below fuamode=discard flush-on-close=true)"
python_client 'h.pread(512, 0)' -r --filter=fua --filter=log memory 1M logfile=log flush-on-close=true
expect 'Read offset=0x0 count=0x200' "$(requests log)"
python_client 'h.pread(512, 0)' --filter=fua "${no_flush[@]}" flush-on-close=true
expect EINVAL "$(python_client 'print(fails(lambda: h.pwrite(b"x", 0, nbd.CMD_FLAG_FUA)))' --filter=fua memory 1M)"
# A flush that fails is the write's failure.
expect EIO "$(python_client 'print(fails(lambda: h.pwrite(b"x", 0, nbd.CMD_FLAG_FUA)))' --filter=fua \
  "${no_flush[@]}" flush='exit 1' fuamode=emulate 2>/dev/null)"
refused 'fuamode: expected one of none, emulate,' --filter=fua memory 1M fuamode=maybe
refused 'bool' --filter=fua memory 1M flush-on-close=maybe
