//! The codes that people see in Outlook, and what stands behind them.

use super::reason::Reason;

/// A code that Outlook shows.
pub struct CodeRow {
    pub code: u32,
    /// What Outlook means by it, in a few words.
    pub meaning: &'static str,
    /// What usually stands behind it, the likeliest first.
    pub reasons: &'static [Reason],
}

/// Sorted by code.
pub const CODES: &[CodeRow] = &[
    CodeRow {
        code: 0x8004010F,
        meaning: "an object could not be found",
        reasons: &[Reason::FolderMissing, Reason::MailboxUnknown],
    },
    CodeRow { code: 0x80040111, meaning: "the sign-in failed", reasons: &[Reason::CredentialsRejected] },
    CodeRow {
        code: 0x80040115,
        meaning: "the connection to Microsoft Exchange was lost",
        reasons: &[Reason::SessionLost, Reason::ConnectionDropped],
    },
    CodeRow { code: 0x8004011C, meaning: "the profile is not configured", reasons: &[Reason::MailboxMoved] },
    CodeRow {
        code: 0x8004011D,
        meaning: "the server is not available",
        reasons: &[Reason::ServerUnavailable, Reason::ConnectRefused, Reason::ConnectTimeout],
    },
    CodeRow { code: 0x8004060C, meaning: "the mailbox is full", reasons: &[Reason::MailboxFull] },
    CodeRow {
        code: 0x80042108,
        meaning: "cannot connect to the incoming (POP3) server",
        reasons: &[Reason::ConnectRefused, Reason::ConnectTimeout],
    },
    CodeRow {
        code: 0x80042109,
        meaning: "cannot connect to the outgoing (SMTP) server",
        reasons: &[Reason::ConnectRefused, Reason::ConnectTimeout],
    },
    CodeRow {
        code: 0x80070005,
        meaning: "access denied",
        reasons: &[Reason::AccessDenied, Reason::BlockedByPolicy],
    },
    CodeRow {
        code: 0x800CCC0D,
        meaning: "host not found",
        reasons: &[Reason::DnsFailed, Reason::NameUnknown],
    },
    CodeRow {
        code: 0x800CCC0E,
        meaning: "cannot connect to the server",
        reasons: &[
            Reason::ConnectRefused,
            Reason::ConnectTimeout,
            Reason::ProxyUnreachable,
            Reason::ProxyRefused,
            Reason::TooManySessions,
        ],
    },
    CodeRow {
        code: 0x800CCC0F,
        meaning: "the connection was dropped",
        reasons: &[Reason::ConnectionDropped, Reason::SessionLost, Reason::SubmissionUnknown],
    },
    CodeRow {
        code: 0x800CCC13,
        meaning: "cannot connect to the network",
        reasons: &[Reason::ConnectTimeout, Reason::ProxyUnreachable],
    },
    CodeRow {
        code: 0x800CCC18,
        meaning: "sign-in by Secure Password Authentication or a token failed",
        reasons: &[
            Reason::MechanismUnavailable,
            Reason::SignInUnavailable,
            Reason::TokenRefused,
            Reason::TokenExpired,
        ],
    },
    CodeRow {
        code: 0x800CCC19,
        meaning: "the server did not answer in time",
        reasons: &[Reason::ServerTimeout, Reason::MessageLate],
    },
    CodeRow {
        code: 0x800CCC1A,
        meaning: "the encrypted (TLS) connection failed",
        reasons: &[
            Reason::TlsFailed,
            Reason::TlsTimeout,
            Reason::CertificateUntrusted,
            Reason::CertificateExpired,
            Reason::CertificateNameMismatch,
            Reason::StarttlsStripped,
            Reason::TlsIntercepted,
        ],
    },
    CodeRow {
        code: 0x800CCC67,
        meaning: "the mail server is not available (421)",
        reasons: &[Reason::ServerUnavailable, Reason::Deferred, Reason::Throttled],
    },
    CodeRow {
        code: 0x800CCC78,
        meaning: "the sender was refused",
        reasons: &[Reason::SenderRefused, Reason::MessageRefused],
    },
    CodeRow {
        code: 0x800CCC79,
        meaning: "the recipient was refused",
        reasons: &[Reason::RecipientRefused, Reason::MailboxFull, Reason::MailboxUnknown],
    },
    CodeRow {
        code: 0x800CCC92,
        meaning: "the user name or the password was refused",
        reasons: &[
            Reason::CredentialsRejected,
            Reason::AccountLocked,
            Reason::PasswordExpired,
            Reason::CredentialPaused,
        ],
    },
    CodeRow { code: 0x80190194, meaning: "not found (HTTP 404)", reasons: &[Reason::EndpointNotFound] },
];

/// The row of a code; `None` for one that the catalogue does not know.
pub fn find(code: u32) -> Option<&'static CodeRow> {
    CODES.binary_search_by_key(&code, |row| row.code).ok().map(|at| &CODES[at])
}

/// As Outlook writes it: `0x800CCC0E`.
pub fn text(code: u32) -> String {
    format!("0x{code:08X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_found() {
        assert!(CODES.is_sorted_by_key(|row| row.code));
        assert_eq!(find(0x800C_CC0E).map(|row| row.meaning), Some("cannot connect to the server"));
        assert!(find(0xDEAD_BEEF).is_none());
        assert_eq!(text(0x8004_0115), "0x80040115");
    }
}
