//! Plain-old-XML Autodiscover (MS-OXDSCLI): the request that Outlook posts, and what comes back.

use crate::catalogue::Reason;
use crate::net::http::Answer;
use crate::outcome::Fault;
use crate::protocol::ews::soap;
use crate::protocol::web;

use super::{Settings, Url};

/// The schema of the answer that is asked for.
const OUTLOOK: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

pub(super) fn request(address: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\">\
         <Request><EMailAddress>{}</EMailAddress><AcceptableResponseSchema>{OUTLOOK}</AcceptableResponseSchema>\
         </Request></Autodiscover>",
        soap::escape(address)
    )
}

/// What an answer comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Settings(Settings),
    /// Ask again for this address.
    RedirectAddress(String),
    /// Ask again there.
    RedirectUrl(String),
}

/// # Errors
/// The HTTP status; `protocol_violation` for what is no such answer; what an error in it means.
pub(super) fn read(answer: &Answer) -> Result<Told, Fault> {
    if let Some(fault) = web::fault_of(answer) {
        return Err(fault);
    }
    let document = soap::document(answer)?;
    let root = document.root_element();
    if root.tag_name().name() != "Autodiscover" {
        let words = format!("the answer is no Autodiscover: its first element is {}", root.tag_name().name());
        return Err(Fault::new(Reason::ProtocolViolation, &words));
    }
    if let Some(error) = soap::below(root, "Error") {
        let code = soap::word(error, "ErrorCode");
        let reason = match code {
            // MS-OXDSCLI, section 2.2.4.1.1.2.7.
            "500" => Reason::MailboxUnknown,
            "501" | "600" | "601" => Reason::EndpointNotFound,
            "603" => Reason::ServerError,
            _ => Reason::ServerError,
        };
        let words = format!("{code} {}", soap::word(error, "Message"));
        return Err(Fault::new(reason, &words).coded(code));
    }
    let account = soap::below(root, "Account")
        .ok_or_else(|| Fault::new(Reason::ProtocolViolation, "an answer without an Account"))?;
    match soap::word(account, "Action") {
        "redirectAddr" => return Ok(Told::RedirectAddress(soap::word(account, "RedirectAddr").to_owned())),
        "redirectUrl" => return Ok(Told::RedirectUrl(soap::word(account, "RedirectUrl").to_owned())),
        _ => {}
    }
    Ok(Told::Settings(settings(account)))
}

/// The first URL of each kind, those for clients outside first: a branch office is outside.
fn settings(account: roxmltree::Node<'_, '_>) -> Settings {
    let mut settings = Settings::default();
    let protocols: Vec<_> = account.children().filter(|at| at.tag_name().name() == "Protocol").collect();
    let of = |name: &str| {
        protocols.iter().filter(move |at| soap::word(**at, "Type") == name).copied().collect::<Vec<_>>()
    };
    for protocol in of("EXPR").into_iter().chain(of("EXCH")).chain(of("EXHTTP")).chain(of("WEB")) {
        for (kind, names) in
            [(Url::Ews, &["EwsUrl", "ASUrl"][..]), (Url::Oab, &["OABUrl"]), (Url::Owa, &["OWAUrl"])]
        {
            let found = names.iter().map(|name| soap::word(protocol, name)).find(|text| text.contains("://"));
            if let Some(found) = found {
                settings.urls.entry(kind).or_insert_with(|| found.to_owned());
            }
        }
    }
    let mapi = protocols.iter().find(|at| {
        at.attributes().any(|of| of.name() == "Type" && of.value().eq_ignore_ascii_case("mapiHttp"))
    });
    if let Some(mapi) = mapi {
        for (kind, store) in [(Url::Mapi, "MailStore"), (Url::Nspi, "AddressBook")] {
            let store = soap::below(*mapi, store);
            let url = store.map(|store| {
                let outside = soap::word(store, "ExternalUrl");
                if outside.is_empty() { soap::word(store, "InternalUrl") } else { outside }
            });
            if let Some(url) = url.filter(|url| url.contains("://")) {
                settings.urls.insert(kind, url.to_owned());
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::{HeaderMap, StatusCode};

    fn told(body: &str) -> Result<Told, Reason> {
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        read(&Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) })
            .map_err(|fault| fault.reason)
    }

    fn account(inner: &str) -> String {
        format!(
            "<Autodiscover xmlns='http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006'>\
             <Response xmlns='{OUTLOOK}'><Account>{inner}</Account></Response></Autodiscover>"
        )
    }

    #[test]
    fn settings_redirects_and_errors_are_told_apart() {
        let body = account(
            "<AccountType>email</AccountType><Action>settings</Action>\
             <Protocol><Type>EXCH</Type><EwsUrl>https://in.example/EWS/Exchange.asmx</EwsUrl></Protocol>\
             <Protocol><Type>EXPR</Type><EwsUrl>https://out.example/EWS/Exchange.asmx</EwsUrl></Protocol>\
             <Protocol Type='mapiHttp' Version='1'><MailStore><InternalUrl>https://in.example/mapi/emsmdb/</InternalUrl>\
             <ExternalUrl>https://out.example/mapi/emsmdb/</ExternalUrl></MailStore></Protocol>",
        );
        let Ok(Told::Settings(settings)) = told(&body) else { panic!("no settings") };
        assert_eq!(settings.urls[&Url::Ews], "https://out.example/EWS/Exchange.asmx");
        assert_eq!(settings.urls[&Url::Mapi], "https://out.example/mapi/emsmdb/");
        let redirect = account("<Action>redirectAddr</Action><RedirectAddr>a@b.example</RedirectAddr>");
        assert_eq!(told(&redirect), Ok(Told::RedirectAddress("a@b.example".to_owned())));
        let error = "<Autodiscover><Response><Error><ErrorCode>500</ErrorCode><Message>x</Message></Error></Response></Autodiscover>";
        assert_eq!(told(error), Err(Reason::MailboxUnknown));
        assert_eq!(told("<html/>"), Err(Reason::ProtocolViolation));
    }
}
