#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every request and its result is in the file, in the form of the original.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
code='
h.pread(512, 1024); h.pwrite(b"x" * 3, 5, nbd.CMD_FLAG_FUA); h.zero(512, 0); h.trim(512, 0)
h.cache(512, 0); h.flush()
h.block_status(65536, 0, lambda *a: 0)
fails(lambda: h.pwrite(b"y", 70000 - 1))'
run() {
  "$@" -U - --filter=log memory 70000 logfile=out --run "nbdsh --base -u \"\$uri\" -c '$client$code'" || true
  # Not in both: when and in which words a client lists exports.
  sed -E 's/^[-0-9]+ [0-9:.]+ //; s/ (min|pref|max)size=[^ ]*//g' out | grep -vE 'Preconnect|ListExports'
}
run "$BUILD/bin/nbdkit" >ours
grep -qxF 'connection=1 Write id=2 offset=0x5 count=0x3 fua=1 ...' ours
grep -qxF 'connection=1 ...Write id=2 return=0' ours
grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6} Ready thread_model=3$' out
if [ -e /usr/lib/x86_64-linux-gnu/nbdkit/filters/nbdkit-log-filter.so ]; then
  run /usr/bin/nbdkit >theirs
  diff theirs ours || fail 'the log is not like that of the original'
fi
# Errors by name; a second run replaces the file, or goes behind it.
python_client 'fails(lambda: h.pwrite(b"x", 0))' --filter=log full 1M logfile=log
grep -q 'Write id=1 return=-1 error=ENOSPC' log
lines=$(wc -l <log)
python_client 'fails(lambda: h.pwrite(b"x", 0))' --filter=log full 1M logfile=log logappend=true
expect $((2 * lines)) "$(wc -l <log)"
# Names that a client makes up stay on their line.
serve --filter=log memory 1M logfile=log --run 'nbdsh -c "
h.set_export_name(\"a\\nb \\\"\$x\")
h.connect_uri(\"$uri\".split(\"?\")[0] + \"/?\" + \"$uri\".split(\"?\")[1]) if False else h.connect_unix(\"$unixsocket\")"'
grep -qF 'Connect export="a\x0ab \"\$x"' log || fail "$(grep Connect log)"
# The script gets the same as variables.
python_client 'h.pread(512, 1024); fails(lambda: h.pwrite(b"x", 0))' --filter=log full 1M \
  logscript="echo \"\$connection \$type \$id \$act \$offset \$return \$error\" >>$dir/script"
expect '1 ENTER 1 Read 0x400  
1 LEAVE 1 Read  0 
1 ENTER 2 Write 0x0  
1 LEAVE 2 Write  -1 ENOSPC' "$(grep -E ' (Read|Write) ' script)"
refused 'logfile=/nonexistent/log: No such file' --filter=log memory 1M logfile=/nonexistent/log
