//! Asked over real sockets, as Prometheus, Kubernetes and a browser do.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Part, Probed, Request, State, Tick, Web, start};
use crate::catalogue::Protocol;
use crate::config::plan::Plan;
use crate::export::fixture::{login, plan, roundtrip};
use crate::export::history::History;
use crate::export::metrics::Metrics;

struct Server {
    address: SocketAddr,
    state: Arc<State>,
    requests: mpsc::Receiver<Request>,
    _stop: DropGuard,
}

async fn server(plan: Plan, part: Part, web: Arc<Web>) -> Server {
    let (sender, requests) = mpsc::channel(1);
    let state = Arc::new(State {
        metrics: Metrics::new(&plan, "1.2.3", "abc"),
        history: History::new(&plan, "1.2.3", "abc"),
        plan: Arc::new(ArcSwap::from_pointee(plan)),
        tick: Tick::new(),
        ready: Arc::new(AtomicBool::new(true)),
        requests: sender,
        web,
        extra: None,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    start(listener, part, state.clone(), stop.clone());
    Server { address, state, requests, _stop: stop.drop_guard() }
}

async fn open(plan: Plan) -> Server {
    server(plan, Part::All, Web::load(None).unwrap()).await
}

fn checks() -> Plan {
    plan(vec![roundtrip("trip", &[Protocol::Smtp], &[Protocol::Imap])])
}

async fn ask(stream: impl AsyncRead + AsyncWrite, head: &str) -> String {
    let mut stream = std::pin::pin!(stream);
    let request = format!("{head}\r\nHost: probe\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

impl Server {
    async fn ask(&self, head: &str) -> String {
        ask(TcpStream::connect(self.address).await.unwrap(), head).await
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1")).await
    }
}

#[tokio::test]
async fn metrics_and_the_api_are_served() {
    let server = open(checks()).await;
    let metrics = server.get("/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"));
    assert!(metrics.contains("mailprobe_check_runs_total{site=\"lisbon\",check=\"trip\""));
    let answer = server.get("/api/v1/checks").await;
    assert!(answer.contains("\"checks\":[{\"name\":\"trip\",\"kind\":\"roundtrip\",\"state\":\"waiting\""));
    assert!(server.get("/nothing").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_scrape_is_packed_for_whoever_takes_it() {
    let server = open(checks()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "GET /metrics HTTP/1.1\r\nHost: probe\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut packed = Vec::new();
    stream.read_to_end(&mut packed).await.unwrap();
    let head = String::from_utf8_lossy(&packed).into_owned();
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    assert!(packed.ends_with(b"\r\n0\r\n\r\n"), "it is whole");
    let plain = server.get("/metrics").await;
    assert!(!plain.contains("content-encoding"));
    assert!(packed.len() * 3 < plain.len(), "{} of {}", packed.len(), plain.len());
}

#[tokio::test]
async fn ready_and_healthy_tell_of_the_process_alone() {
    let server = open(checks()).await;
    assert!(server.get("/-/healthy").await.starts_with("HTTP/1.1 200"));
    assert!(server.get("/-/ready").await.starts_with("HTTP/1.1 200"));
    server.state.ready.store(false, Ordering::Release);
    assert!(server.get("/-/ready").await.starts_with("HTTP/1.1 503"));
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_that_does_not_tick_is_not_healthy() {
    let server = open(checks()).await;
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(server.get("/-/healthy").await.starts_with("HTTP/1.1 503"));
    server.state.tick.beat();
    assert!(server.get("/-/healthy").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn reload_and_probe_are_off_until_they_are_switched_on() {
    let server = open(checks()).await;
    assert!(server.ask("POST /-/reload HTTP/1.1").await.starts_with("HTTP/1.1 404"));
    assert!(server.get("/probe?check=trip").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_reload_is_asked_for_and_its_answer_shown() {
    let mut plan = checks();
    plan.http.reload = true;
    let mut server = open(plan).await;
    assert!(server.get("/-/reload").await.starts_with("HTTP/1.1 405"));
    let foreign = server.ask("POST /-/reload HTTP/1.1\r\nSec-Fetch-Site: cross-site").await;
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let mut requests = std::mem::replace(&mut server.requests, mpsc::channel(1).1);
    let answer = async {
        if let Some(Request::Reload(answer)) = requests.recv().await {
            answer.send(Err("line 3: no".to_owned())).unwrap();
        }
    };
    let (text, ()) = tokio::join!(server.ask("POST /-/reload HTTP/1.1"), answer);
    assert!(text.starts_with("HTTP/1.1 500") && text.contains("line 3: no"), "{text}");
}

#[tokio::test]
async fn a_probe_that_may_not_run_says_how_old_its_result_is() {
    let mut plan = checks();
    plan.http.probe = true;
    let mut server = open(plan).await;
    assert!(server.get("/probe?check=other").await.starts_with("HTTP/1.1 404"));
    assert!(server.get("/probe").await.starts_with("HTTP/1.1 400"));
    let mut requests = std::mem::replace(&mut server.requests, mpsc::channel(1).1);
    let answer = async {
        if let Some(Request::Probe { answer, .. }) = requests.recv().await {
            let age = Some(Duration::from_secs(12));
            answer.send(Probed::NotNow { why: "it runs already".to_owned(), age }).ok().unwrap();
        }
    };
    let (text, ()) = tokio::join!(server.get("/probe?check=trip"), answer);
    assert!(text.starts_with("HTTP/1.1 429") && text.contains("12 s old"), "{text}");
}

#[tokio::test]
async fn a_listener_of_its_own_has_the_page_alone() {
    let page = server(checks(), Part::Page, Web::load(None).unwrap()).await;
    assert!(page.get("/").await.starts_with("HTTP/1.1 200"));
    assert!(page.get("/metrics").await.starts_with("HTTP/1.1 404"));
    let probe = server(checks(), Part::Probe, Web::load(None).unwrap()).await;
    assert!(probe.get("/").await.starts_with("HTTP/1.1 404"));
    assert!(probe.get("/metrics").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_ends_is_cut() {
    let server = open(checks()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let server = open(checks()).await;
    let long = format!("GET / HTTP/1.1\r\nX-Long: {}", "x".repeat(64 * 1024));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(long.as_bytes()).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

fn web(folder: &Path, text: &str) -> Result<Arc<Web>, String> {
    let file = folder.join("web.yml");
    std::fs::write(&file, text).unwrap();
    Web::load(Some(&file)).map_err(|error| error.to_string())
}

#[tokio::test]
async fn only_users_of_the_file_may_look() {
    let folder = tempfile::tempdir().unwrap();
    let hash = bcrypt::hash("secret words", 4).unwrap();
    let web = web(folder.path(), &format!("basic_auth_users:\n  Ann: {hash}\n")).unwrap();
    let server = server(checks(), Part::All, web).await;
    let with =
        |pair: &str| format!("GET /metrics HTTP/1.1\r\nAuthorization: Basic {}", STANDARD.encode(pair));
    let refused = server.get("/metrics").await;
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("www-authenticate: Basic"), "{refused}");
    assert!(server.get("/-/healthy").await.starts_with("HTTP/1.1 200"), "Kubernetes has no password");
    for _ in 0..2 {
        assert!(server.ask(&with("Ann:secret words")).await.starts_with("HTTP/1.1 200"));
        assert!(server.ask(&with("Ann:secret")).await.starts_with("HTTP/1.1 401"));
        assert!(server.ask(&with("Bob:secret words")).await.starts_with("HTTP/1.1 401"));
    }
}

#[tokio::test]
async fn a_web_configuration_that_is_not_understood_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (text, said) in [
        (
            "tls_server_config: { cert_file: a, key_file: b, cipher_suites: [X] }",
            "cipher_suites is not supported",
        ),
        ("tls_server_config: { key_file: b }", "tls_server_config.cert_file is missing"),
        ("tls_server_config: { cert_file: none.pem, key_file: b }", "none.pem"),
        ("tls_server_confg: {}", "tls_server_confg: unknown key"),
        ("http_server_config: { http2: true }", "only HTTP/1.1"),
        ("http_server_config: { headers: { X-Other: a } }", "cannot be set"),
        ("basic_auth_users: { ann: hunter2 }", "must be a bcrypt hash"),
        ("rate_limit: {}", "rate_limit: unknown key"),
        ("- a", "must be one map"),
    ] {
        let error = web(folder.path(), text).err().unwrap();
        assert!(error.contains(said) && error.contains("web.yml"), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(web(folder.path(), "").is_ok());
}

#[tokio::test]
async fn tls_is_served_and_a_changed_certificate_taken() {
    let folder = tempfile::tempdir().unwrap();
    let issue = || {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["probe".to_owned()]).unwrap();
        std::fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        cert
    };
    let text = "tls_server_config: { cert_file: cert.pem, key_file: key.pem, min_version: TLS13 }";
    let first = issue();
    let web = web(folder.path(), text).unwrap();
    let server = server(checks(), Part::All, web.clone()).await;
    assert!(over_tls(server.address, &first).await.unwrap().starts_with("HTTP/1.1 200"));
    let second = issue();
    web.apply(Some(&folder.path().join("web.yml"))).unwrap();
    assert!(over_tls(server.address, &first).await.is_none());
    assert!(over_tls(server.address, &second).await.unwrap().starts_with("HTTP/1.1 200"));
    std::fs::write(folder.path().join("cert.pem"), "nothing").unwrap();
    assert!(web.apply(Some(&folder.path().join("web.yml"))).is_err());
    assert!(over_tls(server.address, &second).await.is_some(), "the old one stays");
}

async fn over_tls(address: SocketAddr, trusted: &rcgen::Certificate) -> Option<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "probe".try_into().unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    Some(ask(stream, "GET /-/ready HTTP/1.1").await)
}

#[tokio::test]
async fn another_plan_is_served_after_a_reload() {
    let server = open(checks()).await;
    let new = plan(vec![login("in", "alice", &[Protocol::Imap])]);
    server.state.metrics.apply(&new);
    server.state.history.apply(&new);
    server.state.plan.store(Arc::new(new));
    assert!(server.get("/api/v1/checks").await.contains("\"name\":\"in\""));
    assert!(!server.get("/metrics").await.contains("check=\"trip\""));
}

#[tokio::test]
async fn the_page_is_served_and_lives() {
    let server = open(checks()).await;
    let page = server.get("/").await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("content-security-policy: default-src 'none'"));
    assert!(page.contains("x-frame-options: DENY") && page.contains("<h1>lisbon"));
    assert!(server.get("/?check=trip").await.contains("Show all checks"));
    assert!(server.get("/?check=other").await.starts_with("HTTP/1.1 404"));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: probe\r\n\r\n").await.unwrap();
    // The first look: every part once.
    read_until(&mut stream, "event: now").await;
    let lane = crate::config::lanes::lanes(&server.state.plan.load().checks[0])[0].clone();
    let fault = crate::outcome::Fault::new(crate::catalogue::Reason::MailboxFull, "full up");
    crate::outcome::Sink::tell(
        &*server.state.history,
        &crate::outcome::Event::Ran(crate::outcome::Report {
            lane,
            slot: 1,
            at: crate::clock::wall(),
            took: Duration::from_secs(1),
            steps: Vec::new(),
            facts: Vec::new(),
            verdict: crate::outcome::Verdict::Failed(fault),
        }),
    );
    let second = read_until(&mut stream, "event: now").await;
    assert!(second.contains("\"id\":\"check-trip\"") && second.contains("full up"), "{second}");
    assert!(second.contains("\"id\":\"say\"") && !second.contains("\"id\":\"probe\""), "{second}");
    drop(server);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&all).contains(end) {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}
