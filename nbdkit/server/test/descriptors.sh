#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What children inherit: no descriptor but 0, 1 and 2, no ignored or blocked
# signal; and nothing of them stays behind, as a zombie or otherwise.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

# Descriptors above 2, and the signals.
cat >look <<'END'
#!/usr/bin/python3 -SI
import os
for fd in sorted(os.listdir("/proc/self/fd"), key=int):
    try: target = os.readlink("/proc/self/fd/" + fd)
    except OSError: continue   # the folder's own, which is closed again
    if int(fd) > 2: print(fd, target)
print("".join(l for l in open("/proc/self/status") if l.startswith(("SigBlk", "SigIgn"))), end="")
END
chmod +x look
for fd in "/proc/$$/fd"/*; do   # those that we were started with ourselves
  fd=${fd##*/}
  ((fd <= 2 || fd == 255)) || eval "exec $fd>&-"
done
# Python ignores SIGPIPE and SIGXFSZ.
clean=$'SigBlk:\t0000000000000000\nSigIgn:\t0000000001001000'
equal "this test itself" "$clean" "$(./look)"

mkdir t; export TMPDIR=$scratch/t
equal "the command of --run" "$clean" "$("$NBDKIT" -p 0 -P pid --log="$scratch/log" null --run ./look)"
equal "the command of --run, -u" "$clean" "$("$NBDKIT" -U - -u "$(id -u)" null --run ./look)"
"$NBDKIT" -U - eval get_size="./look >$scratch/from-eval; echo 1M" after_fork="$scratch/look >$scratch/forked" \
  pread=: --run 'nbdinfo --size "$uri"' >/dev/null
equal "a script in a connection" "$clean" "$(cat from-eval)"
equal "a script in after_fork" "$clean" "$(cat forked)"

# Our own threads leave signals to the main thread.
start -U "$scratch/sock" --filter=delay memory 1M rdelay=30
/usr/bin/python3 - "$scratch/sock" <<'END' & client=$!
import socket, struct, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(18)
s.send(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0)); s.recv(100)
for i in range(4): s.send(struct.pack(">IHHQQI", 0x25609513, 0, 0, i, 0, 512))
time.sleep(60)
END
started+=("$client")
busy() { [[ $(ls "/proc/$server/task" | wc -l) -ge 3 ]]; }
until_true 20 busy
for task in "/proc/$server/task"/*; do
  blocked=$((16#$(sed -n 's/^SigBlk:\t//p' "$task/status")))
  if [[ ${task##*/} -eq $server ]]; then
    equal "signals that the main thread blocks" 0 "$blocked"
  else
    # SIGHUP 1, SIGINT 2, SIGQUIT 3, SIGTERM 15
    equal "signals that thread ${task##*/} blocks" $((0x4007)) $((blocked & 0x4007))
  fi
done

# The client neither reads nor leaves: it does not hold the server up for ever.
kill "$server"
status=0; wait "$server" || status=$?
equal "status with a stuck client" 0 "$status"

# No child is left unreaped, and no folder.
"$NBDKIT" -U - memory 1M --run 'ps -o stat= --ppid $PPID; sleep 0.1 & wait' >out
! grep Z out || fail "a zombie"
equal "left behind" '' "$(ls t)"
# A crash leaves no folder either.
if [[ -z ${SANITIZED-} ]]; then
  # shellcheck disable=SC2016
  "$NBDKIT" memory 1M --run 'kill -SEGV $PPID; sleep 1' >/dev/null 2>&1 || true
  equal "left behind by a crash" '' "$(ls t)"
fi
