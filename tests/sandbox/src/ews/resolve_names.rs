//! ResolveNames: whose address begins that way.

use super::{Call, Refusal, Responses, Trouble, address::Mailbox};
use crate::xml;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let entry = call.need("UnresolvedEntry")?.text().unwrap_or_default().trim().to_lowercase();
    let full = call.request.attribute("ReturnFullContactData") == Some("true");
    let entry = entry.strip_prefix("smtp:").unwrap_or(&entry);
    let domain = &call.http.shared.options.domain;
    let state = call.http.shared.store.lock();
    let fits = |name: &&str| {
        let name = name.to_lowercase();
        name.starts_with(entry) || format!("{name}@{domain}").starts_with(entry)
    };
    let found: Vec<Mailbox> = state
        .names()
        .filter(fits)
        .take(101)
        .map(|name| Mailbox { name: name.to_owned(), address: format!("{name}@{domain}") })
        .collect();
    let mut responses = Responses::new("ResolveNames");
    if found.is_empty() || entry.is_empty() {
        responses.refused(&Refusal("ErrorNameResolutionNoResults", "No results were found."));
        return Ok(responses.finish());
    }
    let shown = &found[..found.len().min(100)];
    let last = if shown.len() == found.len() { "true" } else { "false" };
    let write = |xml: &mut xml::Xml| {
        let total = shown.len().to_string();
        let attributes = [("TotalItemsInView", total.as_str()), ("IncludesLastItemInRange", last)];
        xml.within_with("m:ResolutionSet", &attributes, |xml| {
            for mailbox in shown {
                xml.within("t:Resolution", |xml| {
                    mailbox.write(xml);
                    if full {
                        contact(xml, mailbox);
                    }
                });
            }
        });
    };
    if shown.len() == 1 {
        responses.good(write);
    } else {
        let text = "Multiple results were found.";
        responses.message("Warning", "ErrorNameResolutionMultipleResults", Some(text), write);
    }
    Ok(responses.finish())
}

fn contact(xml: &mut xml::Xml, mailbox: &Mailbox) {
    xml.within("t:Contact", |xml| {
        xml.leaf("t:DisplayName", &mailbox.name);
        xml.within("t:EmailAddresses", |xml| {
            xml.leaf_with("t:Entry", &[("Key", "EmailAddress1")], &format!("SMTP:{}", mailbox.address));
        });
        xml.leaf("t:ContactSource", "ActiveDirectory");
    });
}
