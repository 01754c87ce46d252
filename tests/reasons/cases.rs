//! The table: a reason, where it shows, in what words, and the server that gives cause for it.

use mailprobe::catalogue::Reason;
use mailprobe_sandbox::{Fault, Protocol};
use mailprobe_tests::{Flaw, PASSWORD, Reply, Step};

use crate::stage::{
    ONCE, Stage, imap_greeting, imap_signed_in, imap_signing_in, name_server, pop_signing_in, smtp_message,
    smtp_recipient, smtp_sender, smtp_signed_in, smtp_signing_in,
};

/// What the protocols that are built cannot give, and the issue that brings what can.
pub const NOT_YET: &[(Reason, u32)] = &[
    (Reason::OutboxStuck, 7),
    (Reason::SyncStalled, 7),
    (Reason::ClientVersionBlocked, 7),
    // An application's own secret.
    (Reason::SecretExpired, 8),
];

/// The check, the mailbox and the mail service have the reason's name.
pub struct Case {
    pub reason: Reason,
    pub protocol: &'static str,
    pub role: &'static str,
    pub step: &'static str,
    /// Of the server, or of the library where the server said none.
    pub words: &'static str,
    pub build: fn(&mut Stage, &str),
}

const fn login(
    reason: Reason,
    protocol: &'static str,
    step: &'static str,
    words: &'static str,
    build: fn(&mut Stage, &str),
) -> Case {
    Case { reason, protocol, role: "check", step, words, build }
}

const fn send(reason: Reason, step: &'static str, words: &'static str, build: fn(&mut Stage, &str)) -> Case {
    Case { reason, protocol: "smtp", role: "send", step, words, build }
}

const fn view(reason: Reason, step: &'static str, words: &'static str, build: fn(&mut Stage, &str)) -> Case {
    Case { reason, protocol: "imap", role: "view", step, words, build }
}

