#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Bad input gets one sentence that names the thing and the value, and status 1.
. "${BASH_SOURCE%/*}/lib.sh"

: >not-a-module.so
mkdir folder
refused 'unknown option --no-such-option' --no-such-option memory 1M
refused 'unknown option -Z' -Z memory 1M
refused 'option --port needs an argument' memory 1M --port
refused '"65536" is not between 0 and 65535' -p 65536 memory 1M
refused '--port: ' -p 4294967296 --vsock memory 1M
refused 'option --verbose takes no argument, but got: --verbose=1' --verbose=1 memory 1M
refused '"0" is not between 1 and 1024' -t 0 memory 1M
refused 'could not parse number: "many"' -t many memory 1M
refused 'no plugin was given' -f
refused "cannot open plugin 'no-such-plugin'" no-such-plugin
refused "cannot open filter 'no-such-filter'" --filter=no-such-filter memory 1M
refused 'file too short' ./not-a-module.so
refused 'you must give the size' memory
refused '"12x"' memory 12x
refused "unknown parameter 'colour'" memory 1M colour=red
refused 'expected sparse, malloc or zstd, got "zip"' memory 1M allocator=zip
refused 'missing.img: No such file or directory' file missing.img
refused 'not a regular file or block device' file folder
refused 'give one of file=<FILENAME>' file
refused 'got "EWRONG"' --filter=error memory 1M error=EWRONG
refused 'a rate is at most 1 (100%), got "200%"' --filter=error memory 1M error-rate=200%
refused 'could not parse delay: "1h"' --filter=delay memory 1M rdelay=1h
refused 'cannot be used together' -U sock -p 1234 memory 1M
refused 'an export name cannot be used with the oldstyle protocol' -o -e name -U - memory 1M
refused 'Address already in use' -U "$(: >taken; echo taken)" memory 1M
refused "cannot write the PID file $scratch/no/pid" -P no/pid -U sock memory 1M
[[ ! -e sock ]] || fail "a start that failed left its socket"
refused 'expected a command, got ""' --run '' memory 1M
refused 'the path of a Unix socket may have 107 bytes' -U "/tmp/$(printf 'x%.0s' {1..120})" memory 1M
