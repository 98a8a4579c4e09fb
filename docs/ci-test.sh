#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# docs/ci.md: its YAML is YAML, with what each CI system wants at its place; the Jenkinsfile's
# braces and quotes close; and every testkit command in it runs as it stands, with the
# variables that the CI system would set, and leaves the reports that the next steps take.
set -u
page=$SOURCE/docs/ci.md
if ! python3 -c 'import yaml' 2>/dev/null; then
  echo "skipped: PyYAML is missing (Debian package python3-yaml)"
  exit 77
fi
if [ ! -x "$BUILD/bin/nbdkit" ] && ! type -P nbdkit >/dev/null; then
  echo "skipped: nbdkit is missing (not built, not in PATH)"
  exit 77
fi
for tool in prove jq; do
  type -P $tool >/dev/null || { echo "skipped: $tool is missing"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export PATH=$BUILD/bin:$PATH
mkdir -p tests/nbd
for name in a b c; do
  cat >tests/nbd/$name.json <<'END'
{ "name": "n", "why": "w", "transports": ["unix"], "server": { "plugin": "memory", "with": { "size": "1M" } },
  "client": { "steps": [ { "read": { "length": 512 } } ] } }
END
done

# Every block of commands becomes a file of its own, NAME.sh.
python3 -B - "$page" <<'END' || exit 1
import re, sys, yaml

blocks = re.findall(r"^```(\w+)\n(.*?)^```$", open(sys.argv[1]).read(), re.S | re.M)
documents = [yaml.safe_load(text) for kind, text in blocks if kind == "yaml"]
github, gitlab = documents

job = github["jobs"]["scenarios"]
assert github[True] == ["push", "pull_request"]  # YAML 1.1 reads "on" so; GitHub does not
steps = job["steps"]
assert all(("uses" in s) != ("run" in s) for s in steps), steps
upload = next(s for s in steps if s.get("uses", "").startswith("actions/upload-artifact@"))
assert "report.html" in upload["with"]["path"] and upload["if"] == "${{ !cancelled() }}"
shards = len(job["strategy"]["matrix"]["shard"])
run = next(s["run"] for s in steps if "testkit run" in s.get("run", ""))
assert f"/{shards} " in run, run
open("github.sh", "w").write("".join(s["run"] for s in steps if "report" in s.get("run", ""))
                             .replace("${{ matrix.shard }}", "1"))

job = gitlab["scenarios"]
assert job["artifacts"]["reports"]["junit"] == "report.xml" and job["artifacts"]["when"] == "always"
open("gitlab.sh", "w").write("\n".join(job["script"]))

groovy = next(text for kind, text in blocks if kind == "groovy")
bare = re.sub(r"'''.*?'''|'[^'\n]*'|\"[^\"\n]*\"", "", groovy, flags=re.S)
assert "'" not in bare and '"' not in bare, bare
for opening, closing in ("{}", "()", "[]"):
    assert bare.count(opening) == bare.count(closing), (opening, bare)
shell = [s for s in re.findall(r"sh '''(.*?)'''", groovy, re.S) if "testkit run" in s]
open("jenkins.sh", "w").write(shell[0].replace("\\\n", ""))

others = [text for kind, text in blocks if kind == "sh" and "testkit run" in text]
assert len(others) == 2
for number, text in enumerate(others):
    open(f"other-{number}.sh", "w").write(text)
END

export GITHUB_RUN_ID=16171819202 GITHUB_STEP_SUMMARY=$work/summary
export CI_PIPELINE_ID=12345 CI_NODE_INDEX=1 CI_NODE_TOTAL=3 BUILD_NUMBER=17 SHARD=1
failures=0
for script in github gitlab jenkins other-0 other-1; do
  rm -f report.*
  if ! bash -e -o pipefail $script.sh >out 2>&1; then
    echo "FAIL: the commands for $script ended with an error:"
    cat $script.sh out
    failures=$((failures + 1))
  fi
  case $script in other-*) continue ;; esac
  [ -s report.xml ] && [ -s report.html ] && continue
  echo "FAIL: the commands for $script left no report.xml and report.html"
  failures=$((failures + 1))
done
grep -qF '1 passed, 0 failed, 0 skipped' "$GITHUB_STEP_SUMMARY" ||
  { echo "FAIL: the summary for GitHub has no totals:"; cat "$GITHUB_STEP_SUMMARY"; failures=$((failures + 1)); }
exit $((failures > 0))
