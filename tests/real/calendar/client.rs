//! The probe's own client, as a check drives it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mailprobe::auth::sasl::Credential;
use mailprobe::catalogue::Protocol;
use mailprobe::config::plan::{Endpoint, IpFamily, MailService, Resolver, Scheme, Tls};
use mailprobe::net::{Net, To};
use mailprobe::outcome::{Fault, Recorder};
use mailprobe::protocol::caldav::Caldav;
use mailprobe::protocol::calendar::{Calendar, Draft, Entry, EntryId, Time, Written};
use mailprobe::protocol::{Session, SignIn as _, Status};
use mailprobe::secret::Secret;
use mailprobe_tests::{Calendars, PASSWORD};

/// What all entries of these tests have in their subject.
pub const MARK: &str = "mailprobe-tests";

/// A user of a server.
pub struct User<'a> {
    pub server: &'a Calendars,
    /// As it signs in.
    pub name: &'a str,
    pub address: &'a str,
    pub path: &'a str,
}

impl User<'_> {
    pub async fn try_open(&self, password: &str) -> Result<Box<Caldav>, Fault> {
        let endpoint = Endpoint::of_url(&self.server.url(self.path)).expect("a URL");
        let service = MailService {
            name: "hq".into(),
            endpoints: BTreeMap::from([(Protocol::Caldav, endpoint.clone())]),
            exchange: None,
            discovered: BTreeSet::new(),
            tls: Tls { ca: Some(Arc::from(self.server.authority().as_bytes())), ..Tls::default() },
            proxy: None,
            ip_family: IpFamily::V4,
            resolver: Resolver::System,
            fingerprint: 0,
        };
        let net = Arc::new(Net::new(Arc::new(service)).expect("a way to the server"));
        let rec = Recorder::default();
        let mut session = Caldav::connect(&net, &endpoint, &self.address.into(), To::Turn(0), &rec).await?;
        let credential = Credential {
            username: self.name.into(),
            secret: Secret::new(password),
            mechanisms: Vec::new(),
            scheme: Scheme::Basic,
            is_token: false,
            key: None,
            keytab: None,
        };
        session.sign_in(&credential, &rec).await?;
        session.prove(&rec).await?;
        Ok(Box::new(session))
    }

    pub async fn open(&self) -> Client {
        let session = self.try_open(PASSWORD).await.unwrap_or_else(|fault| panic!("{fault}"));
        Client { session, zone: "Europe/Lisbon", rec: Recorder::default() }
    }
}

/// A session, and what is asked of it; faults are panics, unless a method begins with `try_`.
pub struct Client {
    pub session: Box<Caldav>,
    /// Of whole days.
    pub zone: &'static str,
    pub rec: Recorder,
}

impl Client {
    pub async fn list(&mut self, span: Range<SystemTime>) -> Vec<Entry> {
        let calendar = self.session.calendar().expect("a calendar");
        calendar.list(span, self.zone, MARK, &self.rec).await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub async fn only(&mut self, draft: &Draft) -> Entry {
        let found = self.list(around(draft)).await;
        let [entry] = found.as_slice() else { panic!("{} entries: {found:?}", found.len()) };
        entry.clone()
    }

    pub async fn try_create(&mut self, draft: &Draft) -> Result<Written, Fault> {
        self.session.create(draft, &self.rec).await
    }

    pub async fn create(&mut self, draft: &Draft) {
        accepted(self.try_create(draft).await);
    }

    pub async fn try_update(&mut self, id: &EntryId, draft: &Draft) -> Result<Written, Fault> {
        self.session.update(id, draft, &self.rec).await
    }

    pub async fn try_delete(&mut self, id: &EntryId) -> Result<Written, Fault> {
        self.session.delete(id, &self.rec).await
    }
}

pub fn accepted(written: Result<Written, Fault>) {
    match written {
        Ok(Written::Accepted(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// The entry is what the draft says.
pub fn is(entry: &Entry, draft: &Draft) {
    assert_eq!(entry.spans, draft.spans().expect("times"), "{draft:?}");
    let shown =
        (entry.uid.as_str(), entry.subject.as_str(), entry.place.as_str(), entry.status, entry.cancelled);
    assert_eq!(shown, (&*draft.uid, &*draft.subject, &*draft.place, draft.status, false));
}

pub fn around(draft: &Draft) -> Range<SystemTime> {
    let spans = draft.spans().expect("times");
    let day = Duration::from_secs(86_400);
    spans[0].start - day..spans[spans.len() - 1].end + day
}

pub fn draft(uid: &str, zone: &str, start: &str, minutes: u64) -> Draft {
    Draft {
        uid: format!("{uid}@probe.test").into(),
        subject: format!(
            "{MARK} {uid}: a quite long subject, ünal € and more; so that it has to be folded twice"
        )
        .into(),
        place: "Sala 1; rés-do-chão, €".into(),
        time: Time {
            zone: zone.into(),
            start: start.parse().expect("a time"),
            length: Duration::from_secs(minutes * 60),
            all_day: false,
        },
        status: Status::Free,
        repeat: None,
        invited: None,
    }
}
