//! GetUserSettings (MS-OXWSADISC, section 3.1.4.3): Autodiscover by SOAP.

use roxmltree::Node;

use super::{Settings, Told, Url};
use crate::catalogue::Reason;
use crate::net::http::Answer;
use crate::outcome::Fault;
use crate::protocol::web;
use crate::protocol::xml;

pub(super) const PATH: &str = "/autodiscover/autodiscover.svc";
pub(super) const ACTION: &str =
    "http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings";
const SPACE: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover";

/// The settings that name a kind of URL, those for clients outside first.
const URLS: &[(Url, [&str; 2])] = &[
    (Url::Ews, ["ExternalEwsUrl", "InternalEwsUrl"]),
    (Url::Oab, ["ExternalOABUrl", "InternalOABUrl"]),
    (Url::Owa, ["ExternalWebClientUrls", "InternalWebClientUrls"]),
];
const SCHEMAS: &str = "EwsSupportedSchemas";

pub(super) fn request(to: &str, address: &str) -> String {
    let names = URLS.iter().flat_map(|(_, names)| names).chain([&SCHEMAS]);
    let wanted: String = names.map(|name| format!("<a:Setting>{name}</a:Setting>")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:a=\"{SPACE}\" \
         xmlns:wsa=\"http://www.w3.org/2005/08/addressing\"><soap:Header>\
         <a:RequestedServerVersion>Exchange2010_SP2</a:RequestedServerVersion>\
         <wsa:Action>{ACTION}</wsa:Action><wsa:To>{}</wsa:To></soap:Header><soap:Body>\
         <a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>{}</a:Mailbox></a:User></a:Users>\
         <a:RequestedSettings>{wanted}</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage>\
         </soap:Body></soap:Envelope>",
        xml::escape(to),
        xml::escape(address)
    )
}

/// # Errors
/// The HTTP status; a SOAP fault; `protocol_violation` for what is no such answer; what an error code means.
pub(super) fn read(answer: &Answer) -> Result<Told, Fault> {
    let document = xml::document(answer)?;
    let root = document.root_element();
    if let Some(fault) = xml::below(root, "Fault") {
        let words = format!("{}: {}", xml::word(fault, "faultcode"), xml::word(fault, "faultstring"));
        let reason = web::fault_of(answer).map_or(Reason::ServerError, |by_status| by_status.reason);
        return Err(Fault::new(reason, &words));
    }
    if let Some(fault) = web::fault_of(answer) {
        return Err(fault);
    }
    let response = xml::below(root, "GetUserSettingsResponseMessage").ok_or_else(|| {
        let found = xml::below(root, "Body").and_then(|body| body.first_element_child()).unwrap_or(root);
        let words = format!("asked for GetUserSettings, the answer is {}", found.tag_name().name());
        Fault::new(Reason::ProtocolViolation, &words)
    })?;
    judge(response)?;
    let user = xml::below(response, "UserResponse")
        .ok_or_else(|| Fault::new(Reason::ProtocolViolation, "GetUserSettings without a user"))?;
    let target = own(user, "RedirectTarget").to_owned();
    match own(user, "ErrorCode") {
        "RedirectAddress" => return Ok(Told::RedirectAddress(target)),
        "RedirectUrl" => return Ok(Told::RedirectUrl(target)),
        _ => judge(user)?,
    }
    Ok(Told::Settings(settings(user)))
}

/// The text of a child; the errors of single settings lie deeper.
fn own<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    let child = node.children().find(|at| at.tag_name().name() == name);
    child.and_then(|at| at.text()).unwrap_or_default().trim()
}

/// The error code of an answer, or of a user in it (MS-OXWSADISC, section 2.2.5.1).
fn judge(node: Node<'_, '_>) -> Result<(), Fault> {
    let node = node.children().find(|at| at.tag_name().name() == "Response").unwrap_or(node);
    let code = own(node, "ErrorCode");
    let reason = match code {
        "NoError" | "" => return Ok(()),
        "InvalidUser" => Reason::MailboxUnknown,
        "InvalidDomain" | "NotFederated" => Reason::EndpointNotFound,
        "ServerBusy" => Reason::Throttled,
        _ => Reason::ServerError,
    };
    Err(Fault::new(reason, &format!("{code}: {}", own(node, "ErrorMessage"))).coded(code))
}

