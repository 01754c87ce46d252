//! CreateItem (MS-OXWSCORE, section 3.1.4.2): a message is sent, without a copy in Sent Items.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::{Ews, soap};
use crate::catalogue::{Reason, Step};
use crate::message::build::Outgoing;
use crate::net::http::Answer;
use crate::outcome::{Fault, Fut, Recorder, Said};
use crate::protocol::{Submit, Submitted};

impl Ews {
    async fn create_item(&mut self, mail: &Outgoing, rec: &Recorder) -> Result<Submitted, Fault> {
        // The MIME content carries our own headers; who gets it is said beside it, as a mail program does.
        let body = format!(
            "<m:CreateItem MessageDisposition=\"SendOnly\"><m:Items><t:Message>\
             <t:MimeContent CharacterSet=\"UTF-8\">{}</t:MimeContent>\
             <t:ToRecipients><t:Mailbox><t:EmailAddress>{}</t:EmailAddress></t:Mailbox></t:ToRecipients>\
             </t:Message></m:Items></m:CreateItem>",
            STANDARD.encode(&mail.bytes),
            soap::escape(&mail.to),
        );
        let answer = match self.ask(&body, rec).await {
            Ok(answer) => answer,
            Err(unanswered) if unanswered.unsent || is_answer(&unanswered.fault) => {
                return Err(unanswered.fault);
            }
            // Written, and the answer never came.
            Err(unanswered) => return Ok(Submitted::Unknown(unanswered.fault)),
        };
        let at = Instant::now();
        match judge(&answer) {
            Ok(()) => Ok(Submitted::Accepted { at, server_id: Said::new(answer.header("request-id")) }),
            Err(fault) if is_doubtful(&answer, &fault) => Ok(Submitted::Unknown(fault)),
            Err(fault) => Err(fault),
        }
    }
}

fn judge(answer: &Answer) -> Result<(), Fault> {
    let document = soap::document(answer)?;
    for message in soap::messages(answer, &document, "CreateItem")? {
        soap::judge(message)?;
    }
    Ok(())
}

/// A yes that cannot be read, or a front end that gave up: what stands behind it may have accepted.
pub(super) fn is_doubtful(answer: &Answer, fault: &Fault) -> bool {
    match answer.status.as_u16() {
        200..=299 => fault.reason == Reason::ProtocolViolation,
        status => matches!(status, 502 | 504),
    }
}

/// The server spoke, whatever it said: nothing is unknown.
pub(super) fn is_answer(fault: &Fault) -> bool {
    !fault.server_code.is_empty()
}

impl Submit for Ews {
    fn submit<'a>(
        &'a mut self,
        mail: &'a Outgoing,
        handed_over: &'a (dyn Fn() + Send + Sync),
        rec: &'a Recorder,
    ) -> Fut<'a, Submitted> {
        Box::pin(rec.time(Step::Data, async move {
            // One request: from here on it may have been sent.
            handed_over();
            self.create_item(mail, rec).await
        }))
    }
}
