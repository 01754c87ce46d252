//! `mailprobe check`: asks the running probe what its checks stand at.
//!
//! It opens no session and starts no run; what it says is what the page says.

use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::plan::Plan;
use crate::export::state::{CheckView, Overview};
use crate::export::terminal::{self, Style};
use crate::serve::Web;

/// Where a probe listens that was told nothing else.
const ADDRESS: &str = "http://127.0.0.1:9725";

/// For the whole answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// An answer that is larger is not a probe's.
const MOST: usize = 256 * 1024 * 1024;

/// The arguments of `mailprobe check` that this half understands.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Only these checks.
    pub names: Vec<String>,
    /// Where the running probe listens; user and password may stand in it.
    #[arg(long, value_name = "URL")]
    pub address: Option<String>,
    /// Certificates to trust beside the system's, when the probe serves TLS.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The API's answer as it is.
    #[arg(long)]
    pub json: bool,
}

/// What came of it: the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Well = 0,
    Failed = 1,
    /// Misconfigured, or the probe cannot be reached.
    Unusable = 2,
    NothingJudged = 3,
}

impl Exit {
    /// Of these checks' lanes: one failure is enough; one judged lane makes it well.
    pub fn of(checks: &[CheckView]) -> Self {
        let lanes = || checks.iter().flat_map(|check| &check.lanes);
        if lanes().any(|lane| lane.state.is_failure()) {
            Self::Failed
        } else if lanes().any(|lane| lane.state == crate::export::state::State::Good) {
            Self::Well
        } else {
            Self::NothingJudged
        }
    }
}

/// Asks, and writes the answer to standard output, an error to standard error. `plan`: of `--config`, if there is one.
pub async fn run(args: &Args, plan: Option<&Plan>) -> Exit {
    match ask(args, plan).await {
        Ok((text, exit)) => {
            // A reader that went away (`| head`) is no error of ours.
            std::io::stdout().write_all(text.as_bytes()).ok();
            exit
        }
        Err(error) => {
            writeln!(std::io::stderr(), "mailprobe check: {error}").ok();
            Exit::Unusable
        }
    }
}

/// How the terminal at standard output is drawn on.
pub fn style() -> Style {
    let drawn = std::io::stdout().is_terminal();
    let colour = drawn && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    Style { drawn, colour, width: columns.unwrap_or(100) }
}

async fn ask(args: &Args, plan: Option<&Plan>) -> Result<(String, Exit), String> {
    let address = args.address.clone().or_else(|| plan.map(address)).unwrap_or_else(|| ADDRESS.to_owned());
    // As people write it.
    let address = if address.contains("://") { address } else { format!("http://{address}") };
    let text = fetch(&address, args).await?;
    let mut overview: Overview = serde_json::from_str(&text)
        .map_err(|error| format!("{}: this is not a probe's answer: {error}", shown(&address)))?;
    if !args.names.is_empty() {
        let known: Vec<_> = overview.checks.iter().map(|check| check.name.clone()).collect();
        if let Some(name) = args.names.iter().find(|name| !known.contains(name)) {
            return Err(format!("no check is called {name}; there are {}", known.join(", ")));
        }
        overview.checks.retain(|check| args.names.contains(&check.name));
    }
    let exit = Exit::of(&overview.checks);
    let text = if args.json {
        let json = serde_json::to_string_pretty(&overview).map_err(|error| error.to_string())?;
        json + "\n"
    } else {
        terminal::draw(&overview.checks, style())
    };
    Ok((text, exit))
}

async fn fetch(address: &str, args: &Args) -> Result<String, String> {
    // main has done it already; whoever calls this as a library has not.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let mut client = reqwest::Client::builder().timeout(PATIENCE).no_proxy();
    if let Some(file) = &args.ca_file {
        let pem = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| format!("{}: {}", file.display(), chain(&error)))?;
        client = client.tls_certs_merge(certificates);
    }
    let client = client.build().map_err(|error| chain(&error))?;
    let url = format!("{}/api/v1/checks", address.trim_end_matches('/'));
    let place = shown(address);
    let said = |error: reqwest::Error| {
        format!(
            "the probe at {place} cannot be asked: {}; is it running, is --address right?",
            chain(&error.without_url())
        )
    };
    let mut answer = client.get(url).send().await.map_err(said)?;
    if !answer.status().is_success() {
        return Err(format!("the probe at {place} answers {}", answer.status()));
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(said)? {
        if body.len() + piece.len() > MOST {
            return Err(format!("the answer of {place} is too large"));
        }
        body.extend_from_slice(&piece);
    }
    String::from_utf8(body).map_err(|_| format!("{place}: this is not a probe's answer"))
}

