# bash completion for ironjar
_ironjar() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words
  local sources="--password-env --passwords --in --purpose --context --help"
  case $prev in
    --passwords | --in) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    --password-env) mapfile -t COMPREPLY < <(compgen -e -- "$cur") && return ;;
    --format | --formats) mapfile -t COMPREPLY < <(compgen -W "native fe26" -- "$cur") && return ;;
    --ttl | --clock-skew | --purpose | --context) return ;;
  esac
  case ${COMP_WORDS[1]} in
    keygen) words="--paserk --help" ;;
    seal) words="--ttl --format $sources" ;;
    unseal | rotate) words="--formats --clock-skew $sources" ;;
    inspect) words="--show --formats --clock-skew $sources" ;;
    jsonl) words="--help" ;;
    *) words="keygen seal unseal inspect rotate jsonl --help --version" ;;
  esac
  [ "$COMP_CWORD" -gt 1 ] || words="keygen seal unseal inspect rotate jsonl --help --version"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
} && complete -F _ironjar ironjar
