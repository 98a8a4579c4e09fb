#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# @FILE: parameters from a file, one a line.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

size() { # size WORDS...
  # shellcheck disable=SC2016
  "$NBDKIT" "$@" --run 'nbdinfo --size "$uri"'
}
printf '# a comment\n\nsize=3M\nallocator=malloc' >params
equal "a file" 3145728 "$(size memory @params)"
equal "an absolute path" 3145728 "$(size memory "@$scratch/params")"
mkdir sub; echo 5M >'sub/my params'
equal "a bare word in a file" 5242880 "$(size memory '@sub/my params')"
printf 'delay-read=1ms\n' >delays
equal "two files and a word" 3145728 "$(size --filter=delay memory @params @delays delay-write=1ms)"
printf 'get_size=echo 2M\npread=head -c $3 /dev/zero; : "# not a comment = "\n' >script
equal "a value with spaces" 2097152 "$(size eval @script)"

# A word that begins with @ for another reason: the plugin's.
equal "data" 8 "$(size data '@6 1 2')"
echo x >@odd
equal "a file of that name" 2 "$(size file ./@odd)"

printf 'size=1M\0x\n' >binary
refused 'cannot read parameters from binary: it is not a text' memory @binary
printf 'colour=red\n' >unknown
refused "unknown parameter 'colour'" memory 1M @unknown
refused 'cannot read parameters from missing: No such file or directory' eval @missing
"$NBDKIT" eval --dump-plugin | grep magic && fail "eval takes bare words now: use another plugin here"
exit 0
