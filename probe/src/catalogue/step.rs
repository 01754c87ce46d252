//! The timed parts of a run.

/// A timed part of a run; the label value `step`. The step that is open when a deadline passes is charged with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Autodiscover,
    Resolve,
    Connect,
    Proxy,
    Tls,
    Greeting,
    Hello,
    Starttls,
    Auth,
    RootDomain,
    AutodiscoverHost,
    HttpRedirect,
    SrvRecord,
    Select,
    List,
    Directory,
    FreeBusy,
    Create,
    Invite,
    Accept,
    Answer,
    Move,
    Relocate,
    Delete,
    Cancel,
    Envelope,
    Data,
    Deliver,
    Look,
    Fetch,
    Cleanup,
    Quit,
}

/// One row of the step table.
pub struct StepRow {
    pub id: Step,
    pub name: &'static str,
    pub help: &'static str,
}

/// In the order in which a run meets them.
pub const STEPS: &[StepRow] = &[
    row(
        Step::Autodiscover,
        "autodiscover",
        "Autodiscover is asked for a URL that the configuration leaves out; not in each run",
    ),
    row(Step::Resolve, "resolve", "the name is looked up"),
    row(Step::Connect, "connect", "the TCP connection is opened"),
    row(Step::Proxy, "proxy", "the proxy is asked to connect (HTTP CONNECT)"),
    row(Step::Tls, "tls", "the TLS handshake"),
    row(Step::Greeting, "greeting", "the server's first line"),
    row(Step::Hello, "hello", "EHLO, CAPABILITY, CAPA: what the server offers"),
    row(Step::Starttls, "starttls", "the change to TLS is asked for"),
    row(Step::Auth, "auth", "the sign-in"),
    row(Step::RootDomain, "root_domain", "Autodiscover: https at the address's domain is asked"),
    row(Step::AutodiscoverHost, "autodiscover_host", "Autodiscover: https at autodiscover.DOMAIN is asked"),
    row(
        Step::HttpRedirect,
        "http_redirect",
        "Autodiscover: http at autodiscover.DOMAIN is asked where to go",
    ),
    row(Step::SrvRecord, "srv_record", "Autodiscover: the SRV record is asked where to go"),
    row(Step::Select, "select", "the inbox is opened"),
    row(Step::List, "list", "the inbox is listed, or the calendar is found"),
    row(Step::Directory, "directory", "the directory is asked for somebody"),
    row(Step::FreeBusy, "free_busy", "somebody's free/busy times are asked for"),
    row(Step::Create, "create", "an entry is made; in a view: until it shows"),
    row(Step::Invite, "invite", "a meeting is made; at the attendee: until the invitation shows"),
    row(Step::Accept, "accept", "the attendee accepts"),
    row(Step::Answer, "answer", "until the organizer sees the attendee's answer"),
    row(Step::Move, "move", "the entry is moved by 30 minutes; in a view: until it shows there"),
    row(Step::Relocate, "relocate", "the entry gets another place; in a view: until it shows there"),
    row(Step::Delete, "delete", "the entry is deleted; in a view: until it is gone"),
    row(
        Step::Cancel,
        "cancel",
        "the meeting is called off; at the attendee: until it is gone or shows as cancelled",
    ),
    row(Step::Envelope, "envelope", "sender and recipient are given"),
    row(Step::Data, "data", "the message is handed over, until the server has accepted it"),
    row(Step::Deliver, "deliver", "from acceptance until the message is visible"),
    row(Step::Look, "look", "the folder is looked into for new messages"),
    row(Step::Fetch, "fetch", "a message is read"),
    row(Step::Cleanup, "cleanup", "our messages and entries are deleted"),
    row(Step::Quit, "quit", "the session is ended in the ordinary way"),
];

const fn row(id: Step, name: &'static str, help: &'static str) -> StepRow {
    StepRow { id, name, help }
}

const _: () = {
    let mut i = 0;
    while i < STEPS.len() {
        assert!(STEPS[i].id as usize == i, "STEPS is in the order of the enum");
        i += 1;
    }
};

impl Step {
    /// The label value.
    pub fn name(self) -> &'static str {
        STEPS[self as usize].name
    }
}
