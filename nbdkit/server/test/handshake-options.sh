#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the options make the server offer in the handshake, seen by clients.
. "${BASH_SOURCE%/*}/lib.sh"
need /usr/bin/nbdsh libnbd-bin

ask() { # ask PYTHON ARGS...: what a client of a server with ARGS finds
  local code=$1; shift
  # shellcheck disable=SC2016
  CODE=$code PATH=/usr/bin:$PATH "$NBDKIT" "$@" memory 1M \
    --run 'nbdsh -c "h.add_meta_context(\"base:allocation\")" -c "h.connect_uri(\"$uri\")" -c "$CODE"'
}
protocol='print(h.get_protocol(), h.get_structured_replies_negotiated(), h.can_meta_context("base:allocation"))'
equal "by default" "newstyle-fixed True True" "$(ask "$protocol")"
for option in --no-sr --no-structured-replies; do
  equal "$option" "newstyle-fixed False False" "$(ask "$protocol" $option)"
done
for option in --no-mc --no-meta-contexts; do
  equal "$option" "newstyle-fixed True False" "$(ask "$protocol" $option)"
done
equal "--oldstyle" "oldstyle False False" "$(ask "$protocol" --oldstyle)"
equal "--mask-handshake=0" "newstyle False False" "$(ask "$protocol" --mask-handshake=0)"
equal "--mask-handshake=1" "newstyle-fixed True True" "$(ask "$protocol" --mask-handshake=0x1)"
equal "--mask-handshake=~0" "newstyle-fixed True True" "$(ask "$protocol" --mask-handshake=-1)"
greeting() { "$NBDKIT" -s "$@" memory 1M </dev/null | tail -c 2 | od -An -tx1 | tr -d ' '; }
for mask in 0 1 2 3 0xfffffffffffffffd; do
  equal "flags with mask $mask" "000$((mask & 3))" "$(greeting --mask-handshake="$mask")"
done

# A client that takes what was not offered is cut off.
printf '\0\0\0\2IHAVEOPT\0\0\0\1\0\0\0\0' >client
"$NBDKIT" -s --mask-handshake=0 memory 1M <client >out 2>err
equal "nothing but the greeting" 18 "$(stat -c %s out)"
grep -q 'the client requested unexpected flags 0x2' err || fail "$(cat err)"
"$NBDKIT" -s memory 1M <client >out
equal "with the flag offered, and no zeroes" 28 "$(stat -c %s out)"
