#!/bin/bash
# Apache with mod_auth_gssapi in front of another server, over HTTPS on loopback; needs no root, and as root gives it up.
set -euo pipefail

usage() {
  cat >&2 <<'X'
apache.sh install                      the Debian packages that are missing; none starts a service of its own
apache.sh up DIR | down DIR            start, stop; DIR keeps configuration and logs
apache.sh attend DIR                   up, then down and DIR removed as soon as standard input ends

Settings of `up` (environment): KDC=folder of kerberos.sh, CERTIFICATE= and KEY= (PEM), BACKEND=https://localhost:PORT, and
HTTPS_PORT=2443; APACHE_CLOCK=+20m puts its clock forward. Who signs in as NAME@PROBE.TEST is NAME for the backend, by Basic with the password PASSWORD. Below
  /each      Kerberos, each request; /each-told says so
  /bound     Kerberos, each connection; /bound-told says so
  /basic     Basic and nothing else
lies the backend's root. DIR/log/requests.log has a line for each request: STATUS USER PROOF PATH, PROOF yes or no.
X
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/servers/attend.sh
. "$here/attend.sh"
packages=(apache2-bin libapache2-mod-auth-gssapi faketime)

# Read by attend.sh.
# shellcheck disable=SC2034
server=Apache pid_file=pid process=apache2

place() { # PATH LINES: the backend below PATH, for whoever these lines let in
  local user
  echo "<Location $1>"
  printf '%s\n' "$2" "Require valid-user" "ProxyPass $BACKEND/" "ProxyPassReverse $BACKEND/"
  for user in alice bob; do
    echo "RequestHeader set Authorization \"Basic $(printf %s "$user:$PASSWORD" | base64)\" \"expr=%{REMOTE_USER} == '$user@PROBE.TEST'\""
  done
  echo "</Location>"
}

configuration() {
  local module gssapi="AuthType GSSAPI
AuthName probe
GssapiCredStore keytab:$DIR/http.keytab"
  {
    for module in mpm_event authn_core authn_file authz_core authz_user auth_basic auth_gssapi env setenvif headers proxy proxy_http ssl; do
      echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
    done
    cat <<X
ServerRoot $DIR
ServerName localhost
Listen 127.0.0.1:$HTTPS_PORT
PidFile $DIR/pid
DefaultRuntimeDir $DIR
Mutex file:$DIR
ErrorLog $DIR/log/error.log
LogLevel warn auth_gssapi:debug
SetEnvIf Authorization "^" proof=no
SetEnvIf Authorization "^Negotiate " proof=yes
CustomLog $DIR/log/requests.log "%>s %u %{proof}e %U"
KeepAliveTimeout 60
SSLEngine on
SSLCertificateFile $DIR/certificate.pem
SSLCertificateKeyFile $DIR/key.pem
SSLProxyEngine on
SSLProxyVerify none
SSLProxyCheckPeerName off
SSLProxyCheckPeerCN off
X
    local bound="GssapiConnectionBound On" told="GssapiSignalPersistentAuth On"
    place /each/ "$gssapi"
    place /each-told/ "$gssapi"$'\n'"$told"
    place /bound/ "$gssapi"$'\n'"$bound"
    place /bound-told/ "$gssapi"$'\n'"$bound"$'\n'"$told"
    place /basic/ "AuthType Basic
AuthName probe
AuthBasicProvider file
AuthUserFile $DIR/nobody"
  } >"$DIR/apache.conf"
}

up() {
  [ -e /usr/lib/apache2/modules/mod_auth_gssapi.so ] || "$here/apache.sh" install
  mkdir -p "$1/log"
  DIR=$(cd "$1" && pwd) HTTPS_PORT=${HTTPS_PORT:-2443}
  if alive; then die "there is an Apache in $DIR already: apache.sh down $DIR"; fi
  if listens; then die "port $HTTPS_PORT is in use"; fi
  echo "HTTPS_PORT=$HTTPS_PORT" >"$DIR/settings"
  cp "$KDC/http.keytab" "$KDC/krb5.conf" "$DIR"
  cp "$CERTIFICATE" "$DIR/certificate.pem"
  cp "$KEY" "$DIR/key.pem"
  : >"$DIR/nobody"
  configuration
  local as=()
  if [ "$(id -u)" = 0 ]; then
    chown -R www-data: "$DIR"
    as=(setpriv --reuid=www-data --regid=www-data --clear-groups)
  fi
  if [ -n "${APACHE_CLOCK:-}" ]; then as+=(faketime -f "$APACHE_CLOCK"); fi
  KRB5_CONFIG=$DIR/krb5.conf KRB5RCACHENAME=file2:$DIR/replays setsid "${as[@]}" /usr/sbin/apache2 -f "$DIR/apache.conf" \
    -DFOREGROUND </dev/null >"$DIR/log/start.log" 2>&1 &
  until_true 100 listens || { log_tail; die "Apache does not listen on $HTTPS_PORT"; }
  until_true 50 alive || { log_tail; die "something else listens on $HTTPS_PORT: it is in use"; }
  echo "up: $HTTPS_PORT"
}

verbs "$@"
