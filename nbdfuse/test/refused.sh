#!/usr/bin/env bash
# What cannot be mounted is refused with one sentence and status 1, and nothing
# stays mounted.
. "${0%/*}/lib.sh"

refused() {
  local text=$1 status=0
  shift
  timeout "$patience" "$nbdfuse" "$@" >"$tmp/out.log" 2>&1 || status=$?
  [[ $status == 1 ]] || fail "nbdfuse $*: exit status $status"
  grep -qF -- "$text" "$tmp/out.log" || fail "nbdfuse $*: $(cat "$tmp/out.log")"
  [[ $(wc -l <"$tmp/out.log") == 1 ]] || fail "nbdfuse $*: more than a line: $(cat "$tmp/out.log")"
  ! grep -q " $tmp" /proc/mounts || fail "nbdfuse $*: something is mounted"
}

start_server memory 1M
echo >"$tmp/plain"
refused "does not exist" nosuch --unix "$sock"
refused "does not exist" "$tmp/nosuch/" --unix "$sock"
refused "is not empty" "$tmp/typo" --unix "$sock"
refused "there is no directory" "$tmp/nosuch/name" --unix "$sock"
refused "Not a directory" "$tmp/plain/name" --unix "$sock"
refused "neither a directory nor a plain file" /dev/null --unix "$sock"
refused "mount point is missing"
refused "what to mount is missing" "$dir"
refused "unknown mode: --foo" "$dir" --foo bar
refused "unknown NBD URI scheme" "$dir" foo://bar
refused "No such file or directory" "$dir" "nbd+unix:///?socket=$tmp/nosuch"
refused "Connection refused" "$dir" nbd://localhost:1
refused "Connection refused" "$dir" --tcp 127.0.0.1 1
refused "unknown option(s): \`-o nosuch'" -o nosuch "$dir" --unix "$sock"
refused "-o uid:" -o allow_other,uid=x "$dir" --unix "$sock"
refused "pidfile" -P "$tmp/nosuch/pid" "$dir" --unix "$sock"
refused "unknown option: -Z" -Z "$dir" --unix "$sock"
