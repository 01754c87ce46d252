//! What can be made to go wrong, as tables: the faults and the scenarios made of them.

use std::{fmt, time::Duration};

/// One of the protocols the sandbox speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Submission, with STARTTLS and with TLS from the start.
    Smtp,
    /// IMAP4rev1.
    Imap,
    /// POP3.
    Pop3,
    /// Exchange Web Services.
    Ews,
    /// Autodiscover: the plain XML form, SOAP and JSON.
    Autodiscover,
    /// The web mail's forms, as far as its sign-in.
    Owa,
    /// Calendars: CalDAV with scheduling.
    Caldav,
}

/// How many protocols there are.
pub(crate) const PROTOCOLS: usize = Protocol::ALL.len();

impl Protocol {
    /// All of them, in the order in which tables name them.
    pub const ALL: [Self; 7] =
        [Self::Smtp, Self::Imap, Self::Pop3, Self::Ews, Self::Autodiscover, Self::Owa, Self::Caldav];

    /// The protocol's name as text: `smtp`, `imap`, `pop3`, `ews`, `autodiscover`, `owa`,
    /// `caldav`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ews => "ews",
            Self::Autodiscover => "autodiscover",
            Self::Owa => "owa",
            Self::Caldav => "caldav",
        }
    }

    /// Whether it is spoken over HTTP, all of which share the HTTPS listener.
    #[must_use]
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Ews | Self::Autodiscover | Self::Owa | Self::Caldav)
    }

    /// The protocol of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(name))
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that goes wrong, at one protocol, for as long as it is switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Connecting is refused; sessions that are open are cut. The port is kept.
    Refuse,
    /// Connections are accepted and never hear a word; open sessions get no answer again.
    Stall,
    /// Sign-in works, later commands get no answer.
    StallAfterAuth,
    /// Over HTTP: the n-th request from now on is carried out and never answered, those after it are not even that.
    StallAt(u32),
    /// New sessions are closed right after the greeting, open ones at once.
    Cut,
    /// The connection closes after the message's last byte, without a reply.
    CutAfterData {
        /// Whether the message is delivered all the same.
        deliver: bool,
    },
    /// Each answer is late by that much.
    Slow(Duration),
    /// Answers are binary noise.
    Garbage,
    /// The certificate is for another name.
    WrongCertificate,
    /// The certificate has expired.
    ExpiredCertificate,
    /// The certificate ends in three days.
    ExpiringCertificate,
    /// The certificate is signed by another authority.
    UntrustedCertificate,
    /// Credentials are refused, whatever they are.
    RejectSignIn,
    /// The service that checks credentials is away for now.
    SignInUnavailable,
    /// STARTTLS (STLS) is not offered.
    NoStarttls,
    /// Recipients are put off with 451 4.7.1, as greylisting does.
    Defer,
    /// Recipients are refused for good.
    RefuseRecipient,
    /// Senders are refused for good.
    RefuseSender,
    /// The message is refused for good, after its last byte.
    RefuseMessage,
    /// The recipient's mailbox is full.
    MailboxFull,
    /// Messages are accepted and never delivered.
    Lose,
    /// Every n-th message is accepted and never delivered.
    LoseEvery(u32),
    /// Messages are delivered that much later.
    Delay(Duration),
    /// Messages are delivered twice.
    Double,
    /// Bytes of the body are changed on the way.
    Corrupt,
    /// Messages are delivered into the folder Junk.
    Junk,
    /// Messages are accepted, then a delivery status notification goes to the sender.
    Bounce,
    /// A disclaimer is put around the text.
    Banner,
    /// New messages and changes of calendars are there, but this protocol does not show them.
    Stale,
    /// An organizer's invitations, updates and cancellations never reach those who take part.
    LoseInvitation,
    /// Answers to invitations never reach the organizer.
    LoseAnswer,
    /// A new entry lies in the calendar twice.
    DoubleEntry,
    /// Entries show an hour later than they are.
    ShiftHour,
    /// IDLE never tells of anything.
    NoPush,
    /// The answer in which the server tells never begins, as behind a proxy that wants all of it first.
    PushHeld,
    /// The answer in which the server tells breaks off at once.
    PushCut,
    /// IDLE is not offered.
    NoIdle,
    /// New sessions are turned away: there are too many.
    TooManySessions,
    /// New sessions are turned away and open ones ended: the service shuts down.
    Shutdown421,
    /// Answers never end.
    Flood,
    /// Answers break the protocol: a wrong tag, a wrong code, neither +OK nor -ERR.
    BadTag,
    /// SELECT INBOX is refused.
    NoToSelect,
    /// Deleting is refused: STORE and EXPUNGE are answered NO.
    NoDelete,
    /// Untagged responses of unknown kinds come between the answers; a good client does not mind.
    UnknownUntagged,
}

