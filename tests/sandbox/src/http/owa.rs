//! The web mail as far as its sign-in: the form, what becomes of it, and a page behind it.

use hyper::{Method, http::request::Parts};

use super::{
    Gone, Http, form,
    reply::{HTML, Reply},
};
use crate::{
    fault::{Fault, Protocol},
    xml::escape,
};

/// The cookies that a sign-in sets; the first tells who it is.
const COOKIES: [&str; 5] = ["cadata", "cadataTTL", "cadataKey", "cadataIV", "cadataSig"];

/// Answers what is asked for under `/owa`; the path is in lower case.
pub(super) async fn answer(http: &Http, head: &Parts, path: &str, body: &[u8]) -> Result<Reply, Gone> {
    if http.shared.fault(Protocol::Owa) == Some(Fault::BadTag) {
        let page = "<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\r\n";
        return Ok(Reply::new(200, HTML, page).noting("another site's page"));
    }
    let cookie = head.headers.get("cookie").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let cookie = form::cookie(cookie, COOKIES[0]).unwrap_or_default();
    match path {
        "/owa/auth/logon.aspx" => Ok(logon(http, head.uri.query().unwrap_or_default())),
        "/owa/auth.owa" | "/owa/auth/owaauth.dll" if head.method == Method::POST => {
            sign_in(http, &String::from_utf8_lossy(body)).await
        }
        "/owa/logoff.owa" | "/owa/auth/logoff.aspx" => {
            http.shared.exchange.forget(&cookie);
            let to = http.url("/owa/auth/logon.aspx?replaceCurrent=1&reason=1");
            let clear =
                format!("{}=; path=/; expires=Thu, 01-Jan-1970 00:00:00 GMT; secure; HttpOnly", COOKIES[0]);
            Ok(Reply::redirect(&to).with("Set-Cookie", clear))
        }
        "/owa" | "/owa/" | "/owa/default.aspx" => match http.shared.exchange.remembered(&cookie) {
            Some(user) => {
                super::stall_after_auth(http, Protocol::Owa).await;
                Ok(page(http, &user))
            }
            None => Ok(to_logon(http, &http.url("/owa/"), "")),
        },
        _ => Ok(Reply::text(404, "There is no such page.\r\n")),
    }
}

fn to_logon(http: &Http, wanted: &str, reason: &str) -> Reply {
    let url = form::encode(wanted);
    Reply::redirect(&http.url(&format!("/owa/auth/logon.aspx?replaceCurrent=1{reason}&url={url}")))
}

/// The form; after a sign-in that was refused it says why.
fn logon(http: &Http, query: &str) -> Reply {
    let wanted = form::value(query, "url").unwrap_or_else(|| http.url("/owa/"));
    let why = match form::value(query, "reason").as_deref() {
        Some("2") => {
            "<div id=\"signInErrorDiv\" class=\"signInError\" role=\"alert\">The user name or password you \
             entered isn't correct. Try entering it again.</div>\r\n"
        }
        _ => "",
    };
    let page = format!(
        "<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"><title>Outlook</title></head>\r\n<body>\r\n\
         <form action=\"/owa/auth.owa\" method=\"POST\" name=\"logonForm\" autocomplete=\"off\">\r\n\
         <input type=\"hidden\" name=\"destination\" value=\"{}\">\r\n\
         <input type=\"hidden\" name=\"flags\" value=\"4\">\r\n\
         <input type=\"hidden\" name=\"forcedownlevel\" value=\"0\">\r\n\
         <input id=\"username\" name=\"username\" value=\"\">\r\n\
         <input id=\"password\" name=\"password\" value=\"\" type=\"password\">\r\n\
         <input type=\"hidden\" name=\"isUtf8\" value=\"1\">\r\n{why}\
         <input type=\"submit\" value=\"sign in\">\r\n</form>\r\n</body></html>\r\n",
        escape(&wanted)
    );
    Reply::new(200, HTML, page)
        .with("Cache-Control", "no-cache, no-store")
        .with("X-OWA-Version", "15.2.1544.4")
}

async fn sign_in(http: &Http, posted: &str) -> Result<Reply, Gone> {
    let name = form::value(posted, "username").unwrap_or_default();
    let password = form::value(posted, "password").unwrap_or_default();
    let home = http.url("/owa/");
    let wanted = form::value(posted, "destination").unwrap_or_default();
    // Nobody is sent elsewhere by what a form says.
    let wanted = if wanted.starts_with(&http.url("/")) { wanted } else { home.clone() };
    let user = match http.judge(Protocol::Owa, super::password(http, &name, &password)) {
        Ok(user) => user,
        Err(reply) if reply.status == 401 => {
            return Ok(to_logon(http, &wanted, "&reason=2").noting("sign-in refused"));
        }
        Err(reply) => return Ok(*reply),
    };
    super::stall_after_auth(http, Protocol::Owa).await;
    let session = super::guid();
    http.shared.exchange.remember(&session, &user);
    let mut reply = Reply::redirect(&wanted).noting("signed in");
    for name in COOKIES {
        let value = if name == COOKIES[0] { session.clone() } else { super::guid() };
        reply = reply.with("Set-Cookie", format!("{name}={value}; path=/; secure; HttpOnly"));
    }
    Ok(reply)
}

fn page(http: &Http, user: &str) -> Reply {
    let address = format!("{user}@{}", http.shared.options.domain);
    let unread = {
        let state = http.shared.store.lock();
        let shown = state.shown(Protocol::Owa, user, "INBOX");
        shown.filter(|message| !message.flags.contains("\\Seen")).count()
    };
    let page = format!(
        "<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"><title>Mail - {address} - Outlook</title></head>\r\n\
         <body><h1>{address}</h1>\r\n<p>Inbox: {unread} unread</p>\r\n\
         <p><a href=\"/owa/logoff.owa\">Sign out</a></p></body></html>\r\n",
        address = escape(&address)
    );
    Reply::new(200, HTML, page).with("X-OWA-Version", "15.2.1544.4")
}
