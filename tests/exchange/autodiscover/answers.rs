//! What Autodiscover servers answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mailprobe_tests::{Asked, PASSWORD, Reply};

/// Of an answer without an end; large, so that it comes faster than any patience ends.
pub const PIECE: &str = match std::str::from_utf8(&[b'a'; 16 << 10]) {
    Ok(piece) => piece,
    Err(_) => "",
};

/// The domain of the case, by the host that is asked.
pub fn domain(asked: &Asked) -> String {
    let host = asked.header("host");
    let labels: Vec<_> = host.split('.').collect();
    labels.get(labels.len().saturating_sub(3)..).unwrap_or_default().join(".")
}

pub fn status(status: u16, headers: &str) -> Reply {
    Reply::Whole(status, headers.to_owned(), "<html><body>a page of the server</body></html>".to_owned())
}

pub fn redirect(to: &str) -> Reply {
    status(302, &format!("location: {to}"))
}

/// Whoever signs in by Basic with the right password gets this.
pub fn signed_in(asked: &Asked, reply: impl FnOnce() -> Reply) -> Reply {
    let given = asked.header("authorization").strip_prefix("Basic ").and_then(|it| STANDARD.decode(it).ok());
    let given = given.and_then(|it| String::from_utf8(it).ok());
    let password = given.as_ref().and_then(|it| it.split_once(':')).map(|(_, password)| password);
    if password == Some(PASSWORD) { reply() } else { status(401, "www-authenticate: Basic realm=\"x\"") }
}

pub fn account(inner: &str) -> Reply {
    Reply::ok(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover \
         xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\"><Response \
         xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\">\
         <Account><AccountType>email</AccountType>{inner}</Account></Response></Autodiscover>"
    ))
}

/// The settings, with this URL of EWS.
pub fn settings_at(url: &str) -> Reply {
    account(&format!("<Action>settings</Action><Protocol><Type>EXPR</Type><EwsUrl>{url}</EwsUrl></Protocol>"))
}

/// The settings as they are configured.
pub fn settings(asked: &Asked) -> Reply {
    settings_at(&ews(asked))
}

pub fn ews(asked: &Asked) -> String {
    format!("https://mail.{}/EWS/Exchange.asmx", domain(asked))
}

/// After a sign-in.
pub fn redirect_url(asked: &Asked, to: &str) -> Reply {
    signed_in(asked, || account(&format!("<Action>redirectUrl</Action><RedirectUrl>{to}</RedirectUrl>")))
}

/// After a sign-in.
pub fn redirect_address(asked: &Asked, to: &str) -> Reply {
    signed_in(asked, || account(&format!("<Action>redirectAddr</Action><RedirectAddr>{to}</RedirectAddr>")))
}

pub fn soap_settings(asked: &Asked) -> Reply {
    Reply::ok(format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header/><s:Body>\
         <GetUserSettingsResponseMessage xmlns=\"http://schemas.microsoft.com/exchange/2010/Autodiscover\"><Response>\
         <ErrorCode>NoError</ErrorCode><ErrorMessage/><UserResponses><UserResponse><ErrorCode>NoError</ErrorCode>\
         <UserSettings><UserSetting><Name>ExternalEwsUrl</Name><Value>{}</Value></UserSetting></UserSettings>\
         </UserResponse></UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>",
        ews(asked)
    ))
}
