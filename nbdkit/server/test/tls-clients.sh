#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The usual clients over TLS: certificates and keys, TLS 1.2 and 1.3, Unix sockets
# and TCP, with --tls=on beside clients in plain text.
. "${BASH_SOURCE%/*}/lib.sh"
. "$SOURCE/nbdkit/server/test/tls-lib.sh"
need nbdinfo libnbd-bin
need qemu-img qemu-utils
need qemu-io qemu-utils

make_ca pki "Test authority"
make_certificate pki server localhost pki
make_certificate pki client "a client" pki
make_psk alice keys.psk
cp keys.psk pki/keys.psk  # qemu looks for it in a folder
head -c 4M /dev/urandom >random.img

try() { # try URI
  nbdinfo "$1" >info || fail "nbdinfo $1"
  grep -q 'protocol: newstyle-fixed with TLS' info || fail "nbdinfo $1: $(cat info)"
  nbdcopy random.img "$1"
  nbdcopy "$1" copy.img; cmp random.img copy.img
}
try_qemu() { # try_qemu CREDENTIALS IMAGE-OPTIONS
  qemu-img convert -O raw --image-opts --object "$1" \
    "driver=raw,file.driver=nbd,file.tls-creds=tls0,$2" qemu.img
  cmp random.img qemu.img
  qemu-io --object "$1" --image-opts -c 'write -P 7 1M 64k' -c 'read -P 7 1M 64k' \
    "driver=raw,file.driver=nbd,file.tls-creds=tls0,$2" >qemu.out || fail "$(cat qemu.out)"
  if grep -q 'verification failed' qemu.out; then fail "$(cat qemu.out)"; fi
}

echo "certificates, Unix socket"
start -U "$scratch/sock" --tls=require --tls-certificates=pki --tls-verify-peer memory 4M
try "$(uri "$scratch/pki")"
for version in 1.2 1.3; do
  echo "TLS $version"
  try_qemu "tls-creds-x509,id=tls0,dir=pki,endpoint=client,priority=NORMAL:-VERS-ALL:+VERS-TLS$version" \
    "file.path=$scratch/sock,file.tls-hostname=localhost"
  nbdcopy random.img "$(uri "$scratch/pki")"
done
if nbdinfo --size "nbd+unix:///?socket=$scratch/sock" 2>err; then fail "a plain client was served"; fi
grep -qi 'requires TLS' err || fail "$(cat err)"
stop; rm sock

echo "certificates, TCP, and others in plain text"
start -i 127.0.0.1 -p 0 --tls=on --tls-certificates=pki memory 4M
port=$(ss -Hltnp | sed -n "s/.*127\.0\.0\.1:\([0-9]*\) .*pid=$server,.*/\1/p")
try "nbds://localhost:$port?tls-certificates=$scratch/pki"
try_qemu "tls-creds-x509,id=tls0,dir=pki,endpoint=client" "file.host=localhost,file.port=$port"
nbdinfo "nbd://localhost:$port" >info; grep -q 'newstyle-fixed without TLS' info || fail "$(cat info)"
stop

echo "pre-shared keys"
for version in 1.2 1.3; do
  echo "TLS $version"
  start -U "$scratch/sock" --tls=require --tls-psk=keys.psk \
    --tls-priority="NORMAL:-VERS-ALL:+VERS-TLS$version" memory 4M
  try "nbds+unix://alice@/?socket=$scratch/sock&tls-psk-file=$scratch/keys.psk"
  try_qemu "tls-creds-psk,id=tls0,dir=pki,username=alice,endpoint=client" "file.path=$scratch/sock"
  stop; rm sock
done

echo "the variables of --run"
# shellcheck disable=SC2016  # the server sets these variables
{
"$NBDKIT" --tls=require --tls-psk=keys.psk memory 4M --run '
  nbdinfo --size "$uri" && echo "$tls|$tls_psk|$tls_certificates"' >out
equal "size and variables with keys" "4194304 2|$scratch/keys.psk|" "$(tr '\n' ' ' <out | sed 's/ $//')"
"$NBDKIT" --tls=require --tls-certificates=pki -e 'my export' memory 4M --run '
  nbdinfo --size "$uri" && echo "$uri|$unixsocket|$tls|$tls_psk|$tls_certificates"' >out
{ read -r size; IFS='|' read -r got_uri socket tls psk certificates; } <out
equal "size" 4194304 "$size"
equal "\$uri" "nbds+unix:///my%20export?socket=$socket&tls-certificates=$scratch/pki" "$got_uri"
equal "variables with certificates" "2||$scratch/pki" "$tls|$psk|$certificates"
"$NBDKIT" -p 0 --tls=on --tls-certificates=pki memory 4M --run 'echo "$uri $port $tls"' >out
read -r got_uri port tls <out
equal "\$uri with --tls=on" "nbd://localhost:$port/ 1" "$got_uri $tls"
"$NBDKIT" memory 4M --run 'echo "$tls|$tls_psk|$tls_certificates"' >out
equal "variables without TLS" "||" "$(cat out)"
}

