#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# usage: row.sh PLUGIN.so PACKAGE RESULT-FILE
#
# One row of the table: dumps the plugin and serves it, behind our server and
# behind Debian's, and holds one against the other. Writes to RESULT-FILE
#   name|package|api|struct|dump|served|how|result
# where result is "ok", "FAIL: why", or "ok, but not served: what it would need".
# `served` counts the bytes that our server gave and took.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
so=$1 package=$2 result_file=$3
name=${so##*/nbdkit-} name=${name%-plugin.so}
original=/usr/bin/nbdkit
export PATH=/usr/bin:/usr/sbin:$PATH   # the Python that has libnbd; mkfs

scratch=$(mktemp -d /tmp/debian-plugin.XXXXXX)
export HOME=$scratch TMPDIR=$scratch
started=()
finish() {
  local pid
  for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap finish EXIT
cd "$scratch"

api='?' struct='?' dump=- how='' readable=0 written=0
report() {
  printf '%s|%s|%s|%s|%s|%s|%s|%s\n' "$name" "$package" "$api" "$struct" "$dump" \
    "$readable/$written" "${how:--}" "$1" >"$result_file"
}
fail() {
  echo "FAIL: $name: $*" >&2
  report "FAIL: $*"
  exit 1
}
not_served() { report "ok, but not served: $*"; exit 0; }
# needs PROGRAM PACKAGE: CI has everything; elsewhere the row says what is missing.
needs() {
  command -v "$1" >/dev/null && return
  [ -z "${CI-}" ] || fail "$1 is missing (Debian package $2)"
  not_served "$1 is missing (Debian package $2)"
}
until_true() {
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do ((SECONDS < deadline)) || fail "never true: $*"; sleep 0.05; done
}

# server ours|theirs ARG...: one of the two servers, with the plugin, captive.
# Not for measuring: the time is there so that a hang is seen as one.
server() {
  local program=$BUILD/bin/nbdkit
  [ "$1" = ours ] || program=$original
  timeout "${limit-150}" "$program" -U - "$so" "${@:2}"
}

# Creates what the plugin serves in the current folder, anew for each server.
prepare() { :; }

# both [PROBE-OPTION...] -- ARG...: the client sees the same behind both servers.
# export=NAME picks an export, copy=no leaves out the copy by nbdcopy, tries=N and
# limit=SECONDS let a server that hangs now and then do so.
# shellcheck disable=SC2016  # what --run gets is expanded there
both() {
  local options=() who look
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  look='"$PROBE" "nbd+unix:///$EXPORT?socket=$unixsocket" $OPTIONS'
  [[ ${copy-yes} = no || "${options[*]} " =~ --(no-data|head)\  ]] || look+=' && nbdcopy "nbd+unix:///$EXPORT?socket=$unixsocket" copy &&
    sha256sum copy && rm copy'
  local left
  for who in ours theirs; do
    for ((left = ${tries-1}; left > 0; --left)); do
      rm -rf "$who"
      mkdir "$who"
      (cd "$who" && prepare &&
        PROBE=$here/probe.py EXPORT=${export-} OPTIONS=${options[*]} server "$who" "$@" --run "$look") \
        >"$who.txt" && break
    done
    ((left > 0)) || fail "$who, with $*: see the log"
  done
  diff -u theirs.txt ours.txt >&2 || fail "with $*: a client sees a difference, see the log"
  local count
  count=$(sed -n 's/^read: \([0-9]*\) bytes$/\1/p' ours.txt)
  ((readable += count)) || true
  count=$(sed -n 's/^written: \([0-9]*\) bytes$/\1/p' ours.txt)
  ((written += count)) || true
}

# The same words in the same order, the plugin's own after the server's.
compare_dumps() {
  server ours --dump-plugin >ours.dump || fail "--dump-plugin: exit status $?"
  server theirs --dump-plugin >theirs.dump || fail "Debian's --dump-plugin: exit status $?"
  grep -qx "name=$name" ours.dump || fail "--dump-plugin has no name=$name"
  ! grep -qvE '^[A-Za-z0-9_]+=' ours.dump || fail "--dump-plugin: not key=value: $(cat ours.dump)"
  diff -u theirs.dump ours.dump >&2 || fail "--dump-plugin differs, see the log"
  api=$(sed -n 's/^api_version=//p' ours.dump)
  struct=$(sed -n 's/^struct_size=//p' ours.dump)
  dump="$(wc -l <ours.dump) keys"
}

img=$scratch/img
head -c 1M /dev/urandom >"$img"
echo "== $so"
compare_dumps
. "$here/recipes.sh"
declare -F "serve_$name" >/dev/null || fail "recipes.sh does not know how to serve it"
"serve_$name"
[ -n "$how" ] || fail "its recipe does not say how it was compared"
report ok
