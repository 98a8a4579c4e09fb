#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Where messages go (--log), who says them (--name), and that a client cannot put
# control characters or lines of its own into them.
. "${BASH_SOURCE%/*}/lib.sh"
need /usr/bin/nbdsh libnbd-bin

# A plugin that says why it cannot be opened, with the client's own words in it.
plugin=(eval get_size='echo 1M' pread=: open='echo "EIO no export $3" >&2; exit 1')
open_it() { # open_it EXPORT-NAME-IN-PYTHON: a client that is refused
  PATH=/usr/bin:$PATH nbdsh -c "h.set_export_name($1)" \
    -c "h.connect_unix('$scratch/sock')" >client.out 2>&1 || true
}
try() { # try ARGS...: the server's stderr is in err
  rm -f sock
  start -U "$scratch/sock" "$@" "${plugin[@]}" 2>err
  open_it "'one'"
  stop
}

try
grep -qE '^nbdkit: eval\[1\]: error: .*no export one' err || fail "no error on stderr: $(cat err)"
try --log=stderr
grep -q 'no export one' err || fail "--log=stderr: $(cat err)"
try --log=default
grep -q 'no export one' err || fail "--log=default: $(cat err)"
try --log=null
[[ ! -s err ]] || fail "--log=null: $(cat err)"
echo before >log
try --log="$scratch/log" -v
equal "the log file" "before" "$(head -n 1 log)"
grep -qE '^nbdkit: eval\[1\]: error: .*no export one' log || fail "not in the log file: $(cat log)"
! grep -q 'error: ' err || fail "an error on stderr as well"
! grep -q 'debug: ' log || fail "debug messages in the log file"
grep -q 'debug: ' err || fail "no debug messages on stderr"
try --name 'house of nbd'
grep -q '^nbdkit\[house of nbd\]: eval\[1\]: error: ' err || fail "--name: $(cat err)"

# In the background: --log=stderr keeps it, a file is written to.
for log in stderr "$scratch/log2"; do
  rm -f sock bg.pid
  "$NBDKIT" --log="$log" -U "$scratch/sock" -P "$scratch/bg.pid" "${plugin[@]}" 2>err
  started_in_background bg.pid
  open_it "'two'"
  kill "$server"
  until_true 20 gone "$server"
  file=$log; [[ $log != stderr ]] || file=err
  grep -q 'no export two' "$file" || fail "in the background, --log=$log: $(cat "$file")"
done
until_true 20 test -s log2

# Escapes, newlines and bells of a client are shown, not sent.
rm -f sock
start -v -U "$scratch/sock" "${plugin[@]}" 2>err
open_it "'x\x1b[31m\nnbdkit: error: forged\a'"
stop
grep -qF 'x\x1b[31m\nnbdkit: error: forged\x07' err || fail "not shown: $(cat err)"
! LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]' err || fail "raw control characters"
! grep '^nbdkit: error: forged' err || fail "a line that the client wrote"
# ... while sentences of the start may have several lines.
"$NBDKIT" 2>err || true
equal "lines of the hint" 2 "$(wc -l <err)"

# syslog: a daemon of our own, in a folder of our own for /dev/log.
unshare --mount --propagation private true 2>/dev/null || { echo "the rest is left out: no namespaces"; exit 0; }
cat >syslogd.py <<'END'
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("/dev/log")
print("ready", flush=True)
while True: print(s.recv(65536).decode().rstrip("\0\n"), flush=True)
END
cat >in-namespace <<'END'
mkdir dev && mount -t tmpfs none dev
for device in null zero urandom; do : >dev/$device; mount --bind /dev/$device dev/$device; done
mount --rbind dev /dev
/usr/bin/python3 syslogd.py >syslog & daemon=$!
until [ -s syslog ]; do sleep 0.02; done
"$@"
kill $daemon
END
syslogged() { # syslogged ARGS...
  rm -rf sock bg.pid syslog dev
  # shellcheck disable=SC2016
  unshare --mount --propagation private bash -eu in-namespace bash -euc '
    "$@" -U "$PWD/sock" -P "$PWD/bg.pid" 2>err
    PATH=/usr/bin:$PATH nbdsh -c "h.set_export_name(\"three\")" -c "h.connect_unix(\"$PWD/sock\")" || true
    kill "$(cat bg.pid)"; while kill -0 "$(cat bg.pid)" 2>/dev/null; do sleep 0.02; done' \
    log "$NBDKIT" "$@" "${plugin[@]}" >client.out 2>&1 || fail "syslog: $(cat client.out err)"
}
syslogged
# <27> is LOG_DAEMON and LOG_ERR
grep -qE "^<27>.* nbdkit\[$(cat bg.pid)\]: eval\[1\]: error: .*no export three" syslog ||
  fail "the default in the background: $(cat syslog)"
equal "stderr of the daemon" '' "$(cat err)"
syslogged -v --log=syslog
grep -q 'no export three' syslog || fail "--log=syslog: $(cat syslog)"
grep -q 'debug: ' err || fail "debug messages are not on stderr"
! grep -q 'debug: ' syslog || fail "debug messages in syslog"