/// At the view of a calendar, or another role.
const fn calendar(
    reason: Reason,
    role: &'static str,
    step: &'static str,
    words: &'static str,
    build: fn(&mut Stage, &str),
) -> Case {
    Case { reason, protocol: "ews", role, step, words, build }
}

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // network
    login(Reason::DnsFailed, "imap", "resolve", "", |stage, name| {
        // Nobody answers there.
        stage.login_at(name, "imap", "imap: { address: \"mail.test:143\", tls: none }, resolver: { servers: [127.0.0.253] }");
    }),
    login(Reason::ConnectTimeout, "imap", "connect", "no answer in time at connect", |stage, name| {
        let address = stage.silent_port();
        stage.login_at(name, "imap", &format!("imap: {{ address: \"{address}\", tls: none }}"));
    }),
    login(Reason::TlsTimeout, "imap", "tls", "no answer in time at tls", |stage, name| {
        stage.tls_login(name, "implicit", "", vec![Step::Stall]);
    }),
    login(Reason::TlsFailed, "imap", "tls", "", |stage, name| {
        stage.tls_login(name, "implicit", "", vec![Step::send("* OK this is no TLS")]);
    }),
    login(Reason::ConnectionDropped, "imap", "greeting", "after: * OK hal", |stage, name| {
        stage.login(name, "imap", vec![Step::SendBytes(b"* OK hal".to_vec()), Step::Close]);
    }),
    login(Reason::ProxyUnreachable, "imap", "connect", "refused", |stage, name| {
        let proxy = stage.closed_port();
        let body = format!("imap: {{ address: \"mail.test:143\", tls: none }}, proxy: \"http://{proxy}\"");
        stage.login_at(name, "imap", &body);
    }),
    login(Reason::ProxyRefused, "imap", "proxy", "403 not for you", |stage, name| {
        let steps = vec![
            Step::expect("CONNECT mail.test:143 HTTP/1.1"),
            Step::ExpectUntil(String::new()),
            Step::send("HTTP/1.1 403 not for you"),
            Step::send(""),
        ];
        let proxy = stage.script(steps);
        let body = format!("imap: {{ address: \"mail.test:143\", tls: none }}, proxy: \"http://{proxy}\"");
        stage.login_at(name, "imap", &body);
    }),
    login(Reason::CertificateUntrusted, "imap", "tls", "issuer CN=another CA", |stage, name| {
        let server = Step::StartTls(stage.stranger.server(Flaw::None));
        stage.tls_login(name, "implicit", "", vec![server]);
    }),
    login(Reason::TlsIntercepted, "imap", "tls", "CN=a CA of this test", |stage, name| {
        let server = Step::StartTls(stage.ca.server(Flaw::None));
        stage.tls_login(name, "implicit", ", expected_issuers: [\"the right CA\"]", vec![server]);
    }),
    login(Reason::StarttlsStripped, "imap", "starttls", "offered is IMAP4rev1 SASL-IR", |stage, name| {
        stage.tls_login(name, "starttls", "", vec![imap_greeting("AUTH=PLAIN"), Step::Stall]);
    }),

    // authentication
    login(Reason::CredentialsRejected, "imap", "auth", "wrong name or password", |stage, name| {
        stage.login(name, "imap", imap_signing_in("{tag} NO [AUTHENTICATIONFAILED] wrong name or password"));
    }),
    login(Reason::CredentialPaused, "pop3", "", "", |stage, name| {
        let address = stage.script(pop_signing_in("-ERR [AUTH] wrong name or password"));
        let body = format!("pop3: {{ address: \"{address}\", tls: none }}");
        stage.login_often(name, "pop3", &body, "every: 1s, timeout: 1s");
    }),
    login(Reason::TokenRefused, "smtp", "auth", "535 5.7.3 no such token", |stage, name| {
        let steps = vec![
            Step::send("220 mail.test ESMTP"),
            Step::expect("EHLO"),
            Step::send("250-mail.test"),
            Step::send("250 AUTH XOAUTH2"),
            Step::expect("AUTH XOAUTH2 "),
            // {"status":"401"}
            Step::send("334 eyJzdGF0dXMiOiI0MDEifQ=="),
            Step::expect(""),
            Step::send("535 5.7.3 no such token"),
        ];
        stage.token_login(name, "smtp", "xoauth2", steps);
    }),
    login(Reason::TokenExpired, "imap", "auth", "the token has expired", |stage, name| {
        let steps = vec![
            imap_greeting("AUTH=OAUTHBEARER"),
            Step::tagged("AUTHENTICATE OAUTHBEARER "),
            Step::send("{tag} NO [AUTHENTICATIONFAILED] the token has expired"),
        ];
        stage.token_login(name, "imap", "oauthbearer", steps);
    }),
    login(Reason::AccountLocked, "pop3", "auth", "this account is locked", |stage, name| {
        stage.login(name, "pop3", pop_signing_in("-ERR [AUTH] this account is locked"));
    }),
    login(Reason::PasswordExpired, "imap", "auth", "NO [EXPIRED] choose another", |stage, name| {
        stage.login(name, "imap", imap_signing_in("{tag} NO [EXPIRED] choose another"));
    }),
    login(Reason::MechanismUnavailable, "pop3", "auth", "the server offers CRAM-MD5", |stage, name| {
        let steps = vec![
            Step::send("+OK hello"),
            Step::expect("CAPA"),
            Step::send("+OK"),
            Step::send("SASL CRAM-MD5"),
            Step::send("."),
            Step::Stall,
        ];
        stage.login(name, "pop3", steps);
    }),
    login(Reason::SignInUnavailable, "smtp", "auth", "454 4.7.0 ask again", |stage, name| {
        stage.login(name, "smtp", smtp_signing_in("454 4.7.0 ask again"));
    }),

    login(Reason::ChannelBindingMismatch, "ews", "auth", "SEC_E_BAD_BINDINGS", |stage, name| {
        stage.web_login(name, "ntlm", |asked| {
            let third = asked.header("authorization").len() > 100;
            let headers = if third {
                "www-authenticate: NTLM\r\nx-ms-diagnostics: 80090346 SEC_E_BAD_BINDINGS"
            } else {
                "www-authenticate: NTLM TlRMTVNTUAACAAAAAAAAADgAAAAFAoECASNFZ4mrze8AAAAAAAAAAAAAAAA4AAAABgBwFwAAAA8="
            };
            Reply::Whole(401, headers.to_owned(), String::new())
        });
    }),
    // client
    login(Reason::EndpointNotFound, "ews", "auth", "404", |stage, name| {
        stage.web_login(name, "password", |_| Reply::Whole(404, String::new(), "no such path".to_owned()));
    }),
    login(Reason::NameUnknown, "imap", "resolve", "", |stage, name| {
        let body = match name_server() {
            Some(server) => format!("imap: {{ address: \"mail.test:143\", tls: none }}, resolver: {{ servers: [{server}] }}"),
            // The port of name servers is not to be had: a name without an address of the wanted family.
            None => "imap: { address: \"127.0.0.1:143\", tls: none }, ip_family: v6".to_owned(),
        };
        stage.login_at(name, "imap", &body);
    }),
    send(Reason::MailboxUnknown, "envelope", "550 5.1.1 nobody of that name", |stage, name| {
        stage.send(name, smtp_recipient("550 5.1.1 nobody of that name"));
    }),
    send(Reason::MailboxMoved, "envelope", "551 5.1.6 try elsewhere.test", |stage, name| {
        stage.send(name, smtp_recipient("551 5.1.6 try elsewhere.test"));
    }),
    login(Reason::MailboxDisabled, "imap", "auth", "NO [CONTACTADMIN] IMAP is switched off", |stage, name| {
        stage.login(name, "imap", imap_signing_in("{tag} NO [CONTACTADMIN] IMAP is switched off"));
    }),
    login(Reason::FolderMissing, "imap", "select", "NO [NONEXISTENT] no inbox", |stage, name| {
        let select = vec![Step::tagged("SELECT INBOX"), Step::send("{tag} NO [NONEXISTENT] no inbox")];
        stage.login(name, "imap", [imap_signed_in(), select].concat());
    }),
    send(Reason::RecipientRefused, "envelope", "550 5.7.1 relaying denied", |stage, name| {
        stage.send(name, smtp_recipient("550 5.7.1 relaying denied"));
    }),
    send(Reason::SenderRefused, "envelope", "550 5.7.60 may not send as this", |stage, name| {
        stage.send(name, smtp_sender("550 5.7.60 may not send as this"));
    }),
    send(Reason::MessageRefused, "data", "554 5.6.0 this is spam", |stage, name| {
        stage.send(name, [smtp_message(), vec![Step::send("554 5.6.0 this is spam")]].concat());
    }),

    // server
    login(Reason::ConnectRefused, "imap", "connect", "refused", |stage, name| {
        let address = stage.closed_port();
        stage.login_at(name, "imap", &format!("imap: {{ address: \"{address}\", tls: none }}"));
    }),
    login(Reason::ServerTimeout, "smtp", "greeting", "no answer in time at greeting", |stage, name| {
        stage.login(name, "smtp", vec![Step::Stall]);
    }),
    login(Reason::ServerUnavailable, "smtp", "greeting", "421 4.3.2 shutting down", |stage, name| {
        stage.login(name, "smtp", vec![Step::send("421 4.3.2 shutting down")]);
    }),
    login(Reason::ServerError, "pop3", "list", "-ERR no list today", |stage, name| {
        let list = vec![
            Step::expect("STAT"),
            Step::send("+OK 0 0"),
            Step::expect("UIDL"),
            Step::send("-ERR no list today"),
        ];
        stage.login(name, "pop3", [pop_signing_in("+OK"), list].concat());
    }),
    login(Reason::ProtocolViolation, "imap", "greeting", "HTTP/1.1 200 OK", |stage, name| {
        stage.login(name, "imap", vec![Step::send("HTTP/1.1 200 OK")]);
    }),
    view(Reason::SessionLost, "look", "the server closed the connection", |stage, name| {
        let empty = vec![
            Step::tagged("SELECT INBOX"),
            Step::send("* 0 EXISTS"),
            Step::send("* OK [UIDVALIDITY 1] x"),
            Step::send("* OK [UIDNEXT 1] x"),
            Step::send("{tag} OK [READ-WRITE] here"),
            Step::Close,
        ];
        // It was up, ends without a word, and does not come back.
        stage.view(name, vec![[imap_signed_in(), empty].concat(), vec![Step::Stall]]);
    }),
    login(Reason::TooManySessions, "imap", "greeting", "BYE too many connections", |stage, name| {
        stage.login(name, "imap", vec![Step::send("* BYE too many connections")]);
    }),
    send(Reason::Throttled, "envelope", "452 4.3.2 you are throttled", |stage, name| {
        stage.send(name, smtp_sender("452 4.3.2 you are throttled"));
    }),
    send(Reason::Deferred, "envelope", "451 4.7.1 greylisted", |stage, name| {
        stage.send(name, smtp_recipient("451 4.7.1 greylisted"));
    }),
    login(Reason::CertificateExpired, "imap", "tls", "ends 2020-01-01", |stage, name| {
        let server = Step::StartTls(stage.ca.server(Flaw::Expired));
        stage.tls_login(name, "implicit", "", vec![server]);
    }),
    login(Reason::CertificateNameMismatch, "imap", "tls", "names elsewhere.test", |stage, name| {
        let server = Step::StartTls(stage.ca.server(Flaw::WrongName));
        stage.tls_login(name, "implicit", "", vec![server]);
    }),
    send(Reason::MailboxFull, "envelope", "552 5.2.2 no room", |stage, name| {
        stage.send(name, smtp_recipient("552 5.2.2 no room"));
    }),
    login(Reason::MailboxOffline, "imap", "select", "User is authenticated but not connected", |stage, name| {
        let select = vec![
            Step::tagged("SELECT INBOX"),
            Step::send("{tag} BAD User is authenticated but not connected."),
        ];
        stage.login(name, "imap", [imap_signed_in(), select].concat());
    }),
    send(Reason::SubmissionUnknown, "data", "the server closed the connection", |stage, name| {
        stage.send(name, [smtp_message(), vec![Step::Close]].concat());
    }),
    view(Reason::MessageLate, "deliver", "accepted, and not there after 1 s", |stage, name| {
        stage.trip(name, Protocol::Smtp, Fault::Lose, "late_after: 1s");
    }),
    view(Reason::MessageBounced, "deliver", "5.", |stage, name| {
        stage.trip(name, Protocol::Smtp, Fault::Bounce, "late_after: 20s");
    }),
    view(Reason::MessageDuplicated, "deliver", "more than once", |stage, name| {
        stage.trip(name, Protocol::Smtp, Fault::Double, "late_after: 20s");
    }),
    view(Reason::MessageCorrupted, "deliver", "the payload is not what was sent", |stage, name| {
        stage.trip(name, Protocol::Smtp, Fault::Corrupt, "late_after: 20s");
    }),
    view(Reason::MessageJunked, "deliver", "the junk folder", |stage, name| {
        stage.trip(name, Protocol::Smtp, Fault::Junk, "late_after: 6s");
    }),

    login(Reason::DirectoryWrong, "ews", "directory", "found nobody", |stage, name| {
        stage.web_check(name, &format!("directory: {{ name: {name}, mailbox: {name}, of: well-bob, protocols: [ews], {ONCE} }}"), |asked| {
            if asked.body.contains("ResolveNames") { soap("ResolveNames", "Error", "ErrorNameResolutionNoResults", "") } else { inbox() }
        });
    }),
    login(Reason::FreeBusyWrong, "ews", "free_busy", "ends before it begins", |stage, name| {
        stage.web_check(name, &format!("free_busy: {{ name: {name}, mailbox: {name}, of: well-bob, protocol: ews, write: caldav, {ONCE} }}"), |asked| {
            if asked.body.contains("GetUserAvailability") { upside_down() } else { inbox() }
        });
    }),
    calendar(Reason::CalendarStale, "view", "create", "the calendar does not show the entry", |stage, name| {
        stage.calendar(name, "calendar: { write: caldav, views: [ews]", Fault::Stale);
    }),
    calendar(Reason::CalendarLost, "view", "invite", "the calendar does not show the entry", |stage, name| {
        stage.calendar(name, "meeting: { protocol: ews", Fault::LoseInvitation);
    }),
    calendar(Reason::CalendarShifted, "view", "create", "and was written as", |stage, name| {
        stage.calendar(name, "calendar: { write: caldav, views: [ews]", Fault::ShiftHour);
    }),
    calendar(Reason::CalendarDuplicated, "view", "create", "shows the entry 2 times", |stage, name| {
        stage.calendar(name, "calendar: { write: ews, views: [ews]", Fault::DoubleEntry);
    }),
    calendar(Reason::CalendarConflict, "write", "create", "ErrorItemNotFound", |stage, name| {
        // The series is made, and gone when one of its days is to be moved.
        stage.calendar(name, "calendar: { write: ews, views: [ews], recurring: true", Fault::Stale);
    }),
    calendar(Reason::MeetingUnanswered, "write", "answer", "shows Some(Nothing)", |stage, name| {
        stage.calendar(name, "meeting: { protocol: ews", Fault::LoseAnswer);
    }),
    // policy
    login(Reason::BlockedByPolicy, "smtp", "auth", "535 5.7.139 basic authentication is disabled", |stage, name| {
        stage.login(name, "smtp", smtp_signing_in("535 5.7.139 basic authentication is disabled"));
    }),
    login(Reason::MfaRequired, "smtp", "auth", "534 5.7.9 Application-specific password required", |stage, name| {
        stage.login(name, "smtp", smtp_signing_in("534 5.7.9 Application-specific password required"));
    }),
    send(Reason::AccessDenied, "envelope", "530 5.7.0 not you", |stage, name| {
        stage.send(name, smtp_sender("530 5.7.0 not you"));
    }),
    send(Reason::SendingLimitReached, "envelope", "550 5.7.708 traffic not accepted", |stage, name| {
        stage.send(name, smtp_recipient("550 5.7.708 traffic not accepted"));
    }),

    // probe
    login(Reason::SecretMissing, "imap", "auth", "which is not there", |stage, name| {
        let body = stage.well();
        let file = stage.scene.file("secret", PASSWORD);
        stage.scene.mail_service(name, &body);
        let auth = format!("method: password, password_file: \"{file}\"");
        stage.scene.mailbox_by(name, name, "alice@sandbox.test", &auth, "");
        stage.scene.check(&format!("login: {{ name: {name}, mailbox: {name}, protocols: [imap], every: 1s, timeout: 1s }}"));
    }),
    login(Reason::Overrun, "smtp", "", "waited for its turn", |stage, name| {
        // The mailbox's only session is held by a check that comes before it in the order of names.
        let address = stage.script([smtp_signed_in(), vec![Step::Stall]].concat());
        let auth = format!("method: password, password: {PASSWORD}");
        stage.scene.mail_service(name, &format!("smtp: {{ address: \"{address}\", tls: none }}"));
        stage.scene.mailbox_by(name, name, "alice@sandbox.test", &auth, "max_sessions: 1");
        stage.scene.check(&format!(
            "roundtrip: {{ name: a-hog, from: {name}, to: well-bob, send: smtp, views: [imap], every: 24h, timeout: 30s }}"
        ));
        stage.scene.check(&format!("login: {{ name: {name}, mailbox: {name}, protocols: [smtp], {ONCE} }}"));
    }),
];

