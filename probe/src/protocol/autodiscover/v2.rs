//! Autodiscover v2: one URL of one protocol, as JSON, without a sign-in.

use serde::Deserialize;

use crate::net::http::Ask;
use crate::outcome::Recorder;
use crate::protocol::web::{self, Web};

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "Url")]
    url: String,
}

/// The URL of EWS, where the server knows this way of asking.
pub(super) async fn ask(web: &mut Web, address: &str, rec: &Recorder) -> Option<String> {
    let path = format!("/autodiscover/autodiscover.json/v1.0/{address}?Protocol=EWS");
    let ask = Ask::get(&path).with("accept", "application/json").with("user-agent", web::USER_AGENT);
    let answer = web.ask(ask, rec).await.ok()?;
    let found: Found = serde_json::from_slice(&answer.body).ok()?;
    answer.status.is_success().then_some(found.url)
}