/// A row of [`FAULTS`].
#[derive(Clone, Copy, Debug)]
pub struct FaultInfo {
    /// The fault's name, as [`Fault::parse`] takes it.
    pub name: &'static str,
    /// What may follow the name and `=`; empty if nothing may.
    pub argument: &'static str,
    /// The protocols it does something at.
    pub protocols: &'static [Protocol],
    /// What it does, in one sentence.
    pub sentence: &'static str,
}

use Protocol::{Autodiscover, Caldav, Ews, Imap, Owa, Pop3, Smtp};
const ANY: &[Protocol] = &[Smtp, Imap, Pop3, Ews, Autodiscover, Owa, Caldav];
const MAIL: &[Protocol] = &[Smtp, Imap, Pop3];
const SEND: &[Protocol] = &[Smtp, Ews];
const DEFER: &[Protocol] = &[Smtp, Ews, Autodiscover, Owa, Caldav];
const HTTP: &[Protocol] = &[Ews, Autodiscover, Owa, Caldav];
const BOTH: &[Protocol] = &[Imap, Ews];
const CALENDAR: &[Protocol] = &[Ews, Caldav];

const fn row(
    name: &'static str,
    argument: &'static str,
    protocols: &'static [Protocol],
    sentence: &'static str,
) -> FaultInfo {
    FaultInfo { name, argument, protocols, sentence }
}

/// Every fault: its name, what it is for, what it does.
///
/// The protocols over HTTP share a port, so a fault of one of them begins where the path is known:
/// after the request. Only the certificate is shown before; a fault of it at one of them is one of all.
pub const FAULTS: &[FaultInfo] = &[
    row(
        "refuse",
        "",
        ANY,
        "connecting is refused and open sessions are cut; over HTTP: cut after the request",
    ),
    row("stall", "", ANY, "connections are accepted and never answered"),
    row("stall-after-auth", "", ANY, "sign-in works, later commands get no answer"),
    row(
        "stall-at",
        "count",
        HTTP,
        "that request from now on is carried out and never answered, nor is any after it",
    ),
    row("cut", "", ANY, "sessions are closed right after the greeting, over HTTP in the middle of an answer"),
    row("cut-after-data", "deliver|drop", SEND, "the connection closes after a message's last byte"),
    row("slow", "duration", ANY, "each answer is late by that much"),
    row("garbage", "", ANY, "answers are binary noise"),
    row("wrong-certificate", "", ANY, "the certificate is for another name"),
    row("expired-certificate", "", ANY, "the certificate has expired"),
    row("expiring-certificate", "", ANY, "the certificate ends in three days; a good client does not mind"),
    row("untrusted-certificate", "", ANY, "the certificate is signed by another authority"),
    row("reject-sign-in", "", ANY, "credentials are refused, whatever they are"),
    row("sign-in-unavailable", "", ANY, "credentials cannot be checked for now"),
    row("no-starttls", "", MAIL, "STARTTLS is not offered"),
    row(
        "defer",
        "",
        DEFER,
        "recipients are put off with 451 4.7.1, as greylisting does; 503 and Retry-After",
    ),
    row("refuse-recipient", "", SEND, "recipients are refused with 550 5.1.1, ErrorInvalidRecipients"),
    row("refuse-sender", "", SEND, "senders are refused with 550 5.7.1, ErrorSendAsDenied"),
    row("refuse-message", "", SEND, "messages are refused with 554 5.6.0 after their last byte"),
    row(
        "mailbox-full",
        "",
        &[Smtp, Ews, Caldav],
        "recipients are refused with 552 5.2.2, ErrorQuotaExceeded; entries with 507",
    ),
    row("lose", "", SEND, "messages are accepted and never delivered"),
    row("lose-every", "count", SEND, "every n-th message is accepted and never delivered"),
    row("delay", "duration", SEND, "messages are delivered that much later"),
    row("double", "", SEND, "messages are delivered twice"),
    row("corrupt", "", SEND, "bytes of the body are changed on the way"),
    row("junk", "", SEND, "messages are delivered into the folder Junk"),
    row("bounce", "", SEND, "messages are accepted, then a notification of failure goes to the sender"),
    row("banner", "", SEND, "a disclaimer is put around the text"),
    row(
        "stale",
        "",
        &[Imap, Pop3, Ews, Caldav],
        "new messages and changes of calendars are there but are not shown",
    ),
    row("lose-invitation", "", CALENDAR, "invitations, updates and cancellations never reach those invited"),
    row("lose-answer", "", CALENDAR, "answers to invitations never reach the organizer"),
    row("double-entry", "", CALENDAR, "a new entry lies in the calendar twice"),
    row("shift-hour", "", CALENDAR, "entries show an hour later than they are"),
    row("no-push", "", BOTH, "IDLE and notifications never tell of anything"),
    row(
        "push-held",
        "",
        &[Ews],
        "the answer with the notifications never begins, as behind a proxy that buffers",
    ),
    row("push-cut", "", &[Ews], "the answer with the notifications breaks off at once"),
    row("no-idle", "", BOTH, "IDLE is not offered, subscriptions are refused"),
    row("too-many-sessions", "", ANY, "new sessions are turned away: there are too many"),
    row("shutdown-421", "", ANY, "sessions are turned away: the service shuts down"),
    row("flood", "", ANY, "answers never end"),
    row("bad-tag", "", ANY, "answers break the protocol; over HTTP: they are those to another request"),
    row("no-to-select", "", BOTH, "SELECT INBOX is refused, the store is away"),
    row("no-delete", "", &[Imap, Ews, Caldav], "STORE and EXPUNGE are refused, deleting and moving too"),
    row("unknown-untagged", "", BOTH, "responses, or elements, of unknown kinds come between the answers"),
];

