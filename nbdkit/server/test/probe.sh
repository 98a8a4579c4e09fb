#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --dump-config and --dump-plugin, in the format that other programs parse.
. "${BASH_SOURCE%/*}/lib.sh"

value() { sed -n "s/^$1=//p" "$2"; } # value KEY FILE

"$NBDKIT" --dump-config >config
sort -c config || fail "--dump-config is not sorted"
! grep -vE '^[a-z_]+=.+$' config || fail "--dump-config has a line that is not key=value"
equal name nbdkit "$(value name config)"
equal version "nbdkit $(value version config) ($(value version_extra config))" "$("$NBDKIT" --version)"
for key in exit_with_parent=yes run_default_socket=Unix selinux=yes timeout_option=yes vsock_option=yes; do
  grep -qx "$key" config || fail "--dump-config: no $key"
done
equal "the version's parts" "$(value version config | cut -d. -f1-2)" \
  "$(value version_major config).$(value version_minor config)"
[[ -x $(value binary config) ]] || fail "binary is not there"
[[ -d $(value filterdir config) ]] || fail "filterdir is not there"
plugin=$(value plugindir config)/nbdkit-memory-plugin.so
[[ -e $plugin ]] || fail "plugindir is not where plugins are"

"$NBDKIT" memory --dump-plugin >by-name
"$NBDKIT" --dump-plugin "$plugin" >by-path
cmp by-name by-path || fail "by name and by path differ"
(cd "${plugin%/*}" && "$NBDKIT" "./${plugin##*/}" --dump-plugin) | cmp by-path - ||
  fail "a relative path is not resolved"
equal path "$plugin" "$(value path by-name)"
equal magic_config_key size "$(value magic_config_key by-name)"
equal struct_size 384 "$(value struct_size by-name)"
grep -qx 'has_pwrite=1' by-name || fail "no has_pwrite"
! grep -q 'can_write' by-name || fail "a callback that is not there"

# Parameters are checked, but not whether any is missing.
"$NBDKIT" file --dump-plugin >out
if "$NBDKIT" memory colour=red --dump-plugin >out 2>&1; then fail "an unknown key was taken"; fi
grep -q colour out || fail "the unknown key is not named"

"$NBDKIT" --filter=delay example2 --dump-plugin >out
grep -qx 'delay_name=delay' out || fail "the filter is not named"
grep -qx 'example2_extra=hello' out || fail "the plugin's own line is missing"

# A plugin that is stricter than its interface says.
"$NBDKIT" sh - --dump-plugin >out <<'END'
case $1 in
  thread_model) echo serialize_connections ;;
  dump_plugin) echo mine=1 ;;
  *) exit 2 ;;
esac
END
equal thread_model serialize_connections "$(value thread_model out)"
equal "the script's line" 1 "$(value mine out)"

if "$NBDKIT" --dump-plugin >out 2>&1; then fail "no plugin, and no error"; fi
grep -q -- '--dump-config' out || fail "no hint"
