#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every name of every option, where it may stand, which go together, and what
# happens when one is given twice.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

# Those of the field, by name: a table of ours that loses one is not enough.
for option in --debug=nbdkit.backend.datapath=0 --exit-with-parent --export=x --export-name=x \
    --exportname=x --foreground --no-fork --filter=error --group=root --ip-addr=::1 \
    --ipaddr=::1 --ipv4-only --ipv6-only --keepalive --keep-alive --log=stderr --log=syslog \
    --log=null --log=default "--log=$scratch/log" --mask-handshake=3 --name=x --new-style --newstyle \
    --no-mc --no-meta-contexts --no-sr --no-structured-replies --old-style --oldstyle \
    --pid-file=x --pidfile=x --port=1 --print-uri --print-url --show-uri --show-url --read-only \
    --readonly --run=x --selinux-label=x --single --stdin --swap --threads=1 --timeout=1 --time-out=1 --tls=off --tls=on \
    --tls=require --tls-certificates=x --tls-priority=NORMAL --tls-psk=x --tls-verify-peer --unix=x --user=root \
    --verbose --vsock -4 -6 -f -n -o -r -s -v -Dnbdkit.backend.datapath=0 -ex -groot -i::1 -Px -p1 \
    -t1 -Ux -uroot; do
  "$NBDKIT" "$option" --version >out 2>err || fail "$option: $(cat err)"
  grep -q '^nbdkit 1' out || fail "$option: $(cat out)"
done
for question in --help --version -V --dump-config --short-options --long-options; do
  "$NBDKIT" "$question" >out; [[ -s out ]] || fail "$question says nothing"
done

# What --help shows is what completion is offered.
"$NBDKIT" --long-options >longs; "$NBDKIT" --short-options >shorts
"$NBDKIT" --help | grep -oE -- '--[a-z0-9-]+' | grep -vx -- '--filter' | sort -u | while read -r o; do
  grep -qx -- "$o" longs || fail "$o is in the help, but not in --long-options"
done
while read -r option; do
  "$NBDKIT" --help | grep -qE -- "^  $option, " || fail "$option is not in the help"
done <shorts
! grep -qE 'short-options|long-options|print-url|time-out' longs || fail "a hidden option is listed"

# Options and words may be mixed; -- ends the options.
# shellcheck disable=SC2016
run='nbdinfo --size "$uri"'
equal mixed 1048576 "$("$NBDKIT" memory -U - size=1M --run "$run" -r)"
equal "two words" 1048576 "$("$NBDKIT" --unix - --run "$run" -- memory 1M)"
refused '-r: No such file' file -- -r

# The last one counts.
equal "-U -U" "$scratch/two" "$("$NBDKIT" -U - -U two null --run 'echo "$unixsocket"')"
equal "-e -e" b "$("$NBDKIT" -e a -e b null --run 'echo "$exportname"')"
equal "-o -n" 1048576 "$("$NBDKIT" -o -n memory 1M --run "$run")"
equal "--run --run" two "$("$NBDKIT" null --run 'echo one' --run 'echo two')"
equal "-4 -6" '[::1]' "$("$NBDKIT" -4 -6 -p 0 null --run 'u=${uri#nbd://}; echo "${u%:*}"')"

# What cannot go together is refused by both names.
for pair in '-s -p 1' '-s -U x' '-s -i ::1' '-s --vsock' '-s --run true' '-s --dump-plugin' \
    '-s --print-uri' '-s --selinux-label x' '-U x -p 1' '-U x -i ::1' '-U x --vsock' '-i ::1 --vsock'; do
  # shellcheck disable=SC2086 # two options, one of them with a value
  refused 'cannot be used together' $pair null
  for word in $pair; do
    case $word in -*) grep -qF -- "$word" err || fail "$pair: $word is not named: $(cat err)" ;; esac
  done
done
refused 'an export name cannot be used with the oldstyle protocol: "x"' -o -e x null

# Values that are none.
refused '--log: expected stderr, syslog, null, default or an absolute path, got "file"' --log file null
refused '--log: cannot open /nonexistent/log' --log=/nonexistent/log null
refused '--mask-handshake: could not parse number: "x"' --mask-handshake=x null
refused "--name: expected a name" --name= null
refused "--name: expected a name" --name='a]: error' null
refused '--user: there is no such user: nobody-of-that-name' -u nobody-of-that-name null
refused '--group: there is no such group: no-such-group' -g no-such-group null
refused '--pidfile: expected a path, got ""' -P '' null