/// A text that names no fault, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFault(pub String);

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownFault {}

impl Fault {
    /// Reads a fault as text: a name of [`FAULTS`], with `=argument` where there is one, such as
    /// `stall`, `slow=2s`, `lose-every=3` or `cut-after-data=drop`.
    ///
    /// # Errors
    /// If there is no such fault, or its argument is missing or not understood.
    pub fn parse(text: &str) -> Result<Self, UnknownFault> {
        let (name, argument) = match text.trim().split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text.trim(), None),
        };
        let Some(info) = FAULTS.iter().find(|info| info.name == name) else {
            let names: Vec<_> = FAULTS.iter().map(|info| info.name).collect();
            return Err(UnknownFault(format!("no fault `{name}`; there are {}", names.join(", "))));
        };
        let wrong =
            || UnknownFault(format!("fault `{name}` takes the argument `{}`: `{text}`", info.argument));
        match (argument, info.argument) {
            (None, _) => Self::plain(name).ok_or_else(wrong),
            (Some(a), "duration") => {
                let time = duration(a).ok_or_else(wrong)?;
                Ok(if name == "slow" { Self::Slow(time) } else { Self::Delay(time) })
            }
            (Some(a), "count") => {
                let count = a.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
                Ok(if name == "stall-at" { Self::StallAt(count) } else { Self::LoseEvery(count) })
            }
            (Some("deliver"), "deliver|drop") => Ok(Self::CutAfterData { deliver: true }),
            (Some("drop"), "deliver|drop") => Ok(Self::CutAfterData { deliver: false }),
            _ => Err(wrong()),
        }
    }

    fn plain(name: &str) -> Option<Self> {
        let simple = [
            Self::Refuse,
            Self::Stall,
            Self::StallAfterAuth,
            Self::Cut,
            Self::Garbage,
            Self::WrongCertificate,
            Self::ExpiredCertificate,
            Self::ExpiringCertificate,
            Self::UntrustedCertificate,
            Self::RejectSignIn,
            Self::SignInUnavailable,
            Self::NoStarttls,
            Self::Defer,
            Self::RefuseRecipient,
            Self::RefuseSender,
            Self::RefuseMessage,
            Self::MailboxFull,
            Self::Lose,
            Self::Double,
            Self::Corrupt,
            Self::Junk,
            Self::Bounce,
            Self::Banner,
            Self::Stale,
            Self::LoseInvitation,
            Self::LoseAnswer,
            Self::DoubleEntry,
            Self::ShiftHour,
            Self::NoPush,
            Self::PushHeld,
            Self::PushCut,
            Self::NoIdle,
            Self::TooManySessions,
            Self::Shutdown421,
            Self::Flood,
            Self::BadTag,
            Self::NoToSelect,
            Self::NoDelete,
            Self::UnknownUntagged,
        ];
        simple.into_iter().find(|fault| fault.name() == name)
    }

    /// The fault's name in [`FAULTS`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Stall => "stall",
            Self::StallAfterAuth => "stall-after-auth",
            Self::StallAt(_) => "stall-at",
            Self::Cut => "cut",
            Self::CutAfterData { .. } => "cut-after-data",
            Self::Slow(_) => "slow",
            Self::Garbage => "garbage",
            Self::WrongCertificate => "wrong-certificate",
            Self::ExpiredCertificate => "expired-certificate",
            Self::ExpiringCertificate => "expiring-certificate",
            Self::UntrustedCertificate => "untrusted-certificate",
            Self::RejectSignIn => "reject-sign-in",
            Self::SignInUnavailable => "sign-in-unavailable",
            Self::NoStarttls => "no-starttls",
            Self::Defer => "defer",
            Self::RefuseRecipient => "refuse-recipient",
            Self::RefuseSender => "refuse-sender",
            Self::RefuseMessage => "refuse-message",
            Self::MailboxFull => "mailbox-full",
            Self::Lose => "lose",
            Self::LoseEvery(_) => "lose-every",
            Self::Delay(_) => "delay",
            Self::Double => "double",
            Self::Corrupt => "corrupt",
            Self::Junk => "junk",
            Self::Bounce => "bounce",
            Self::Banner => "banner",
            Self::Stale => "stale",
            Self::LoseInvitation => "lose-invitation",
            Self::LoseAnswer => "lose-answer",
            Self::DoubleEntry => "double-entry",
            Self::ShiftHour => "shift-hour",
            Self::NoPush => "no-push",
            Self::PushHeld => "push-held",
            Self::PushCut => "push-cut",
            Self::NoIdle => "no-idle",
            Self::TooManySessions => "too-many-sessions",
            Self::Shutdown421 => "shutdown-421",
            Self::Flood => "flood",
            Self::BadTag => "bad-tag",
            Self::NoToSelect => "no-to-select",
            Self::NoDelete => "no-delete",
            Self::UnknownUntagged => "unknown-untagged",
        }
    }

    /// The fault's row in [`FAULTS`].
    #[must_use]
    pub fn info(&self) -> Option<&'static FaultInfo> {
        FAULTS.iter().find(|info| info.name == self.name())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Slow(time) | Self::Delay(time) => write!(f, "={}ms", time.as_millis()),
            Self::LoseEvery(n) | Self::StallAt(n) => write!(f, "={n}"),
            Self::CutAfterData { deliver } => f.write_str(if *deliver { "=deliver" } else { "=drop" }),
            _ => Ok(()),
        }
    }
}

/// `250ms`, `2s`, `1m`; a number alone is seconds.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "" | "s" => Some(Duration::from_secs(number)),
        "m" | "min" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_parses_and_prints_back() {
        for info in FAULTS {
            let text = match info.argument {
                "duration" => format!("{}=1500ms", info.name),
                "count" => format!("{}=3", info.name),
                "deliver|drop" => format!("{}=drop", info.name),
                _ => info.name.to_owned(),
            };
            let fault = Fault::parse(&text).unwrap();
            assert_eq!(fault.to_string(), text);
            assert_eq!(fault.info().unwrap().name, info.name);
        }
    }

    #[test]
    fn wrong_texts_are_told_apart() {
        for (text, part) in [
            ("frobnicate", "no fault `frobnicate`; there are refuse, stall"),
            ("slow", "takes the argument `duration`"),
            ("slow=soon", "takes the argument `duration`"),
            ("stall=1s", "takes the argument ``"),
            ("lose-every=0", "takes the argument `count`"),
        ] {
            let error = Fault::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!(Fault::parse("slow=2s"), Ok(Fault::Slow(Duration::from_secs(2))));
        assert_eq!(Fault::parse("delay=1m"), Ok(Fault::Delay(Duration::from_secs(60))));
    }
}