/// Where the probe of this plan listens, as seen from its own host.
fn address(plan: &Plan) -> String {
    let mut listen = plan.listen;
    if listen.ip().is_unspecified() {
        let local: IpAddr =
            if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        listen.set_ip(local);
    }
    // A file that cannot be read is the running probe's trouble, not ours.
    let tls = Web::load(plan.web_config_file.as_deref()).is_ok_and(|web| web.serves_tls());
    format!("{}://{listen}", if tls { "https" } else { "http" })
}

/// Without the user and the password that may stand in it.
fn shown(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => address.to_owned(),
    }
}

/// An error with what stands behind it: reqwest's own text tells little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::state::{LaneView, State};

    fn check(states: &[State]) -> CheckView {
        use crate::catalogue::Protocol;
        let lane =
            &crate::config::lanes::lanes(&crate::export::fixture::login("a", "alice", &[Protocol::Imap]))[0];
        let lanes = states.iter().map(|state| LaneView { state: *state, ..LaneView::new(lane) }).collect();
        CheckView { name: "a".to_owned(), kind: "login".into(), state: State::Good, lanes }
    }

    #[test]
    fn the_exit_code_tells_the_worst_that_is_known() {
        assert_eq!(Exit::of(&[check(&[State::Good, State::Waiting])]), Exit::Well);
        assert_eq!(Exit::of(&[check(&[State::Good]), check(&[State::Paused])]), Exit::Failed);
        assert_eq!(Exit::of(&[check(&[State::Waiting, State::Resting, State::Stale])]), Exit::NothingJudged);
        assert_eq!(Exit::of(&[]), Exit::NothingJudged);
    }

    #[test]
    fn a_password_in_the_address_is_not_shown() {
        assert_eq!(shown("http://ann:pa@ss@host:1"), "http://host:1");
        assert_eq!(shown("http://host:1"), "http://host:1");
    }

    #[tokio::test]
    async fn a_running_probe_is_asked() {
        use crate::export::history::History;
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let check = crate::export::fixture::login("in", "alice", &[crate::catalogue::Protocol::Imap]);
        let history = History::new(&crate::export::fixture::plan(vec![check]), "1", "2");
        let body = serde_json::to_string(&history.snapshot()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Some(format!("http://{}/", listener.local_addr().unwrap()));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 1024];
                let count = stream.read(&mut head).await.unwrap();
                assert!(head[..count].starts_with(b"GET /api/v1/checks HTTP/1.1"));
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
                stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
            }
        });
        let args = Args { address, ..Args::default() };
        let (text, exit) = ask(&args, None).await.unwrap();
        assert_eq!(exit, Exit::NothingJudged);
        assert!(text.starts_with("– not judged yet  in (login)"), "{text}");
        let (text, _) = ask(&Args { json: true, ..args.clone() }, None).await.unwrap();
        assert!(text.contains("\"state\": \"waiting\""), "{text}");
        let bare = args.address.as_deref().map(|address| address.trim_start_matches("http://").to_owned());
        assert_eq!(ask(&Args { address: bare, ..args.clone() }, None).await.unwrap().1, Exit::NothingJudged);
        let error = ask(&Args { names: vec!["other".to_owned()], ..args }, None).await.unwrap_err();
        assert_eq!(error, "no check is called other; there are in");
    }

    #[tokio::test]
    async fn nobody_there_is_a_clear_error() {
        let args = Args { address: Some("http://127.0.0.1:1".to_owned()), ..Args::default() };
        let error = ask(&args, None).await.unwrap_err();
        assert!(error.starts_with("the probe at http://127.0.0.1:1 cannot be asked: "), "{error}");
        assert!(error.contains("refused"), "{error}");
    }
}
