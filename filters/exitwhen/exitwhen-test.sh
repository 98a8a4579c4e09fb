#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Each event ends a server that is idle, soon where the system tells of it; one that is busy
# refuses who comes and ends after its last client.
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
server=''
trap 'kill $server 2>/dev/null || true; rm -rf "$dir"' EXIT
start() {
  rm -f pid sock
  timeout 60 "$BUILD/bin/nbdkit" -f -U sock -P pid --filter=exitwhen memory 1M "$@" 2>>err &
  server=$!
  until [ -s pid ] || ! kill -0 $server 2>/dev/null; do sleep 0.05; done
}
ended() { wait $server || fail "$1: exit status $?"; }
running() { kill -0 "$(cat pid)" || fail "$1: the server has ended"; nbdinfo 'nbd+unix://?socket=sock' >/dev/null; }

start exit-when-file-created=stop; running 'no file yet'; touch other; touch stop; ended file-created
start exit-when-file-created=stop; ended 'a file that is there'
touch keep; start exit-when-file-deleted=keep; running 'the file is there'; mv keep away; ended file-deleted
# A folder that is not there yet cannot tell: the file is looked for from time to time.
start exit-when-file-created=folder/stop exit-when-poll=1; running 'no folder yet'; mkdir folder; touch folder/stop; ended folder
sleep 100 & sleeper=$!
start exit-when-process-exits=$sleeper; running 'the process lives'; kill $sleeper; ended process-exits
start exit-when-process-exits=$sleeper; ended 'a process that has gone'
mkfifo fifo
# shellcheck disable=SC2094  # both ends
exec 8<>fifo 7<fifo 6>fifo 8>&-
start exit-when-pipe-closed=7 6>&-; echo data >&6; running 'the pipe is open'; exec 6>&-; ended pipe-closed
exec 7>&-
# shellcheck disable=SC2016  # expanded by the script's shell
start exit-when-script='echo x >>ran; [ $(wc -l <ran) -lt 3 ] || exit 88' exit-when-poll=1; ended script
[ "$(wc -l <ran)" -eq 3 ]
: >err; start exit-when-script='exit 3' exit-when-poll=1; running 'an exit status of 3'
grep -q 'exit-when-script=exit 3: the script ended with exit status 3' err; kill $server; ended 'a signal'
# A script that hangs does not keep the server from ending, nor lives on.
start exit-when-script='echo $$ >script.pid; sleep 1000'; until [ -s script.pid ]; do sleep 0.05; done
kill $server; ended 'a script that hangs'
if kill -0 "$(cat script.pid)" 2>/dev/null; then fail 'the script lives on'; fi
# Any one of several; nothing to wait for.
start exit-when-file-created=never exit-when-file-deleted=away; running both; rm away; ended 'one of two'
start; running nothing; kill $server; ended nothing
# A client is served to its end, though the file has gone again; others are refused.
rm stop; start exit-when-file-created=stop
nbdsh -c '
import os, time
h.connect_unix("sock")
open("stop", "w").close()
def refused():
  n = nbd.NBD()
  try: n.connect_unix("sock")
  except nbd.Error: return True
  n.shutdown()
while not refused(): pass
os.remove("stop")
assert refused()
h.pwrite(b"still here", 0)
assert h.pread(10, 0) == b"still here"
h.shutdown()'
ended 'a busy server'
grep -q 'exitwhen: the server is about to end' err
refused 'exit-when-pipe-closed' --filter=exitwhen memory 1M exit-when-pipe-closed=99
refused 'exit-when-pipe-closed' --filter=exitwhen memory 1M exit-when-pipe-closed=x
refused 'exit-when-process-exits' --filter=exitwhen memory 1M exit-when-process-exits=0
refused 'exit-when-poll' --filter=exitwhen memory 1M exit-when-poll=0
refused 'expected the name of a file' --filter=exitwhen memory 1M exit-when-file-created=
refused 'expected a command' --filter=exitwhen memory 1M exit-when-script=
