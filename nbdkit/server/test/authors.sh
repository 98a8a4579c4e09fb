#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Plugins in the manner in which authors write them for the original (authors/)
# compile unchanged against what we install, found through pkg-config wherever
# the folder has been moved to, and serve real clients. Compiled against the
# original's header they do the same here, and against ours they do in the
# original.
# shellcheck disable=SC2016  # expanded by the command of --run
. "${BASH_SOURCE%/*}/lib.sh"
need gcc g++
need g++ g++
need pkg-config pkg-config
need ninja ninja-build
need nbdinfo libnbd-bin
need qemu-io qemu-utils
sources=$SOURCE/nbdkit/server/test/authors

cmake --install "$BUILD" --prefix "$scratch/first" >/dev/null
mv first moved
libdirs=(moved/lib*/pkgconfig moved/lib/*/pkgconfig)
for dir in "${libdirs[@]}"; do
  if [ -e "$dir/nbdkit.pc" ]; then export PKG_CONFIG_LIBDIR=$scratch/$dir; fi
done

# ---- what pkg-config says
[ -n "${PKG_CONFIG_LIBDIR-}" ] || fail "no nbdkit.pc was installed: ${libdirs[*]}"
pkg-config --exists 'nbdkit >= 1.24' || fail "pkg-config does not know nbdkit >= 1.24"
! pkg-config --exists 'nbdkit >= 1000' || fail "pkg-config takes any version"
pkg-config --validate nbdkit
equal "version" "$(sed -n 's/.*_STRING "\(.*\)"/\1/p' "$SOURCE/nbdkit/include/nbdkit-version.h")" \
  "$(pkg-config --modversion nbdkit)"
equal "libs" "" "$(pkg-config --libs nbdkit | tr -d ' ')"
place() { realpath -e "$(pkg-config --variable="$1" nbdkit)"; }
for pair in prefix: exec_prefix: includedir:/include plugindir:/lib/nbdkit/plugins \
            filterdir:/lib/nbdkit/filters; do
  equal "${pair%:*}" "$scratch/moved${pair#*:}" "$(place "${pair%:*}")"
done
[ -d "$(place libdir)" ]
strangers=$(find "$(place includedir)" -type f ! -name '*.h' ! -name '*.hpp')
equal "what is no header among the headers" "" "$strangers"

# ---- compiled against either header
read -ra cflags <<<"$(pkg-config --cflags nbdkit)"
compile() {   # FOLDER OPTION...
  local folder=$1 c=(-O1 -Wall -Wextra -Werror -fPIC -shared "${@:2}")
  mkdir -p "$folder"
  gcc -std=c99 -pedantic "${c[@]}" "$sources/old.c" -o "$folder/old.so"
  gcc "${c[@]}" "$sources/new.c" -o "$folder/new.so" -pthread
  g++ -std=c++11 "${c[@]}" "$sources/cxx.cpp" -o "$folder/cxx.so"
  g++ -std=c++20 "${c[@]}" -Wno-missing-field-initializers \
    "$sources/cxx-named.cpp" -o "$folder/cxx-named.so"
}
compile ours "${cflags[@]}"
headers=(ours) servers=("$scratch/moved/bin/nbdkit")
if [ -e /usr/include/nbdkit-plugin.h ]; then
  mkdir include && cp /usr/include/nbdkit-*.h include
  compile original -isystem include
  headers+=(original)
else
  echo "left out: the original's header (apt-get install nbdkit-plugin-dev)"
fi
if [ -x /usr/bin/nbdkit ]; then servers+=(/usr/bin/nbdkit)
else echo "left out: the original server (apt-get install nbdkit)"; fi

# ---- what clients get to see
trap '[ $? -eq 0 ] || cat "$scratch/out"; clean_up' EXIT
check_old() {   # SERVER FOLDER
  "$1" -U - "$2/old.so" fill=0x22 --run 'nbdcopy "$uri" out.raw'
  [[ $(tr -d '\042' <out.raw | wc -c) == 0 && $(stat -c %s out.raw) == 1048576 ]] ||
    fail "the disk is not full of 0x22"
  # A bare first word is the parameter "script"; zeroes at the end are written.
  "$1" -U - "$2/old.so" 0x33 --run 'qemu-io -f raw -c "read -P 0x33 0 1M" \
    -c "write -P 7 1000 3000" -c "flush" -c "read -P 7 1000 3000" -c "read -P 0x33 4000 4000" \
    -c "write -z 512 512" -c "read -P 0 512 512" -c "write -z 1044480 4096" \
    -c "read -P 0 1044480 4096" -c "discard 0 4096" -c "read -P 0x33 0 4096" "$uri"'
  ! "$1" -U - "$2/old.so" what=1 --run true 2>said || fail "what=1 is taken"
  grep -q "unknown parameter 'what'" said || fail "no word about what=1"
}
check_new() {
  "$1" -U - "$2/new.so" 256K --run 'nbdinfo --list --json "$uri" >list; nbdinfo "$uri" >info
    qemu-io -f raw -c "write -P 9 64k 8k" -c "write -f -P 8 200k 4k" -c "read -P 9 64k 8k" \
      -c "write -z -u 64k 4k" -c "flush" "$uri" && nbdinfo --map "$uri" | tr -s " " >map
    qemu-io -f raw -c "write -P 0xee 0 512" "$uri" >refused 2>&1
    nbdinfo "nbd+unix:///missing?socket=$unixsocket" && echo "it is there"; exit 0' 2>missing
  equal "exports" 2 "$(grep -cE '"export-name": "(open|other)"' list)"
  grep -q 'description: disk of 262144, as "open"' info || fail "$(cat info)"
  grep -q 'block_size_preferred: 4096' info || fail "$(cat info)"
  for ability in can_multi_conn can_fua can_fast_zero can_cache can_trim; do
    grep -q "$ability: true" info || fail "no $ability: $(cat info)"
  done
  equal "map" "0 69632 3 hole,zero|69632 4096 0 data|73728 131072 3 hole,zero|204800 4096 0 data|\
208896 53248 3 hole,zero|" "$(sed 's/^ //' map | tr '\n' '|')"
  grep -q 'No space left' refused || fail "0xee: $(cat refused)"
  grep -q 'there is no export "missing"' missing || fail "$(cat missing)"
  "$1" "$2/new.so" --dump-plugin >dump
  equal "dump" 2 "$(grep -cxE 'new_block=4096|thread_model=parallel' dump)"
  "$1" -v -D new.writes=1 -U - "$2/new.so" 256K --run 'qemu-io -f raw -c "write 512 1k" "$uri"' 2>said
  grep -q 'write 1024 at 512' said || fail "-D: $(cat said)"
  ! "$1" -U - "$2/new.so" --run true 2>said || fail "size is not required"
  grep -q "you must give size=" said || fail "no word about size"
}
check_cxx() {
  "$1" -U - "$2/cxx.so" letters=xyz --run 'nbdcopy "$uri" out.raw'
  [[ $(stat -c %s out.raw) == 1048576 && $(head -c 7 out.raw) == xyzxyzx ]] || fail "cxx: other bytes"
}
check_cxx-named() {
  "$1" -U - "$2/cxx-named.so" --run 'nbdinfo "$uri" | grep -q "is_rotational: true"'
  "$1" -U - "$2/cxx-named.so" --run 'qemu-io -r -f raw -c "read -P 110 0 512k" "$uri" &&
    ! qemu-io -r -f raw -c "read 512k 4k" "$uri" 2>/dev/null' 2>said
  grep -q "the second half of the disk is lost" said || fail "no word of the plugin: $(cat said)"
}
for server in "${servers[@]}"; do
  for folder in "${headers[@]}"; do
    for plugin in old new cxx cxx-named; do
      echo "$plugin, compiled against the header of $folder, in $server"
      "check_$plugin" "$server" "$folder" >out 2>&1   # no "||" here: set -e counts inside
    done
  done
done

# ---- at home in the plugin folder it has a name
cp ours/old.so "$(place plugindir)/nbdkit-old-plugin.so"
equal "size by name" 1048576 "$(moved/bin/nbdkit old --run 'nbdinfo --size "$uri"')"

# ---- and through CMake, as nbdkit-plugin(3) has it
mkdir project
cp "$sources/old.c" project/myplugin.c
{ echo 'cmake_minimum_required(VERSION 3.16)'
  echo 'project(myplugin LANGUAGES C)'
  sed -n 's/^ \(find_package\|pkg_check_modules\|add_library\|target_link_libraries\)(/\1(/p' \
    "$SOURCE/docs/nbdkit-plugin.pod"
} >project/CMakeLists.txt
cmake -S project -B built -G Ninja >out 2>&1
cmake --build built >>out 2>&1
equal "size, built by CMake" 1048576 \
  "$(moved/bin/nbdkit built/libmyplugin.so --run 'nbdinfo --size "$uri"')"
