//! A mail service with calendars, two people's mailboxes, and what they keep there themselves.

use mailprobe::message::token::{self, Keys, Token};
use mailprobe::secret::Secret;
use mailprobe_sandbox::Fault;
use mailprobe_tests::{FLEET_KEY, Scene, Service, secs};

/// One check of each sort: its name, and the whole.
pub const CHECKS: &[(&str, &str)] = &[
    (
        "entry",
        "calendar: { name: entry, mailbox: alice, write: caldav, views: [caldav, ews], every: 3s, zone: Europe/Lisbon }",
    ),
    (
        "series",
        "calendar: { name: series, mailbox: bob, write: caldav, views: [caldav, ews], every: 3s, recurring: true, \
         zone: America/New_York }",
    ),
    (
        "entry-ews",
        "calendar: { name: entry-ews, mailbox: bob, write: ews, views: [ews, caldav], every: 3s, zone: America/New_York }",
    ),
    (
        "series-ews",
        "calendar: { name: series-ews, mailbox: alice, write: ews, views: [ews, caldav], every: 3s, recurring: true, \
         zone: Europe/Lisbon }",
    ),
    (
        "meet",
        "meeting: { name: meet, organizer: alice, attendee: bob, protocol: caldav, every: 3s, zone: Asia/Kolkata }",
    ),
    (
        "meet-ews",
        "meeting: { name: meet-ews, organizer: bob, attendee: alice, protocol: ews, every: 3s, zone: Europe/Lisbon }",
    ),
    (
        "meet-mixed",
        "meeting: { name: meet-mixed, organizer: alice, attendee: bob, protocol: ews, attendee_protocol: caldav, every: 3s }",
    ),
    (
        "mailed",
        "meeting: { name: mailed, organizer: alice, attendee: bob, protocol: ews, attendee_protocol: imap, every: 3s, \
         zone: Europe/Lisbon }",
    ),
    (
        "mailing",
        "meeting: { name: mailing, organizer: alice, attendee: bob, protocol: imap, attendee_protocol: ews, every: 3s, \
         zone: America/New_York }",
    ),
    (
        "mailed-dav",
        "meeting: { name: mailed-dav, organizer: bob, attendee: alice, protocol: caldav, attendee_protocol: imap, every: 3s }",
    ),
    ("mails", "meeting: { name: mails, organizer: bob, attendee: alice, protocol: imap, every: 3s }"),
    ("busy", "free_busy: { name: busy, mailbox: alice, of: bob, protocol: ews, write: caldav, every: 3s }"),
    ("busy-ews", "free_busy: { name: busy-ews, mailbox: bob, of: alice, protocol: ews, every: 3s }"),
    ("taken", "free_busy: { name: taken, mailbox: alice, of: bob, protocol: caldav, write: ews, every: 3s }"),
];

/// A mark that the fleet signed, long over.
fn signed() -> String {
    let draft = token::Draft {
        site: token::hash("lisbon"),
        check: token::hash("another check"),
        slot: 7,
        instance: 7,
        sent: jiff::Timestamp::now()
            .checked_sub(jiff::SignedDuration::from_hours(24))
            .expect("a time")
            .into(),
        lost_after: secs(60),
        lines: 0,
    };
    Token::sign(&draft, "alice@sandbox.test", &Keys::new(&Secret::new(FLEET_KEY), &[])).text()
}

/// A person's series that mentions us, by a rule that is not read.
fn unreadable(signed: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{}\r\nDTSTAMP:20260101T000000Z\r\n\
         DTSTART:20261123T100000Z\r\nDTEND:20261123T110000Z\r\nRRULE:FREQ=WEEKLY;COUNT=9\r\nRDATE:20261124T100000Z\r\n\
         SUMMARY:[mailprobe] is what?\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        signed.get(..20).unwrap_or_default()
    )
}

pub struct Stage {
    pub service: Service,
    pub scene: Scene,
}

/// What lies in both mailboxes: subjects, and messages by folder.
pub type Left = (Vec<String>, Vec<String>);

impl Stage {
    pub fn new() -> Self {
        Self::limited("max_sessions: 20")
    }

    /// With more keys at both mailboxes.
    pub fn limited(more: &str) -> Self {
        let service = Service::start();
        let mut scene = Scene::new();
        let body = service.calendar_body(&scene);
        scene.mail_service("hq", &body);
        let file = scene.file("password", mailprobe_tests::PASSWORD);
        for user in ["alice", "bob"] {
            let auth = format!("method: password, username: {user}, password_file: \"{file}\"");
            scene.mailbox_by(user, "hq", &format!("{user}@sandbox.test"), &auth, more);
        }
        Self { service, scene }
    }

    pub fn fault(&self, protocol: mailprobe_sandbox::Protocol, fault: Option<Fault>) {
        self.service.fault(protocol, fault);
    }

    /// Puts people's own things there, some of which look a little like ours; what that is.
    pub fn strangers(&self) -> Left {
        let sandbox = self.service.sandbox();
        let hour = jiff::SignedDuration::from_hours(1);
        let soon = jiff::Timestamp::now() + hour * 50;
        let forged = "a".repeat(60);
        let signed = signed();
        let subjects = [
            "Lunch".to_owned(),
            "[mailprobe]".to_owned(),
            format!("[mailprobe] {forged}"),
            format!("Re: {forged}"),
            // A mail of ours, made an entry or quoted by its reader: the mark is there, and it is not ours.
            format!("[mailprobe] {signed}"),
            format!("FW: [mailprobe] {signed}"),
        ];
        for user in ["alice", "bob"] {
            sandbox.put_ical(user, &unreadable(&signed)).expect("an entry");
            for subject in &subjects {
                sandbox.put_entry(user, subject, soon, soon + hour);
                let mail = format!(
                    "From: <{user}@sandbox.test>\r\nSubject: {subject}\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n{}",
                    unreadable("of-a-person-or-another")
                );
                sandbox.deliver(user, "INBOX", mail.as_bytes());
            }
        }
        self.left()
    }

    pub fn left(&self) -> Left {
        let sandbox = self.service.sandbox();
        let (mut entries, mut messages) = (Vec::new(), Vec::new());
        for user in ["alice", "bob"] {
            entries
                .extend(sandbox.calendar(user).into_iter().map(|entry| format!("{user}: {}", entry.subject)));
            for folder in ["INBOX", "Sent", "Drafts", "Junk", "Trash"] {
                for message in sandbox.messages(user, folder) {
                    let text = String::from_utf8_lossy(&message);
                    let subject =
                        text.lines().find(|line| line.starts_with("Subject:")).unwrap_or("no subject");
                    messages.push(format!("{user} {folder}: {subject}"));
                }
            }
        }
        (entries, messages)
    }
}
