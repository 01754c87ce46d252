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
use mailprobe::protocol::calendar::{Calendar, Draft, EntryId, Time, Written};
use mailprobe::protocol::ews::Ews;
use mailprobe::protocol::{Busy, Session, SignIn, Status};
use mailprobe::secret::Secret;

/// What all entries of these tests have in their subject.
pub const MARK: &str = "mailprobe-tests";

/// A session at a URL, as far as `login` goes. `authority`: whom to trust, as PEM.
pub async fn opened(
    protocol: Protocol,
    url: &str,
    authority: Option<&str>,
    name: &str,
    address: &str,
    password: &str,
) -> Result<Box<dyn Session>, Fault> {
    let endpoint = Endpoint::of_url(url).expect("a URL");
    let service = MailService {
        name: "hq".into(),
        endpoints: BTreeMap::from([(protocol, endpoint.clone())]),
        exchange: None,
        discovered: BTreeSet::new(),
        tls: Tls { ca: authority.map(|pem| Arc::from(pem.as_bytes())), ..Tls::default() },
        proxy: None,
        ip_family: IpFamily::V4,
        resolver: Resolver::System,
        fingerprint: 0,
    };
    let net = Arc::new(Net::new(Arc::new(service)).expect("a way to the server"));
    let rec = Recorder::default();
    let (address, to) = (address.into(), To::Turn(0));
    let mut session: Box<dyn SignIn> = match protocol {
        Protocol::Ews => Box::new(Ews::connect(&net, &endpoint, &address, to, &rec).await?),
        _ => Box::new(Caldav::connect(&net, Some(&endpoint), &address, to, &rec).await?),
    };
    let credential = Credential {
        username: name.into(),
        secret: Secret::new(password),
        mechanisms: Vec::new(),
        scheme: Scheme::Basic,
        is_token: false,
        key: None,
        keytab: None,
    };
    session.sign_in(&credential, &rec).await?;
    session.prove(&rec).await?;
    Ok(session)
}

/// A session, and what is asked of it.
pub struct Client {
    pub session: Box<dyn Session>,
    /// Of whole days.
    pub zone: &'static str,
    pub rec: Recorder,
}

impl Client {
    /// The calendar, and what is asked of it writes.
    pub fn calendar(&mut self) -> (&mut dyn Calendar, &Recorder) {
        (self.session.calendar().expect("a calendar"), &self.rec)
    }

    pub async fn try_create(&mut self, draft: &Draft) -> Result<Written, Fault> {
        let (calendar, rec) = self.calendar();
        calendar.create(draft, rec).await
    }

    pub async fn try_delete(&mut self, id: &EntryId) -> Result<Written, Fault> {
        let (calendar, rec) = self.calendar();
        calendar.delete(id, rec).await
    }

    pub async fn try_busy(&mut self, of: &str, span: Range<SystemTime>) -> Result<Vec<Busy>, Fault> {
        self.session.free_busy().expect("busy times").look_up(of, span, &self.rec).await
    }
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
