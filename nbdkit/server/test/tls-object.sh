#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# GnuTLS is in a shared object that only a server with credentials opens; where that is
# missing, or of another build, such a server says so and others do not care.
. "${BASH_SOURCE%/*}/lib.sh"
. "$SOURCE/nbdkit/server/test/tls-lib.sh"

mkdir -p house/bin house/lib/nbdkit
cp "$NBDKIT" house/bin/nbdkit
ln -s "$BUILD"/lib/nbdkit/{plugins,filters} house/lib/nbdkit/
make_psk alice keys.psk
object=house/lib/nbdkit/nbdkit-tls.so

echo "nothing of GnuTLS without credentials"
start -U "$scratch/sock" null
cat "/proc/$server/maps" >maps
stop
grep -q nbdkit-null-plugin maps || fail "that was not the server"
equal "lines with gnutls" 0 "$(grep -c gnutls maps || true)"
if [[ $(objdump -p "$NBDKIT" 2>/dev/null) == *libgnutls* ]]; then fail "nbdkit itself needs libgnutls"; fi

echo "missing"
NBDKIT=$scratch/house/bin/nbdkit
refused 'TLS: ' --tls=require --tls-psk=keys.psk -U - null
grep -q 'nbdkit-tls\.so' err || fail "the object is not named: $(cat err)"
equal "size without TLS" 65536 "$("$NBDKIT" -U - null 64K --run 'nbdinfo --size "$uri"')"

echo "of another build"
cp "$BUILD/lib/nbdkit/plugins/nbdkit-null-plugin.so" "$object"
refused 'is of another build of nbdkit: it has no version' --tls-psk=keys.psk -U - null

echo "there"
cp "$BUILD/lib/nbdkit/nbdkit-tls.so" "$object"
equal "size with TLS" 65536 "$("$NBDKIT" -U - --tls=require --tls-psk=keys.psk null 64K \
  --run "nbdinfo --size \"nbds+unix://alice@/?socket=\$unixsocket&tls-psk-file=$scratch/keys.psk\"")"
