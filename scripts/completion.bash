# bash completion for mcrelay; the flags are asked from the program itself
_mcrelay() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  # bash splits --flag=value in three words
  if [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [[ $current == = ]]; then current=; previous=${COMP_WORDS[COMP_CWORD - 1]}; fi
  COMPREPLY=()
  case $previous in
    --config | -Y | --auth-file | -P | --pidfile | -s | --unix-socket)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    -u | --user)
      mapfile -t COMPREPLY < <(compgen -u -- "$current")
      return
      ;;
    -U | --udp-port) COMPREPLY=(0); return ;;
    -B | --protocol)
      mapfile -t COMPREPLY < <(compgen -W 'ascii auto' -- "$current")
      return
      ;;
  esac
  if [[ $current == -* ]]; then
    # rows such as "  -p, --port=<num>    TCP port": their first column, without arguments
    mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --help 2>/dev/null |
      sed -n '/^ *-/{s/^ *//;s/  .*//;p}' | grep -oE -- '--?[A-Za-z][a-z_-]*')" -- "$current")
  fi
}
complete -o filenames -F _mcrelay mcrelay
