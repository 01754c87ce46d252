//! CreateItem (MS-OXWSCORE, section 3.1.4.2): a message is sent, without a copy in Sent Items.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::{Ews, soap};
use crate::catalogue::Step;
use crate::message::build::Outgoing;
use crate::outcome::{Fault, Fut, Recorder, Said};
use crate::protocol::{Submit, Submitted, web};

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
        // The front end gave up; what stands behind it may have accepted.
        if let Some(fault) = web::fault_of(&answer).filter(|_| matches!(answer.status.as_u16(), 502 | 504)) {
            return Ok(Submitted::Unknown(fault));
        }
        let document = soap::document(&answer)?;
        for message in soap::messages(&answer, &document, "CreateItem")? {
            soap::judge(message)?;
        }
        Ok(Submitted::Accepted { at, server_id: Said::new(answer.header("request-id")) })
    }
}

/// The server spoke, whatever it said: nothing is unknown.
fn is_answer(fault: &Fault) -> bool {
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
