//! Why a lane failed: one closed list, the cause it belongs to, and what a person at Outlook would see.

use super::protocol::Family;

/// Whose door to knock on first; the label value `cause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    Server,
    Client,
    Network,
    Authentication,
    Policy,
    Probe,
}

/// Why a lane failed; the label value `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    DnsFailed,
    ConnectTimeout,
    TlsTimeout,
    TlsFailed,
    ConnectionDropped,
    ProxyUnreachable,
    ProxyRefused,
    CertificateUntrusted,
    TlsIntercepted,
    StarttlsStripped,
    CredentialsRejected,
    CredentialPaused,
    TokenRefused,
    TokenExpired,
    SecretExpired,
    AccountLocked,
    PasswordExpired,
    MechanismUnavailable,
    ChannelBindingMismatch,
    SignInUnavailable,
    NameUnknown,
    EndpointNotFound,
    MailboxUnknown,
    MailboxMoved,
    MailboxDisabled,
    FolderMissing,
    RecipientRefused,
    SenderRefused,
    MessageRefused,
    ConnectRefused,
    ServerTimeout,
    ServerUnavailable,
    ServerError,
    ProtocolViolation,
    SessionLost,
    TooManySessions,
    Throttled,
    Deferred,
    CertificateExpired,
    CertificateNameMismatch,
    MailboxFull,
    MailboxOffline,
    OutboxStuck,
    SubmissionUnknown,
    MessageLate,
    MessageLost,
    MessageBounced,
    MessageDuplicated,
    MessageCorrupted,
    MessageJunked,
    CalendarStale,
    CalendarLost,
    CalendarShifted,
    CalendarDuplicated,
    CalendarConflict,
    SyncStalled,
    MeetingUnanswered,
    DirectoryWrong,
    FreeBusyWrong,
    BlockedByPolicy,
    ClientVersionBlocked,
    MfaRequired,
    AccessDenied,
    SendingLimitReached,
    InternalError,
    CleanupFailed,
    SecretMissing,
    Overrun,
    ClockWrong,
    NoDescriptor,
}

/// One row of the table of reasons.
pub struct ReasonRow {
    pub id: Reason,
    pub name: &'static str,
    pub cause: Cause,
    /// The code that Outlook would show, per family of protocols; none where Outlook shows none.
    pub codes: &'static [(Family, u32)],
    pub meaning: &'static str,
    pub advice: &'static str,
}

