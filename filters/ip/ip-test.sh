#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients on Unix sockets, over IPv4 and with certificates get in or not, as the rules say. (How
# rules are read and matched: rules-test.cpp.)
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdinfo libnbd-bin
enters() { serve --filter=ip memory 1M "$@" --run 'nbdinfo --size "$uri"' 2>err | grep -qx 1048576; }
out() { if enters "$@"; then fail "let in: $*"; fi; grep -qF 'ip: the client is not permitted to connect' err || fail "$*: $(cat err)"; }
enters
enters allow=
enters allow=127.0.0.1
out deny=all
enters deny=all allow=anyunix
out deny=anyunix allow=anyipv4
out deny=uid:"$(id -u)"
out deny=gid:"$(id -g)"
enters allow=uid:"$(id -u)" deny=all
enters deny=uid:$(($(id -u) + 1)),127.0.0.0/8
out deny=security:nobody_has_this,anyunix
# A process, whose number is known before it connects, and no other.
sh -c 'until [ -s pid ]; do sleep 0.05; done; exec nbdinfo --size "nbd+unix://?socket=sock"' >size &
client=$!
"$BUILD/bin/nbdkit" -f -U sock -P pid --filter=ip memory 1M allow=pid:$client deny=all 2>/dev/null &
server=$!
wait $client || fail 'the process did not get in'
expect 1048576 "$(cat size)"
if nbdinfo "nbd+unix://?socket=sock" >/dev/null 2>&1; then fail 'another process got in'; fi
kill $server && wait $server
# Over the network, in both directions of the order.
tcp() { "$BUILD/bin/nbdkit" -i 127.0.0.1 -p 0 --filter=ip memory 1M "$@" --run 'nbdinfo --size "$uri"' 2>err | grep -qx 1048576; }
tcp deny=all allow=127.0.0.0/30
tcp deny=anyipv6,10.0.0.1-10.0.0.9
if tcp deny=127.0.0.1-127.0.0.1; then fail 'denied address got in'; fi
if tcp allow=::1 deny=anyipv4; then fail 'IPv4 got in'; fi
refused 'allow: "1.2.3" is no rule' --filter=ip memory 1M allow=1.2.3
refused 'deny: there is an empty rule between commas' --filter=ip memory 1M deny=any,
# Certificates: known only after the handshake, and before that no export is named.
needs certtool gnutls-bin
key() { certtool --generate-privkey --key-type ecdsa --outfile "$1-key.pem" 2>/dev/null; }
key ca; key server; key client
printf 'cn = Test CA\nca\ncert_signing_key\n' >ca.info
printf 'cn = localhost\ndns_name = localhost\ntls_www_server\nsigning_key\n' >server.info
printf 'cn = alice\norganization = Big Co\ntls_www_client\nsigning_key\n' >client.info
mkdir pki
certtool --generate-self-signed --load-privkey ca-key.pem --template ca.info --outfile pki/ca-cert.pem 2>/dev/null
for who in server client; do
  certtool --generate-certificate --load-ca-certificate pki/ca-cert.pem --load-ca-privkey ca-key.pem \
    --load-privkey $who-key.pem --template $who.info --outfile pki/$who-cert.pem 2>/dev/null
  cp $who-key.pem pki/
done
with_tls() {
  "$BUILD/bin/nbdkit" -i 127.0.0.1 -p 0 --tls=on --tls-certificates="$dir/pki" --tls-verify-peer --filter=ip memory 1M \
    "$@" --run "export pki=$dir/pki"'; nbdinfo --size "nbds://localhost:$port/?tls-certificates=$pki"' 2>err | grep -qx 1048576
}
plain() {
  "$BUILD/bin/nbdkit" -i 127.0.0.1 -p 0 --tls=on --tls-certificates="$dir/pki" --tls-verify-peer --filter=ip info \
    "$@" --run '! nbdinfo --list "nbd://localhost:$port" && ! nbdinfo "nbd://localhost:$port"' >/dev/null 2>err
}
with_tls 'allow=dn:O=Big Co,CN=alice' deny=all || with_tls 'allow=dn:CN=alice,O=Big Co' deny=all || fail "alice: $(cat err)"
with_tls 'allow=issuer-dn:CN=Test CA' deny=all || fail "issuer: $(cat err)"
if with_tls 'allow=dn:CN=bob' deny=all; then fail 'alice got in as bob'; fi
if with_tls 'deny=issuer-dn:CN=Test CA'; then fail 'the issuer is denied'; fi
plain 'allow=dn:CN=alice' deny=all || fail 'a client without a certificate got in'
