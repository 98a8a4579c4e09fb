# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2207 # answers are one a line, and IFS is a newline
# Completion of nbdkit's command line for bash: options, plugins, filters, and the
# keys that those on the line take. Everything is asked of the nbdkit that stands
# on the line.

# The names NAME of the files nbdkit-NAME-KIND in a folder.
_nbdkit_modules() { # _nbdkit_modules KIND
  local folder file
  folder=$("$nbdkit" --dump-config 2>/dev/null | sed -n "s/^$1dir=//p")
  for file in "$folder"/nbdkit-*-"$1".so "$folder"/nbdkit-*-"$1"; do
    [[ -e $file ]] || continue
    file=${file##*/nbdkit-}
    echo "${file%-"$1"*}"
  done
}

# The plugin and filters that are on the line before the cursor; other options
# with values are passed over.
_nbdkit_words() {
  local i word
  filters=() plugin=''
  for ((i = 1; i < cword; ++i)); do
    word=${words[i]}
    case $word in
      --filter) ((++i)); filters+=("--filter=${words[i]}") ;;
      --filter=*) filters+=("$word") ;;
      -[DeghipPtuU] | --debug | --export* | --group | --ip-addr | --ipaddr | --log | --mask-handshake | \
        --name | --pid*file | --port | --run | --selinux-label | --threads | --timeout | --time-out | \
        --tls | --tls-certificates | --tls-priority | --tls-psk | --unix | --user) ((++i)) ;;
      -*) ;;
      *) plugin=${plugin:-$word} ;;
    esac
  done
}

# The keys in the help of the plugin and filters: "key=<VALUE>, key2=a|b  what it is".
_nbdkit_keys() {
  "$nbdkit" --help "${filters[@]}" "$plugin" 2>/dev/null |
    sed -n '/^\(plugin\|filter\): /,$ { s/\[//g; s/\]//g; s/  .*//; p }' |
    grep -oE '(^|, )[A-Za-z][A-Za-z0-9._-]*=' | sed 's/^, //'
}

_nbdkit_value_of() { # _nbdkit_value_of OPTION: what may stand behind it; fails if nothing may
  local IFS=$' \t\n'
  case $1 in
    --filter) compgen -W "$(_nbdkit_modules filter)" -- "$cur"; compgen -f -- "$cur" ;;
    --log) compgen -W 'stderr syslog null default' -- "$cur"; compgen -f -- "$cur" ;;
    --tls) compgen -W 'off on require' -- "$cur" ;;
    -u | --user) compgen -u -- "$cur" ;;
    -g | --group) compgen -g -- "$cur" ;;
    --run) compgen -c -- "$cur" ;;
    -P | --pidfile | --pid-file | -U | --unix | --tls-certificates | --tls-psk) compgen -f -- "$cur" ;;
    -D | --debug | -e | --export | --export-name | --exportname | -i | --ip-addr | --ipaddr | \
      --mask-handshake | --name | -p | --port | --selinux-label | -t | --threads | --timeout | \
      --time-out | --tls-priority) ;;
    *) return 1 ;;
  esac
  return 0   # compgen has another for "none"
}

_nbdkit() {
  local nbdkit=$1 IFS=$' \t\n' cur prev words cword filters plugin
  # bash breaks words at "=" and ":", which are parts of ours: split anew.
  read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
  [[ ${COMP_LINE:0:COMP_POINT} != *[[:space:]] ]] || words+=('')
  cword=$((${#words[@]} - 1))
  cur=${words[cword]} prev=${words[cword - 1]}
  local head=''   # what bash holds for a word of its own, before the one it replaces
  _nbdkit_words

  local IFS=$'\n'
  if [[ $cur == --*=* ]]; then
    local option=${cur%%=*}
    head=$option= cur=${cur#*=}
    COMPREPLY=($(_nbdkit_value_of "$option"))
  elif COMPREPLY=($(_nbdkit_value_of "$prev")); then
    :
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$("$nbdkit" --long-options; "$nbdkit" --short-options)" -- "$cur"))
  elif [[ -z $plugin ]]; then
    COMPREPLY=($(compgen -W "$(_nbdkit_modules plugin)" -- "$cur"; compgen -f -- "$cur"))
  elif [[ $cur == *=* ]]; then
    head=${cur%%=*}= cur=${cur#*=}
    COMPREPLY=($(compgen -f -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$(_nbdkit_keys)" -- "$cur"; compgen -f -- "$cur"))
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace +o filenames 2>/dev/null
  fi
  # Where "=" does not break words, bash replaces the option too.
  if [[ -n $head && $COMP_WORDBREAKS != *=* ]]; then COMPREPLY=("${COMPREPLY[@]/#/$head}"); fi
}
complete -o filenames -F _nbdkit nbdkit