fn settings(user: Node<'_, '_>) -> Settings {
    let all: Vec<_> = user.descendants().filter(|at| at.tag_name().name() == "UserSetting").collect();
    let value = |name: &str| {
        let setting = all.iter().find(|at| own(**at, "Name") == name)?;
        // A list of URLs: the first.
        let texts = [own(*setting, "Value"), xml::word(*setting, "Url")];
        texts.into_iter().find(|text| !text.is_empty())
    };
    let mut settings = Settings::default();
    for (kind, names) in URLS {
        names.iter().filter_map(|name| value(name)).for_each(|url| settings.put(*kind, url));
    }
    let schemas = value(SCHEMAS).unwrap_or_default().split(',').map(|schema| schema.trim().to_owned());
    settings.ews_schemas = schemas.filter(|schema| !schema.is_empty()).collect();
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::{HeaderMap, StatusCode};

    fn told(status: u16, body: &str) -> Result<Told, Reason> {
        let body = format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{body}</s:Body></s:Envelope>"
        );
        let status = StatusCode::from_u16(status).unwrap();
        read(&Answer { status, headers: HeaderMap::new(), body: Bytes::from(body) })
            .map_err(|fault| fault.reason)
    }

    fn message(outer: &str, user: &str) -> String {
        format!(
            "<GetUserSettingsResponseMessage xmlns='{SPACE}'><Response><ErrorCode>{outer}</ErrorCode><ErrorMessage/>\
             <UserResponses><UserResponse>{user}</UserResponse></UserResponses></Response>\
             </GetUserSettingsResponseMessage>"
        )
    }

    #[test]
    fn what_is_for_clients_outside_goes_before() {
        let body = message(
            "NoError",
            "<ErrorCode>NoError</ErrorCode><RedirectTarget i:nil='true' xmlns:i='i'/><UserSettingErrors><UserSettingError>\
             <ErrorCode>SettingIsNotAvailable</ErrorCode><SettingName>ExternalOABUrl</SettingName></UserSettingError>\
             </UserSettingErrors><UserSettings>\
             <UserSetting><Name>InternalEwsUrl</Name><Value>https://in.example/EWS/Exchange.asmx</Value></UserSetting>\
             <UserSetting><Name>ExternalEwsUrl</Name><Value>https://out.example/EWS/Exchange.asmx</Value></UserSetting>\
             <UserSetting><Name>InternalOABUrl</Name><Value>https://in.example/OAB/</Value></UserSetting>\
             <UserSetting><Name>ExternalWebClientUrls</Name><WebClientUrls><WebClientUrl><AuthenticationMethods>Fba\
             </AuthenticationMethods><Url>https://out.example/owa/</Url></WebClientUrl></WebClientUrls></UserSetting>\
             <UserSetting><Name>EwsSupportedSchemas</Name><Value>Exchange2007, Exchange2010_SP2</Value></UserSetting>\
             </UserSettings>",
        );
        let Ok(Told::Settings(settings)) = told(200, &body) else { panic!("no settings") };
        assert_eq!(settings.urls[&Url::Ews], "https://out.example/EWS/Exchange.asmx");
        assert_eq!(settings.urls[&Url::Oab], "https://in.example/OAB/");
        assert_eq!(settings.urls[&Url::Owa], "https://out.example/owa/");
        assert_eq!(settings.ews_schemas, ["Exchange2007", "Exchange2010_SP2"]);
    }

    #[test]
    fn redirects_and_errors_are_told_apart() {
        let user = |code: &str| {
            let user = format!("<ErrorCode>{code}</ErrorCode><RedirectTarget>a@b.example</RedirectTarget>");
            told(200, &message("NoError", &user))
        };
        assert_eq!(user("RedirectAddress"), Ok(Told::RedirectAddress("a@b.example".to_owned())));
        assert_eq!(user("RedirectUrl"), Ok(Told::RedirectUrl("a@b.example".to_owned())));
        assert_eq!(user("InvalidUser"), Err(Reason::MailboxUnknown));
        assert_eq!(user("OfTheFuture"), Err(Reason::ServerError));
        assert_eq!(told(200, &message("ServerBusy", "")), Err(Reason::Throttled));
        let fault = "<s:Fault><faultcode>s:Client</faultcode><faultstring>No.</faultstring></s:Fault>";
        assert_eq!(told(500, fault), Err(Reason::ServerError));
        assert_eq!(told(404, ""), Err(Reason::EndpointNotFound));
        assert_eq!(told(200, "<GetDomainSettingsResponseMessage/>"), Err(Reason::ProtocolViolation));
    }
}
