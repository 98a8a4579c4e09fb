#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --swap: all of the process is locked into memory, also after the fork and as
# another user, or it does not start.
. "${BASH_SOURCE%/*}/lib.sh"
[[ -z ${SANITIZED-} ]] || { echo "skipped: the memory that a sanitizer reserves cannot be locked"; exit 77; }
[[ $(id -u) -eq 0 ]] || { echo "skipped: only root can lock so much memory"; exit 77; }

chmod 777 "$scratch"
locked() { sed -n 's/^VmLck:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$server/status"; }
users=(root)
# Another user is bound by the limit, which not every container lets root raise.
if prlimit --memlock=unlimited:unlimited true 2>/dev/null; then users+=(nobody); fi
for user in "${users[@]}"; do
  "$NBDKIT" --swap -u "$user" -U "$scratch/$user.sock" -P "$scratch/$user.pid" memory 1M
  started_in_background "$user.pid"
  (($(locked) > 1024)) || fail "as $user: $(locked) KiB are locked"
  kill "$server"
done
"$NBDKIT" -U "$scratch/sock" -P "$scratch/pid" memory 1M
started_in_background pid
equal "without --swap" 0 "$(locked)"
kill "$server"

status=0
setpriv --reuid=nobody --clear-groups --inh-caps=-all prlimit --memlock=65536:65536 \
  "$NBDKIT" --swap -U - memory 1M --run true 2>err || status=$?
equal "status without the right" 1 "$status"
grep -q 'cannot lock nbdkit into memory' err || fail "$(cat err)"
