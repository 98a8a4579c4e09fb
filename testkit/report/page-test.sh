#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The page of --html in a real browser; page-test.py says what is looked at.
set -u
testkit=$BUILD/bin/testkit
here=$SOURCE/testkit/report
# shellcheck disable=SC1091  # it is checked by itself
. "${0%/*}/lib.sh"
chromium=$(type -P chromium chromium-browser google-chrome | head -n 1)
[ -n "$chromium" ] || { echo "skipped: chromium is missing (Debian package chromium)"; exit 77; }
type -P python3 >/dev/null || { echo "skipped: python3 is missing"; exit 77; }
if [ ! -x "$BUILD/bin/nbdkit" ] && ! type -P nbdkit >/dev/null; then
  echo "skipped: nbdkit is missing (not built, not in PATH)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
make_scenarios s
"$testkit" run s -j2 --seed 3 --html page.html >out 2>&1
[ -s page.html ] || { echo "FAIL: no page, but:"; cat out; exit 1; }
python3 -B "$here/page-test.py" "$chromium" "$work" || { grep -v dbus chromium.log | tail -n 5; exit 1; }
