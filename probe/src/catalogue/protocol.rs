//! The protocols a mailbox can be seen through.

use super::step::Step;

/// One protocol; the label value `protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    Smtp,
    Imap,
    Pop3,
    Ews,
    Mapi,
    Graph,
    Caldav,
    Owa,
    Autodiscover,
}

/// Which codes a person would see: Outlook shows others for an internet account than for Exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    Internet,
    Exchange,
    Web,
}

/// What a session of a protocol can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    SignIn,
    Submit,
    Inbox,
    Calendar,
    Directory,
    FreeBusy,
}

/// One row of the protocol table.
pub struct ProtocolRow {
    pub id: Protocol,
    pub name: &'static str,
    pub family: Family,
    pub can: &'static [Capability],
    /// The steps of opening a session, in order.
    pub steps: &'static [Step],
    /// False: known to the configuration, its checks are refused with "not yet".
    pub built: bool,
}

const DIAL: &[Step] = &[
    Step::Resolve,
    Step::Connect,
    Step::Proxy,
    Step::Tls,
    Step::Greeting,
    Step::Hello,
    Step::Starttls,
    Step::Auth,
];

const PROTOCOLS: &[ProtocolRow] = &[
    row(Protocol::Smtp, "smtp", Family::Internet, &[Capability::SignIn, Capability::Submit], true),
    row(Protocol::Imap, "imap", Family::Internet, &[Capability::SignIn, Capability::Inbox], true),
    row(Protocol::Pop3, "pop3", Family::Internet, &[Capability::SignIn, Capability::Inbox], true),
    row(
        Protocol::Ews,
        "ews",
        Family::Exchange,
        &[
            Capability::SignIn,
            Capability::Submit,
            Capability::Inbox,
            Capability::Calendar,
            Capability::Directory,
            Capability::FreeBusy,
        ],
        true,
    ),
    row(Protocol::Mapi, "mapi", Family::Exchange, &[], false),
    row(Protocol::Graph, "graph", Family::Web, &[], false),
    row(
        Protocol::Caldav,
        "caldav",
        Family::Web,
        &[Capability::SignIn, Capability::Calendar, Capability::FreeBusy],
        true,
    ),
    row(Protocol::Owa, "owa", Family::Web, &[Capability::SignIn], true),
    row(Protocol::Autodiscover, "autodiscover", Family::Exchange, &[], true),
];

const fn row(
    id: Protocol,
    name: &'static str,
    family: Family,
    can: &'static [Capability],
    built: bool,
) -> ProtocolRow {
    ProtocolRow { id, name, family, can, steps: DIAL, built }
}

const _: () = {
    let mut i = 0;
    while i < PROTOCOLS.len() {
        assert!(PROTOCOLS[i].id as usize == i, "PROTOCOLS is in the order of the enum");
        i += 1;
    }
};

impl Protocol {
    pub fn is_http(self) -> bool {
        self.row().family != Family::Internet
    }

    /// All rows, in the order of the enum.
    pub fn rows() -> &'static [ProtocolRow] {
        PROTOCOLS
    }

    pub fn row(self) -> &'static ProtocolRow {
        &PROTOCOLS[self as usize]
    }

    /// The label value.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub fn family(self) -> Family {
        self.row().family
    }

    pub fn can(self, what: Capability) -> bool {
        self.row().can.contains(&what)
    }

    /// By its label value.
    pub fn by_name(name: &str) -> Option<Self> {
        PROTOCOLS.iter().find(|row| row.name == name).map(|row| row.id)
    }
}
