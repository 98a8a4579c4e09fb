#!/usr/bin/env bash
# TLS with keys in files that the URI names; a key that is wrong is one sentence.
. "${0%/*}/lib.sh"
[[ $("$nbdkit" --dump-config) == *"tls=yes"* ]] || skip "this nbdkit has no TLS (package libgnutls28-dev)"

(umask 077; echo "alice:$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" >"$tmp/psk")
(umask 077; echo "alice:$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" >"$tmp/wrong")
start_server --tls=require --tls-psk="$tmp/psk" memory 8M
uri="nbds+unix://alice@/?socket=$sock"
head -c 5000000 /dev/urandom >"$tmp/data"
start_nbdfuse "$dir" "$uri&tls-psk-file=$tmp/psk"
dd if="$tmp/data" of="$dir/nbd" bs=1M conv=notrunc,fsync status=none
dd if="$dir/nbd" of="$tmp/direct" bs=1M count=5 iflag=direct status=none
cmp -n 5000000 "$tmp/data" "$tmp/direct"
unmount_and_expect 0
for wrong in "$uri&tls-psk-file=$tmp/wrong" "$uri&tls-psk-file=$tmp/nosuch" "nbd+unix:///?socket=$sock"; do
  expect_error "nbdfuse: error: cannot connect to" timeout "$patience" "$nbdfuse" "$dir" "$wrong"
  [[ $(wc -l <"$tmp/out.log") == 1 ]] || fail "more than a line: $(cat "$tmp/out.log")"
  ! mountpoint -q "$dir" || fail "mounted with $wrong"
done
