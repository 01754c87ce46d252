# What the servers' scripts share; each of them has `up DIR`, and keeps logs in $DIR/log. Who has one process on one port says
# by `server` what it is called, by `pid_file` and `process` how it is found; others have verbs of their own.
# shellcheck shell=bash disable=SC2154

die() { echo "${0##*/}: $*" >&2; exit 1; }

instance() { # DIR: what `up` left behind
  [ -s "$1/settings" ] || die "no $server in $1"
  DIR=$(cd "$1" && pwd)
  # shellcheck disable=SC1091
  . "$DIR/settings"
}

alive() {
  local pid=''
  if [ -s "$DIR/$pid_file" ]; then read -r pid <"$DIR/$pid_file" || true; fi
  [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$process"
}

dead() { ! alive; }

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$HTTPS_PORT") 2>/dev/null; }

down() {
  local pid=''
  alive || return 0
  read -r pid <"$DIR/$pid_file" || true
  kill -TERM "$pid"
  until_true 100 dead || die "$server still runs 10 s after SIGTERM"
}

verbs() { # install | up DIR | down DIR | attend DIR
  case ${1:-} in
    install) exec "$here/mail.sh" install "${packages[@]}" ;;
    up | attend) [ $# = 2 ] || usage; "$1" "$2" ;;
    down) [ $# = 2 ] || usage; instance "$2"; down ;;
    *) usage ;;
  esac
}

until_true() { # TENTHS COMMAND…
  local n=$1; shift
  for ((; n > 0; n--)); do "$@" && return 0; sleep 0.1; done
  return 1
}

log_tail() {
  local f
  for f in "$DIR"/log/*; do
    if [ -s "$f" ]; then echo "--- $f"; tail -n 25 "$f"; fi
  done >&2
}

attend() { # DIR: up, then down and DIR removed as soon as standard input ends
  # In a shell of its own: the exit of a failing `up` must not skip what follows.
  trap '' INT HUP
  if (up "$1"); then
    while read -r _; do :; done
    (instance "$1"; down) >&2 || true
    rm -rf -- "$1"
  else
    if [ -s "$1/settings" ]; then (instance "$1"; down) >&2 || true; fi
    exit 1
  fi
}
