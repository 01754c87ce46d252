//! Plain-old-XML Autodiscover (MS-OXDSCLI): the request that Outlook posts, and what comes back.

use roxmltree::Node;

use crate::catalogue::Reason;
use crate::net::http::Answer;
use crate::outcome::Fault;
use crate::protocol::web;
use crate::protocol::xml;

use super::{Settings, Told, Url};

/// The schema of the answer that is asked for.
const OUTLOOK: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

pub(super) fn request(address: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\">\
         <Request><EMailAddress>{}</EMailAddress><AcceptableResponseSchema>{OUTLOOK}</AcceptableResponseSchema>\
         </Request></Autodiscover>",
        xml::escape(address)
    )
}

/// # Errors
/// The HTTP status; `protocol_violation` for what is no such answer; what an error in it means.
pub(super) fn read(answer: &Answer) -> Result<Told, Fault> {
    if let Some(fault) = web::fault_of(answer) {
        return Err(fault);
    }
    let document = xml::document(answer)?;
    let root = document.root_element();
    if root.tag_name().name() != "Autodiscover" {
        let words = format!("the answer is no Autodiscover: its first element is {}", root.tag_name().name());
        return Err(Fault::new(Reason::ProtocolViolation, &words));
    }
    if let Some(error) = xml::below(root, "Error") {
        let code = xml::word(error, "ErrorCode");
        let reason = match code {
            // MS-OXDSCLI, section 2.2.4.1.1.2.7.
            "500" => Reason::MailboxUnknown,
            "501" | "600" | "601" => Reason::EndpointNotFound,
            _ => Reason::ServerError,
        };
        let words = format!("{code} {}", xml::word(error, "Message"));
        return Err(Fault::new(reason, &words).coded(code));
    }
    let account = xml::below(root, "Account")
        .ok_or_else(|| Fault::new(Reason::ProtocolViolation, "an answer without an Account"))?;
    match xml::word(account, "Action") {
        "redirectAddr" => return Ok(Told::RedirectAddress(xml::word(account, "RedirectAddr").to_owned())),
        "redirectUrl" => return Ok(Told::RedirectUrl(xml::word(account, "RedirectUrl").to_owned())),
        _ => {}
    }
    Ok(Told::Settings(settings(account)))
}

/// The first URL of each kind, those for clients outside first: a branch office is outside. EXHTTP stands for both, its
/// entry for clients inside first; of WEB each side has its own.
fn settings(account: Node<'_, '_>) -> Settings {
    let mut settings = Settings::default();
    let protocols: Vec<_> = account.children().filter(|at| at.tag_name().name() == "Protocol").collect();
    let of = |name: &'static str| protocols.iter().filter(move |at| xml::word(**at, "Type") == name).copied();
    let http = of("EXHTTP").collect::<Vec<_>>().into_iter().rev();
    let web = |side: &'static str| of("WEB").filter_map(move |web| xml::below(web, side));
    let in_order = of("EXPR").chain(http).chain(of("EXCH")).chain(web("External")).chain(web("Internal"));
    for protocol in in_order {
        for (kind, names) in
            [(Url::Ews, &["EwsUrl", "ASUrl"][..]), (Url::Oab, &["OABUrl"]), (Url::Owa, &["OWAUrl"])]
        {
            names.iter().for_each(|name| settings.put(kind, xml::word(protocol, name)));
        }
    }
    let mapi = protocols.iter().find(|at| {
        at.attributes().any(|of| of.name() == "Type" && of.value().eq_ignore_ascii_case("mapiHttp"))
    });
    for (kind, store) in [(Url::Mapi, "MailStore"), (Url::Nspi, "AddressBook")] {
        if let Some(store) = mapi.and_then(|mapi| xml::below(*mapi, store)) {
            ["ExternalUrl", "InternalUrl"].iter().for_each(|name| settings.put(kind, xml::word(store, name)));
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
        // EXPR is left out where EXHTTP is told: its second entry is the one for clients outside.
        let of = |kind: &str, host: &str, more: &str| {
            format!("<Protocol><Type>{kind}</Type><ASUrl>https://{host}/EWS/</ASUrl>{more}</Protocol>")
        };
        let web = "<Internal><OWAUrl>https://in.example/owa/</OWAUrl></Internal>\
                   <External><OWAUrl>https://out.example/owa/</OWAUrl></External>";
        let body =
            [of("EXCH", "in.example", ""), of("EXHTTP", "in.example", ""), of("EXHTTP", "out.example", "")];
        let body = account(&[body.concat(), of("WEB", "", web)].concat());
        let Ok(Told::Settings(settings)) = told(&body) else { panic!("no settings") };
        assert_eq!(settings.urls[&Url::Ews], "https://out.example/EWS/");
        assert_eq!(settings.urls[&Url::Owa], "https://out.example/owa/");
        let redirect = account("<Action>redirectAddr</Action><RedirectAddr>a@b.example</RedirectAddr>");
        assert_eq!(told(&redirect), Ok(Told::RedirectAddress("a@b.example".to_owned())));
        let error = "<Autodiscover><Response><Error><ErrorCode>500</ErrorCode><Message>x</Message></Error></Response></Autodiscover>";
        assert_eq!(told(error), Err(Reason::MailboxUnknown));
        assert_eq!(told("<html/>"), Err(Reason::ProtocolViolation));
    }
}
