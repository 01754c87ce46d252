//! PROPFIND (RFC 4918, section 9.1): what resources are.

use hyper::Method;
use roxmltree::Document;

use super::multistatus::{self, Response};
use super::{Caldav, method};
use crate::catalogue::Reason;
use crate::net::http::Ask;
use crate::outcome::{Fault, Recorder};
use crate::protocol::web::path_on;
use crate::protocol::xml;

/// Redirects of one question.
const MOST_REDIRECTS: usize = 5;

/// The prefixes that all requests use.
pub(super) const NAMES: &str = "xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"";

pub(super) const XML: &str = "application/xml; charset=utf-8";

pub(super) fn ask(path: &str, depth: &str, properties: &str) -> Ask {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><D:propfind {NAMES}><D:prop>{properties}</D:prop></D:propfind>"
    );
    Ask { method: method(b"PROPFIND"), ..Ask::post(path, XML, body) }.with("depth", depth)
}

impl Caldav {
    /// Asks, and has the responses read.
    pub(super) async fn responses<T>(
        &mut self,
        ask: Ask,
        rec: &Recorder,
        read: impl FnOnce(&[Response<'_, '_>]) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let answer = self.ask(ask, rec).await?;
        if answer.status.as_u16() != 207 {
            return Err(multistatus::refusal(&answer));
        }
        let document: Document<'_> = xml::document(&answer)?;
        read(&multistatus::read(&answer, &document, self.web.endpoint())?)
    }

    /// About one resource, wherever on this host it is by now; and where that is.
    pub(super) async fn about<T>(
        &mut self,
        path: &str,
        properties: &str,
        rec: &Recorder,
        read: impl FnOnce(&Response<'_, '_>) -> Result<T, Fault>,
    ) -> Result<(T, String), Fault> {
        let mut path = path.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask(ask(&path, "0", properties), rec).await?;
            if answer.status.is_redirection() {
                path = path_on(self.web.endpoint(), answer.header("location"))?;
                continue;
            }
            if answer.status.as_u16() != 207 {
                return Err(multistatus::refusal(&answer));
            }
            let document = xml::document(&answer)?;
            let all = multistatus::read(&answer, &document, self.web.endpoint())?;
            let [one] = all.as_slice() else {
                let words = format!("asked about {path}, and the answer is about {} resources", all.len());
                return Err(Fault::new(Reason::ProtocolViolation, &words));
            };
            if let Some(fault) = one.refused() {
                return Err(fault);
            }
            return read(one).map(|found| (found, path));
        }
        Err(Fault::new(Reason::ProtocolViolation, &format!("more than {MOST_REDIRECTS} redirects")))
    }

    /// What the server can do there (RFC 4918, section 10.1): the words of `DAV`.
    pub(super) async fn options(&mut self, path: &str, rec: &Recorder) -> Result<Vec<String>, Fault> {
        let ask = Ask { method: Method::OPTIONS, ..Ask::get(path) };
        let answer = self.ask(ask, rec).await?;
        if !answer.status.is_success() {
            return Err(multistatus::refusal(&answer));
        }
        Ok(super::abilities(&answer.headers))
    }
}
