#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In pki/: an authority, and a server and a client that it knows.
set -euo pipefail
mkdir pki
cd pki
key() { certtool --generate-privkey --key-type=ecdsa --outfile "$1-key.pem" 2>/dev/null; }
key ca
printf 'cn=ca\nca\ncert_signing_key\n' >ca.info
certtool --generate-self-signed --load-privkey ca-key.pem --template ca.info --outfile ca-cert.pem 2>/dev/null
for who in server client; do
  key $who
  printf 'cn=localhost\ndns_name=localhost\nip_address=127.0.0.1\ntls_www_%s\nsigning_key\n' $who >$who.info
  certtool --generate-certificate --load-ca-certificate ca-cert.pem --load-ca-privkey ca-key.pem \
    --load-privkey $who-key.pem --template $who.info --outfile $who-cert.pem 2>/dev/null
done
