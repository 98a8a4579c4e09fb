#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Socket activation: sockets of any family that somebody else has opened.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

equal "size by libnbd's activation" 1048576 "$(nbdinfo --size -- [ "$NBDKIT" memory 1M ])"

# activate.py SOCKETS COMMAND...: becomes the command, with the sockets open.
cat >activate.py <<'END'
import os, socket, sys
listening = []
for name in sys.argv[1].split():
    if name.startswith("/"):
        s = socket.socket(socket.AF_UNIX); s.bind(name)
    elif name == "datagram":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    elif name == "deaf":
        s = socket.socket(socket.AF_INET)
    else:
        s = socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET)
        s.bind((name, 0)); print(s.getsockname()[1], flush=True)
    if name not in ("datagram", "deaf"): s.listen()
    listening.append(s)
high = [os.dup(s.fileno()) for s in listening]
high = [os.dup2(fd, 100 + i) for i, fd in enumerate(high)]
os.closerange(3, 100)
for i, fd in enumerate(high): os.dup2(fd, 3 + i, inheritable=True)
os.closerange(3 + len(high), 200)
os.environ.setdefault("LISTEN_FDS", str(len(high)))
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
END
activate=(/usr/bin/python3 activate.py)

# Several sockets, of all families; it does not fork; the variables are gone, and
# the sockets are not handed to children.
families="$scratch/one 127.0.0.1 $scratch/two"
[[ ! -e /proc/net/if_inet6 ]] || families+=" ::1"
"${activate[@]}" "$families" "$NBDKIT" -P "$scratch/pid" eval get_size='echo 1M' \
  get_ready='env >env; ls -l /proc/self/fd >fds' pread='head -c $3 /dev/zero' >ports &
server=$!; started+=("$server")
until_true 20 test -s pid
equal "it does not fork" "$server" "$(cat pid)"
for name in one two; do
  equal "size over $name" 1048576 "$(nbdinfo --size "nbd+unix:///?socket=$scratch/$name")"
done
equal "size over IPv4" 1048576 "$(nbdinfo --size "nbd://127.0.0.1:$(sed -n 1p ports)")"
if [[ -e /proc/net/if_inet6 ]]; then
  equal "size over IPv6" 1048576 "$(nbdinfo --size "nbd://[::1]:$(sed -n 2p ports)")"
fi
! grep '^LISTEN_' env || fail "children see the variables"
! grep socket: fds || fail "children see the sockets"
stop
[[ -S one ]] || fail "the sockets are not ours to remove"

# --print-uri tells of the first.
"${activate[@]}" "$scratch/three" "$NBDKIT" --print-uri -P "$scratch/pid3" null >said &
server=$!; started+=("$server")
until_true 20 test -s pid3
equal "the URI" "nbd+unix:///?socket=$scratch/three" "$(head -n 1 said)"
stop

# Variables for another process mean nothing.
# shellcheck disable=SC2016
equal "for another" 1048576 \
  "$(LISTEN_PID=1 LISTEN_FDS=1 "$NBDKIT" memory 1M --run 'nbdinfo --size "$uri"; env | grep LISTEN_ || true')"

not_activated() { # not_activated WORDS SOCKETS ARGS...
  local words=$1 status=0 sockets=$2; shift 2
  "${activate[@]}" "$sockets" "$NBDKIT" "$@" >out 2>err || status=$?
  equal "status of $*" 1 "$status"
  grep -qF -- "$words" err || fail "$*: no \"$words\" in: $(cat err)"
}
for option in '-i ::1' '-p 1' -s '-U x' '--run true' --vsock '--selinux-label x'; do
  # shellcheck disable=SC2086 # an option and its value
  not_activated "${option%% *} cannot be used with socket activation" 127.0.0.1 $option null
done
not_activated 'file descriptor 3 is not a listening stream socket' datagram null
not_activated 'file descriptor 3 is not a listening stream socket' deaf null
LISTEN_FDS=2 not_activated 'LISTEN_FDS: file descriptor 4: Bad file descriptor' 127.0.0.1 null
LISTEN_FDS=17 not_activated '"17" is larger than 16' 127.0.0.1 null
LISTEN_FDS=many not_activated 'LISTEN_FDS: could not parse number: "many"' 127.0.0.1 null
LISTEN_FDS=0 not_activated 'expected 1 to 16 sockets' 127.0.0.1 null

need systemd-socket-activate systemd
systemd-socket-activate -l "$scratch/four" -l "$scratch/five" \
  "$NBDKIT" -P "$scratch/pid4" memory 1M 2>err & server=$!; started+=("$server")
until_true 20 test -S five
equal "size by systemd" 1048576 "$(nbdinfo --size "nbd+unix:///?socket=$scratch/five")"
equal "size by systemd" 1048576 "$(nbdinfo --size "nbd+unix:///?socket=$scratch/four")"
stop
