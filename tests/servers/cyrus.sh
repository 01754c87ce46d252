#!/bin/bash
# Cyrus's calendars with scheduling between two users, over HTTPS on loopback; needs root, and gives it up.
set -euo pipefail

usage() {
  cat >&2 <<'X'
cyrus.sh install                       the Debian packages that are missing; none starts a service of its own
cyrus.sh up DIR | down DIR             start, stop; DIR keeps configuration and calendars
cyrus.sh attend DIR                    up, then down and DIR removed as soon as standard input ends

Settings of `up` (environment): CERTIFICATE= and KEY= (PEM), PASSWORD=, HTTPS_PORT=2443. The users are alice and bob. cyrus-imapd cannot be installed beside Dovecot, and is not needed: mailboxes are made by the first message.
Cyrus logs to syslog and nowhere else.
X
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/servers/attend.sh
. "$here/attend.sh"
packages=(cyrus-common cyrus-caldav sasl2-bin)
programs=/usr/lib/cyrus/bin

# Read by attend.sh.
# shellcheck disable=SC2034
server=Cyrus pid_file=run/master.pid process=cyrus/bin/master

configuration() {
  cat >"$DIR/imapd.conf" <<X
servername: probe.test
virtdomains: off
configdirectory: $DIR/conf
defaultpartition: default
partition-default: $DIR/spool
proc_path: $DIR/run/proc
mboxname_lockpath: $DIR/run/lock
lmtpsocket: $DIR/run/lmtp
idlesocket: $DIR/run/idle
notifysocket: $DIR/run/notify
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
autocreate_post: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $DIR/users.db
sasl_mech_list: PLAIN
httpmodules: caldav
caldav_allowscheduling: on
calendar_user_address_set: probe.test
tls_server_cert: $DIR/certificate.pem
tls_server_key: $DIR/key.pem
X
  cat >"$DIR/cyrus.conf" <<X
START {
  recover cmd="$programs/ctl_cyrusdb -C $DIR/imapd.conf -r"
}
SERVICES {
  https cmd="$programs/httpd -C $DIR/imapd.conf -s -U 30" listen="127.0.0.1:$HTTPS_PORT" prefork=0 maxchild=50
  lmtp cmd="$programs/lmtpd -C $DIR/imapd.conf -a" listen="$DIR/run/lmtp" prefork=0 maxchild=5
}
EVENTS {
}
X
}

mailboxes() { # a message each makes a mailbox; who has one and comes by has calendars
  python3 - "$DIR/run/lmtp" "$@" <<'X'
import smtplib, sys
socket, *users = sys.argv[1:]
with smtplib.LMTP(socket) as lmtp:
    for user in users:
        lmtp.sendmail("cyrus@probe.test", [user], "Subject: hello\r\n\r\nhello\r\n")
X
  local user
  for user in "$@"; do
    curl --silent --show-error --fail --insecure --user "$user:$PASSWORD" --request OPTIONS "https://127.0.0.1:$HTTPS_PORT/dav/calendars/user/$user/"
  done
}

up() {
  [ "$(id -u)" = 0 ] || die "Cyrus needs root to become its own user"
  if [ ! -x $programs/httpd ] || ! command -v saslpasswd2 >/dev/null; then "$here/cyrus.sh" install; fi
  mkdir -p "$1"
  DIR=$(cd "$1" && pwd) HTTPS_PORT=${HTTPS_PORT:-2443}
  [ ${#DIR} -le 70 ] || die "$DIR is too long a path for Unix sockets: at most 70 characters"
  if alive; then die "there is a Cyrus in $DIR already: cyrus.sh down $DIR"; fi
  if listens; then die "port $HTTPS_PORT is in use"; fi
  mkdir -p "$DIR"/{log,run,spool} "$DIR"/conf/{db,proc,lock,log,msg,socket,user,quota,sieve}
  echo "HTTPS_PORT=$HTTPS_PORT" >"$DIR/settings"
  cp "$CERTIFICATE" "$DIR/certificate.pem"
  cp "$KEY" "$DIR/key.pem"
  configuration
  local user
  for user in alice bob; do
    printf %s "$PASSWORD" | saslpasswd2 -p -c -f "$DIR/users.db" -u probe.test "$user"
  done
  chmod 755 "$DIR"
  chown -R cyrus:mail "$DIR"
  setsid $programs/master -C "$DIR/imapd.conf" -M "$DIR/cyrus.conf" -p "$DIR/run/master.pid" -D </dev/null >"$DIR/log/start.log" 2>&1 &
  until_true 200 listens || { log_tail; die "Cyrus does not listen on $HTTPS_PORT"; }
  until_true 50 alive || { log_tail; die "something else listens on $HTTPS_PORT: it is in use"; }
  mailboxes alice bob >>"$DIR/log/start.log" 2>&1 || { log_tail; die "no mailbox could be made"; }
  echo "up: $HTTPS_PORT"
}

verbs "$@"
