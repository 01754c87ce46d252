//! `autodiscover`: what Outlook would find for the mailbox, and whether that is what is configured.

use std::sync::Arc;

use super::visit::Errand;
use crate::catalogue::{Protocol, Reason};
use crate::config::plan::{Endpoint, MailService};
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::autodiscover::{Settings, Url};
use crate::protocol::{Proof, Session};

pub struct Autodiscover {
    pub mail_service: Arc<MailService>,
}

impl Errand for Autodiscover {
    fn run<'a>(&'a self, session: &'a mut dyn Session, _: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(async move {
            let settings = session
                .settings()
                .ok_or_else(|| Fault::new(Reason::InternalError, "a session without settings"))?;
            compare(settings, &self.mail_service).map(|()| Proof::default())
        })
    }
}

/// What is configured and found is the same place; what only Autodiscover names is no drift.
fn compare(settings: &Settings, mail_service: &MailService) -> Result<(), Fault> {
    let mut drift = Vec::new();
    for (protocol, kind) in [(Protocol::Ews, Url::Ews), (Protocol::Owa, Url::Owa)] {
        let (Some(configured), Some(found)) =
            (mail_service.endpoints.get(&protocol), settings.urls.get(&kind))
        else {
            continue;
        };
        if !Endpoint::of_url(found).is_some_and(|found| is_same(configured, &found)) {
            drift.push(format!("{}: configured {}, found {found}", kind.name(), configured.url()));
        }
    }
    // What clients cannot find they do not use, whatever is configured here.
    let unfound =
        mail_service.endpoints.get(&Protocol::Ews).filter(|_| !settings.urls.contains_key(&Url::Ews));
    if let Some(configured) = unfound.filter(|_| !settings.urls.is_empty()) {
        drift.push(format!("ews: configured {}, found none", configured.url()));
    }
    if settings.urls.is_empty() {
        drift.push("no URL at all".to_owned());
    }
    if drift.is_empty() {
        return Ok(());
    }
    let words = format!("{} tells: {}", settings.from, drift.join("; "));
    Err(Fault::new(Reason::EndpointNotFound, &words))
}

/// Names and IIS paths are the same in any case; a slash at the end does not matter.
fn is_same(one: &Endpoint, other: &Endpoint) -> bool {
    let path = |endpoint: &Endpoint| endpoint.path.trim_end_matches('/').to_ascii_lowercase();
    one.host.eq_ignore_ascii_case(&other.host)
        && one.port == other.port
        && one.tls == other.tls
        && path(one) == path(other)
}
