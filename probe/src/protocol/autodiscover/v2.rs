//! Autodiscover v2: one URL of one protocol, as JSON, without a sign-in.

use serde::Deserialize;

use super::{Settings, Url};
use crate::config::plan::Endpoint;
use crate::net::http::Ask;
use crate::outcome::Recorder;
use crate::protocol::web::{self, Web};

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "Url")]
    url: String,
}

/// The URL of EWS, where the server knows this way of asking.
pub(super) async fn ask(web: &mut Web, address: &str, rec: &Recorder) -> Option<Settings> {
    let path = format!("/autodiscover/autodiscover.json/v1.0/{}?Protocol=EWS", segment(address));
    let ask = Ask::get(&path).with("accept", "application/json").with("user-agent", web::USER_AGENT);
    let answer = web.ask(ask, rec).await.ok().filter(|answer| answer.status.is_success())?;
    let found: Found = serde_json::from_slice(&answer.body).ok()?;
    let from = Endpoint { path: path.into(), ..web.endpoint().clone() }.url();
    let mut settings = Settings { from, ..Settings::default() };
    settings.put(Url::Ews, &found.url);
    (!settings.urls.is_empty()).then_some(settings)
}

/// As a segment of a path (RFC 3986, section 3.3); an address's `@` may stand as it is.
fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => {
                out.push(byte.into())
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_stays_one_segment() {
        for (address, expected) in [
            ("a.b-c_d@lab.test", "a.b-c_d@lab.test"),
            ("a/b?c#d%e+f@lab.test", "a%2Fb%3Fc%23d%25e%2Bf@lab.test"),
        ] {
            assert_eq!(super::segment(address), expected);
        }
    }
}
