//! Autodiscover v2: one URL for one protocol, without signing in.

use hyper::Uri;
use serde_json::json;

use super::{
    super::{
        form,
        reply::{JSON, Reply},
    },
    Told, look_up,
};
use crate::{
    fault::{Fault, Protocol},
    http::Http,
};

const PROTOCOLS: &str = "ActiveSync, AutodiscoverV1, Ews, Rest";

fn wrong(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({ "ErrorCode": code, "ErrorMessage": message });
    Reply::new(status, JSON, body.to_string()).noting(code)
}

pub(super) fn answer(http: &Http, uri: &Uri) -> Reply {
    let query = uri.query().unwrap_or_default();
    // The address stands at the end of the path, or in the query.
    let last = uri.path().rsplit('/').next().map(form::part).filter(|part| part.contains('@'));
    let address = last.or_else(|| form::value(query, "Email")).unwrap_or_default();
    let fault = http.shared.fault(Protocol::Autodiscover);
    match fault {
        Some(Fault::RejectSignIn) => return Reply::text(401, ""),
        Some(Fault::SignInUnavailable) => return super::super::unavailable(Protocol::Autodiscover),
        _ => {}
    }
    let Some(wanted) = form::value(query, "Protocol").filter(|wanted| !wanted.is_empty()) else {
        let message = "A valid value must be provided for the query parameter 'Protocol'";
        return wrong(400, "MandatoryParameterMissing", message);
    };
    if !address.contains('@') {
        return wrong(400, "InvalidUserId", &format!("The given user '{address}' is not an address."));
    }
    let settings = match look_up(http, &address) {
        Told::Settings(settings) => settings,
        Told::RedirectUrl(url) => return Reply::redirect(&url),
        Told::RedirectAddress(to) => {
            let path =
                format!("/autodiscover/autodiscover.json/v1.0/{to}?Protocol={}", form::encode(&wanted));
            return Reply::redirect(&http.url(&path));
        }
        Told::Unknown => return wrong(404, "UserNotFound", "The given user is not found"),
    };
    let (name, url) = match wanted.to_ascii_lowercase().as_str() {
        "ews" => ("Ews", settings.ews_external),
        "autodiscoverv1" => ("AutodiscoverV1", http.url("/autodiscover/autodiscover.xml")),
        "activesync" => ("ActiveSync", http.url("/Microsoft-Server-ActiveSync")),
        "rest" => ("Rest", http.url("/api")),
        _ => {
            let message =
                format!("The given protocol value '{wanted}' is invalid. Supported values are '{PROTOCOLS}'");
            return wrong(400, "InvalidProtocol", &message);
        }
    };
    // With this fault it answers another question.
    let name = if fault == Some(Fault::BadTag) { "Substrate" } else { name };
    Reply::new(200, JSON, json!({ "Protocol": name, "Url": url }).to_string()).noting(name)
}
