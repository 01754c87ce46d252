//! The kinds of check.

use super::protocol::Capability;

/// A kind of check; the label value `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Roundtrip,
    Login,
    Endpoint,
    Calendar,
    Meeting,
    FreeBusy,
    Directory,
    Autodiscover,
    ServiceHealth,
    ClientRelease,
}

/// The side of a check that a lane is about; the label value `role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Send,
    Write,
    View,
    Check,
}

/// One row of the table of kinds.
pub struct KindRow {
    pub id: Kind,
    pub name: &'static str,
    pub help: &'static str,
    pub roles: &'static [Role],
    /// What the protocols named in its arguments must be able to do.
    pub needs: &'static [Capability],
    /// One entry of `checks`, as in the sample configuration.
    pub example: &'static str,
    /// False: known to the configuration, refused with "not yet".
    pub built: bool,
}

const KINDS: &[KindRow] = &[
    KindRow {
        id: Kind::Roundtrip,
        name: "roundtrip",
        help: "Sends one message and awaits it in every view of the receiving mailbox.",
        roles: &[Role::Send, Role::View],
        needs: &[Capability::Submit, Capability::Inbox],
        example: "roundtrip: { from: alice, to: bob, send: smtp, views: [imap, pop3], every: 60s }",
        built: true,
    },
    KindRow {
        id: Kind::Login,
        name: "login",
        help: "Opens a session per listed protocol as a mail program does, lists the inbox, closes.",
        roles: &[Role::Check],
        needs: &[Capability::SignIn],
        example: "login: { mailbox: alice, protocols: [imap, pop3, smtp], every: 60s }",
        built: true,
    },
    KindRow {
        id: Kind::Endpoint,
        name: "endpoint",
        help: "Connects to every resolved address of every endpoint, up to the greeting, without signing in.",
        roles: &[Role::Check],
        needs: &[],
        example: "endpoint: { mail_service: hq, every: 60s }",
        built: true,
    },
    not_yet(
        Kind::Calendar,
        "calendar",
        "calendar: { mailbox: alice, write: ews, views: [ews, mapi], every: 5m }",
    ),
    not_yet(
        Kind::Meeting,
        "meeting",
        "meeting: { organizer: alice, attendee: bob, protocol: ews, every: 15m }",
    ),
    KindRow {
        id: Kind::FreeBusy,
        name: "free_busy",
        help: "Reads the free/busy times of another mailbox, as for a meeting's invitation.",
        roles: &[Role::Check],
        needs: &[Capability::FreeBusy],
        example: "free_busy: { mailbox: alice, of: bob, protocol: ews, every: 15m }",
        built: true,
    },
    KindRow {
        id: Kind::Directory,
        name: "directory",
        help: "Looks another mailbox up in the directory, by its address.",
        roles: &[Role::Check],
        needs: &[Capability::Directory],
        example: "directory: { mailbox: alice, of: bob, protocols: [ews], every: 15m }",
        built: true,
    },
    KindRow {
        id: Kind::Autodiscover,
        name: "autodiscover",
        help: "Finds where a mailbox is served, in the order in which Outlook looks, and compares that with the configuration.",
        roles: &[Role::Check],
        needs: &[],
        example: "autodiscover: { mailbox: alice, every: 15m }",
        built: true,
    },
    not_yet(Kind::ServiceHealth, "service_health", "service_health: { tenant_credential: hq, every: 2m }"),
    not_yet(Kind::ClientRelease, "client_release", "client_release: { channels: [current], every: 1h }"),
];

const fn not_yet(id: Kind, name: &'static str, example: &'static str) -> KindRow {
    KindRow { id, name, help: "Not in this release.", roles: &[], needs: &[], example, built: false }
}

const _: () = {
    let mut i = 0;
    while i < KINDS.len() {
        assert!(KINDS[i].id as usize == i, "KINDS is in the order of the enum");
        i += 1;
    }
};

impl Kind {
    /// All rows, in the order of the enum.
    pub fn rows() -> &'static [KindRow] {
        KINDS
    }

    pub fn row(self) -> &'static KindRow {
        &KINDS[self as usize]
    }

    /// The label value.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl Role {
    pub const ALL: &'static [Self] = &[Self::Send, Self::Write, Self::View, Self::Check];

    /// The label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Write => "write",
            Self::View => "view",
            Self::Check => "check",
        }
    }
}
