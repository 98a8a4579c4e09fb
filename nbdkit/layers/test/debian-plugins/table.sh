#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: plugins that were compiled against the original server load into ours and
# do there what they do in Debian's. Method: every .so in the plugin folder of
# Debian's packages, whatever it is, gets a row (row.sh). The table is printed;
# one row that fails fails the test.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
packages=(nbdkit nbdkit-plugin-{dev,guestfs,libvirt,lua,perl,python,ruby,tcl})
[ -x /usr/bin/nbdkit ] || { echo "Debian's nbdkit is missing: apt-get install nbdkit"; exit 77; }
command -v nbdcopy >/dev/null || { echo 'nbdcopy is missing: apt-get install libnbd-bin'; exit 77; }
/usr/bin/python3 -c 'import nbd' || { echo 'apt-get install python3-libnbd'; exit 77; }

# The interpreters that these plugins bring keep their memory to the end, and are
# not built for the sanitizer: what they leave is not ours to count. Every other
# error that it finds still ends the server.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}halt_on_error=1

rows=$(mktemp -d /tmp/debian-plugins.XXXXXX)
trap 'rm -rf "$rows"' EXIT
failed=0
for package in "${packages[@]}"; do
  files=$(dpkg-query -L "$package" 2>/dev/null | grep '/nbdkit/plugins/.*\.so$') && {
    awk -v package="$package" '{ print $0, package }' <<<"$files" >>"$rows/modules"
    continue
  }
  result="not installed: apt-get install $package"
  if [ -n "${CI-}" ]; then result="FAIL: $result"; fi
  echo "-|$package|-|-|-|0/0|-|$result" >"$rows/$package.row"
done

# Two at a time; each says in files of its own what it has to say.
one_row() {
  local so=$1 package=$2 rows=$3 name=${1##*/}
  "$here/row.sh" "$so" "$package" "$rows/$name.row" >"$rows/$name.log" 2>&1 && return
  grep -qs FAIL "$rows/$name.row" ||
    echo "${name%.so}|$package|?|?|-|0/0|-|FAIL: the row ended early, see the log" >"$rows/$name.row"
}
export -f one_row
export here
sort "$rows/modules" | sed "s|\$| $rows|" | xargs -P 2 -L 1 bash -c 'one_row "$@"' one_row

echo "$("$BUILD/bin/nbdkit" --version), plugins of Debian's nbdkit $(
  dpkg-query -W -f '${Version}' nbdkit)"
echo
{
  echo 'plugin|package|API|struct|dump|read/written|how|result'
  sort -t '|' -k 2,2 -k 1,1 "$rows"/*.row
} | column -t -s '|'
echo
for row in "$rows"/*.row; do
  grep -q '|FAIL' "$row" || continue
  ((failed += 1))
  echo "---- log of ${row##*/}"
  tail -n 40 "${row%.row}.log" 2>/dev/null || true
done
count=$(wc -l <"$rows/modules")
echo "$count plugins, $failed failed, $SECONDS s"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
