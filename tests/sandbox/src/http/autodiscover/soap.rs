//! SOAP (MS-OXWSADISC): GetUserSettings.

use roxmltree::Node;

use super::{
    super::reply::{Reply, XML},
    Settings, Told, look_up,
};
use crate::{
    ews::VERSION,
    fault::{Fault, Protocol},
    http::Http,
    xml::{self, Xml},
};

const SPACE: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";

fn fault(code: &str, text: &str) -> Reply {
    let mut xml = Xml::new();
    xml.within_with("s:Envelope", &[("xmlns:s", SOAP)], |xml| {
        xml.within("s:Body", |xml| {
            xml.within("s:Fault", |xml| {
                xml.leaf("faultcode", code);
                xml.leaf_with("faultstring", &[("xml:lang", "en-US")], text);
            });
        });
    });
    Reply::new(500, XML, xml.finish()).noting(code)
}

pub(super) fn answer(http: &Http, body: &[u8]) -> Reply {
    let Ok(text) = std::str::from_utf8(body) else { return fault("s:Client", "Not UTF-8.") };
    let document = match xml::parse(text) {
        Ok(document) => document,
        Err(error) => return fault("s:Client", &error),
    };
    let Some(message) =
        xml::child(document.root_element(), "Body").and_then(|body| xml::children(body).next())
    else {
        return fault("s:Client", "There is no message in the envelope.");
    };
    let name = message.tag_name().name();
    if name != "GetUserSettingsRequestMessage" {
        return fault("s:Client", &format!("{name} is not known here."));
    }
    let Some(request) = xml::child(message, "Request") else {
        return fault("s:Client", "There is no request in the message.");
    };
    let wrong = http.shared.fault(Protocol::Autodiscover) == Some(Fault::BadTag);
    let operation = if wrong { "GetDomainSettings" } else { "GetUserSettings" };
    let text = envelope(operation, |xml| {
        xml.leaf("ErrorCode", "NoError");
        xml.empty("ErrorMessage", &[]);
        xml.within("UserResponses", |xml| users(xml, http, request));
    });
    Reply::new(200, XML, text).noting(operation)
}

fn envelope(operation: &str, write: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    xml.within_with("s:Envelope", &[("xmlns:s", SOAP), ("xmlns:a", ADDRESSING)], |xml| {
        xml.within("s:Header", |xml| {
            let action = format!("{SPACE}/Autodiscover/{operation}Response");
            xml.leaf_with("a:Action", &[("s:mustUnderstand", "1")], &action);
            xml.within_with("h:ServerVersionInfo", &[("xmlns:h", SPACE)], |xml| {
                for (name, number) in ["MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber"]
                    .iter()
                    .zip(VERSION)
                {
                    xml.leaf(&format!("h:{name}"), number);
                }
                xml.leaf("h:Version", "Exchange2015");
            });
        });
        xml.within("s:Body", |xml| {
            xml.within_with(&format!("{operation}ResponseMessage"), &[("xmlns", SPACE)], |xml| {
                xml.within_with("Response", &[("xmlns:i", INSTANCE)], write);
            });
        });
    });
    xml.finish()
}

fn users(xml: &mut Xml, http: &Http, request: Node<'_, '_>) {
    let asked: Vec<&str> = xml::child(request, "RequestedSettings")
        .into_iter()
        .flat_map(xml::children)
        .map(|node| node.text().unwrap_or_default().trim())
        .collect();
    for user in xml::child(request, "Users").into_iter().flat_map(xml::children).take(100) {
        let told = look_up(http, xml::text(user, "Mailbox").unwrap_or_default());
        xml.within("UserResponse", |xml| {
            let (code, message, target) = match &told {
                Told::Settings(_) => ("NoError", "No error.", None),
                Told::RedirectAddress(to) => ("RedirectAddress", "Redirection address.", Some(to)),
                Told::RedirectUrl(to) => ("RedirectUrl", "Redirection URL.", Some(to)),
                Told::Unknown => ("InvalidUser", "The email address can't be found.", None),
            };
            xml.leaf("ErrorCode", code);
            xml.leaf("ErrorMessage", message);
            match target {
                Some(target) => xml.leaf("RedirectTarget", target),
                None => xml.empty("RedirectTarget", &[("i:nil", "true")]),
            }
            xml.empty("UserSettingErrors", &[]);
            xml.within("UserSettings", |xml| {
                if let Told::Settings(settings) = &told {
                    self::settings(xml, http, settings, &asked);
                }
            });
        });
    }
}

fn settings(xml: &mut Xml, http: &Http, settings: &Settings, asked: &[&str]) {
    let host = &http.shared.options.host;
    for name in asked {
        let value = match *name {
            "UserDisplayName" => settings.user.clone(),
            "UserDN" => settings.legacy_dn.clone(),
            "UserDeploymentId" => "5b1e0a54-3d9c-4d0c-8f0e-6d61696c7072".to_owned(),
            "AutoDiscoverSMTPAddress" => settings.address.clone(),
            "InternalEwsUrl" => settings.ews_internal.clone(),
            "ExternalEwsUrl" => settings.ews_external.clone(),
            "InternalMailboxServer" | "InternalRpcClientServer" => settings.server.clone(),
            "InternalMailboxServerDN" => settings.server_dn.clone(),
            "ExternalMailboxServer" => host.clone(),
            "ExternalMailboxServerRequiresSSL" => "True".to_owned(),
            "InternalEcpUrl" | "ExternalEcpUrl" => http.url("/owa/"),
            "EwsSupportedSchemas" => {
                "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, Exchange2013, \
                 Exchange2013_SP1, Exchange2015, Exchange2016"
                    .to_owned()
            }
            "ExternalEwsVersion" => VERSION.join("."),
            "CasVersion" => VERSION.join("."),
            "MapiHttpEnabled" => if settings.mapi_http { "True" } else { "False" }.to_owned(),
            // What is not known of a user is left out.
            _ => continue,
        };
        xml.within_with("UserSetting", &[("i:type", "StringSetting")], |xml| {
            xml.leaf("Name", name);
            xml.leaf("Value", &value);
        });
    }
}
