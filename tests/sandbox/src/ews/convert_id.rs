//! ConvertId: an identifier's other forms; here they are all alike.

use super::{Call, Responses, Trouble, ids::Id};
use crate::xml;

const FORMATS: [&str; 6] = ["EwsLegacyId", "EwsId", "EntryId", "HexEntryId", "StoreId", "OwaId"];

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let format = call.request.attribute("DestinationFormat").unwrap_or_default();
    if !FORMATS.contains(&format) {
        return Err(super::invalid(&format!("The DestinationFormat '{format}' is invalid.")));
    }
    let sources = call.need("SourceIds")?;
    let mut responses = Responses::new("ConvertId");
    for source in xml::children(sources) {
        let id = source.attribute("Id").unwrap_or_default();
        let done = Id::parse(id, call.user).map(|_| ());
        responses.put(done, |xml, ()| {
            let attributes = [
                ("xsi:type", "t:AlternateIdType"),
                ("Format", format),
                ("Id", id),
                ("Mailbox", &call.address()),
            ];
            xml.empty("m:AlternateId", &attributes);
        });
    }
    Ok(responses.finish())
}
