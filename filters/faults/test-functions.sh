# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# For the tests of filters that inject faults: sourced, not run.
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd

# In python_client: got(f) is what f() gives, or the name of its errno; ask(...) sends
# a command to the socket "control" and gives the answer.
# shellcheck disable=SC2034  # used by python_client
client="$client"'
import json, os, socket, sys
def got(f):
  try: return f()
  except nbd.Error as e: return e.errno
def reads(n, at=0, count=512): return [fails(lambda: h.pread(count, at)) for i in range(n)]
def ask(do, **arguments):
  s = socket.socket(socket.AF_UNIX); s.connect("control")
  s.sendall((json.dumps({"do": do, **arguments}) + "\n").encode())
  return json.loads(s.makefile().readline())
def done(do, **arguments):
  answer = ask(do, **arguments)
  if not answer["ok"]: sys.exit(f"{do} {arguments}: {answer}")
  return answer
'

# As in filters/test-functions.sh, with $uri and $unixsocket in the environment.
python_client() {
  local code=$1
  shift
  CODE="$client$code" serve "$@" --run 'export uri unixsocket; nbdsh -u "$uri" -c "$CODE"'
}

# events FILE PATH...: of each event in a fault log, these members ("did.error").
events() {
  python3 -c '
import json, sys
for line in open(sys.argv[1]):
  row = []
  for path in sys.argv[2:]:
    value = json.loads(line)
    for key in path.split("."): value = value.get(key, "-") if isinstance(value, dict) else "-"
    row.append(str(value))
  print(*row)' "$@"
}
