#!/bin/bash
# Private Postfix + Dovecot servers on loopback, from config files of their own: tests/servers/README.md.
# Several instances run side by side (another DIR, another PORT_BASE), and inside a network namespace.
set -euo pipefail

usage() {
  cat >&2 <<'X'
mail.sh install                        the Debian packages that are missing; none starts a service of its own
mail.sh up DIR | down DIR              start, stop; DIR keeps config, logs and mail
mail.sh attend DIR                     up, then down and DIR removed as soon as standard input ends

mail.sh start-dovecot|stop-dovecot DIR
mail.sh hold|release DIR               mail is accepted and stays in the queue | is delivered at once
mail.sh bounce-on|bounce-off DIR USER  mail to USER is accepted, then comes back to its sender as a bounce
mail.sh refuse-user|accept-user DIR USER   RCPT TO this user is answered 550
mail.sh password DIR USER NEWPASSWORD
mail.sh remove-one DIR USER [ID]       removes one message of the inbox by hand, that with this Message-ID; fails when there is none

mail.sh refusals DIR USER              how often a sign-in of USER was refused, over all protocols
mail.sh sign-ins DIR USER              how often one succeeded (over SMTP: only those that sent something)
mail.sh mailbox DIR USER               messages in each folder: NAME<TAB>COUNT, INBOX first
mail.sh queue DIR                      how many messages Postfix holds
mail.sh books DIR                      what the logs say of each message, as JSON lines (books.py)

Settings of `up` (environment): PORT_BASE=2000 (587 -> 2587, also 465 143 993 110 995), USERS=20
(u0000@probe.test, password pw-u0000, …), EXTRA_LISTEN= (one more IPv4 address to listen on).
X
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/servers/attend.sh
. "$here/attend.sh"
packages=(postfix dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd openssl python3-minimal)

die() { echo "mail.sh: $*" >&2; exit 1; }

missing() {
  local p
  for p in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || echo "$p"
  done
}

install_packages() {
  command -v apt-get >/dev/null ||
    die "this is not a Debian system: install Postfix, Dovecot 2.3 (imap, pop3, lmtp), openssl and python3 by hand"
  local need
  mapfile -t need < <(missing "$@")
  [ ${#need[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "not root, and these are missing. Run: sudo apt-get install ${need[*]}"
  # 101: "the service may not be started". A policy that is already there may say otherwise, so it steps aside meanwhile.
  local policy=/usr/sbin/policy-rc.d aside=''
  if [ -e $policy ]; then aside=$policy.mailprobe; mv $policy $aside; fi
  # shellcheck disable=SC2064
  trap "rm -f $policy; [ -z '$aside' ] || mv '$aside' $policy" EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy
  local log; log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -o DPkg::Lock::Timeout=300 update &&
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${need[@]}"; } >"$log" 2>&1 </dev/null ||
    { tail -n 30 "$log" >&2; die "apt-get install ${need[*]} failed"; }
  rm -f "$log" $policy
  if [ -n "$aside" ]; then mv $aside $policy; fi
  trap - EXIT
}

# ---- the instance in DIR --------------------------------------------------------------------------------------------

instance() { # DIR: what `up` left behind
  [ -s "$1/settings" ] || die "no mail servers in $1"
  DIR=$(cd "$1" && pwd)
  # shellcheck disable=SC1091
  . "$DIR/settings"
  paths
}

paths() {
  PF=$DIR/postfix DC=$DIR/dovecot
  PF_PID=$PF/queue/pid/master.pid DC_PID=$DIR/dovecot/run/master.pid
}

alive() { # PIDFILE WORD: that process runs, and WORD is in its command line
  local pid=''
  [ -s "$1" ] || return 1
  read -r pid <"$1" || true
  pid=${pid// /}
  [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -- "$2"
}

dead() { ! alive "$@"; }

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

make_tls() { # a CA of our own, a certificate by it
  local T=$DIR/tls san="DNS:localhost,DNS:mail.probe.test,IP:127.0.0.1"
  # The second address is the one at which a TUN device answers in the first one's stead.
  [ -z "$EXTRA_LISTEN" ] || san+=",IP:$EXTRA_LISTEN,IP:${EXTRA_LISTEN%.*}.$((${EXTRA_LISTEN##*.} + 1))"
  mkdir -p "$T"
  [ "$(cat "$T/san" 2>/dev/null)" != "$san" ] || return 0
  openssl ecparam -genkey -name prime256v1 -noout -out "$T/ca.key"
  openssl req -x509 -new -key "$T/ca.key" -days 365 -subj "/CN=mailprobe tests CA" -out "$T/ca.pem" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
  openssl ecparam -genkey -name prime256v1 -noout -out "$T/server.key"
  openssl req -new -key "$T/server.key" -subj "/CN=localhost" -out "$T/server.csr"
  openssl x509 -req -in "$T/server.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial -days 180 \
    -out "$T/server.pem" -extfile <(
      printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\n' "$san"
      printf 'basicConstraints=critical,CA:FALSE\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n'
    ) 2>/dev/null
  echo "$san" >"$T/san"
}

make_users() {
  local i u
  mkdir -p "$DIR/mail"
  : >"$DC/users"; : >"$PF/users"; : >"$PF/bounce"; : >"$PF/refuse"
  for ((i = 0; i < USERS; i++)); do
    printf -v u 'u%04d' "$i"
    echo "$u:{PLAIN}pw-$u" >>"$DC/users"
    echo "$u@probe.test $u" >>"$PF/users"
  done
  chown 5000:5000 "$DIR/mail"
}

postfix_conf() {
  chown postfix "$PF/data"
  cat >"$PF/main.cf" <<X
compatibility_level = 3.6
queue_directory = $PF/queue
data_directory = $PF/data
maillog_file = $DIR/log/postfix.log
maillog_file_prefixes = $DIR/log
myhostname = mail.probe.test
mydestination =
inet_interfaces = 127.0.0.1${EXTRA_LISTEN:+, $EXTRA_LISTEN}
inet_protocols = ipv4
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = probe.test
virtual_mailbox_maps = texthash:$PF/users
virtual_transport = lmtp:unix:$DC/run/lmtp
transport_maps = texthash:$PF/bounce
smtpd_sasl_type = dovecot
smtpd_sasl_path = $DC/run/auth-smtp
smtpd_sasl_security_options = noanonymous
smtpd_sasl_local_domain =
smtpd_tls_cert_file = $DIR/tls/server.pem
smtpd_tls_key_file = $DIR/tls/server.key
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access texthash:$PF/refuse, permit_sasl_authenticated, reject
# Nothing may leave the machine: mail for another domain bounces.
default_transport = error:5.1.2 nothing leaves the test servers
relay_transport = error:5.1.2 nothing leaves the test servers
# Every queue id holds the time to the microsecond.
enable_long_queue_ids = yes
# What was deferred is tried again at the queue manager's next look.
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
# A server that ended early, by our order or because Dovecot was away, is started again at once.
service_throttle_time = 1s
# No throttles.
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_event_limit_exceptions = static:all
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
smtpd_junk_command_limit = 1000
in_flow_delay = 0
default_process_limit = 200
lmtp_destination_concurrency_limit = 50
lmtp_destination_concurrency_failed_cohort_limit = 0
initial_destination_concurrency = 20
notify_classes =
X
  cat >"$PF/master.cf" <<X
# name type private unpriv chroot wakeup maxproc command
$(for a in 127.0.0.1 $EXTRA_LISTEN; do
    echo "$a:$P587 inet n - n - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes"
    echo "$a:$P465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes"
  done)
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
# Not the error transport: mail for it is refused at RCPT TO already.
closed    unix - n n - - pipe flags= user=nobody argv=/bin/sh -c {echo 5.2.1 this mailbox is closed, by order of the test; exit 69}
discard   unix - - n - - discard
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
X
}

dovecot_conf() {
  # HS256 tokens, checked without asking anybody: token.py makes them.
  mkdir -p "$DC/jwt/default/HS256"
  base64 -w0 <"$here/token.key" >"$DC/jwt/default/HS256/default"
  cat >"$DC/oauth2.conf.ext" <<X
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$DC/jwt/
username_attribute = sub
X
  cat >"$DC/dovecot.conf" <<X
base_dir = $DC/run
state_dir = $DC/state
instance_name = mailprobe-$PORT_BASE
listen = 127.0.0.1${EXTRA_LISTEN:+, $EXTRA_LISTEN}
protocols = imap pop3 lmtp
log_path = $DIR/log/dovecot.log
log_timestamp = "%s.%{usecs} "
auth_verbose = yes
ssl = required
ssl_cert = <$DIR/tls/server.pem
ssl_key = <$DIR/tls/server.key
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
auth_mechanisms = plain login scram-sha-256 xoauth2 oauthbearer
auth_username_format = %Ln
passdb {
  driver = passwd-file
  mechanisms = plain login scram-sha-256
  args = scheme=PLAIN username_format=%u $DC/users
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $DC/oauth2.conf.ext
}
userdb {
  driver = static
  args = uid=5000 gid=5000 home=$DIR/mail/%u allow_all_users=yes
}
mail_location = maildir:~/Maildir
first_valid_uid = 5000
namespace inbox {
  inbox = yes
  mailbox Sent {
    auto = subscribe
    special_use = \Sent
  }
  mailbox Drafts {
    auto = subscribe
    special_use = \Drafts
  }
  mailbox Junk {
    auto = subscribe
    special_use = \Junk
  }
  mailbox Trash {
    auto = subscribe
    special_use = \Trash
  }
}
mail_max_userip_connections = 0
auth_failure_delay = 0
default_client_limit = 4000
default_process_limit = 400
shutdown_clients = yes
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener auth-smtp {
    mode = 0666
  }
}
service imap-login {
  service_count = 0
  process_min_avail = 1
  inet_listener imap {
    port = $P143
  }
  inet_listener imaps {
    port = $P993
    ssl = yes
  }
}
service pop3-login {
  service_count = 0
  process_min_avail = 1
  inet_listener pop3 {
    port = $P110
  }
  inet_listener pop3s {
    port = $P995
    ssl = yes
  }
}
service imap {
  process_limit = 2000
}
service lmtp {
  process_min_avail = 2
  unix_listener lmtp {
    mode = 0666
  }
}
protocol lmtp {
  postmaster_address = postmaster@probe.test
}
X
}

dovecot_listens() { listens "$P143" && listens "$P993" && listens "$P110" && listens "$P995"; }
postfix_listens() { listens "$P587" && listens "$P465"; }

children() { # PIDFILE: the processes that this one started
  local pid='' stat
  if [ -s "$1" ]; then read -r pid <"$1" || true; fi
  pid=${pid// /}
  [ -n "$pid" ] || return 0
  for stat in /proc/[0-9]*/stat; do
    # pid (name) state parent …: the name may hold blanks and brackets.
    sed -n "s/^\([0-9]*\) (.*) [A-Za-z] $pid .*/\1/p" "$stat" 2>/dev/null || true
  done
}

all_gone() { # PID…
  local pid
  for pid in "$@"; do [ ! -e "/proc/$pid" ] || return 1; done
}

stop_tree() { # PIDFILE WORD: that process, then whatever it started and would outlive it, such as Dovecot's auth while Postfix asks it
  local pid='' rest
  alive "$1" "$2" || return 0
  mapfile -t rest < <(children "$1")
  read -r pid <"$1" || true
  pid=${pid// /}
  kill -TERM "$pid"
  until_true 100 dead "$1" "$2" || die "$2 still runs 10 s after SIGTERM"
  if ! until_true 5 all_gone "${rest[@]}"; then
    kill -KILL "${rest[@]}" 2>/dev/null || true
    until_true 50 all_gone "${rest[@]}" || die "processes that $2 started still run"
  fi
}

start_dovecot() {
  alive "$DC_PID" dovecot || dovecot -c "$DC/dovecot.conf" </dev/null >>"$DIR/log/start.log" 2>&1 ||
    { log_tail; die "Dovecot did not start"; }
  until_true 100 dovecot_listens || { log_tail; die "Dovecot does not listen on $P143 $P993 $P110 $P995"; }
}

stop_dovecot() { stop_tree "$DC_PID" dovecot; }

start_postfix() {
  # What `postfix start` does, without its two seconds of looking around.
  if dead "$PF_PID" master; then
    (cd "$PF/queue" && mkdir -p active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace &&
      chown postfix active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace &&
      chgrp postdrop maildrop public && chmod 700 ./* && chmod 755 pid && chmod 710 public && chmod 730 maildrop)
    setsid "$(postconf -c "$PF" -h daemon_directory)/master" -c "$PF" </dev/null >>"$DIR/log/start.log" 2>&1 &
  fi
  until_true 100 postfix_listens || { log_tail; die "Postfix does not listen on $P587 $P465"; }
}

stop_postfix() { stop_tree "$PF_PID" master; }

up() {
  [ "$(id -u)" = 0 ] || die "Postfix and Dovecot need root to start"
  install_packages "${packages[@]}"
  mkdir -p "$1"
  DIR=$(cd "$1" && pwd)
  # The longest socket name below DIR, and the kernel's limit for one.
  [ ${#DIR} -le 70 ] || die "$DIR is too long a path for Unix sockets: at most 70 characters"
  PORT_BASE=${PORT_BASE:-2000} USERS=${USERS:-20} EXTRA_LISTEN=${EXTRA_LISTEN:-}
  paths
  if alive "$PF_PID" master || alive "$DC_PID" dovecot; then die "there are servers in $DIR already: mail.sh down $DIR"; fi
  {
    for v in PORT_BASE USERS EXTRA_LISTEN; do echo "$v=${!v}"; done
    for p in 587 465 143 993 110 995; do echo "P$p=$((PORT_BASE + p))"; done
  } >"$DIR/settings"
  # shellcheck disable=SC1091
  . "$DIR/settings"
  local p
  for p in "$P587" "$P465" "$P143" "$P993" "$P110" "$P995"; do
    if listens "$p"; then die "port $p is in use: choose another PORT_BASE"; fi
  done
  mkdir -p "$DIR/log" "$DC/state" "$PF/queue" "$PF/data"
  chmod 755 "$DIR" "$DIR/log"
  make_tls; make_users; postfix_conf; dovecot_conf
  start_dovecot
  start_postfix
  echo "up: $USERS users, submission $P587 $P465, imap $P143 $P993, pop3 $P110 $P995"
}

down() {
  # Postfix first: it would say that it cannot deliver.
  local failed=0
  (stop_postfix) || failed=1
  (stop_dovecot) || failed=1
  return $failed
}

# ---- faults ---------------------------------------------------------------------------------------------------------

renew() { # COMMAND…: ends the processes of Postfix with these names; the next ones see the new settings
  # Not `reload`: with a queue that is tried again each second, Postfix's master can wait for ever for its own postlogd.
  local old=() pid
  for pid in $(children "$PF_PID"); do
    case " $* " in *" $(cat "/proc/$pid/comm" 2>/dev/null || true) "*) old+=("$pid") ;; esac
  done
  kill -TERM "${old[@]}" 2>/dev/null || true
  until_true 50 all_gone "${old[@]}" || { log_tail; die "Postfix's $* did not end within 5 s"; }
}

renew_delivery() { renew qmgr trivial-rewrite error pipe; }

# One that waits for a client would take it by the old settings.
renew_smtpd() { renew smtpd; }

queued() { find "$PF/queue"/{incoming,active,deferred,hold,maildrop} -type f 2>/dev/null | wc -l || true; }

hold() { postconf -c "$PF" -e defer_transports=lmtp; renew_delivery; }

deliver() {
  # What Postfix skipped as "still being delivered" it may leave for minutes, unless it is told.
  delivered() { postqueue -c "$PF" -f; [ "$(queued)" = 0 ]; }
  until_true 200 delivered || { log_tail; die "$(queued) messages are still queued after 20 s"; }
}

release() {
  postconf -c "$PF" -X defer_transports
  renew_delivery
  deliver
}

with_user() { # FILE USER [LINE]: the line of USER in a texthash file, or none
  grep -v "^$2@" "$1" >"$1.new" || true
  [ -z "${3:-}" ] || echo "$2@probe.test $3" >>"$1.new"
  mv "$1.new" "$1"
}

password() { # USER NEWPASSWORD
  grep -q "^$1:" "$DC/users" || die "no user $1"
  local stamp
  stamp=$(stat -c %Y "$DC/users")
  grep -v "^$1:" "$DC/users" >"$DC/users.new" || true
  echo "$1:{PLAIN}$2" >>"$DC/users.new"
  # Dovecot reads the file again when its time in whole seconds, or its size, has changed.
  touch -d "@$(($(date +%s) > stamp ? $(date +%s) : stamp + 1))" "$DC/users.new"
  mv "$DC/users.new" "$DC/users"
  # It looks at most once a second.
  sleep 1.1
}

mailbox() {
  local box=$DIR/mail/$1/Maildir folder name
  count() { find "$1/new" "$1/cur" -type f 2>/dev/null | wc -l || true; }
  printf 'INBOX\t%s\n' "$(count "$box")"
  for folder in "$box"/.[!.]*; do
    [ -d "$folder/cur" ] || continue
    name=${folder##*/.}
    printf '%s\t%s\n' "$name" "$(count "$folder")"
  done
}

remove_one() {
  local file
  file=$(grep -rlF -m1 -- "${2:-}" "$DIR/mail/$1/Maildir/new" "$DIR/mail/$1/Maildir/cur" 2>/dev/null | head -n 1 || true)
  [ -n "$file" ] || die "no message in the inbox of $1"
  rm "$file"
  # Dovecot may serve what it remembers of the message for long, should the folder's time not tell it that the file is gone.
  doveadm -c "$DC/dovecot.conf" force-resync -u "$1" INBOX >>"$DIR/log/start.log" 2>&1 || die "doveadm force-resync failed"
  echo "$file"
}

# ---- what is asked --------------------------------------------------------------------------------------------------

verb=${1:-}
case $verb in
  install) shift; install_packages "${packages[@]}" "$@"; exit ;;
  up | attend) [ $# = 2 ] || usage ;;
  down | start-dovecot | stop-dovecot | hold | release | queue | books) [ $# = 2 ] || usage; instance "$2" ;;
  bounce-on | bounce-off | refuse-user | accept-user | refusals | sign-ins | mailbox) [ $# = 3 ] || usage; instance "$2" ;;
  remove-one) [ $# = 3 ] || [ $# = 4 ] || usage; instance "$2" ;;
  password) [ $# = 4 ] || usage; instance "$2" ;;
  *) usage ;;
esac

case $verb in
  up) up "$2" ;;
  down) down ;;
  attend) attend "$2" ;;
  start-dovecot) start_dovecot; deliver ;;
  stop-dovecot) stop_dovecot ;;
  hold) hold ;;
  release) release ;;
  queue) queued ;;
  bounce-on) with_user "$PF/bounce" "$3" "closed:"; renew_delivery ;;
  bounce-off) with_user "$PF/bounce" "$3"; renew_delivery ;;
  refuse-user) with_user "$PF/refuse" "$3" "550 5.7.1 refused, by order of the test"; renew_smtpd ;;
  accept-user) with_user "$PF/refuse" "$3"; renew_smtpd ;;
  password) password "$3" "$4" ;;
  refusals) python3 "$here/books.py" refusals "$DIR" "$3" ;;
  sign-ins) python3 "$here/books.py" sign-ins "$DIR" "$3" ;;
  mailbox) mailbox "$3" ;;
  remove-one) remove_one "$3" "${4:-}" ;;
  books) python3 "$here/books.py" messages "$DIR" ;;
esac
