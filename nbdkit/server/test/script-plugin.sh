#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A script is a plugin: by its name among the plugins, by its path, or called as
# a command. Works in a copy of the server, which a foreign nbdkit in PATH hides.
# shellcheck disable=SC2016 # expanded by the command of --run and by the scripts
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

plugins=$scratch/house/lib/nbdkit/plugins
mkdir -p house/bin "$plugins" house/lib/nbdkit/filters decoy
cp "$NBDKIT" house/bin/
cp "$BUILD"/lib/nbdkit/plugins/nbdkit-{sh,memory}-plugin.so "$plugins"
cp "$BUILD"/lib/nbdkit/filters/nbdkit-error-filter.so house/lib/nbdkit/filters
nbdkit=$scratch/house/bin/nbdkit
printf '#!/bin/sh\necho wrong nbdkit >&2\nexit 9\n' >decoy/nbdkit
chmod +x decoy/nbdkit
export PATH=$scratch/decoy:$PATH

script() { # script FILE FIRST-LINE BODY...
  printf '%s\n' "${@:2}" >"$1"
  chmod +x "$1"
}
refused() { # refused WORDS COMMAND...
  local words=$1 status=0
  shift
  "$@" </dev/null >said 2>&1 || status=$?
  equal "exit status of $*" 1 "$status"
  grep -qF -- "$words" said || fail "\"$words\" is not in: $(cat said)"
}
body='case "$1" in
  get_size) cat "$tmpdir/size" ;;
  config) [ "$2" != size ] || echo "$3" >"$tmpdir/size"; echo "$2=$3" >>'"$scratch"'/parameters ;;
  pread) head -c "$3" /dev/zero ;;
  magic_config_key) echo file ;;
  *) exit 2 ;;
esac'
script "$plugins/nbdkit-hello-plugin" '#!/usr/bin/env -S nbdkit sh' "$body"

# Options before and after the name, filters, parameters of all kinds.
size=$("$nbdkit" -U - --filter=error hello size=3M 'a b c=d' -r error-rate=0% 'k=x y' \
  --run 'nbdinfo "$uri" | grep -c "is_read_only: true"; nbdinfo --size "$uri"; echo "$PATH"')
equal "what a client sees" "1 3145728" "$(head -n 2 <<<"$size" | tr '\n' ' ' | sed 's/ $//')"
equal parameters 'size=3M file=a b c=d k=x y' "$(paste -sd ' ' parameters)"
"$nbdkit" hello size=1M --help | grep -q '^plugin: sh ' || fail "--help is lost"
"$nbdkit" --version hello size=1M | grep -q '^sh ' || fail "--version is lost"
"$nbdkit" hello size=1M --dump-plugin >said
grep -qx 'name=sh' said || fail "--dump-plugin is lost"
rm parameters
# Behind -- there are no options, so this server goes into the background.
"$nbdkit" -U - -P "$scratch/dash.pid" -- hello size=1M -dash --run 'exit 5' --run true 2>said ||
  fail "what stands behind --: $(cat said)"
until_true 20 test -s dash.pid
started_in_background dash.pid
equal "what stands behind --" 'size=1M file=-dash file=--run file=exit 5 file=--run file=true' \
  "$(paste -sd ' ' parameters)"
kill -TERM "$server"
until_true 20 gone "$server"

# By its path, and called as a command by whoever has our nbdkit in PATH.
cp "$plugins/nbdkit-hello-plugin" my.script
equal size 1048576 "$("$nbdkit" -U - my.script size=1M --run 'nbdinfo --size "$uri"')"
equal size 2097152 "$("$nbdkit" -U - "$PWD/my.script" size=2M --run 'nbdinfo --size "$uri"')"
equal size 3145728 "$(PATH=$scratch/house/bin:$PATH ./my.script -U - size=3M --run 'nbdinfo --size "$uri"')"
equal size 4194304 "$("$nbdkit" -U - sh ./my.script size=4M --run 'nbdinfo --size "$uri"')"
# Any program that becomes nbdkit will do, and nobody's environment tells of it.
script "$plugins/nbdkit-wrapped-plugin" '#!/bin/sh' 'exec nbdkit memory 5M "$@"'
export nbdkit
equal nested 5242880 "$("$nbdkit" -U - wrapped --run '
  ! env | grep NBDKIT_SCRIPT && "$nbdkit" -U - wrapped --run '\''nbdinfo --size "$uri"'\')"
# PATH is left alone where it already leads to this server.
kept=$(PATH=$scratch/house/bin:$PATH "$nbdkit" -U - wrapped --run 'echo "$PATH"')
equal PATH "$scratch/house/bin:$PATH" "$kept"

# What cannot be run is named.
script "$plugins/nbdkit-loop-plugin" '#!/usr/bin/env -S nbdkit loop'
refused "the script plugin $plugins/nbdkit-loop-plugin runs itself" "$nbdkit" loop size=1M
script "$plugins/nbdkit-ping-plugin" '#!/usr/bin/env -S nbdkit pong'
script "$plugins/nbdkit-pong-plugin" '#!/usr/bin/env -S nbdkit ping'
refused "nbdkit-ping-plugin runs itself" "$nbdkit" ping
script loop '#!/usr/bin/env -S nbdkit ./loop'
refused "the script plugin ./loop runs itself" "$nbdkit" ./loop
script "$plugins/nbdkit-gone-plugin" '#!/nonexistent'
refused "nbdkit-gone-plugin: no such interpreter" "$nbdkit" gone
echo 'exit 2' >"$plugins/nbdkit-bare-plugin"
refused "cannot run the script plugin $plugins/nbdkit-bare-plugin: Permission denied" "$nbdkit" bare
chmod +x "$plugins/nbdkit-bare-plugin"
refused "nbdkit-bare-plugin: its first line must be like" "$nbdkit" bare
refused "cannot open plugin 'nothing'" "$nbdkit" nothing
echo 'no script' >file.txt
refused "cannot open plugin './file.txt'" "$nbdkit" ./file.txt
