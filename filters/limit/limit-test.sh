#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One client more than the limit is told so; a place that is left is free again.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
many='
import os
uri = os.environ["uri"]
def connect():
  n = nbd.NBD()
  n.connect_uri(uri)
  return n
def again():  # the server notices in its own time that a client has gone
  while True:
    try: return connect()
    except nbd.Error: pass
'
expect 'refused' "$(CODE="$many
h.connect_uri(uri)
try: connect()
except nbd.Error: print('refused')
h.shutdown()
again().shutdown()" serve --filter=limit memory 1M --run 'export uri; nbdsh -c "$CODE"' 2>err)"
grep -q 'limit: 1 client is connected already' err
expect '3 4' "$(CODE="$many
three = [connect() for i in range(3)]
try: connect()
except nbd.Error: print(len(three), end=' ')
three.pop().shutdown()
three.append(again())
print(len(three) + 1)" serve --filter=limit memory 1M limit=3 --run 'export uri; nbdsh -c "$CODE"' 2>err)"
expect 20 "$(CODE="$many
print(len([connect() for i in range(20)]))" serve --filter=limit memory 1M limit=0 --run 'export uri; nbdsh -c "$CODE"')"
# A disk that does not open takes no place.
expect '' "$(serve --filter=limit eval open='exit 1' get_size='echo 1' pread='exit 1' --run '
  for i in 1 2 3; do nbdinfo "$uri" >/dev/null 2>&1 && echo opened; done; :' 2>err || true)"
if grep -q 'connected already' err; then fail 'a place was lost'; fi
refused "limit" --filter=limit memory 1M limit=-1
