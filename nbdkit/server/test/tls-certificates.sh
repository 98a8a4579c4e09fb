#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Who is let in: certificates that are missing, wrong, expired, revoked or for
# something else, on either side. Each refusal is a sentence in the server's log,
# and the next good client is served.
. "${BASH_SOURCE%/*}/lib.sh"
. "$SOURCE/nbdkit/server/test/tls-lib.sh"
need nbdinfo libnbd-bin

make_ca pki "Test authority"
make_certificate pki server localhost pki
make_certificate pki client good good
make_ca other-ca "Other authority"
make_certificate other-ca client stranger stranger
cp pki/ca-cert.pem stranger/  # it trusts the server, but not the other way round
make_certificate pki client late late 'activation_date = "2020-01-01 00:00:00"' \
  'expiration_date = "2020-02-01 00:00:00"'
make_certificate pki client thief thief
make_certificate pki server impostor impostor
cp impostor/server-cert.pem impostor/client-cert.pem
cp impostor/server-key.pem impostor/client-key.pem
mkdir anonymous distrustful
cp pki/ca-cert.pem anonymous/
cp good/client-*.pem other-ca/ca-cert.pem distrustful/
printf 'crl_next_update = 10\n' >crl.info
tool --generate-crl --load-ca-privkey pki/ca-key.pem --load-ca-certificate pki/ca-cert.pem \
  --load-certificate thief/client-cert.pem --template crl.info --outfile pki/ca-crl.pem

serve() { start -U "$scratch/sock" --tls=require "$@" memory 1M 2>log; }
served() { equal "size for $1" 1048576 "$(nbdinfo --size "$(uri "$scratch/$1")")"; }
refused() { # refused CLIENT WORDS-IN-THE-LOG
  if nbdinfo --size "$(uri "$scratch/$1")" >out 2>&1; then fail "the $1 client was served"; fi
  # GnuTLS keeps back a certificate that the server would not like; OpenSSL does not.
  openssl_fails "$1" "$2"
}
openssl_fails() { # openssl_fails CLIENT WORDS-IN-THE-LOG
  if /usr/bin/python3 openssl.py sock "$1" >out 2>&1; then fail "the $1 client was served"; fi
  (until_true 20 grep -q -- "$2" log) || fail "$1: no \"$2\" in $(cat log)"
  served good
}

cat >openssl.py <<'EOF'
import os, socket, ssl, struct, sys
path, folder = sys.argv[1:]
context = ssl.create_default_context(cafile=folder + "/ca-cert.pem")
if os.path.exists(folder + "/client-cert.pem"):
    context.load_cert_chain(folder + "/client-cert.pem", folder + "/client-key.pem")
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(path)
def receive(s, count):
    out = b""
    while len(out) < count:
        piece = s.recv(count - len(out))
        if not piece: sys.exit("hung up")
        out += piece
    return out
receive(s, 18)
s.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 5, 0))
assert receive(s, 20)[12:16] == b"\0\0\0\1"
s = context.wrap_socket(s, server_hostname="localhost")
s.sendall(b"IHAVEOPT" + struct.pack(">II", 3, 0))
assert receive(s, 20)[12:16] == b"\0\0\0\2"
EOF

# Which of the two depends on whether the client encrypts its alert.
distrust="TLS handshake: .*\(the client sent the alert\|does the client refuse the server's certificate\)"

echo "with --tls-verify-peer"
serve --tls-certificates=pki --tls-verify-peer
served good
/usr/bin/python3 openssl.py sock good
refused anonymous 'TLS handshake: the client has no certificate'
refused stranger 'certificate is refused: the certificate issuer is unknown'
refused late 'certificate is refused: the certificate chain uses expired certificate'
refused thief 'certificate is refused: the certificate chain is revoked'
refused impostor 'certificate is refused: the certificate chain does not match the intended purpose'
openssl_fails distrustful "$distrust"
stop; rm sock

echo "without"
serve --tls-certificates=pki
for client in good anonymous late thief; do served $client; done
openssl_fails distrustful "$distrust"
stop; rm sock

