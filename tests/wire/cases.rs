//! The tables: what a server says, and what comes of it.

use mailprobe::catalogue::Reason;
use mailprobe_tests::Step;

/// What a check is to come to.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    Good,
    /// With that reason, at that step.
    Failing(Reason, &'static str),
}

/// A sign-in; check, mailbox and mail service have its name.
pub struct Case {
    pub name: &'static str,
    pub protocol: &'static str,
    pub told: Told,
    /// Some of the words that are logged.
    pub words: &'static str,
    pub steps: fn() -> Vec<Step>,
}

/// What a kept session meets after the sign-in.
pub struct View {
    pub name: &'static str,
    pub reason: Reason,
    pub words: &'static str,
    pub steps: fn() -> Vec<Step>,
}

pub fn greeting() -> Vec<Step> {
    vec![Step::send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello")]
}

/// An IMAP session up to the sign-in, with these capabilities.
pub fn signed_in(capabilities: &str) -> Vec<Step> {
    let answer = format!("{{tag}} OK [CAPABILITY IMAP4rev1 {capabilities}] in");
    [greeting(), vec![Step::tagged("AUTHENTICATE PLAIN"), Step::send(&answer)]].concat()
}

fn selected() -> Vec<Step> {
    [
        signed_in("X"),
        vec![Step::tagged("SELECT INBOX"), Step::send("* 1 EXISTS"), Step::send("{tag} OK done")],
    ]
    .concat()
}

/// The rest of a well-behaved session.
fn listed() -> Vec<Step> {
    vec![
        Step::tagged("UID SEARCH"),
        Step::send("* SEARCH 1"),
        Step::send("{tag} OK done"),
        Step::tagged("LOGOUT"),
        Step::send("* BYE"),
        Step::send("{tag} OK"),
    ]
}

pub fn smtp_signed_in() -> Vec<Step> {
    vec![
        Step::send("220 mail.test"),
        Step::expect("EHLO"),
        Step::send("250-mail.test"),
        Step::send("250 AUTH PLAIN"),
        Step::expect("AUTH PLAIN"),
        Step::send("235 2.7.0 in"),
    ]
}

fn pop_signed_in() -> Vec<Step> {
    vec![
        Step::send("+OK hello"),
        Step::expect("CAPA"),
        Step::send("-ERR no such thing"),
        Step::expect("USER "),
        Step::send("+OK"),
        Step::expect("PASS "),
        Step::send("+OK"),
        Step::expect("STAT"),
        Step::send("+OK 1 100"),
        Step::expect("UIDL"),
    ]
}

/// An empty inbox is selected for the first look; one message where `exists` is 1.
fn look(exists: &str) -> Vec<Step> {
    vec![
        Step::tagged("SELECT INBOX"),
        Step::send(&format!("* {exists} EXISTS")),
        Step::send("* OK [UIDVALIDITY 1] x"),
        Step::send("* OK [UIDNEXT 1] x"),
        Step::send("{tag} OK [READ-WRITE] here"),
    ]
}

fn idle(then: &[&str]) -> Vec<Step> {
    let says = then.iter().map(|line| Step::send(line));
    [look("0"), vec![Step::tagged("IDLE")], says.collect(), vec![Step::Stall]].concat()
}

fn fetch(says: &str) -> Vec<Step> {
    [look("1"), vec![Step::tagged("FETCH 1:1"), Step::send(says), Step::Stall]].concat()
}

/// `steps`, then these lines, then silence.
fn then(steps: Vec<Step>, more: &[&str]) -> Vec<Step> {
    let says = more.iter().map(|line| Step::send(line));
    [steps, says.collect(), vec![Step::Stall]].concat()
}

const fn imap(name: &'static str, told: Told, words: &'static str, steps: fn() -> Vec<Step>) -> Case {
    Case { name, protocol: "imap", told, words, steps }
}

const fn smtp(name: &'static str, told: Told, words: &'static str, steps: fn() -> Vec<Step>) -> Case {
    Case { name, protocol: "smtp", told, words, steps }
}

const fn pop(name: &'static str, told: Told, words: &'static str, steps: fn() -> Vec<Step>) -> Case {
    Case { name, protocol: "pop3", told, words, steps }
}

use Told::{Failing, Good};
const VIOLATION: Reason = Reason::ProtocolViolation;

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // Finding: NO and BAD are taken for success by async-imap.
    imap("select-no", Failing(Reason::FolderMissing, "select"), "NO not here", || then([signed_in("X"), vec![Step::tagged("SELECT")]].concat(), &["{tag} NO not here"])),
    imap("select-bad", Failing(Reason::ServerError, "select"), "BAD what", || then([signed_in("X"), vec![Step::tagged("SELECT")]].concat(), &["{tag} BAD what"])),
    imap("search-no", Failing(Reason::ServerError, "list"), "NO not now", || then([selected(), vec![Step::tagged("UID SEARCH")]].concat(), &["{tag} NO not now"])),
    imap("search-bad", Failing(Reason::ServerError, "list"), "BAD what", || then([selected(), vec![Step::tagged("UID SEARCH")]].concat(), &["* SEARCH 1", "{tag} BAD what"])),
    imap("search-not-connected", Failing(Reason::MailboxOffline, "list"), "BAD User is authenticated but not connected", || then([selected(), vec![Step::tagged("UID SEARCH")]].concat(), &["{tag} BAD User is authenticated but not connected."])),
    imap("capability-no", Failing(Reason::ServerError, "hello"), "NO none", || then(vec![Step::send("* OK hello"), Step::tagged("CAPABILITY")], &["{tag} NO none"])),
    // Finding: the end of the stream is taken for the end of an answer.
    imap("select-eof", Failing(Reason::ConnectionDropped, "select"), "closed", || [signed_in("X"), vec![Step::tagged("SELECT"), Step::Close]].concat()),
    imap("select-eof-after-exists", Failing(Reason::ConnectionDropped, "select"), "closed", || [signed_in("X"), vec![Step::tagged("SELECT"), Step::send("* 1 EXISTS"), Step::Close]].concat()),
    imap("search-eof", Failing(Reason::ConnectionDropped, "list"), "closed", || [selected(), vec![Step::tagged("UID SEARCH"), Step::send("* SEARCH 1"), Step::Close]].concat()),
    imap("half-a-line", Failing(Reason::ConnectionDropped, "list"), "after: * SEA", || [selected(), vec![Step::tagged("UID SEARCH"), Step::SendBytes(b"* SEA".to_vec()), Step::Close]].concat()),
    imap("reset", Failing(Reason::ConnectionDropped, "list"), "reset", || [selected(), vec![Step::tagged("UID SEARCH"), Step::Reset]].concat()),
    imap("bye-and-eof", Failing(Reason::ServerUnavailable, "list"), "BYE shutting down", || [selected(), vec![Step::tagged("UID SEARCH"), Step::send("* BYE shutting down"), Step::Close]].concat()),
    // Finding: an untagged line that is not known ends the session.
    imap("unknown-untagged", Good, "", || [
        signed_in("X"),
        vec![
            Step::tagged("SELECT INBOX"),
            Step::send("* XFOO bar \"unclosed"),
            Step::send("* NAMESPACE ((\"\" \"/\")) NIL NIL"),
            Step::send("* ESEARCH (TAG \"a\") UID ALL 1:3"),
            Step::send("* STATUS x (UIDNEXT 4294967296)"),
            Step::send("* CAPABILITY IMAP4rev1 X\\Y"),
            Step::send("* 99999999999999999999 EXISTS"),
            Step::send("* OK [UIDVALIDITY 99999999999999999999] x"),
            Step::send("* LIST (((("),
            Step::send("* 1 FETCH (FLAGS (\\Seen) X"),
            Step::send("* "),
            Step::send("* XFOO {5}"),
            Step::send("12345"),
            Step::send("{tag} OK done"),
        ],
        listed(),
    ].concat()),
    imap("bare-ok", Good, "", || vec![
        Step::send("* OK"),
        Step::tagged("CAPABILITY"),
        Step::send("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR"),
        Step::send("{tag} OK"),
        Step::tagged("AUTHENTICATE PLAIN"),
        Step::send("{tag} OK"),
        Step::tagged("SELECT INBOX"),
        Step::send("{tag} OK"),
        Step::tagged("UID SEARCH"),
        Step::send("{tag} OK"),
        Step::tagged("LOGOUT"),
        Step::send("{tag} OK"),
    ]),
    // ruby/net-imap #597: Exchange says OK with an error inside.
    imap("ok-with-an-error", Failing(Reason::SignInUnavailable, "auth"), "WrongServerException", || then(
        [greeting(), vec![Step::tagged("AUTHENTICATE PLAIN")]].concat(),
        &["{tag} OK [Error=\"Microsoft.Exchange.Data.Storage.WrongServerException: Cross Server access is not allowed\" Service=Imap4] AUTHENTICATE completed."],
    )),
    imap("preauth", Failing(VIOLATION, "greeting"), "asks to sign in", || then(vec![], &["* PREAUTH welcome"])),
    imap("no-greeting-but-bad", Failing(VIOLATION, "greeting"), "asks to sign in", || then(vec![], &["* BAD what"])),
    imap("silence", Failing(Reason::ServerTimeout, "greeting"), "no answer in time at greeting", || vec![Step::Stall]),
    imap("another-tag", Failing(VIOLATION, "select"), "z9", || then([signed_in("X"), vec![Step::tagged("SELECT")]].concat(), &["z9 OK done"])),
    imap("go-on-for-ever", Failing(VIOLATION, "select"), "an answer of more than", || [signed_in("X"), vec![Step::tagged("SELECT"), Step::Again(vec![Step::SendBytes(b"+ go on\r\n".repeat(1000))])]].concat()),
    imap("literal-4-gib", Failing(VIOLATION, "select"), "a message of more than", || then([signed_in("X"), vec![Step::tagged("SELECT")]].concat(), &["* XFOO {4294967296}", "x"])),
    imap("literal-endless-number", Failing(VIOLATION, "select"), "a message of more than", || then([signed_in("X"), vec![Step::tagged("SELECT")]].concat(), &["* XFOO {99999999999999999999999999}"])),
    imap("literal-10-mb", Failing(VIOLATION, "select"), "a message of more than", || [signed_in("X"), vec![Step::tagged("SELECT"), Step::send("* 1 FETCH (BODY[] {10485760}"), Step::Garbage(10 << 20)]].concat()),
    imap("many-literals", Failing(VIOLATION, "select"), "too many literals", || [signed_in("X"), vec![Step::tagged("SELECT"), Step::SendBytes(b"* XFOO {1}\r\n".to_vec()), Step::Again(vec![Step::SendBytes(b"x {1}\r\n".repeat(1000))])]].concat()),
    imap("endless-line", Failing(VIOLATION, "greeting"), "a line of more than", || vec![Step::Garbage(50 << 20)]),
    imap("endless-answer", Failing(VIOLATION, "select"), "an answer of more than", || [signed_in("X"), vec![Step::tagged("SELECT"), Step::Again(vec![Step::SendBytes(b"* LIST () \"/\" a\r\n".repeat(1000))])]].concat()),
    imap("garbage", Failing(VIOLATION, "greeting"), "this is no IMAP answer", || then(vec![Step::SendBytes(b"\x00\xff\xfe\r\n".to_vec())], &[])),

    // Finding: a server that accepts and never greets hangs lettre for ever.
    smtp("smtp-silence", Failing(Reason::ServerTimeout, "greeting"), "no answer in time at greeting", || vec![Step::Stall]),
    smtp("smtp-eof", Failing(Reason::ConnectionDropped, "hello"), "closed", || vec![Step::send("220 x"), Step::expect("EHLO"), Step::send("250-mail.test"), Step::Close]),
    smtp("smtp-auth-eof", Failing(Reason::ConnectionDropped, "auth"), "closed", || [smtp_signed_in()[..5].to_vec(), vec![Step::Close]].concat()),
    smtp("smtp-one-more-challenge", Failing(VIOLATION, "auth"), "one more challenge", || then([smtp_signed_in()[..5].to_vec(), vec![Step::send("334 ")]].concat(), &["334 bW9yZQ=="])),
    smtp("smtp-auth-250", Failing(VIOLATION, "auth"), "250 in", || then(smtp_signed_in()[..5].to_vec(), &["250 in"])),
    smtp("smtp-mixed-codes", Failing(VIOLATION, "hello"), "this is no SMTP reply", || then(vec![Step::send("220 x"), Step::expect("EHLO")], &["250-mail.test", "550 AUTH PLAIN"])),
    smtp("smtp-endless-reply", Failing(VIOLATION, "hello"), "this is no SMTP reply", || vec![Step::send("220 x"), Step::expect("EHLO"), Step::Again(vec![Step::SendBytes(b"250-x\r\n".repeat(1000))])]),
    smtp("smtp-endless-line", Failing(VIOLATION, "greeting"), "a line of more than", || vec![Step::SendBytes(b"220 ".to_vec()), Step::Garbage(50 << 20)]),
    smtp("smtp-http", Failing(VIOLATION, "greeting"), "HTTP/1.1 400", || then(vec![], &["HTTP/1.1 400 Bad Request", ""])),
    smtp("smtp-hello-550", Failing(Reason::ServerUnavailable, "hello"), "550 go away", || then(vec![Step::send("220 x"), Step::expect("EHLO")], &["550 go away"])),

    pop("pop-without-capa", Good, "", || [pop_signed_in(), vec![Step::send("+OK"), Step::send("1 a"), Step::send("."), Step::expect("QUIT"), Step::send("+OK")]].concat()),
    pop("pop-err", Failing(Reason::ServerError, "list"), "-ERR no", || then(pop_signed_in(), &["-ERR no"])),
    pop("pop-eof", Failing(Reason::ConnectionDropped, "list"), "closed", || [pop_signed_in(), vec![Step::send("+OK"), Step::send("1 a"), Step::Close]].concat()),
    pop("pop-no-count", Failing(VIOLATION, "list"), "without a count", || then(pop_signed_in()[..8].to_vec(), &["+OK well"])),
    pop("pop-bare", Failing(VIOLATION, "list"), "this is no POP3 answer", || then(pop_signed_in(), &["1 a", "."])),
    pop("pop-endless-list", Failing(VIOLATION, "list"), "an answer of more than", || [pop_signed_in(), vec![Step::send("+OK"), Step::Again(vec![Step::SendBytes(b"1 a\r\n".repeat(1000))])]].concat()),
    pop("pop-endless-line", Failing(VIOLATION, "list"), "a line of more than", || [pop_signed_in(), vec![Step::send("+OK"), Step::Garbage(50 << 20)]].concat()),
    pop("pop-ok-glued", Failing(VIOLATION, "greeting"), "this is no POP3 answer", || then(vec![], &["+OKAY"])),
];

