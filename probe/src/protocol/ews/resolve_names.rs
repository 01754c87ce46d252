//! ResolveNames (MS-OXWSRSLNM, section 3.1.4.1): who is meant by a name.

use super::{Ews, soap};
use crate::catalogue::Step;
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::{Directory, Person};

const MOST: usize = 100;

impl Ews {
    async fn resolve_names(&mut self, name: &str, rec: &Recorder) -> Result<Vec<Person>, Fault> {
        let body = format!(
            "<m:ResolveNames ReturnFullContactData=\"false\" SearchScope=\"ActiveDirectory\">\
             <m:UnresolvedEntry>{}</m:UnresolvedEntry></m:ResolveNames>",
            soap::escape(name)
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let message = soap::messages(&answer, &document, "ResolveNames")?[0];
        match soap::judge(message) {
            Err(fault) if fault.server_code.as_str() == "ErrorNameResolutionNoResults" => {
                return Ok(Vec::new());
            }
            // Several are meant: a warning, and a list.
            judged => judged?,
        }
        let found = message
            .descendants()
            .filter(|at| at.tag_name().name() == "Mailbox")
            .take(MOST)
            .map(|of| Person {
                name: soap::word(of, "Name").to_owned(),
                address: soap::word(of, "EmailAddress").to_lowercase(),
            })
            .collect();
        Ok(found)
    }
}

impl Directory for Ews {
    fn resolve<'a>(&'a mut self, name: &'a str, rec: &'a Recorder) -> Fut<'a, Vec<Person>> {
        Box::pin(rec.time(Step::Directory, self.resolve_names(name, rec)))
    }
}