echo "a certificate of the server that is no good"
make_certificate pki server localhost expired 'activation_date = "2020-01-01 00:00:00"' \
  'expiration_date = "2020-02-01 00:00:00"'
serve --tls-certificates=expired
if /usr/bin/python3 openssl.py sock good >out 2>&1; then fail "it was taken"; fi
until_true 20 grep -q "$distrust" log
stop; rm sock

echo "start-ups that fail"
fails() { # fails WORDS ARGS...
  local words=$1 status=0; shift
  "$NBDKIT" -U - "$@" memory 1M --run true >out 2>err || status=$?
  equal "status of $*" 1 "$status"
  grep -qF -- "$words" err || fail "$*: no \"$words\" in $(cat err)"
  equal "lines of $*" 1 "$(wc -l <err)"
}
mkdir empty broken; echo rubbish | tee broken/{ca,server}-cert.pem >broken/server-key.pem
cp -r pki mismatched; cp impostor/server-key.pem mismatched/
cp -r pki bad-crl; echo rubbish >bad-crl/ca-crl.pem
echo rubbish >bad.psk
fails "TLS is required, but there are no certificates in $scratch/empty" --tls=require --tls-certificates=empty
fails "there is no certificate in $scratch/broken/ca-cert.pem" --tls=on --tls-certificates=broken
fails "certificate and key $scratch/mismatched/server-cert.pem, $scratch/mismatched/server-key.pem" --tls-certificates=mismatched
fails "certificate revocation list $scratch/bad-crl/ca-crl.pem" --tls-certificates=bad-crl
fails "pre-shared keys $scratch/none.psk: No such file or directory" --tls-psk=none.psk
fails "pre-shared keys $scratch/bad.psk: line 1 is not of the form user:key" --tls-psk=bad.psk
fails '--tls: expected off, on or require, got "maybe"' --tls=maybe
fails '--tls-priority: "NORMAL:+NONSENSE" is not understood from "+NONSENSE" on' --tls-priority=NORMAL:+NONSENSE --tls-certificates=pki
fails '--tls=require cannot be used together with the oldstyle protocol' -o --tls=require --tls-certificates=pki
fails '--tls-certificates: expected a path, got ""' --tls-certificates=
fails '--timeout: expected a time above 0, got "0"' --timeout=0

echo "certificates that are not there turn TLS off, with a warning if it was asked for"
warns() { # warns WORDS ARGS...
  local words=$1; shift
  # shellcheck disable=SC2016
  "$NBDKIT" -U - "$@" memory 1M --run 'nbdinfo --size "nbd+unix:///?socket=$unixsocket"' >out 2>err
  equal "size" 1048576 "$(cat out)"
  grep -qF -- "$words" err || fail "$*: no \"$words\" in $(cat err)"
}
warns 'warning: TLS is off, as there are no certificates' --tls=on --tls-certificates=empty
warns 'warning: TLS is off, as there are no certificates' --tls-certificates=empty
"$NBDKIT" -U - --tls=off --tls-certificates=empty memory 1M --run true 2>err
equal "what --tls=off says" '' "$(cat err)"

echo "built-in paths"
if [[ $(id -u) -ne 0 ]]; then user=(env); else user=(setpriv --reuid=65534 --regid=65534 --clear-groups env); fi
chmod 755 "$scratch"; chmod -R a+rX pki
"${user[@]}" "$NBDKIT" --version >/dev/null 2>&1 ||
  { echo "left out: another user cannot run $NBDKIT"; exit 0; }
# shellcheck disable=SC2016
for folder in .pki/nbdkit .config/pki/nbdkit; do
  mkdir -p "home/$folder"; cp pki/{ca-cert,server-cert,server-key}.pem "home/$folder"; chmod -R a+rX home
  "${user[@]}" HOME="$scratch/home" TMPDIR=/tmp "$NBDKIT" -U - memory 1M --run 'echo "$tls"' >out 2>err ||
    fail "$folder: $(cat err)"
  equal "tls with certificates in $folder" 1 "$(cat out)"
  rm -r home
done
