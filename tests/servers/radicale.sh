#!/bin/bash
# Radicale, a calendar server, over HTTPS on loopback; needs no root, and as root gives it up.
set -euo pipefail

usage() {
  cat >&2 <<'X'
radicale.sh install                    the Debian packages that are missing; none starts a service of its own
radicale.sh up DIR | down DIR          start, stop; DIR keeps configuration, logs and calendars
radicale.sh attend DIR                 up, then down and DIR removed as soon as standard input ends

radicale.sh refusals DIR USER          how often a sign-in of USER was refused

Settings of `up` (environment): CERTIFICATE= and KEY= (PEM), PASSWORD=, HTTPS_PORT=2443. The users are alice and bob; each has a
calendar, /USER/calendar/, and one that takes no events, /USER/a-tasks/.
X
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/servers/attend.sh
. "$here/attend.sh"
packages=(radicale)

# Read by attend.sh.
# shellcheck disable=SC2034
server=Radicale pid_file=pid process=radicale

collection() { # PATH COMPONENT
  mkdir -p "$DIR/store/collection-root/$1"
  printf '{"tag": "VCALENDAR", "C:supported-calendar-component-set": "%s"}' "$2" >"$DIR/store/collection-root/$1/.Radicale.props"
}

up() {
  [ -x /usr/bin/radicale ] || "$here/radicale.sh" install
  mkdir -p "$1/log"
  DIR=$(cd "$1" && pwd) HTTPS_PORT=${HTTPS_PORT:-2443}
  if alive; then die "there is a Radicale in $DIR already: radicale.sh down $DIR"; fi
  if listens; then die "port $HTTPS_PORT is in use"; fi
  echo "HTTPS_PORT=$HTTPS_PORT" >"$DIR/settings"
  cp "$CERTIFICATE" "$DIR/certificate.pem"
  cp "$KEY" "$DIR/key.pem"
  printf '%s\n' "alice:$PASSWORD" "bob:$PASSWORD" >"$DIR/users"
  local user
  for user in alice bob; do
    collection "$user/a-tasks" VTODO
    collection "$user/calendar" VEVENT
  done
  cat >"$DIR/config" <<X
[server]
hosts = 127.0.0.1:$HTTPS_PORT
ssl = True
certificate = $DIR/certificate.pem
key = $DIR/key.pem
[auth]
type = htpasswd
htpasswd_filename = $DIR/users
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = $DIR/store
[web]
type = none
X
  local as=()
  if [ "$(id -u)" = 0 ]; then
    chown -R nobody: "$DIR"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
  fi
  HOME=$DIR setsid "${as[@]}" /usr/bin/radicale -C "$DIR/config" </dev/null >"$DIR/log/radicale.log" 2>&1 &
  echo $! >"$DIR/pid"
  until_true 200 listens || { log_tail; die "Radicale does not listen on $HTTPS_PORT"; }
  alive || { log_tail; die "something else listens on $HTTPS_PORT: it is in use"; }
  echo "up: $HTTPS_PORT"
}

refusals() { grep -c "Failed login attempt .*: '$1'" "$DIR/log/radicale.log" || true; }

case ${1:-} in
  refusals) [ $# = 3 ] || usage; instance "$2"; refusals "$3" ;;
  *) verbs "$@" ;;
esac
