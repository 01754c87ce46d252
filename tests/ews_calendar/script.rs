//! A server of one entry, which does as it should.

use mailprobe_tests::{Asked, Reply};

use crate::client::MARK;

const NAMES: &str = "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
    xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
    xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"";
const WELL: &str = "<m:ResponseCode>NoError</m:ResponseCode>";

/// What is asked for: the operation, and what kind of it where there are several.
pub fn asked_for(asked: &Asked) -> &'static str {
    const KNOWN: &[(&str, &str)] = &[
        ("<m:CalendarView ", "View"),
        ("PropertyId=\"35\"", "Uid"),
        ("<t:Contains ", "Notices"),
        ("<m:GetItem>", "GetItem"),
        ("<m:CreateItem ", "CreateItem"),
        ("<t:OccurrenceItemId ", "Occurrence"),
        ("<m:UpdateItem ", "UpdateItem"),
        ("<m:DeleteItem ", "DeleteItem"),
        ("<m:GetServerTimeZones ", "GetServerTimeZones"),
        ("<m:GetFolder>", "GetFolder"),
    ];
    KNOWN.iter().find(|(words, _)| asked.body.contains(words)).map_or("-", |(_, name)| name)
}

pub fn soap(inner: &str) -> Reply {
    Reply::ok(format!("<?xml version=\"1.0\"?><s:Envelope {NAMES}><s:Body>{inner}</s:Body></s:Envelope>"))
}

/// An answer of so many messages of that class.
pub fn messages(operation: &str, class: &str, all: &[&str]) -> Reply {
    let one = |inner| {
        format!(
            "<m:{operation}ResponseMessage ResponseClass=\"{class}\">{inner}</m:{operation}ResponseMessage>"
        )
    };
    let all: String = all.iter().map(one).collect();
    soap(&format!(
        "<m:{operation}Response><m:ResponseMessages>{all}</m:ResponseMessages></m:{operation}Response>"
    ))
}

pub fn well(operation: &str, inner: &str) -> Reply {
    messages(operation, "Success", &[&format!("{WELL}{inner}")])
}

pub fn refused(operation: &str, code: &str) -> Reply {
    let inner = format!("<m:MessageText>No.</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>");
    messages(operation, "Error", &[&inner])
}

pub fn fault(code: &str) -> Reply {
    let inner = format!(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>No.</faultstring><detail><ResponseCode>{code}\
         </ResponseCode></detail></s:Fault>"
    );
    match soap(&inner) {
        Reply::Whole(_, headers, body) => Reply::Whole(500, headers, body),
        other => other,
    }
}

/// An entry as a view shows it.
pub fn shown(id: &str, subject: &str, kind: &str, start: &str, end: &str) -> String {
    format!(
        "<t:CalendarItem><t:ItemId Id=\"{id}\" ChangeKey=\"k1\"/><t:Subject>{subject}</t:Subject><t:Start>{start}\
         </t:Start><t:End>{end}</t:End><t:CalendarItemType>{kind}</t:CalendarItemType></t:CalendarItem>"
    )
}

pub fn view(last: &str, items: &str) -> Reply {
    well(
        "FindItem",
        &format!(
            "<m:RootFolder IncludesLastItemInRange=\"{last}\"><t:Items>{items}</t:Items></m:RootFolder>"
        ),
    )
}

/// An entry as it is read for itself.
pub fn held(id: &str, kind: &str, more: &str) -> String {
    format!(
        "<m:Items><t:CalendarItem><t:ItemId Id=\"{id}\" ChangeKey=\"k1\"/><t:Subject>{MARK}</t:Subject>\
         <t:UID>u-{id}</t:UID><t:Start>2027-02-03T10:00:00Z</t:Start><t:End>2027-02-03T11:00:00Z</t:End>\
         <t:CalendarItemType>{kind}</t:CalendarItemType>{more}</t:CalendarItem></m:Items>"
    )
}

pub fn item(id: &str) -> String {
    format!("<m:Items><t:CalendarItem><t:ItemId Id=\"{id}\" ChangeKey=\"k2\"/></t:CalendarItem></m:Items>")
}

pub fn page(status: u16) -> Reply {
    let body = "<html><body>Welcome to the hotel</body></html>".to_owned();
    Reply::Whole(status, "content-type: text/html".to_owned(), body)
}

pub fn good(asked: &Asked) -> Reply {
    match asked_for(asked) {
        "View" => view("true", &shown("1", MARK, "Single", "2027-02-03T10:00:00Z", "2027-02-03T11:00:00Z")),
        "Uid" => view("true", ""),
        "Notices" => messages("FindItem", "Success", &[WELL, WELL]),
        "GetItem" => well("GetItem", &held("1", "Single", "")),
        "CreateItem" => well("CreateItem", &item("1")),
        "Occurrence" | "UpdateItem" => well("UpdateItem", &item("1")),
        "DeleteItem" => well("DeleteItem", ""),
        "GetServerTimeZones" => well(
            "GetServerTimeZones",
            "<m:TimeZoneDefinitions><t:TimeZoneDefinition Id=\"Olympus Standard Time\" Name=\"o\"/>\
             <t:TimeZoneDefinition Id=\"UTC\" Name=\"u\"/></m:TimeZoneDefinitions>",
        ),
        "GetFolder" => {
            let count = asked.body.matches("<t:DistinguishedFolderId ").count();
            messages("GetFolder", "Success", &vec![WELL; count])
        }
        _ => page(404),
    }
}