echo "what plugins are told"
# shellcheck disable=SC2016
start -U "$scratch/sock" --tls=on --tls-psk=keys.psk eval \
  open='if [ "$4" = true ]; then echo secret; else echo plain; fi' get_size='echo 512' \
  pread='printf "%-512s" "$2"'
equal "is_tls over TLS" secret "$(nbdcopy "nbds+unix://alice@/?socket=$scratch/sock&tls-psk-file=$scratch/keys.psk" - | tr -d ' ')"
equal "is_tls in plain text" plain "$(nbdcopy "nbd+unix:///?socket=$scratch/sock" - | tr -d ' ')"
stop; rm sock
names() { nbdcopy "$(uri "$scratch/pki")" - | tr -d '\0'; }
start -U "$scratch/sock" --tls=require --tls-certificates=pki --tls-verify-peer "$BUILD/test/tls-names.so"
equal "names in a verified certificate" "tls=1 dn=CN=a client issuer=CN=Test authority" "$(names)"
stop; rm sock
start -U "$scratch/sock" --tls=require --tls-certificates=pki "$BUILD/test/tls-names.so"
equal "names without --tls-verify-peer" "tls=1 dn= issuer=" "$(names)"
stop

echo "gnutls-cli"
need gnutls-cli gnutls-bin
start -i 127.0.0.1 -p 0 --tls=require --tls-psk=keys.psk memory 4M
port=$(ss -Hltnp | sed -n "s/.*127\.0\.0\.1:\([0-9]*\) .*pid=$server,.*/\1/p")
# What stands before TLS in plain text; TLS begins at the end of the input, once the reply
# to NBD_OPT_STARTTLS has been read.
for version in 1.2 1.3; do
  rm -f gnutls.out
  # shellcheck disable=SC2094  # the server's words are waited for
  { printf '\0\0\0\3IHAVEOPT\0\0\0\5\0\0\0\0'
    until grep -qa NBDMAGIC gnutls.out; do sleep 0.05; done 2>/dev/null; sleep 0.2; } |
    timeout 20 gnutls-cli --starttls --pskusername alice --pskkey "$(cut -d: -f2 keys.psk)" \
      --priority "NORMAL:-VERS-ALL:+VERS-TLS$version:+ECDHE-PSK:+DHE-PSK:+PSK" \
      -p "$port" 127.0.0.1 >gnutls.out 2>&1 || true
  grep -qa "Description: (TLS$version" gnutls.out || fail "gnutls-cli, TLS $version: $(tr -d '\0' <gnutls.out)"
  grep -qa 'PSK authentication' gnutls.out || fail "gnutls-cli, TLS $version: $(tr -d '\0' <gnutls.out)"
done
stop

echo "debug flags"
rm -f sock
"$NBDKIT" -f -v -D nbdkit.tls.session=1 -D nbdkit.tls.log=4 -P "$scratch/pid2" -U "$scratch/sock" \
  --tls=require --tls-certificates=pki --tls-verify-peer memory 4M 2>tls.log & server=$!; started+=("$server")
until_true 20 test -s pid2
nbdinfo --size "$(uri "$scratch/pki")" >/dev/null
stop
grep -qE 'memory\[1\]: debug: TLS session: version TLS1\.[23], key exchange .*, cipher AES' tls.log ||
  fail "tls.session: no words on what was agreed on: $(grep TLS tls.log)"
grep -q "TLS session: certificate 0 of the client: subject .CN=a client.*issuer .CN=Test authority" tls.log ||
  fail "tls.session: no certificate: $(grep TLS tls.log)"
grep -q 'memory\[1\]: debug: gnutls: [1-4]: ' tls.log || fail "tls.log: GnuTLS said nothing"
! grep -q 'gnutls: [5-9]' tls.log || fail "tls.log: more than was asked for"
