//! Autodiscover: the plain XML form (MS-OXDSCLI), SOAP (MS-OXWSADISC) and JSON, and the redirect by
//! plain HTTP.

mod json;
mod pox;
mod soap;

use hyper::http::request::Parts;

use super::{Gone, Http, reply::Reply};
use crate::{
    exchange::{Autodiscover, Redirect},
    fault::Protocol,
};

/// Answers what is asked for under `/autodiscover`; the path is in lower case.
pub(super) async fn answer(http: &Http, head: &Parts, path: &str, body: &[u8]) -> Result<Reply, Gone> {
    if let Some(Redirect::Location(url)) = said(http).redirect {
        return Ok(Reply::redirect(&url));
    }
    if path.starts_with("/autodiscover/autodiscover.json") {
        return Ok(json::answer(http, &head.uri));
    }
    if !matches!(path, "/autodiscover/autodiscover.xml" | "/autodiscover/autodiscover.svc") {
        return Ok(Reply::text(404, "There is no such page.\r\n"));
    }
    if let Err(reply) = super::signed_in(http, Protocol::Autodiscover, head).await? {
        return Ok(*reply);
    }
    Ok(if path.ends_with(".svc") { soap::answer(http, body) } else { pox::answer(http, head, body) })
}

/// What is answered without TLS: where to go with it.
pub(super) fn plain(http: &Http, path: &str) -> Reply {
    if path == "/autodiscover/autodiscover.xml" {
        Reply::redirect(&http.url("/autodiscover/autodiscover.xml"))
    } else {
        Reply::text(403, "The page you are trying to access is secured with TLS.\r\n")
    }
}

fn said(http: &Http) -> Autodiscover {
    http.shared.exchange.settings().autodiscover.clone()
}

/// The user's settings that all three forms tell.
struct Settings {
    /// The local name.
    user: String,
    address: String,
    legacy_dn: String,
    server: String,
    server_dn: String,
    ews_internal: String,
    ews_external: String,
    mapi_internal: String,
    mapi_external: String,
    mapi_http: bool,
}

/// What is to be told about an address.
enum Told {
    Settings(Box<Settings>),
    RedirectAddress(String),
    RedirectUrl(String),
    Unknown,
}

fn look_up(http: &Http, address: &str) -> Told {
    let said = said(http);
    match said.redirect {
        Some(Redirect::Address(to)) if !to.eq_ignore_ascii_case(address) => return Told::RedirectAddress(to),
        Some(Redirect::AddressLoop) => return Told::RedirectAddress(another(address)),
        Some(Redirect::Url(to)) => return Told::RedirectUrl(to),
        Some(Redirect::Address(_) | Redirect::Location(_)) | None => {}
    }
    let domain = &http.shared.options.domain;
    let found = http.shared.store.lock().user(address).map(|user| user.name.clone());
    let Some(user) = found.filter(|_| address.contains('@')) else { return Told::Unknown };
    let group = "/o=Sandbox/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)";
    let ews = http.url("/EWS/Exchange.asmx");
    let mapi = http.url("/mapi/");
    Told::Settings(Box::new(Settings {
        address: format!("{user}@{domain}"),
        legacy_dn: format!("{group}/cn=Recipients/cn={user}"),
        server: format!("{}@{domain}", mailbox_guid(&user)),
        server_dn: format!("{group}/cn=Configuration/cn=Servers/cn={}@{domain}", mailbox_guid(&user)),
        ews_internal: said.ews_internal.unwrap_or_else(|| ews.clone()),
        ews_external: said.ews_external.unwrap_or(ews),
        mapi_internal: said.mapi_internal.unwrap_or_else(|| mapi.clone()),
        mapi_external: said.mapi_external.unwrap_or(mapi),
        mapi_http: !said.no_mapi_http,
        user,
    }))
}

/// Another address of the same mailbox, and of that one yet another.
fn another(address: &str) -> String {
    let (local, domain) = address.split_once('@').unwrap_or((address, ""));
    let (name, number) = local.split_once('+').unwrap_or((local, "0"));
    let number = number.parse::<u32>().unwrap_or_default().wrapping_add(1);
    format!("{name}+{number}@{domain}")
}

/// The mailbox's identifier: always the same for a user.
fn mailbox_guid(user: &str) -> String {
    use sha2::{Digest, Sha256};
    let hex: String = Sha256::digest(user).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    parts.map(|(from, to)| hex.get(from..to).unwrap_or_default()).join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_always_another_address() {
        assert_eq!(super::another("alice@x"), "alice+1@x");
        assert_eq!(super::another("alice+1@x"), "alice+2@x");
    }

    #[test]
    fn a_mailbox_keeps_its_identifier() {
        let guid = super::mailbox_guid("alice");
        assert_eq!(guid.len(), 36);
        assert_eq!(guid, super::mailbox_guid("alice"));
        assert_ne!(guid, super::mailbox_guid("bob"));
    }
}
