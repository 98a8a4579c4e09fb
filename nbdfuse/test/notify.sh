#!/usr/bin/env bash
# A supervisor in the manner of systemd is told when the file is there, and when it
# goes.
. "${0%/*}/lib.sh"
need python3

cat >"$tmp/supervisor.py" <<'P'
import os, socket, subprocess, sys
name, mount, argv = sys.argv[1], sys.argv[2], sys.argv[3:]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.bind(name.replace("@", "\0", 1))
    s.settimeout(60)
    child = subprocess.Popen(argv, env=dict(os.environ, NOTIFY_SOCKET=name))
    said = s.recv(4096).decode().split("\n")
    assert said == ["READY=1", "MAINPID=%d" % child.pid], said
    assert os.path.getsize(mount + "/nbd") == 1 << 20
    child.terminate()
    assert s.recv(4096) == b"STOPPING=1"
    assert child.wait(60) == 0
P
start_server memory 1M
for name in "$tmp/notify" "@nbdfuse-test-$$"; do
  python3 "$tmp/supervisor.py" "$name" "$dir" "$nbdfuse" "$dir" --unix "$sock" || fail "$name"
done
