//! REPORT calendar-query (RFC 4791, section 7.8): what lies in a calendar. Repetition is not left to the server to expand.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::multistatus::Response;
use super::propfind::{NAMES, XML};
use super::{Caldav, method};
use crate::catalogue::Reason;
use crate::net::http::Ask;
use crate::outcome::{Fault, Recorder};

/// Whole days begin earlier and end later, somewhere in the world.
const MARGIN: Duration = Duration::from_secs(26 * 60 * 60);

/// An object as it lies there.
#[derive(Clone)]
pub(super) struct Resource {
    pub(super) path: String,
    pub(super) etag: String,
    pub(super) text: String,
}

pub(super) fn ask(path: &str, depth: &str, body: String) -> Ask {
    Ask { method: method(b"REPORT"), ..Ask::post(path, XML, body) }.with("depth", depth)
}

pub(super) fn time(at: SystemTime) -> Result<String, Fault> {
    let at =
        Timestamp::try_from(at).map_err(|error| Fault::new(Reason::InternalError, &error.to_string()))?;
    Ok(at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

impl Caldav {
    /// The objects of a collection: entries of that span, or all that there is.
    pub(super) async fn query(
        &mut self,
        path: &str,
        span: Option<&Range<SystemTime>>,
        rec: &Recorder,
    ) -> Result<Vec<Resource>, Fault> {
        let filter = match span {
            None => String::new(),
            Some(span) => format!(
                "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"{}\" end=\"{}\"/></C:comp-filter>",
                time(span.start - MARGIN)?,
                time(span.end + MARGIN)?
            ),
        };
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><C:calendar-query {NAMES}><D:prop><D:getetag/><C:calendar-data/>\
             </D:prop><C:filter><C:comp-filter name=\"VCALENDAR\">{filter}</C:comp-filter></C:filter></C:calendar-query>"
        );
        self.responses(ask(path, "1", body), rec, |all| all.iter().map(resource).collect()).await
    }
}

/// A response's object; a fault where it is not shown.
pub(super) fn resource(of: &Response<'_, '_>) -> Result<Resource, Fault> {
    if let Some(fault) = of.refused() {
        return Err(fault);
    }
    for wanted in ["calendar-data", "getetag"] {
        if of.text(wanted).is_empty() {
            return Err(of.lacks(wanted));
        }
    }
    let (etag, text) = (of.text("getetag").to_owned(), of.text("calendar-data").to_owned());
    Ok(Resource { path: of.path.clone(), etag, text })
}