const REASONS: &[ReasonRow] = &[
    ReasonRow {
        id: Reason::DnsFailed,
        name: "dns_failed",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC0D), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC0D)],
        meaning: "The server's name could not be looked up: the name servers did not answer, or answered with an error.",
        advice: "Ask the site's name servers for the name yourself; compare with another site. If only this site fails, its resolvers or the way to them are broken.",
    },
    ReasonRow {
        id: Reason::ConnectTimeout,
        name: "connect_timeout",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC0E), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC13)],
        meaning: "The TCP connection was not answered in time, or there is no route to the address.",
        advice: "Look at firewalls, routing and the VPN between the site and the server; other sites that are well point at this site's way out.",
    },
    ReasonRow {
        id: Reason::TlsTimeout,
        name: "tls_timeout",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC1A), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC1A)],
        meaning: "The connection opened, but the TLS handshake was not finished in time.",
        advice: "A middlebox that holds packets, an MTU that is too large, or an overloaded server: compare sites, then look at the firewall's TLS inspection.",
    },
    ReasonRow {
        id: Reason::TlsFailed,
        name: "tls_failed",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC1A), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC1A)],
        meaning: "The TLS handshake failed: no common version or cipher, or what answered does not speak TLS.",
        advice: "Check that the port and the TLS mode (starttls or implicit) fit, and that the server offers TLS 1.2 or newer.",
    },
    ReasonRow {
        id: Reason::ConnectionDropped,
        name: "connection_dropped",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC0F), (Family::Exchange, 0x80040115), (Family::Web, 0x800CCC0F)],
        meaning: "The connection was cut in the middle of a conversation.",
        advice: "If several sites see it: the server or its load balancer. If one site does: a firewall or proxy with a short idle time-out on its way out.",
    },
    ReasonRow {
        id: Reason::ProxyUnreachable,
        name: "proxy_unreachable",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC0E), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC13)],
        meaning: "The configured proxy could not be reached, or did not answer.",
        advice: "Check the proxy itself and the site's way to it; mail may be well.",
    },
    ReasonRow {
        id: Reason::ProxyRefused,
        name: "proxy_refused",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC0E), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC13)],
        meaning: "The proxy answered, and refused to connect to the server.",
        advice: "Look at the proxy's rules for this destination and at its credentials; the answer is in the server's words.",
    },
    ReasonRow {
        id: Reason::CertificateUntrusted,
        name: "certificate_untrusted",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC1A), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC1A)],
        meaning: "The server's certificate is not signed by an authority that this probe trusts.",
        advice: "Compare the issuer with the expected one. A private authority belongs into `tls.ca_file`; an unexpected issuer at one site means that something in the network opens TLS.",
    },
    ReasonRow {
        id: Reason::TlsIntercepted,
        name: "tls_intercepted",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC1A), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC1A)],
        meaning: "The certificate's issuer is not one that `tls.expected_issuers` lists: something between opens the TLS.",
        advice: "Find the proxy or firewall that inspects TLS at this site and exempt the mail service from it.",
    },
    ReasonRow {
        id: Reason::StarttlsStripped,
        name: "starttls_stripped",
        cause: Cause::Network,
        codes: &[(Family::Internet, 0x800CCC1A), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC1A)],
        meaning: "STARTTLS is configured, and the server's answer does not offer it: often a firewall that rewrites the answer.",
        advice: "Compare with another site. At one site only: switch off the firewall's SMTP or mail inspection. Everywhere: the server's TLS configuration or its certificate is missing.",
    },
    ReasonRow {
        id: Reason::CredentialsRejected,
        name: "credentials_rejected",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC92), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The server refused the user name or the password.",
        advice: "Sign in by hand with the same account. Check whether the password was changed or has expired. The probe has paused or will pause the account, so that it is not locked.",
    },
    ReasonRow {
        id: Reason::CredentialPaused,
        name: "credential_paused",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC92), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The server refused this account before; the probe waits before it tries again, so that the account is not locked.",
        advice: "Mend the credential: a changed secret file ends the pause at once. Otherwise the probe tries again by itself after `auth_pause`.",
    },
    ReasonRow {
        id: Reason::TokenRefused,
        name: "token_refused",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC18), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The server refused the OAuth token.",
        advice: "Look at the token's audience, scope and user, and at the server's consent for the application; the server's words tell more.",
    },
    ReasonRow {
        id: Reason::TokenExpired,
        name: "token_expired",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC18), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The OAuth token has expired and was not renewed.",
        advice: "Look at whatever writes the token file, or at the token endpoint.",
    },
    ReasonRow {
        id: Reason::SecretExpired,
        name: "secret_expired",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC92), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The application's own secret or certificate has expired.",
        advice: "Make a new secret for the application and replace the secret file.",
    },
    ReasonRow {
        id: Reason::AccountLocked,
        name: "account_locked",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC92), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The server says that the account is locked or disabled.",
        advice: "Unlock the account; find who else uses it with an old password.",
    },
    ReasonRow {
        id: Reason::PasswordExpired,
        name: "password_expired",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC92), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The server says that the password has expired or must be changed.",
        advice: "Set a new password for the test account, one that does not expire, and replace the secret file.",
    },
    ReasonRow {
        id: Reason::MechanismUnavailable,
        name: "mechanism_unavailable",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC18), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The server does not offer a sign-in mechanism that the configuration allows.",
        advice: "Compare what the server offers (in its words) with what is configured; a server offers fewer mechanisms without TLS.",
    },
    ReasonRow {
        id: Reason::ChannelBindingMismatch,
        name: "channel_binding_mismatch",
        cause: Cause::Authentication,
        codes: &[(Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "Extended Protection refused the sign-in: something between opens the TLS.",
        advice: "Exempt the server from TLS inspection, or compare the Extended Protection settings of all servers behind the balancer.",
    },
    ReasonRow {
        id: Reason::SignInUnavailable,
        name: "sign_in_unavailable",
        cause: Cause::Authentication,
        codes: &[(Family::Internet, 0x800CCC18), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The server could not check the sign-in: its authentication back end did not answer. It was not refused.",
        advice: "Look at the directory, KDC, token endpoint or authentication service behind the server.",
    },
    ReasonRow {
        id: Reason::NameUnknown,
        name: "name_unknown",
        cause: Cause::Client,
        codes: &[(Family::Internet, 0x800CCC0D), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC0D)],
        meaning: "The server's name does not exist (NXDOMAIN).",
        advice: "Correct the name in the configuration, or restore the record; a name that exists elsewhere is missing in this site's DNS view.",
    },
    ReasonRow {
        id: Reason::EndpointNotFound,
        name: "endpoint_not_found",
        cause: Cause::Client,
        codes: &[(Family::Exchange, 0x80190194), (Family::Web, 0x80190194)],
        meaning: "What is configured is not there: the server answers that it does not know the path.",
        advice: "Compare the configured address with what Autodiscover tells.",
    },
    ReasonRow {
        id: Reason::MailboxUnknown,
        name: "mailbox_unknown",
        cause: Cause::Client,
        codes: &[(Family::Internet, 0x800CCC79), (Family::Exchange, 0x8004010F), (Family::Web, 0x8004010F)],
        meaning: "The server does not know the mailbox.",
        advice: "Check the address and whether the test mailbox was deleted or renamed.",
    },
    ReasonRow {
        id: Reason::MailboxMoved,
        name: "mailbox_moved",
        cause: Cause::Client,
        codes: &[(Family::Exchange, 0x8004011C), (Family::Web, 0x8004011C)],
        meaning: "The mailbox lives elsewhere now.",
        advice: "Adapt the configured addresses, or leave them out where Autodiscover can find them.",
    },
    ReasonRow {
        id: Reason::MailboxDisabled,
        name: "mailbox_disabled",
        cause: Cause::Client,
        codes: &[(Family::Internet, 0x800CCC92), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The mailbox, or this protocol for it, is switched off.",
        advice: "Enable the protocol for the test mailbox, or take it out of the check.",
    },
    ReasonRow {
        id: Reason::FolderMissing,
        name: "folder_missing",
        cause: Cause::Client,
        codes: &[(Family::Internet, 0x8004010F), (Family::Exchange, 0x8004010F), (Family::Web, 0x8004010F)],
        meaning: "The inbox could not be opened: the server says it is not there.",
        advice: "Look at the mailbox on the server; a mailbox that was never signed in to may need a first sign-in.",
    },
    ReasonRow {
        id: Reason::RecipientRefused,
        name: "recipient_refused",
        cause: Cause::Client,
        codes: &[(Family::Internet, 0x800CCC79), (Family::Exchange, 0x80070005), (Family::Web, 0x80070005)],
        meaning: "The server refused the recipient.",
        advice: "Check the receiving mailbox's address and who may send to it; the server's words name the rule.",
    },
    ReasonRow {
        id: Reason::SenderRefused,
        name: "sender_refused",
        cause: Cause::Client,
        codes: &[(Family::Internet, 0x800CCC78), (Family::Exchange, 0x80070005), (Family::Web, 0x80070005)],
        meaning: "The server refused the sender's address.",
        advice: "The account may not send as this address: compare `address` with the account's own.",
    },
    ReasonRow {
        id: Reason::MessageRefused,
        name: "message_refused",
        cause: Cause::Client,
        codes: &[(Family::Internet, 0x800CCC78), (Family::Exchange, 0x80070005), (Family::Web, 0x80070005)],
        meaning: "The server refused the message itself, after it was handed over.",
        advice: "Look at the server's content filters and transport rules: exempt the probe's subject prefix or its sender.",
    },
    ReasonRow {
        id: Reason::ConnectRefused,
        name: "connect_refused",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC0E), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC0E)],
        meaning: "The server's host refused the connection: nothing listens there.",
        advice: "Look whether the service runs; on some networks a firewall answers in its stead.",
    },
    ReasonRow {
        id: Reason::ServerTimeout,
        name: "server_timeout",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC19), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC19)],
        meaning: "The connection is up, and the server did not answer in time.",
        advice: "Look at the server's load and its back ends (storage, directory).",
    },
    ReasonRow {
        id: Reason::ServerUnavailable,
        name: "server_unavailable",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC67), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The server says that it is not available now.",
        advice: "Look whether it is being maintained, restarted or overloaded; its words tell more.",
    },
    ReasonRow {
        id: Reason::ServerError,
        name: "server_error",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC0F), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The server answered with an error of its own.",
        advice: "Look for the time of this run in the server's log; its words are below.",
    },
    ReasonRow {
        id: Reason::ProtocolViolation,
        name: "protocol_violation",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC0F), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The server's answer does not follow the protocol, or is larger than the probe accepts.",
        advice: "Something else may answer in the server's stead: a captive portal, a wrong port, a middlebox. Its first bytes are in its words.",
    },
    ReasonRow {
        id: Reason::SessionLost,
        name: "session_lost",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC0F), (Family::Exchange, 0x80040115), (Family::Web, 0x80040115)],
        meaning: "A kept session ended without an ordinary reason and has not come back.",
        advice: "See which session ends on the page; if all sites lose it at once, the server restarted.",
    },
    ReasonRow {
        id: Reason::TooManySessions,
        name: "too_many_sessions",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC0E), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The server refuses further sessions of this account or address.",
        advice: "Raise the limit for the test account, or find who else uses it.",
    },
    ReasonRow {
        id: Reason::Throttled,
        name: "throttled",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC67), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The server asks to be asked less often.",
        advice: "Give the test account a throttling policy of its own, or run its checks less often.",
    },
    ReasonRow {
        id: Reason::Deferred,
        name: "deferred",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC67), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The server did not take the message now and asks to try later (4xx), as with greylisting.",
        advice: "Exempt the probes from greylisting; otherwise look at the server's queue, disk and back ends.",
    },
    ReasonRow {
        id: Reason::CertificateExpired,
        name: "certificate_expired",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC1A), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC1A)],
        meaning: "The server's certificate has expired, or is not valid yet.",
        advice: "Renew the certificate; if only one address shows it, one server behind the balancer was forgotten.",
    },
    ReasonRow {
        id: Reason::CertificateNameMismatch,
        name: "certificate_name_mismatch",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC1A), (Family::Exchange, 0x8004011D), (Family::Web, 0x800CCC1A)],
        meaning: "The server's certificate is for another name.",
        advice: "Compare the configured name with the certificate's; if only some addresses show it, one server behind the balancer has the wrong one.",
    },
    ReasonRow {
        id: Reason::MailboxFull,
        name: "mailbox_full",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC79), (Family::Exchange, 0x8004060C), (Family::Web, 0x8004060C)],
        meaning: "The mailbox is full.",
        advice: "See what fills the test mailbox; the probe deletes its own messages only.",
    },
    ReasonRow {
        id: Reason::MailboxOffline,
        name: "mailbox_offline",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC0F), (Family::Exchange, 0x8004011D), (Family::Web, 0x8004011D)],
        meaning: "The mailbox's store is not available.",
        advice: "Look at the database or storage that holds the mailbox.",
    },
    ReasonRow {
        id: Reason::OutboxStuck,
        name: "outbox_stuck",
        cause: Cause::Server,
        codes: &[(Family::Exchange, 0x80040115)],
        meaning: "A submitted message stays in the outbox.",
        advice: "Look at the transport service of the mailbox server.",
    },
    ReasonRow {
        id: Reason::SubmissionUnknown,
        name: "submission_unknown",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC0F), (Family::Exchange, 0x80040115), (Family::Web, 0x80040115)],
        meaning: "The line broke after the last byte of the message: it may or may not have been accepted.",
        advice: "If the message arrives it was accepted. People's mail programs would send it again: expect doubled mail.",
    },
    ReasonRow {
        id: Reason::MessageLate,
        name: "message_late",
        cause: Cause::Server,
        codes: &[(Family::Internet, 0x800CCC19), (Family::Exchange, 0x80040115), (Family::Web, 0x80040115)],
        meaning: "The message was accepted and is not there in time.",
        advice: "Look at the mail queues between the two mailboxes and at the filters on the way. The other views tell whether it is the delivery or only this protocol that lags.",
    },
    ReasonRow {
        id: Reason::MessageLost,
        name: "message_lost",
        cause: Cause::Server,
        codes: &[],
        meaning: "The message was accepted and never arrived.",
        advice: "Trace the Message-ID from the log through the servers' logs, from the acceptance on.",
    },
    ReasonRow {
        id: Reason::MessageBounced,
        name: "message_bounced",
        cause: Cause::Server,
        codes: &[],
        meaning: "The message was accepted and came back as undeliverable.",
        advice: "The bounce's code and words tell why; look at the receiving side.",
    },
    ReasonRow {
        id: Reason::MessageDuplicated,
        name: "message_duplicated",
        cause: Cause::Server,
        codes: &[],
        meaning: "The message arrived more than once.",
        advice: "Look for retries after lost acknowledgements between the mail servers, and for double forwarding rules.",
    },
    ReasonRow {
        id: Reason::MessageCorrupted,
        name: "message_corrupted",
        cause: Cause::Server,
        codes: &[],
        meaning: "The message arrived with its content damaged.",
        advice: "Look at gateways and filters that rewrite messages.",
    },
    ReasonRow {
        id: Reason::MessageJunked,
        name: "message_junked",
        cause: Cause::Server,
        codes: &[],
        meaning: "The message arrived in the junk folder.",
        advice: "Exempt the probe's sender or subject prefix from the spam filter, or see why its score rose: people's mail may go there too.",
    },
    ReasonRow {
        id: Reason::CalendarStale,
        name: "calendar_stale",
        cause: Cause::Server,
        codes: &[(Family::Exchange, 0x80040115)],
        meaning: "A calendar goes on showing an entry as it was before a change.",
        advice: "Compare the views: one protocol that lags points at its front end.",
    },
    ReasonRow {
        id: Reason::CalendarLost,
        name: "calendar_lost",
        cause: Cause::Server,
        codes: &[],
        meaning: "An entry that the server accepted, or an invitation to it, is not in the calendar.",
        advice: "Look at the mailbox store's log at the time of the change.",
    },
    ReasonRow {
        id: Reason::CalendarShifted,
        name: "calendar_shifted",
        cause: Cause::Server,
        codes: &[],
        meaning: "A calendar shows an entry at another time than was written.",
        advice: "Look at time zone handling between the protocols.",
    },
    ReasonRow {
        id: Reason::CalendarDuplicated,
        name: "calendar_duplicated",
        cause: Cause::Server,
        codes: &[],
        meaning: "A calendar shows an entry more than once.",
        advice: "Look at what synchronises that mailbox, and for one that was moved or restored; the other views tell which protocol doubles.",
    },
    ReasonRow {
        id: Reason::CalendarConflict,
        name: "calendar_conflict",
        cause: Cause::Server,
        codes: &[],
        meaning: "The server refused to change a calendar entry: it is not in the state any more in which the server showed it, or it is there already.",
        advice: "Two servers that do not agree, or something that rewrites entries: find out who changed the entry. Two probes of one site with one name would do the same.",
    },
    ReasonRow {
        id: Reason::SyncStalled,
        name: "sync_stalled",
        cause: Cause::Server,
        codes: &[(Family::Exchange, 0x80040115)],
        meaning: "Synchronisation does not advance.",
        advice: "Look at the session's back end; renew the session.",
    },
    ReasonRow {
        id: Reason::MeetingUnanswered,
        name: "meeting_unanswered",
        cause: Cause::Server,
        codes: &[],
        meaning: "The attendee's answer to an invitation does not reach the organizer's calendar.",
        advice: "Look at the mail from attendee to organizer, and at the calendar processing of the organizer's mailbox.",
    },
    ReasonRow {
        id: Reason::DirectoryWrong,
        name: "directory_wrong",
        cause: Cause::Server,
        codes: &[(Family::Exchange, 0x8004010F)],
        meaning: "The directory did not resolve a name as expected.",
        advice: "Look at the address book and its generation.",
    },
    ReasonRow {
        id: Reason::FreeBusyWrong,
        name: "free_busy_wrong",
        cause: Cause::Server,
        codes: &[(Family::Exchange, 0x8004010F)],
        meaning: "Somebody's free/busy times do not show what the calendar holds.",
        advice: "Look at the availability service and its permissions.",
    },
    ReasonRow {
        id: Reason::BlockedByPolicy,
        name: "blocked_by_policy",
        cause: Cause::Policy,
        codes: &[(Family::Internet, 0x80070005), (Family::Exchange, 0x80070005), (Family::Web, 0x80070005)],
        meaning: "Somebody decided that this is not allowed: a policy switched the protocol or the kind of sign-in off.",
        advice: "Ask who changed the policy. If it stays, take the protocol out of the check.",
    },
    ReasonRow {
        id: Reason::ClientVersionBlocked,
        name: "client_version_blocked",
        cause: Cause::Policy,
        codes: &[(Family::Exchange, 0x8004011D)],
        meaning: "The server refuses this version of the client program.",
        advice: "Compare the blocked versions with those in use.",
    },
    ReasonRow {
        id: Reason::MfaRequired,
        name: "mfa_required",
        cause: Cause::Policy,
        codes: &[(Family::Internet, 0x800CCC92), (Family::Exchange, 0x80040111), (Family::Web, 0x80040111)],
        meaning: "The sign-in asks for a second factor.",
        advice: "Exempt the test account by a policy of its own.",
    },
    ReasonRow {
        id: Reason::AccessDenied,
        name: "access_denied",
        cause: Cause::Policy,
        codes: &[(Family::Internet, 0x80070005), (Family::Exchange, 0x80070005), (Family::Web, 0x80070005)],
        meaning: "The account is known and may not do this.",
        advice: "Compare the account's rights with what the check needs.",
    },
    ReasonRow {
        id: Reason::SendingLimitReached,
        name: "sending_limit_reached",
        cause: Cause::Policy,
        codes: &[(Family::Internet, 0x800CCC67), (Family::Exchange, 0x80070005), (Family::Web, 0x80070005)],
        meaning: "A sending limit is used up: the server's, or the configured one that the probe keeps.",
        advice: "Run the checks less often, or raise the limit; if people are hit too, somebody sends in bulk.",
    },
    ReasonRow {
        id: Reason::InternalError,
        name: "internal_error",
        cause: Cause::Probe,
        codes: &[],
        meaning: "The probe itself failed: a fault in mailprobe.",
        advice: "Please report it with the log line; the mail service is not judged by it.",
    },
    ReasonRow {
        id: Reason::CleanupFailed,
        name: "cleanup_failed",
        cause: Cause::Probe,
        codes: &[],
        meaning: "The probe could not delete its own messages.",
        advice: "See the server's words; the mailbox may grow.",
    },
    ReasonRow {
        id: Reason::SecretMissing,
        name: "secret_missing",
        cause: Cause::Probe,
        codes: &[],
        meaning: "The secret file is missing, empty or cannot be read.",
        advice: "Look at the path, the mount and the rights of the file.",
    },
    ReasonRow {
        id: Reason::Overrun,
        name: "overrun",
        cause: Cause::Probe,
        codes: &[],
        meaning: "The probe was not done in time, for a reason of its own: its session limit, or too much at once.",
        advice: "Run fewer checks on this mailbox at once, or raise `every`.",
    },
    ReasonRow {
        id: Reason::ClockWrong,
        name: "clock_wrong",
        cause: Cause::Probe,
        codes: &[],
        meaning: "This host's clock stands wrong.",
        advice: "Mend the time synchronisation of the host.",
    },
    ReasonRow {
        id: Reason::NoDescriptor,
        name: "no_descriptor",
        cause: Cause::Probe,
        codes: &[],
        meaning: "The process has no file descriptors left.",
        advice: "Raise the limit on open files for the container.",
    },
];

