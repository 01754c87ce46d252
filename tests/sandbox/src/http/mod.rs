//! HTTP: connections, what path belongs to which protocol, and the faults that all of them share.
//!
//! EWS, Autodiscover, the web mail and CalDAV come over one port. A fault of one of them begins after the
//! request, where the path is known; only that of a certificate is one for all.

mod autodiscover;
mod body;
mod form;
mod health;
mod ntlm;
mod owa;
mod reply;
mod signin;

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hyper::{
    Request, Response, body::Incoming, http::request::Parts, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};

pub(crate) use body::{Body, Gone};
pub(crate) use reply::{Reply, XML};
use signin::Ntlm;

use crate::{
    dav, ews,
    fault::{Fault, Protocol},
    listener::{SILENCE, noise},
    sasl::Verdict,
    shared::Shared,
    store::MAX_MESSAGE,
};

/// The biggest request that is read: the biggest message in base64, and what goes around it.
const MAX_REQUEST: usize = MAX_MESSAGE / 3 * 4 + 1024 * 1024;

/// A connection.
pub(crate) struct Http {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: SocketAddr,
    id: u64,
    /// Without TLS: for the redirect of Autodiscover and nothing else.
    plain: bool,
    /// The hash of the certificate that is shown.
    end_point: [u8; 32],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ntlm: Ntlm,
    /// Who was let in here, so that each is counted once.
    welcomed: BTreeSet<(Protocol, String)>,
    /// What was asked for here.
    asked: BTreeSet<Protocol>,
    latest: Option<Protocol>,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Serves a connection until it ends.
pub(crate) async fn connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    id: u64,
    plain: bool,
) {
    let name = if plain { "http" } else { "https" };
    shared.log(format!("{name}#{id} connection"));
    let fault = shared.certificate_fault();
    let shown = shared.tls.show(fault.as_ref());
    let http = Arc::new(Http {
        peer,
        id,
        plain,
        end_point: shown.end_point,
        state: Mutex::default(),
        shared: Arc::clone(&shared),
    });
    let ending = tokio::select! {
        () = shared.stopped.cancelled() => "the sandbox stops".to_owned(),
        () = http.cut() => "cut".to_owned(),
        ended = serve(&http, stream, shown.acceptor()) => match ended {
            Ok(()) => "ended".to_owned(),
            Err(error) => error.to_string(),
        },
    };
    shared.log(format!("{name}#{id} closed: {ending}"));
}

