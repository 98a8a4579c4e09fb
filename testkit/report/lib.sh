# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A run with something of everything that a report can tell, for the tests of reports.

# make_scenarios FOLDER: wire faults that a client does not survive, a known issue, a need
# that is missing, a client that is fine, and texts that would break a careless report.
make_scenarios() {
  mkdir -p "$1/wire" "$1/other"
  cat >"$1/wire/cut.json" <<'END'
{ "name": "a reply cut in the middle", "why": "Half a reply is none.", "tags": ["cut", "wire"],
  "server": { "plugin": "pattern", "with": { "size": "1M" } },
  "matrix": { "how": ["fin", "rst"] }, "transports": ["unix", "tcp"],
  "wire": [ { "at": "reply.data", "nth": 2, "after_bytes": 512, "do": "disconnect", "how": "${how}" } ],
  "client": { "within": "20s", "steps": [
    { "read": { "offset": 0, "length": 4096 }, "expect": { "data": "pattern" } },
    { "read": { "offset": 4096, "length": 4096 }, "expect": { "data": "pattern" } } ] } }
END
  cat >"$1/wire/garbled.json" <<'END'
{ "name": "flipped bits", "why": "Only a comparison finds them.", "tags": ["wire"],
  "server": { "plugin": "pattern", "with": { "size": "1M" } }, "transports": ["unix"],
  "wire": [ { "at": "reply.data", "nth": 3, "do": "flip", "byte": 100 } ],
  "client": { "within": "20s", "steps": [
    { "parallel": { "in_flight": 4, "requests": [
      { "read": { "offset": 0, "length": 4096 }, "count": 200, "stride": 4096 } ] } } ] } }
END
  # shellcheck disable=SC2016  # for testkit
  cat >"$1/other/hostile.json" <<'END'
{ "name": "</script><img src=http://127.0.0.1:9/x onerror=alert(1)> # & <!-- ]]> \"'",
  "why": "<b>\u2028", "tags": ["<i>"],
  "server": { "plugin": "memory", "with": { "size": "1M" } }, "transports": ["unix"],
  "client": { "run": "echo '</script><script>alert(1)</script>' >&2; printf '\\033[31mred\\377\\001\\n' >&2; exit 2" } }
END
  cat >"$1/other/known.json" <<'END'
{ "name": "known", "why": "w", "known_issue": "bug # 12", "server": { "plugin": "memory", "with": { "size": "1M" } },
  "transports": ["unix"], "client": { "run": "false" } }
END
  cat >"$1/other/needs.json" <<'END'
{ "name": "needs", "why": "w", "needs": { "programs": ["no-such-program"] }, "transports": ["unix"],
  "server": { "plugin": "memory", "with": { "size": "1M" } }, "client": { "run": "true" } }
END
  cat >"$1/other/good.json" <<'END'
{ "name": "good", "why": "w", "tags": ["fine"], "server": { "plugin": "memory", "with": { "size": "1M" } },
  "transports": ["unix", "tcp"],
  "client": { "steps": [ { "read": { "length": 512 }, "expect": { "data": "zeroes" } } ] } }
END
}
