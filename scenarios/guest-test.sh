#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The shipped scenarios that ask something of the kernel: vsock, its NBD client, netem. Where this
# kernel has it all they run here, otherwise in one guest.
set -u
if [ -n "${SANITIZED-}" ]; then
  echo "skipped: User Mode Linux cannot run a build with sanitizers, and QEMU takes minutes"
  exit 77
fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$BUILD/bin/testkit" run "$SOURCE/scenarios" --guest only -j 2 \
  --junit "$BUILD/test/scenarios-guest.xml" >"$out" 2>&1
status=$?
cat "$out"
if grep -q '^0 passed, 0 failed' "$out"; then
  sed -n '/^SKIP/{s/^.*\]  */skipped: /p;q}' "$out"
  exit 77
fi
exit $status
