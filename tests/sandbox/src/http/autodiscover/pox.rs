//! The plain XML form (MS-OXDSCLI).

use hyper::http::request::Parts;
use jiff::{Timestamp, tz::TimeZone};

use super::{
    super::reply::{Reply, XML},
    Settings, Told, look_up,
};
use crate::{
    fault::{Fault, Protocol},
    http::Http,
    xml::{self, Xml},
};

const OUTER: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const INNER: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
const MOBILE: &str = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";

fn document(inner: &str, write: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n");
    xml.within_with("Autodiscover", &[("xmlns", OUTER)], |xml| {
        xml.within_with("Response", &[("xmlns", inner)], write);
    });
    xml.finish()
}

/// An error within an answer (MS-OXDSCLI 2.2.4.1.1.1): 500 unknown address, 600 invalid request, 601 no
/// such schema.
fn error(code: &str, message: &str) -> Reply {
    let time = Timestamp::now().to_zoned(TimeZone::UTC).strftime("%H:%M:%S.%6f").to_string();
    let text = document(OUTER, |xml| {
        xml.within_with("Error", &[("Time", &time), ("Id", "2477272013")], |xml| {
            xml.leaf("ErrorCode", code);
            xml.leaf("Message", message);
            xml.empty("DebugData", &[]);
        });
    });
    Reply::new(200, XML, text).noting(format!("error {code}"))
}

pub(super) fn answer(http: &Http, head: &Parts, body: &[u8]) -> Reply {
    let invalid = || error("600", "Invalid Request");
    let Ok(text) = std::str::from_utf8(body) else { return invalid() };
    let Ok(document) = xml::parse(text) else { return invalid() };
    let Some(request) = xml::child(document.root_element(), "Request") else { return invalid() };
    let Some(address) = xml::text(request, "EMailAddress").filter(|address| !address.is_empty()) else {
        return invalid();
    };
    if xml::text(request, "AcceptableResponseSchema").is_some_and(|schema| schema != INNER) {
        return error("601", "Provider is not available");
    }
    let wrong = http.shared.fault(Protocol::Autodiscover) == Some(Fault::BadTag);
    let schema = if wrong { MOBILE } else { INNER };
    let asked = head.headers.get("x-mapihttpcapability").and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|value| value.trim().parse::<u32>().ok()).is_some_and(|version| version > 0);
    let text = match look_up(http, address) {
        Told::Unknown => return error("500", "The email address can't be found."),
        Told::RedirectAddress(to) => redirect(schema, "redirectAddr", "RedirectAddr", &to),
        Told::RedirectUrl(to) => redirect(schema, "redirectUrl", "RedirectUrl", &to),
        Told::Settings(settings) => self::document(schema, |xml| write(xml, http, &settings, asked)),
    };
    Reply::new(200, XML, text).noting("settings or redirection")
}

fn redirect(schema: &str, action: &str, element: &str, to: &str) -> String {
    document(schema, |xml| {
        xml.within("Account", |xml| {
            xml.leaf("Action", action);
            xml.leaf(element, to);
        });
    })
}

fn write(xml: &mut Xml, http: &Http, settings: &Settings, mapi: bool) {
    xml.within("User", |xml| {
        xml.leaf("DisplayName", &settings.user);
        xml.leaf("LegacyDN", &settings.legacy_dn);
        xml.leaf("AutoDiscoverSMTPAddress", &settings.address);
        xml.leaf("DeploymentId", "5b1e0a54-3d9c-4d0c-8f0e-6d61696c7072");
    });
    xml.within("Account", |xml| {
        xml.leaf("AccountType", "email");
        xml.leaf("Action", "settings");
        xml.leaf("MicrosoftOnline", "False");
        if mapi && settings.mapi_http {
            mapi_http(xml, settings);
        }
        exchange(xml, http, settings, "EXCH", &settings.ews_internal);
        exchange(xml, http, settings, "EXPR", &settings.ews_external);
        xml.within("Protocol", |xml| {
            xml.leaf("Type", "WEB");
            for (side, ews) in [("Internal", &settings.ews_internal), ("External", &settings.ews_external)] {
                xml.within(side, |xml| {
                    let methods = if side == "Internal" { "Basic, Fba" } else { "Fba" };
                    xml.leaf_with("OWAUrl", &[("AuthenticationMethod", methods)], &http.url("/owa/"));
                    xml.within("Protocol", |xml| {
                        xml.leaf("Type", if side == "Internal" { "EXCH" } else { "EXPR" });
                        xml.leaf("ASUrl", ews);
                    });
                });
            }
        });
        for url in [&settings.ews_internal, &settings.ews_external] {
            exchange(xml, http, settings, "EXHTTP", url);
        }
    });
}

fn exchange(xml: &mut Xml, http: &Http, settings: &Settings, kind: &str, ews: &str) {
    xml.within("Protocol", |xml| {
        xml.leaf("Type", kind);
        if kind == "EXCH" {
            xml.leaf("Server", &settings.server);
            xml.leaf("ServerDN", &settings.server_dn);
            xml.leaf("ServerVersion", "73D28608");
            xml.leaf("MdbDN", &format!("{}/cn=Microsoft Private MDB", settings.server_dn));
            xml.leaf("PublicFolderServer", &http.shared.options.host);
        } else {
            xml.leaf("Server", &http.shared.options.host);
            xml.leaf("SSL", "On");
            xml.leaf("AuthPackage", "Ntlm");
        }
        for name in ["ASUrl", "EwsUrl", "EmwsUrl"] {
            xml.leaf(name, ews);
        }
        xml.leaf("EcpUrl", &http.url("/owa/"));
        xml.leaf("OOFUrl", ews);
        xml.leaf("OABUrl", &http.url("/OAB/00000000-0000-0000-0000-000000000000/"));
        xml.leaf("ServerExclusiveConnect", if kind == "EXHTTP" { "On" } else { "off" });
    });
}

/// MAPI over HTTP (MS-OXDSCLI 2.2.4.1.1.2.6): where mailbox and address book are.
fn mapi_http(xml: &mut Xml, settings: &Settings) {
    xml.within_with("Protocol", &[("Type", "mapiHttp"), ("Version", "1")], |xml| {
        for (element, path) in [("MailStore", "emsmdb"), ("AddressBook", "nspi")] {
            xml.within(element, |xml| {
                for (side, base) in
                    [("InternalUrl", &settings.mapi_internal), ("ExternalUrl", &settings.mapi_external)]
                {
                    xml.leaf(side, &format!("{base}{path}/?MailboxId={}", settings.server));
                }
            });
        }
    });
}
