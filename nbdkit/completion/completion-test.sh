#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Completion, through bash itself: an interactive bash that is sent a line and two
# tabs; what it offers is in its output. And its function for single answers.
. "$SOURCE/nbdkit/server/test/lib.sh"

cp "$SOURCE/nbdkit/completion/nbdkit.bash" .
mkdir folder; : >folder/disk.img
PATH=$BUILD/bin:$PATH

# offers LINE: what the function answers, on one line, sorted
offers() {
  # shellcheck disable=SC2016
  env COMP_LINE="$1" bash -c '
    source ./nbdkit.bash
    COMP_POINT=${#COMP_LINE}
    _nbdkit nbdkit
    printf "%s\n" "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd " "' 2>.err
  [[ ! -s .err ]] || fail "offers $1: $(cat .err)"
}
equal options '--ip-addr --ipaddr --ipv4-only --ipv6-only' "$(offers 'nbdkit --ip')"
equal "after the plugin" '--readonly' "$(offers 'nbdkit memory 1M --reado')"
equal plugins 'pattern' "$(offers 'nbdkit patt')"
equal "plugins after a value" 'pattern' "$(offers 'nbdkit -p 1234 --unix /x -f patt')"
equal filters 'error' "$(offers 'nbdkit --filter=err')"
equal "filters as a word" 'error' "$(offers 'nbdkit --filter err')"
equal log 'stderr syslog' "$(offers 'nbdkit --log=s')"
equal keys 'allocator=' "$(offers 'nbdkit memory alloc')"
equal "a filter's keys" 'delay-trim=' "$(offers 'nbdkit --filter delay memory delay-tr')"
equal "a filter's keys, alone" 'error-seed=' "$(offers 'nbdkit --filter=error -f memory error-s')"
equal files 'folder' "$(offers 'nbdkit file fol')"
equal "files as values" 'folder/disk.img' "$(offers 'nbdkit file file=folder/d')"
equal nothing '' "$(offers 'nbdkit -p 10')"
"$NBDKIT" --long-options >all
offers 'nbdkit --' | tr ' ' '\n' >offered
cmp all offered || fail "not all long options are offered"

# Every option that takes a value is known to take one: else its value would be
# taken for the plugin.
"$NBDKIT" --help | sed -nE 's/^  (-.,|  ) --([a-z0-9-]+)=.*/--\2/p' | while read -r option; do
  equal "the plugin after $option" 'pattern' "$(offers "nbdkit $option 1 patt")"
done

# bash itself.
cat >session.py <<'END'
import os, pty, sys, time, select
pid, fd = pty.fork()
if pid == 0: os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
def until(text, limit=30):
    seen = b""; end = time.time() + limit
    while text not in seen and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]: seen += os.read(fd, 4096)
    if text not in seen: sys.exit("never came: %r in %r" % (text, seen))
os.write(fd, b"PS1='rea''dy>'; source ./nbdkit.bash\n"); until(b"ready>")
os.write(fd, b"nbdkit --filter=dela\tmem\tsiz\t"); until(b"nbdkit --filter=delay memory size=")
os.write(fd, b"1M --vers\t\n"); until(b"nbdkit 1.")
os.write(fd, b"exit\n")
END
TERM=dumb /usr/bin/python3 session.py || fail "in an interactive bash"
