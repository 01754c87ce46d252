//! Whether what answers at a URL is well, without signing in: the page that balancers ask for (Exchange has one in each
//! virtual directory), and where there is none, what the endpoint itself says.

use super::owa;
use super::web::{USER_AGENT, Web, fault_of, plain};
use crate::catalogue::{Protocol, Reason, Step};
use crate::net::http::{Answer, Ask};
use crate::outcome::{Fact, Fault, Recorder, Said};

/// Virtual directories that people use with a protocol, and whose loss they would call a loss of it: the options of the web
/// mail; what else classic Outlook speaks.
const BESIDE: &[(Protocol, &[&str])] = &[(Protocol::Owa, &["ecp"]), (Protocol::Ews, &["mapi", "rpc", "oab"])];

/// Asks at the connection's endpoint, which serves that protocol.
///
/// # Errors
/// Those of the connection; what the status means.
pub async fn check(web: &mut Web, protocol: Protocol, rec: &Recorder) -> Result<(), Fault> {
    let path = web.endpoint().path.to_string();
    let own = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let page = rec.time(Step::Greeting, page(web, own, rec)).await?;
    if !is_well(&page) {
        return rec.time(Step::Hello, without_page(web, protocol, &path, &page, rec)).await;
    }
    rec.note(Fact::Greeting(Said::new(&plain(&page.body))));
    let beside = BESIDE.iter().filter(|(of, _)| *of == protocol).flat_map(|(_, directories)| *directories);
    for directory in beside {
        rec.time(Step::Hello, beside_it(web, directory, rec)).await?;
    }
    Ok(())
}

async fn page(web: &mut Web, directory: &str, rec: &Recorder) -> Result<Answer, Fault> {
    get(web, &format!("/{directory}/healthcheck.htm"), rec).await
}

async fn get(web: &mut Web, path: &str, rec: &Recorder) -> Result<Answer, Fault> {
    let ask = Ask::get(path).with("user-agent", USER_AGENT);
    web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault)
}

fn is_well(page: &Answer) -> bool {
    page.status.is_success() && page.body.windows(6).any(|word| word == b"200 OK")
}

/// No such page, or none that is shown to everybody: not Exchange, or not all of it.
fn is_no_page(page: &Answer) -> bool {
    matches!(page.status.as_u16(), 200..=399 | 401 | 403 | 404 | 405)
}

async fn without_page(
    web: &mut Web,
    protocol: Protocol,
    path: &str,
    page: &Answer,
    rec: &Recorder,
) -> Result<(), Fault> {
    if !is_no_page(page) {
        return fault_of(page).map_or(Ok(()), Err);
    }
    let own = get(web, path, rec).await?;
    match own.status.as_u16() {
        // It wants a sign-in, another method, or a cookie: it is there.
        401 | 405 | 411 | 415 => Ok(()),
        // The web mail shows a form, or leads to one.
        200..=299 if protocol == Protocol::Owa && owa::has_form(&own) => Ok(()),
        300..=399 if protocol == Protocol::Owa => owa::leads_on(web.endpoint(), own.header("location")),
        200..=299 => Err(Fault::new(Reason::ProtocolViolation, "it asks for no sign-in")),
        _ => fault_of(&own).map_or(Ok(()), Err),
    }
}

async fn beside_it(web: &mut Web, directory: &str, rec: &Recorder) -> Result<(), Fault> {
    let page = page(web, directory, rec).await?;
    // Another edition does not have it, or does not show the page to everybody.
    if is_well(&page) || matches!(page.status.as_u16(), 401 | 403 | 404 | 405) {
        return Ok(());
    }
    let otherwise = || Fault::new(Reason::ProtocolViolation, &format!("no health: {}", plain(&page.body)));
    let fault = fault_of(&page).unwrap_or_else(otherwise);
    let words = format!("the virtual directory {directory} beside it: {}", fault.said);
    Err(Fault { said: Said::new(&words), ..fault })
}
