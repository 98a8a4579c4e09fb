#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The thread model is the strictest of filter and plugin; one client at a time has no
# multi-conn to offer.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
model() { serve -v --filter=noparallel "$@" --run true 2>&1 | sed -n 's/.*using thread model: //p'; }
expect serialize_requests "$(model memory 1M)"
expect serialize_all_requests "$(model memory 1M serialize=all-requests)"
expect serialize_connections "$(model memory 1M serialize=connections)"
# A plugin that is stricter stays so.
expect serialize_all_requests "$(model eval thread_model='echo serialize_all_requests' get_size='echo 1' pread='exit 1')"
for mode in requests all-requests connections; do
  abilities_like_the_original noparallel memory 1M serialize=$mode
done
# A slow request holds up the one behind it: the replies are in order.
order='
done = []
def reply(which):
  def f(error): done.append(which); return 1
  return f
h.aio_zero(512, 0, completion=reply("slow"))
h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(512)), 1024, completion=reply("quick"))
while len(done) < 2: h.poll(-1)
print(*done)'
expect 'slow quick' "$(python_client "$order" --filter=noparallel --filter=delay memory 1M delay-zero=500ms)"
refused 'serialize: expected one of requests, all-requests, connections' --filter=noparallel memory 1M serialize=all