const _: () = {
    let mut i = 0;
    while i < REASONS.len() {
        assert!(REASONS[i].id as usize == i, "REASONS is in the order of the enum");
        i += 1;
    }
};

impl Reason {
    /// All rows, in the order of the enum.
    pub fn rows() -> &'static [ReasonRow] {
        REASONS
    }

    pub fn row(self) -> &'static ReasonRow {
        &REASONS[self as usize]
    }

    /// The label value.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub fn cause(self) -> Cause {
        self.row().cause
    }

    /// By its label value.
    pub fn by_name(name: &str) -> Option<Self> {
        REASONS.iter().find(|row| row.name == name).map(|row| row.id)
    }

    /// The code that Outlook would show a person for this reason, if it shows one.
    pub fn outlook_code(self, family: Family) -> Option<u32> {
        self.row().codes.iter().find(|(of, _)| *of == family).map(|(_, code)| *code)
    }
}

impl Cause {
    pub const ALL: &'static [Self] =
        &[Self::Server, Self::Client, Self::Network, Self::Authentication, Self::Policy, Self::Probe];

    /// The label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Network => "network",
            Self::Authentication => "authentication",
            Self::Policy => "policy",
            Self::Probe => "probe",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_lower_snake_and_every_row_has_its_sentences() {
        let mut names = BTreeSet::new();
        for row in REASONS {
            assert!(names.insert(row.name), "{} stands twice", row.name);
            assert!(row.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", row.name);
            assert!(row.meaning.ends_with('.') && row.advice.ends_with('.'), "{}", row.name);
            assert_eq!(Reason::by_name(row.name), Some(row.id));
        }
    }

    #[test]
    fn a_shown_code_is_one_of_the_catalogue() {
        for row in REASONS {
            for (_, code) in row.codes {
                assert!(super::super::code::find(*code).is_some(), "{}: {code:#010X}", row.name);
            }
        }
    }
}