fn soap(operation: &str, class: &str, code: &str, more: &str) -> Reply {
    Reply::ok(format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><m:{operation}Response xmlns:m='m'>\
         <m:ResponseMessages><m:{operation}ResponseMessage ResponseClass='{class}'><m:ResponseCode>{code}</m:ResponseCode>\
         {more}</m:{operation}ResponseMessage></m:ResponseMessages></m:{operation}Response></s:Body></s:Envelope>"
    ))
}

fn inbox() -> Reply {
    soap("GetFolder", "Success", "NoError", "")
}

fn upside_down() -> Reply {
    Reply::ok(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><GetUserAvailabilityResponse>\
         <FreeBusyResponseArray><FreeBusyResponse><ResponseMessage ResponseClass='Success'><ResponseCode>NoError</ResponseCode>\
         </ResponseMessage><FreeBusyView><FreeBusyViewType>FreeBusy</FreeBusyViewType><CalendarEventArray><CalendarEvent>\
         <StartTime>2026-11-22T11:00:00</StartTime><EndTime>2026-11-22T10:00:00</EndTime><BusyType>Busy</BusyType>\
         </CalendarEvent></CalendarEventArray></FreeBusyView></FreeBusyResponse></FreeBusyResponseArray>\
         </GetUserAvailabilityResponse></s:Body></s:Envelope>",
    )
}
