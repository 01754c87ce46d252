# What the servers' scripts share; each of them has `up DIR`, `instance DIR` and `down`, and keeps logs in $DIR/log.
# shellcheck shell=bash

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