#[rustfmt::skip]
pub const VIEWS: &[View] = &[
    // Finding: IDLE answered NO waits for ever, BAD panics, a dropped one is no error (async-imap).
    View { name: "idle-no", reason: Reason::ServerError, words: "NO not now", steps: || idle(&["{tag} NO not now"]) },
    View { name: "idle-bad", reason: Reason::ServerError, words: "BAD", steps: || idle(&["{tag} BAD"]) },
    View { name: "idle-ok", reason: VIOLATION, words: "OK instead of a request to go on", steps: || idle(&["{tag} OK done"]) },
    View { name: "idle-dropped", reason: Reason::SessionLost, words: "closed", steps: || [look("0"), vec![Step::tagged("IDLE"), Step::Close]].concat() },
    View { name: "idling-no", reason: Reason::ServerError, words: "NO that is enough", steps: || idle(&["+ idling", "* 0 RECENT", "{tag} NO that is enough"]) },
    View { name: "idling-ended", reason: VIOLATION, words: "ended IDLE by itself", steps: || idle(&["+ idling", "{tag} OK done"]) },
    View { name: "idling-dropped", reason: Reason::SessionLost, words: "closed", steps: || [look("0"), vec![Step::tagged("IDLE"), Step::send("+ idling"), Step::Close]].concat() },
    View { name: "idling-bye", reason: Reason::ServerUnavailable, words: "BYE shutting down", steps: || [look("0"), vec![Step::tagged("IDLE"), Step::send("+ idling"), Step::send("* BYE shutting down"), Step::Close]].concat() },
    View { name: "idling-garbage", reason: VIOLATION, words: "a line of more than", steps: || [look("0"), vec![Step::tagged("IDLE"), Step::send("+ idling"), Step::Garbage(1 << 20)]].concat() },
    View { name: "fetch-no", reason: Reason::ServerError, words: "NO not now", steps: || fetch("{tag} NO not now") },
    View { name: "fetch-bad", reason: Reason::ServerError, words: "BAD what", steps: || fetch("* 1 FETCH (UID 1 RFC822.SIZE 1 BODY[]<0> \"x\")\r\n{tag} BAD what") },
    View { name: "fetch-large", reason: VIOLATION, words: "a message of more than", steps: || fetch("* 1 FETCH (UID 1 BODY[]<0> {10485760}") },
    View { name: "fetch-for-ever", reason: VIOLATION, words: "an answer of more than", steps: || [look("1"), vec![Step::tagged("FETCH 1:1"), Step::Again(vec![Step::SendBytes(b"* 1 FETCH (UID 1 BODY[]<0> \"\")\r\n".repeat(1000))])]].concat() },
    View { name: "fetch-large-for-ever", reason: VIOLATION, words: "an answer of more than", steps: || {
        let literal = [b"* 1 FETCH (UID 1 BODY[]<0> {4000000}\r\n".to_vec(), vec![b'x'; 4_000_000], b")\r\n".to_vec()].concat();
        [look("1"), vec![Step::tagged("FETCH 1:1"), Step::Again(vec![Step::SendBytes(literal)])]].concat()
    } },
];
