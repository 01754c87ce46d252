//! GetUserOofSettings: nobody is out of office.

use jiff::{SignedDuration, Timestamp};

use super::{Call, MESSAGES, NON_EXISTENT_MAILBOX, TYPES, Trouble, ids, text::time};
use crate::xml::{self, Xml};

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let address = xml::text(call.need("Mailbox")?, "Address").unwrap_or_default();
    let found = call.http.shared.store.lock().user(address).map(|user| user.name.clone());
    let mut xml = Xml::new();
    xml.within_with("m:GetUserOofSettingsResponse", &[("xmlns:m", MESSAGES), ("xmlns:t", TYPES)], |xml| {
        match found {
            Some(user) if user == call.user => settings(xml),
            Some(_) => error(xml, ids::DENIED.0, ids::DENIED.1),
            None => error(xml, "ErrorNonExistentMailbox", NON_EXISTENT_MAILBOX),
        }
    });
    Ok(xml.finish())
}

fn error(xml: &mut Xml, code: &str, text: &str) {
    xml.within_with("m:ResponseMessage", &[("ResponseClass", "Error")], |xml| {
        xml.leaf("m:MessageText", text);
        xml.leaf("m:ResponseCode", code);
        xml.leaf("m:DescriptiveLinkKey", "0");
    });
}

fn settings(xml: &mut Xml) {
    let now = Timestamp::now();
    let tomorrow = now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now);
    xml.within_with("m:ResponseMessage", &[("ResponseClass", "Success")], |xml| {
        xml.leaf("m:ResponseCode", "NoError");
    });
    xml.within("t:OofSettings", |xml| {
        xml.leaf("t:OofState", "Disabled");
        xml.leaf("t:ExternalAudience", "All");
        xml.within("t:Duration", |xml| {
            xml.leaf("t:StartTime", &time(now));
            xml.leaf("t:EndTime", &time(tomorrow));
        });
        for reply in ["t:InternalReply", "t:ExternalReply"] {
            xml.within(reply, |xml| xml.leaf("t:Message", ""));
        }
    });
    xml.leaf("m:AllowExternalOof", "All");
}