async fn serve(http: &Arc<Http>, stream: TcpStream, tls: tokio_rustls::TlsAcceptor) -> io::Result<()> {
    let stream: Box<dyn Wire> = if http.plain {
        Box::new(stream)
    } else {
        let shaken = timeout(SILENCE, tls.accept(stream)).await;
        Box::new(shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??)
    };
    let service = service_fn(|request| handle(Arc::clone(http), request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(SILENCE).title_case_headers(true);
    let served = builder.serve_connection(TokioIo::new(stream), service).await;
    served.map_err(|error| {
        io::Error::other(
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
        )
    })
}

impl Http {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self, who: char, text: &str) {
        let latest = self.state().latest;
        let name = latest.map_or(if self.plain { "http" } else { "https" }, Protocol::name);
        self.shared.log(format!("{name}#{} {who}: {text}", self.id));
    }

    /// Returns when a fault comes up that ends the connection, by what was asked for last.
    async fn cut(&self) {
        let [mut ews, mut autodiscover, mut owa, mut caldav] =
            [Protocol::Ews, Protocol::Autodiscover, Protocol::Owa, Protocol::Caldav]
                .map(|protocol| self.shared.watch(protocol));
        loop {
            let changed = tokio::select! {
                changed = ews.changed() => changed,
                changed = autodiscover.changed() => changed,
                changed = owa.changed() => changed,
                changed = caldav.changed() => changed,
            };
            let fault = self.state().latest.and_then(|protocol| self.shared.fault(protocol));
            if changed.is_err() || matches!(fault, Some(Fault::Cut | Fault::Refuse)) {
                return;
            }
        }
    }

    /// Notes what is asked for; a connection counts when it asks for the first time.
    fn asked(&self, protocol: Option<Protocol>, head: &Parts) {
        let mut state = self.state();
        state.latest = protocol.or(state.latest);
        let first = protocol.filter(|protocol| state.asked.insert(*protocol));
        drop(state);
        if let Some(protocol) = first {
            self.shared.count(|counts| counts.session(protocol).connections += 1);
        }
        self.log('C', &format!("{} {}", head.method, head.uri.path()));
    }

    /// The URL of a path here, as others reach it.
    pub(crate) fn url(&self, path: &str) -> String {
        self.shared.url(path)
    }
}

/// The protocol a path belongs to.
fn protocol(path: &str) -> Option<Protocol> {
    match path.split('/').nth(1)? {
        "dav" => Some(Protocol::Caldav),
        ".well-known" if path == "/.well-known/caldav" => Some(Protocol::Caldav),
        "ews" => Some(Protocol::Ews),
        "autodiscover" => Some(Protocol::Autodiscover),
        "owa" => Some(Protocol::Owa),
        _ => None,
    }
}

async fn handle(http: Arc<Http>, request: Request<Incoming>) -> Result<Response<Body>, Gone> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_ascii_lowercase();
    let protocol = protocol(&path);
    http.asked(protocol, &head);
    let body = match body::read(body, MAX_REQUEST).await {
        Ok(body) => body,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let reply = Reply::text(413, "The request is too big.\r\n").with("Connection", "close");
            return Ok(finish(&http, &head, reply).into_response());
        }
        Err(_) => return Err(Gone("the request broke off")),
    };
    let fault = protocol.and_then(|protocol| http.shared.fault(protocol));
    let stalls = stalls(&http, protocol, fault.as_ref()).await;
    let reply = match (before(protocol, fault.as_ref()).await?, protocol) {
        (Some(reply), _) => reply,
        (None, _) if http.plain => autodiscover::plain(&http, &path),
        (None, _) if path.ends_with("/healthcheck.htm") => health::answer(&http, &path),
        (None, Some(Protocol::Ews)) => ews::answer(&http, &head, &path, body).await?,
        (None, Some(Protocol::Autodiscover)) => autodiscover::answer(&http, &head, &path, &body).await?,
        (None, Some(Protocol::Owa)) => owa::answer(&http, &head, &path, &body).await?,
        (None, Some(Protocol::Caldav)) => dav::answer(&http, &head, body).await?,
        // What is not spoken yet is there all the same, as far as the sign-in.
        (None, None) if health::is_known(&path) && !head.headers.contains_key("authorization") => http.ask(),
        (None, _) if path == "/" => Reply::redirect(&http.url("/owa/")),
        (None, _) => Reply::text(404, "There is no such page.\r\n"),
    };
    if stalls {
        http.log('S', "carried out, and held back");
        return std::future::pending().await;
    }
    // What was switched on meanwhile is felt as well.
    let fault = protocol.and_then(|protocol| http.shared.fault(protocol));
    let reply = after(finish(&http, &head, reply), fault.as_ref()).await?;
    http.log('S', format!("{} {}", reply.status, reply.note).trim_end());
    Ok(reply.into_response())
}

/// Whether this request is the last one that is carried out.
async fn stalls(http: &Http, protocol: Option<Protocol>, fault: Option<&Fault>) -> bool {
    let Some(protocol) = protocol else { return false };
    let nth = http.shared.asked(protocol);
    match fault {
        Some(Fault::StallAt(n)) if nth > u64::from(*n) => std::future::pending().await,
        Some(Fault::StallAt(n)) => nth == u64::from(*n),
        _ => false,
    }
}

/// What a fault does before the request is looked at.
async fn before(protocol: Option<Protocol>, fault: Option<&Fault>) -> Result<Option<Reply>, Gone> {
    match (fault, protocol) {
        (Some(Fault::Refuse), _) => Err(Gone("refused")),
        (Some(Fault::Stall), _) => std::future::pending().await,
        (Some(Fault::Shutdown421), _) => {
            let page = "<html><head><title>Service Unavailable</title></head>\r\n\
                <body><h2>Service Unavailable</h2>\r\n<p>HTTP Error 503. The service is unavailable.</p>\r\n\
                </body></html>\r\n";
            Ok(Some(Reply::new(503, reply::HTML, page).with("Connection", "close")))
        }
        (Some(Fault::TooManySessions), Some(Protocol::Autodiscover | Protocol::Owa | Protocol::Caldav)) => {
            Ok(Some(Reply::text(503, "There are too many connections.\r\n").with("Connection", "close")))
        }
        (Some(Fault::Defer), Some(Protocol::Autodiscover | Protocol::Owa | Protocol::Caldav)) => {
            Ok(Some(Reply::text(503, "The server is busy.\r\n").with("Retry-After", RETRY_AFTER)))
        }
        _ => Ok(None),
    }
}

