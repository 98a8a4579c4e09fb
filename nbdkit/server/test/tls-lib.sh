# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Sourced after lib.sh: keys and certificates, made anew for each test.
need certtool gnutls-bin
need psktool gnutls-bin

# make_psk USER FILE
make_psk() { psktool -u "$1" -p "$2" >/dev/null 2>&1 || fail "psktool: $1"; }

# make_ca DIR NAME: ca-key.pem and ca-cert.pem in it
make_ca() {
  mkdir -p "$1"
  make_key "$1/ca-key.pem"
  printf 'cn = %s\nca\ncert_signing_key\ncrl_signing_key\nexpiration_days = 10\n' "$2" >"$1/ca.info"
  tool --generate-self-signed --load-privkey "$1/ca-key.pem" --template "$1/ca.info" \
    --outfile "$1/ca-cert.pem"
}
# make_certificate CA-DIR KIND NAME DIR [TEMPLATE-LINE...]: DIR/KIND-key.pem and
# DIR/KIND-cert.pem for KIND server or client; DIR gets a copy of the authority's.
make_certificate() {
  local ca=$1 kind=$2 name=$3 dir=$4; shift 4
  mkdir -p "$dir"
  [[ $ca == "$dir" ]] || cp "$ca/ca-cert.pem" "$dir"
  make_key "$dir/$kind-key.pem"
  { printf 'cn = %s\n' "$name"
    [[ $kind == client ]] || printf 'dns_name = localhost\nip_address = 127.0.0.1\n'
    printf 'tls_www_%s\nsigning_key\n' "$kind"
    if (($#)); then printf '%s\n' "$@"; else echo 'expiration_days = 10'; fi
  } >"$dir/$kind.info"
  tool --generate-certificate --load-ca-certificate "$ca/ca-cert.pem" \
    --load-ca-privkey "$ca/ca-key.pem" --load-privkey "$dir/$kind-key.pem" \
    --template "$dir/$kind.info" --outfile "$dir/$kind-cert.pem"
}
make_key() { tool --generate-privkey --key-type=ecdsa --curve=secp256r1 --outfile "$1"; }
tool() { certtool "$@" >certtool.out 2>&1 || fail "certtool $*: $(cat certtool.out)"; }

# uri DIR-OF-CERTIFICATES: that of the server on $scratch/sock
# shellcheck disable=SC2154  # $scratch is of lib.sh
uri() { echo "nbds+unix:///?socket=$scratch/sock&tls-certificates=$1"; }
