//! REPORT sync-collection (RFC 6578): what has changed since the last look, where the server offers it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::SystemTime;

use super::multistatus::{self, Response};
use super::propfind::NAMES;
use super::report::{Resource, resource};
use super::{Caldav, report};
use crate::catalogue::Reason;
use crate::message::ical;
use crate::outcome::{Fault, Recorder};
use crate::protocol::xml;

/// Answers of who does not tell changes, not from this state, or not all of them.
const TOLD_NO_CHANGES: &[&str] = &["400", "403", "404", "405", "409", "410", "501", "507"];

/// What a look has shown, and the state of the calendar that it is of.
pub(super) struct Kept {
    span: Range<SystemTime>,
    marked: String,
    token: String,
    /// By path; what is not marked is not kept.
    all: BTreeMap<String, Resource>,
}

/// The objects that have changed, those that are gone, and the state that this leads to.
struct Changes {
    changed: Vec<Resource>,
    gone: Vec<String>,
    token: String,
}

impl Caldav {
    /// The marked objects of a span: what has changed since the last look of it, or all of it.
    pub(super) async fn look(
        &mut self,
        calendar: &str,
        span: &Range<SystemTime>,
        marked: &str,
        rec: &Recorder,
    ) -> Result<Vec<Resource>, Fault> {
        let fits =
            |kept: &Kept| kept.marked == marked && kept.span.start <= span.start && span.end <= kept.span.end;
        if let Some(mut kept) = self.kept.take().filter(fits) {
            match self.changes(calendar, &kept.token, rec).await {
                Ok(changes) => {
                    kept.token = changes.token;
                    changes.gone.iter().for_each(|path| drop(kept.all.remove(path)));
                    let found = kept.all.values().cloned().collect::<Vec<_>>();
                    kept.all = marked_only(found.into_iter().chain(changes.changed), marked);
                    let all = kept.all.values().cloned().collect();
                    self.kept = Some(kept);
                    return Ok(all);
                }
                // It does not know this state any more, or never did: all of it, then.
                Err(fault) if TOLD_NO_CHANGES.contains(&fault.server_code.as_str()) => {}
                Err(fault) => return Err(fault),
            }
        }
        // The state first: what changes in between is told twice, and not never.
        let token = |of: &Response<'_, '_>| Ok(of.text("sync-token").to_owned());
        let token = self.about(calendar, "<D:sync-token/>", rec, token).await?.0;
        let all = marked_only(self.query(calendar, Some(span), rec).await?, marked);
        let found = all.values().cloned().collect();
        if !token.is_empty() {
            self.kept = Some(Kept { span: span.clone(), marked: marked.to_owned(), token, all });
        }
        Ok(found)
    }

    async fn changes(&mut self, calendar: &str, token: &str, rec: &Recorder) -> Result<Changes, Fault> {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><D:sync-collection {NAMES}><D:sync-token>{}</D:sync-token>\
             <D:sync-level>1</D:sync-level><D:prop><D:getetag/><C:calendar-data/></D:prop></D:sync-collection>",
            xml::escape(token)
        );
        let answer = self.ask(report::ask(calendar, "0", body), rec).await?;
        if answer.status.as_u16() != 207 {
            return Err(multistatus::refusal(&answer));
        }
        let document = xml::document(&answer)?;
        let mut changes = Changes { changed: Vec::new(), gone: Vec::new(), token: String::new() };
        for of in multistatus::read(&answer, &document, self.web.endpoint())? {
            match of.status {
                404 | 410 => changes.gone.push(of.path),
                // Also the collection itself, when there is more than is told: a fault, and all of it is asked for.
                _ => changes.changed.push(resource(&of)?),
            }
        }
        let root = document.root_element();
        let token = root.children().find(|at| at.tag_name().name() == "sync-token").and_then(|at| at.text());
        let token = token.map(str::trim).filter(|token| !token.is_empty());
        let Some(token) = token else {
            let words = "changes that lead to no state";
            return Err(Fault::new(Reason::ProtocolViolation, words));
        };
        token.clone_into(&mut changes.token);
        Ok(changes)
    }
}

fn marked_only(found: impl IntoIterator<Item = Resource>, marked: &str) -> BTreeMap<String, Resource> {
    let mut all = BTreeMap::new();
    for of in found {
        // One that was marked and is not any more is not meant any more.
        if ical::mentions(&of.text, marked) {
            all.insert(of.path.clone(), of);
        } else {
            all.remove(&of.path);
        }
    }
    all
}
