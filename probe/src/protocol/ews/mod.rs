//! Exchange Web Services (MS-OXWS*): SOAP over HTTP. A file per operation; this one is the session.
//!
//! Exchange Server has it; in Exchange Online it is being switched off: a refusal there is `blocked_by_policy`.

mod calendar;
mod create_item;
mod delete_item;
mod find_item;
mod get_folder;
mod get_item;
mod get_user_availability;
mod inbox;
mod resolve_names;
mod soap;
mod streaming;
mod sync_folder_items;

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::calendar::Calendar;
use super::web::{self, Web};
use super::{Directory, Folder, FreeBusy, Inbox, Proof, Session, SignIn, Submit};
use crate::auth::sasl::Credential;
use crate::catalogue::{Reason, Step};
use crate::config::plan::Endpoint;
use crate::net::http::{Answer, Ask, Unanswered};
use crate::net::{Net, To};
use crate::outcome::{Fault, Fut, Recorder};
use inbox::Folders;
use streaming::Told;

/// Recoverable Items: what was deleted for good and is still kept, by the user's hand and by single item recovery.
const RECOVERABLE: &[&str] = &["recoverableitemsdeletions", "recoverableitemspurges"];
/// For what is good to know and no more.
const PATIENCE: Duration = Duration::from_secs(2);

/// A session: the connection that asks, and a second one on which the server tells.
pub struct Ews {
    web: Web,
    /// Requests are for this mailbox: a front end sends them to the right server by it.
    anchor: Arc<str>,
    folders: Folders,
    told: Option<Told>,
    /// The server knows no SyncFolderItems.
    unsynced: bool,
    calendar: calendar::Memory,
}

impl Ews {
    /// Connects, up to the point where one signs in.
    ///
    /// # Errors
    /// Those of the steps.
    pub async fn connect(
        net: &Arc<Net>,
        endpoint: &Endpoint,
        anchor: &Arc<str>,
        to: To,
        rec: &Recorder,
    ) -> Result<Self, Fault> {
        let web = Web::connect(net, endpoint, to, rec).await?;
        Ok(Self {
            web,
            anchor: Arc::clone(anchor),
            folders: Folders::default(),
            told: None,
            unsynced: false,
            calendar: calendar::Memory::default(),
        })
    }

    /// Asks one operation and reads its whole answer, judged as far as HTTP goes.
    async fn ask(&mut self, body: &str, rec: &Recorder) -> Result<Answer, Unanswered> {
        let ask = request(&self.web, &self.anchor, body)?;
        let id = ask.headers.get("client-request-id").cloned();
        let mut answer = self.web.ask(ask, rec).await?;
        answer.body = soap::mend(answer.body);
        let echoed = answer.headers.get("client-request-id");
        if echoed.is_some() && echoed != id.as_ref() {
            let words = format!("the answer is for the request {}", answer.header("client-request-id"));
            return Err(Fault::new(Reason::ProtocolViolation, &words).into());
        }
        refuse_forbidden(&answer)?;
        Ok(answer)
    }
}

/// Whoever may sign in and may not use this: a policy.
fn refuse_forbidden(answer: &Answer) -> Result<(), Fault> {
    match web::fault_of(answer) {
        Some(fault) if answer.status == StatusCode::FORBIDDEN => {
            Err(Fault { reason: Reason::BlockedByPolicy, ..fault })
        }
        _ => Ok(()),
    }
}

fn request(web: &Web, anchor: &str, body: &str) -> Result<Ask, Fault> {
    let id = request_id()?;
    let ask = Ask::post(&web.endpoint().path, "text/xml; charset=utf-8", soap::envelope(body))
        .with("accept", "text/xml")
        .with("user-agent", web::USER_AGENT)
        .with("x-anchormailbox", anchor)
        .with("client-request-id", &id)
        .with("return-client-request-id", "true");
    Ok(ask)
}

/// A version 4 UUID (RFC 9562).
fn request_id() -> Result<String, Fault> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Fault::new(Reason::InternalError, &error.to_string()))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes.map(|byte| format!("{byte:02x}"));
    Ok(format!("{a}{b}{c}{d}-{e}{f}-{g}{h}-{}{}-{}", rest[0], rest[1], rest[2..].concat()))
}

/// The name of a folder that every mailbox has (DistinguishedFolderIdNameType).
fn distinguished(folder: Folder) -> &'static str {
    match folder {
        Folder::Inbox => "inbox",
        Folder::Junk => "junkemail",
        Folder::Sent => "sentitems",
        Folder::Drafts => "drafts",
        Folder::Trash => "deleteditems",
    }
}

impl SignIn for Ews {
    /// The first request is the sign-in.
    fn sign_in<'a>(&'a mut self, credential: &'a Credential, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            self.web.sign_in_as(credential);
            self.get_folders(&["inbox"], rec).await?;
            self.web.keep();
            Ok(())
        })
    }
}

impl Session for Ews {
    fn prove<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(rec.time(Step::List, async move {
            let found = self.get_folders(&["inbox"], rec).await?;
            let inbox = found.first();
            let (_, items) =
                *inbox.ok_or_else(|| Fault::new(Reason::FolderMissing, "the server shows no inbox"))?;
            // Not every server knows them, and none is worth less for it.
            let kept = rec.within(PATIENCE, self.get_folders(RECOVERABLE, rec)).await.unwrap_or_default();
            let recoverable =
                kept.into_iter().filter_map(|(_, count)| count).reduce(|one, other| one + other);
            Ok(Proof { items, recoverable, ..Proof::default() })
        }))
    }

    fn submit(&mut self) -> Option<&mut dyn Submit> {
        Some(self)
    }

    fn inbox(&mut self) -> Option<&mut dyn Inbox> {
        Some(self)
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        Some(self)
    }

    fn free_busy(&mut self) -> Option<&mut dyn FreeBusy> {
        Some(self)
    }

    fn calendar(&mut self) -> Option<&mut dyn Calendar> {
        Some(self)
    }

    fn is_alive(&mut self) -> bool {
        self.web.is_open()
    }

    fn close<'a>(mut self: Box<Self>, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move { self.unsubscribe(rec).await })
    }
}
