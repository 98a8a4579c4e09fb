#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The examples of the page $PAGE (README.md, ...) run as printed. In its source,
#
#   <!-- run -->               the shell block below is run; it must exit with 0
#   <!-- run with /dev/fuse -->     the same, left out where that file is not
#   <!-- file badsector.cpp -->     the block below is written to that file
#
# In a manual page (.pod) the marks are "=for example run" and "=for example
# file badsector.cpp", and the block is the indented text after them.
#
# They run in order, each in its own shell, in a scratch folder that looks like
# the root of the source tree, with the build folder as build/ and its bin/
# first in PATH; where the kernel lets us, in a network of its own, so that an
# example may use the default port, and with nothing left running behind it.
set -euo pipefail

as_user=()
[ "$(id -u)" -eq 0 ] || as_user=(--map-root-user)
isolate=() start_network=''
# No mount namespace: its copy of a mount would outlive an umount done outside.
# The leak checker looks its own process up in /proc, which would be another's.
kinds=('--net --pid --fork --kill-child' --net)
[ -z "${SANITIZED-}" ] || kinds=(--net)
for kind in "${kinds[@]}"; do
  read -ra words <<<"$kind"
  if unshare "${as_user[@]}" "${words[@]}" ip link set lo up 2>/dev/null; then
    isolate=(unshare "${as_user[@]}" "${words[@]}") start_network='ip link set lo up && '
    break
  fi
done
[ -n "$start_network" ] || echo "no namespaces here: the examples use this machine's network"

scratch=$(mktemp -d)
# shellcheck disable=SC2317  # called by the trap
stop_leftovers() {
  local pid_file
  for pid_file in "$scratch"/*.pid; do
    [ ! -s "$pid_file" ] || kill "$(cat "$pid_file")" 2>/dev/null || true
  done
  rm -rf "$scratch"
}
trap stop_leftovers EXIT
for entry in "$SOURCE"/*; do
  case ${entry##*/} in build*) ;; *) ln -s "$entry" "$scratch/" ;; esac
done
ln -s "$BUILD" "$scratch/build"
cd "$scratch"
export PATH="$BUILD/bin:$PATH"

# What is built here includes what is installed, and finds it as a user does.
if [ -n "${INSTALL-}" ]; then
  command -v pkg-config >/dev/null || { echo "pkg-config is missing: apt-get install pkg-config"; exit 77; }
  cmake --install "$BUILD" --prefix "$scratch/installed" >/dev/null
  pc=$(find installed -name nbdkit.pc)
  export PKG_CONFIG_PATH="$scratch/${pc%/*}" PATH="$scratch/installed/bin:$PATH"
fi

# The marked blocks of a page in POD as those of one in Markdown, line by line.
as_markdown() {
  awk '
    function put(line) { if (held) print line_held; held = 1; line_held = line }
    mark && /^ / { if (!inside) { line_held = "```"; inside = 1 }  put(substr($0, 2)); next }
    inside && /^$/ { put(""); next }
    inside { line_held = "```"; inside = mark = 0 }
    /^=for example / { put("<!-- " substr($0, 14) " -->"); mark = 1; next }
    /./ { mark = 0 }
    { put($0) }
    END { if (inside) line_held = "```"; if (held) print line_held }'
}

run_block() {   # FIRST-LINE TEXT
  local start=$SECONDS
  if timeout -k 5 100 "${isolate[@]}" bash -c "${start_network}exec bash -ec \"\$1\"" example "$2" \
      >output 2>&1 </dev/null; then
    echo "$PAGE:$1: ran in $((SECONDS - start)) s"
  else
    echo "$PAGE:$1: exit status $? of the example"
    printf '%s--\n' "$2"
    cat output
    return 1
  fi
}

ran=0 bad=0 line_number=0 marker='' block='' inside=''
while IFS= read -r line; do
  line_number=$((line_number + 1))
  if [ -n "$inside" ]; then
    if [ "$line" != '```' ]; then block+=$line$'\n'; continue; fi
    inside=''
    case $marker in
      'run') run_block "$first_line" "$block" || bad=1; ran=$((ran + 1)) ;;
      'run with '*)
        if [ -e "${marker#run with }" ]; then
          run_block "$first_line" "$block" || bad=1; ran=$((ran + 1))
        else
          echo "$PAGE:$first_line: left out, there is no ${marker#run with } here"
        fi ;;
      'file '*) printf %s "$block" >"${marker#file }" ;;
    esac
    marker=''
  elif [[ $line =~ ^'<!-- '((run|file ).*|run)' -->'$ ]]; then
    marker=${BASH_REMATCH[1]}
  elif [[ $line == '```'* ]]; then
    inside=yes block='' first_line=$((line_number + 1))
  fi
done < <(case $PAGE in *.pod) as_markdown ;; *) cat ;; esac <"$SOURCE/$PAGE")

[ "$ran" -gt 0 ] || { echo "$PAGE: no example ran"; exit 1; }
exit $bad
