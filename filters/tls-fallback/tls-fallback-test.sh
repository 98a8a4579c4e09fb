#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A client without TLS gets the page, whatever export it names, and nothing of the disk;
# one with TLS gets the disk and its exports.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs psktool gnutls-bin
psktool -u alice -p keys.psk >/dev/null 2>&1
cat >client.py <<'PY'
import os
def connect(tls, name):
  n = nbd.NBD()
  if tls:
    n.set_tls(nbd.TLS_REQUIRE); n.set_tls_psk_file("keys.psk"); n.set_tls_username("alice")
  n.set_export_name(name)
  n.connect_unix(os.environ["unixsocket"])
  return n
for name in ("", "other"):
  n = connect(False, name)
  print(n.get_size(), n.is_read_only(), n.pread(512, 0).rstrip(b"\0").decode())
n = connect(True, "")
n.pwrite(b"the disk", 0)
print(n.get_size(), n.is_read_only(), n.pread(8, 0).decode())
PY
serves() { serve --tls=on --tls-psk=keys.psk --filter=tls-fallback "$@" --run 'export unixsocket; nbdsh -c - <client.py'; }
expect '512 True read me
512 True read me
1048576 False the disk' "$(serves memory 1M tlsreadme='read me')"
expect '512 True This NBD server serves its data to clients that use TLS.' "$(serves memory 1M >out; sed -n 1p out)"
# A long page is whole sectors, all of them shown.
long=$(printf 'x%.0s' {1..600})
expect "1024 True $long" "$(python_client 'print(h.get_size(), h.is_read_only(), h.pread(512, 0).decode() + h.pread(512, 512).rstrip(b"\0").decode())' \
  --filter=tls-fallback memory 1M tlsreadme="$long")"
# The plugin does not hear of such a client, neither of its list nor of its disk.
serve --filter=tls-fallback --filter=log eval open='echo opened >>'"$dir/seen" get_size='echo 1' pread='echo' \
  list_exports='echo listed >>'"$dir/seen" logfile=log --run 'nbdinfo --list "$uri" >list; nbdinfo "$uri" >/dev/null'
[ ! -e seen ] || fail "the plugin saw: $(cat seen)"
if grep -E 'Connect|ListExports' log; then fail 'the filter below saw a client'; fi
refused 'tls-fallback: this plugin serves one client at a time' --filter=tls-fallback --filter=noparallel memory 1M serialize=connections
