//! The kinds of check.

use super::protocol::Capability;
use super::step::Step;

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
    KindRow {
        id: Kind::Calendar,
        name: "calendar",
        help: "Makes an entry, moves it, gives it another place, deletes it, and awaits each change in every view of the mailbox.",
        roles: &[Role::Write, Role::View],
        needs: &[Capability::Calendar],
        example: "calendar: { mailbox: alice, write: ews, views: [ews, caldav], every: 5m }",
        built: true,
    },
    KindRow {
        id: Kind::Meeting,
        name: "meeting",
        help: "Invites the attendee, who accepts; moves the meeting, calls it off, and awaits each at the other side.",
        roles: &[Role::Write, Role::View],
        needs: &[Capability::Calendar],
        example: "meeting: { organizer: alice, attendee: bob, protocol: ews, every: 15m }",
        built: true,
    },
    KindRow {
        id: Kind::FreeBusy,
        name: "free_busy",
        help: "Makes another mailbox busy for half an hour and awaits that in its free/busy times, as for an invitation; then free again.",
        roles: &[Role::Write, Role::Check],
        needs: &[Capability::Calendar, Capability::FreeBusy],
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

    /// The changes of an entry that a side awaits; the values of the label `action`.
    pub fn awaited(self, role: Role) -> &'static [Step] {
        match (self, role) {
            (Self::Calendar, Role::View) => &[Step::Create, Step::Move, Step::Relocate, Step::Delete],
            (Self::Meeting, Role::View) => &[Step::Invite, Step::Move, Step::Cancel],
            (Self::Meeting, Role::Write) => &[Step::Answer],
            _ => &[],
        }
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
