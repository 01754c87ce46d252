//! GetItem (MS-OXWSCORE, section 3.1.4.4): messages as MIME, or their headers alone.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{Ews, soap};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};

/// What of an item is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// The internet headers: of a stranger's large message no more is read.
    Head,
}

impl Ews {
    /// Each item's bytes, in the order of the ids; `None` for one that is gone.
    pub(super) async fn get_items(
        &mut self,
        ids: &[&str],
        part: Part,
        rec: &Recorder,
    ) -> Result<Vec<Option<Bytes>>, Fault> {
        let shape = match part {
            Part::Whole => "<t:IncludeMimeContent>true</t:IncludeMimeContent>".to_owned(),
            Part::Head => "<t:AdditionalProperties><t:FieldURI FieldURI=\"item:InternetMessageHeaders\"/>\
                 <t:FieldURI FieldURI=\"item:Subject\"/></t:AdditionalProperties>"
                .to_owned(),
        };
        let ids_of: String =
            ids.iter().map(|id| format!("<t:ItemId Id=\"{}\"/>", soap::escape(id))).collect();
        let body = format!(
            "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{shape}</m:ItemShape>\
             <m:ItemIds>{ids_of}</m:ItemIds></m:GetItem>"
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let messages = soap::messages(&answer, &document, "GetItem")?;
        if messages.len() != ids.len() {
            let words = format!("asked for {} items, the answer has {}", ids.len(), messages.len());
            return Err(Fault::new(Reason::ProtocolViolation, &words));
        }
        let mut found = Vec::new();
        for (message, asked) in messages.into_iter().zip(ids) {
            match soap::judge(message) {
                Ok(()) => {}
                // Or it cannot be read: what people keep in a folder is not always a message.
                Err(fault) if is_gone(&fault) || fault.reason == Reason::ServerError => {
                    found.push(None);
                    continue;
                }
                Err(fault) => return Err(fault),
            }
            let id = soap::below(message, "ItemId").and_then(|id| id.attribute("Id"));
            if id != Some(*asked) {
                return Err(Fault::new(Reason::ProtocolViolation, "the answer is for another item"));
            }
            found.push(Some(match part {
                Part::Whole => mime(message)?,
                Part::Head => head(message),
            }));
        }
        Ok(found)
    }
}

pub(super) fn is_gone(fault: &Fault) -> bool {
    fault.server_code.as_str() == "ErrorItemNotFound"
}

fn mime(message: roxmltree::Node<'_, '_>) -> Result<Bytes, Fault> {
    let text: String = soap::word(message, "MimeContent").split_ascii_whitespace().collect();
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| Fault::new(Reason::ProtocolViolation, "the MimeContent is not in base64"))
}

fn head(message: roxmltree::Node<'_, '_>) -> Bytes {
    let mut head = String::new();
    let headers = soap::below(message, "InternetMessageHeaders");
    for header in headers.into_iter().flat_map(|of| of.children()).filter(roxmltree::Node::is_element) {
        if let (Some(name), Some(value)) = (header.attribute("HeaderName"), header.text()) {
            let value = value.replace(['\r', '\n'], " ");
            write!(head, "{name}: {value}\r\n").ok();
        }
    }
    if head.is_empty() {
        let subject = soap::word(message, "Subject").replace(['\r', '\n'], " ");
        write!(head, "Subject: {subject}\r\n").ok();
    }
    head.push_str("\r\n");
    Bytes::from(head)
}
