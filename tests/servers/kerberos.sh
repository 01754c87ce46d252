#!/bin/bash
# A private MIT KDC on loopback, with a realm and keys of its own; needs no root. The server that accepts its tickets is
# `http_signin.py negotiate DIR/http.keytab`, in the environment KRB5_CONFIG=DIR/krb5.conf.
set -euo pipefail

usage() {
  cat >&2 <<'X'
kerberos.sh install                    the Debian packages that are missing, also those that building with Kerberos needs
kerberos.sh up DIR | down DIR          start, stop; DIR keeps keys and logs
kerberos.sh attend DIR                 up, then down and DIR removed as soon as standard input ends
kerberos.sh start-kdc|stop-kdc DIR
kerberos.sh silence|speak DIR          the KDC takes questions and answers none | answers them
kerberos.sh new-service-key DIR        tickets for HTTP/localhost fit no keytab that was written before
kerberos.sh attempts DIR USER          how often the KDC has refused USER's proof

Settings of `up` (environment): KDC_PORT=2088; KDC_CLOCK=+20m puts the KDC's clock forward. The realm is PROBE.TEST, its service HTTP/localhost, its users
  alice, bob    passwords pw-alice, pw-bob; their keys are in client.keytab, an old one of alice in wrong.keytab
  locked        password pw-locked, disabled
  expired       password pw-expired, out of date
X
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/servers/attend.sh
. "$here/attend.sh"
PATH=$PATH:/usr/sbin:/sbin
packages=(krb5-kdc krb5-admin-server libkrb5-dev libclang-dev pkg-config python3-gssapi python3-minimal faketime)

die() { echo "kerberos.sh: $*" >&2; exit 1; }

instance() { # DIR: what `up` left behind
  [ -s "$1/settings" ] || die "no KDC in $1"
  DIR=$(cd "$1" && pwd)
  # shellcheck disable=SC1091
  . "$DIR/settings"
  environment
}

environment() {
  export KRB5_CONFIG=$DIR/krb5.conf KRB5_KDC_PROFILE=$DIR/kdc.conf
}

alive() {
  local pid=''
  if [ -s "$DIR/kdc.pid" ]; then read -r pid <"$DIR/kdc.pid" || true; fi
  [ -n "$pid" ] && grep -q krb5kdc "/proc/$pid/comm" 2>/dev/null
}

dead() { ! alive; }

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$KDC_PORT") 2>/dev/null; }

configuration() {
  cat >"$DIR/krb5.conf" <<X
[libdefaults]
  default_realm = PROBE.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  # TCP first: where nobody listens, that is known at once.
  udp_preference_limit = 1
  # A client would go by the KDC's clock, and never notice that they differ.
  kdc_timesync = 0
[realms]
  PROBE.TEST = {
    kdc = 127.0.0.1:$KDC_PORT
  }
[domain_realm]
  localhost = PROBE.TEST
[logging]
  kdc = FILE:$DIR/log/kdc.log
X
  cat >"$DIR/kdc.conf" <<X
[realms]
  PROBE.TEST = {
    database_name = $DIR/principal
    key_stash_file = $DIR/stash
    acl_file = $DIR/acl
    kdc_listen = 127.0.0.1:$KDC_PORT
    kdc_tcp_listen = 127.0.0.1:$KDC_PORT
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
    default_principal_flags = +preauth
  }
X
}

principals() {
  kadmin.local -r PROBE.TEST >"$DIR/log/kadmin.log" 2>&1 <<X
addprinc -randkey HTTP/localhost
ktadd -k $DIR/http.keytab HTTP/localhost
addprinc -pw before alice
ktadd -norandkey -k $DIR/wrong.keytab alice
cpw -pw pw-alice alice
addprinc -pw pw-bob bob
ktadd -norandkey -k $DIR/client.keytab alice bob
addprinc -pw pw-locked -allow_tix locked
addprinc -pw pw-expired -pwexpire "2020-01-01 00:00:00" expired
X
  [ -s "$DIR/http.keytab" ] && [ -s "$DIR/client.keytab" ] && [ -s "$DIR/wrong.keytab" ]
}

start_kdc() {
  if dead; then
    # shellcheck disable=SC2086
    setsid ${KDC_CLOCK:+faketime -f $KDC_CLOCK} krb5kdc -n -r PROBE.TEST -P "$DIR/kdc.pid" </dev/null >>"$DIR/log/start.log" 2>&1 &
  fi
  until_true 100 listens || { log_tail; die "the KDC does not listen on $KDC_PORT"; }
  until_true 50 alive || { log_tail; die "something else listens on $KDC_PORT: it is in use"; }
}

# Stopped in the middle: its port still takes connections.
signal_kdc() { local pid; read -r pid <"$DIR/kdc.pid"; kill "-$1" "$pid"; }

stop_kdc() {
  local pid=''
  alive || return 0
  read -r pid <"$DIR/kdc.pid" || true
  kill -TERM "$pid"
  kill -CONT "$pid"
  until_true 100 dead || die "the KDC still runs 10 s after SIGTERM"
}

up() {
  command -v krb5kdc >/dev/null || "$here/kerberos.sh" install
  mkdir -p "$1/log"
  DIR=$(cd "$1" && pwd) KDC_PORT=${KDC_PORT:-2088}
  environment
  if alive; then die "there is a KDC in $DIR already: kerberos.sh down $DIR"; fi
  if listens; then die "port $KDC_PORT is in use"; fi
  echo "KDC_PORT=$KDC_PORT" >"$DIR/settings"
  if [ ! -e "$DIR/principal" ]; then
    configuration
    kdb5_util create -s -r PROBE.TEST -P "the master key of the tests" >"$DIR/log/create.log" 2>&1 ||
      { log_tail; die "no realm was made"; }
    principals || { log_tail; die "not all keys were made"; }
  fi
  start_kdc
  echo "up: $KDC_PORT"
}

down() { stop_kdc; }

attempts() { # USER
  # Another clock fails there too, and says so behind the comma.
  grep -c "AS_REQ .*PREAUTH_FAILED: $1@PROBE.TEST .*, Preauthentication failed$" "$DIR/log/kdc.log" || true
}

verb=${1:-}
case $verb in
  install) exec "$here/mail.sh" install "${packages[@]}" ;;
  up | attend) [ $# = 2 ] || usage ;;
  down | start-kdc | stop-kdc | silence | speak | new-service-key) [ $# = 2 ] || usage; instance "$2" ;;
  attempts) [ $# = 3 ] || usage; instance "$2" ;;
  *) usage ;;
esac

case $verb in
  up) up "$2" ;;
  down) down ;;
  attend) attend "$2" ;;
  start-kdc) start_kdc ;;
  stop-kdc) stop_kdc ;;
  silence) signal_kdc STOP ;;
  speak) signal_kdc CONT ;;
  new-service-key) kadmin.local -r PROBE.TEST -q "cpw -randkey HTTP/localhost" >>"$DIR/log/kadmin.log" 2>&1 ;;
  attempts) attempts "$3" ;;
esac
