#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A scenario that counts requests fails when there are others than it says, and when the log
# is missing or is none.
# shellcheck source=nbdkit/server/test/lib.sh
. "$SOURCE/nbdkit/server/test/lib.sh"
need qemu-io qemu-utils

scenario() { # scenario LOGFORMAT REQUESTS
  cat >s.json <<END
{ "name": "n", "why": "w", "transports": ["unix"],
  "server": { "plugin": "memory", "with": { "size": "1M" },
              "filters": [ { "log": { "logfile": "\$dir/log", "logformat": "$1" } } ] },
  "client": { "run": ["qemu-io", "-f", "raw", "-c", "write 4096 1536", "-c", "write 0 4096", "\$uri"] },
  "expect": { "log": "\$dir/log", "requests": [ $2 ] } }
END
  "$BUILD/bin/testkit" run s.json --nbdkit "$NBDKIT" >out 2>&1
}
passes() { scenario json "$1" || fail "$1: $(cat out)"; }
fails() { # fails WORDS REQUESTS
  ! scenario "${3-json}" "$2" || fail "passed: $2"
  grep -qF -- "$1" out || fail "$2: no \"$1\" in: $(cat out)"
}
passes '{ "command": "write", "count": 2 }, { "command": "read", "count": 0 }'
passes '{ "unaligned_to": 4096, "count": 1 }, { "longer_than": 1536, "command": "write", "count": 1 }'
passes '{ "command": "write", "from": 4096, "count": 1 }, { "command": "write", "to": "4K", "count": 1 }'
fails 'requests: write: expected 3, got 2 of' '{ "command": "write", "count": 3 }'
fails 'requests: trim: expected at least 1, got 0 of' '{ "command": "trim" }'
fails 'requests: write fua fast_zero: expected at least 1, got 0 of' '{ "command": "write", "flags": ["fua", "fast_zero"] }'
fails 'not a line of JSON' '{ "command": "write" }' text