/// How many seconds a client is put off for.
pub(crate) const RETRY_AFTER: &str = "30";

/// The answer while credentials cannot be checked.
fn unavailable(protocol: Protocol) -> Reply {
    match protocol {
        Protocol::Ews => ews::fault_reply(
            "ErrorADUnavailable",
            "The Active Directory is not available. Try your request again later.",
        ),
        _ => Reply::text(503, "The directory is not available.\r\n"),
    }
}

/// Signs in, after which a fault may keep silent for ever.
pub(crate) async fn signed_in(
    http: &Http,
    protocol: Protocol,
    head: &Parts,
) -> Result<Result<String, Box<Reply>>, Gone> {
    let user = http.sign_in(protocol, &head.headers);
    if user.is_ok() {
        stall_after_auth(http, protocol).await;
    }
    Ok(user)
}

pub(crate) async fn stall_after_auth(http: &Http, protocol: Protocol) {
    if http.shared.fault(protocol) == Some(Fault::StallAfterAuth) {
        std::future::pending::<()>().await;
    }
}

/// What a fault does to an answer.
async fn after(mut reply: Reply, fault: Option<&Fault>) -> Result<Reply, Gone> {
    match fault {
        Some(Fault::Stall) => std::future::pending().await,
        Some(Fault::Refuse) => return Err(Gone("refused")),
        Some(Fault::Slow(late)) => sleep(*late).await,
        Some(Fault::Cut) => reply.body = reply.body.cut(),
        Some(Fault::PushHeld) if matches!(reply.body, Body::Stream(_)) => std::future::pending().await,
        Some(Fault::PushCut) if matches!(reply.body, Body::Stream(_)) => {
            reply.body = Body::Cut { first: bytes::Bytes::new(), flushed: false, total: 1 };
        }
        Some(Fault::Garbage) => {
            reply.status = 200;
            reply.body = Body::Whole(noise(400).into());
        }
        Some(Fault::Flood) => {
            reply.status = 200;
            reply.body = Body::Endless {
                first: "<?xml version=\"1.0\"?>\r\n<flood>".into(),
                again: "<still>here</still>\r\n".repeat(256).into(),
            };
        }
        _ => {}
    }
    Ok(reply)
}

/// 32 hexadecimal digits with dashes, of random bytes.
pub(crate) fn guid() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts =
        [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| hex.get(from..to).unwrap_or(""));
    parts.join("-")
}

/// Adds the headers by which an Exchange server is known.
fn finish(http: &Http, head: &Parts, reply: Reply) -> Reply {
    let server = http.shared.options.host.split('.').next().unwrap_or_default().to_uppercase();
    let asked =
        head.headers.get("client-request-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut reply = reply
        .with("request-id", guid())
        .with("X-FEServer", server.clone())
        .with("X-Powered-By", "ASP.NET")
        .with("Server", "Microsoft-IIS/10.0");
    if let Some(asked) = asked {
        reply = reply.with("client-request-id", asked);
    }
    if reply.status != 401 {
        reply = cookies(head, reply);
        reply = reply
            .with("X-CalculatedBETarget", http.shared.options.host.clone())
            .with("X-BEServer", server.clone())
            .with("X-DiagInfo", server);
    }
    reply
}

/// By these a balancer sends the same client to the same server: one for each client, one for the mailbox's
/// server, and one that those ask for who listen to a stream.
fn cookies(head: &Parts, reply: Reply) -> Reply {
    if !head.uri.path().to_ascii_lowercase().starts_with("/ews/") {
        return reply;
    }
    let given = head.headers.get("cookie").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut reply = reply;
    if form::cookie(given, "exchangecookie").is_none() {
        reply = reply
            .with("Set-Cookie", format!("exchangecookie={}; path=/; HttpOnly", guid().replace('-', "")))
            .with("Set-Cookie", format!("X-BackEndCookie={}; path=/EWS; secure; HttpOnly", guid()));
    }
    if head.headers.contains_key("x-preferserveraffinity") {
        reply = reply
            .with("Set-Cookie", "X-BackEndOverrideCookie=localhost~1941997017; path=/; secure; HttpOnly");
    }
    reply
}

/// The verdict on a name and a password of a form.
fn password(http: &Http, name: &str, password: &str) -> Verdict {
    crate::sasl::password(signin::local(name).as_bytes(), password.as_bytes(), &http.shared)
}
