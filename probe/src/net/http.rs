//! HTTP/1.1 (RFC 9112) on a connection of ours: one connection, one request at a time, every answer bounded.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::task::AbortOnDropHandle;

use super::line::{Io, LARGEST_ANSWER, Line, dropped};
use crate::catalogue::Reason;
use crate::config::plan::Endpoint;
use crate::outcome::{Fault, Said};

/// All headers of an answer together.
const LARGEST_HEAD: usize = 64 << 10;
const MOST_HEADERS: usize = 200;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Ask {
    pub fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub fn post(path: &str, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let ask = Self { method: Method::POST, body: body.into(), ..Self::get(path) };
        ask.with("content-type", content_type)
    }

    /// With one more header; a value that no header can carry is left out.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header's text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        text(&self.headers, name)
    }
}

/// A header's text; empty where there is none.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// An answer whose body comes piece by piece.
pub struct Stream {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Incoming,
    read: usize,
}

impl Stream {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// `connection_dropped` when it ends in the middle.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(&error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.read += data.len();
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`Self::piece`]; `protocol_violation` for more than is taken.
    pub async fn whole(mut self) -> Result<Answer, Fault> {
        let mut body = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            if self.read > LARGEST_ANSWER {
                let start = Said::bytes(&body[..body.len().min(80)]);
                let words = format!("an answer of more than {LARGEST_ANSWER} bytes, from: {start}");
                return Err(Fault::new(Reason::ProtocolViolation, &words));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status: self.status, headers: self.headers, body: body.freeze() })
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Unanswered {
    pub fault: Fault,
    /// The connection was closed before a byte was written: the server never heard of it.
    pub unsent: bool,
}

impl From<Fault> for Unanswered {
    fn from(fault: Fault) -> Self {
        Self { fault, unsent: false }
    }
}

/// One connection.
pub struct Http {
    send: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    /// The server's own certificate, as DER.
    leaf: Option<Bytes>,
    /// Drives the connection; ends with it.
    _driver: AbortOnDropHandle<()>,
}

impl Http {
    /// # Errors
    /// `connection_dropped`, `internal_error`.
    pub async fn over(line: Line, endpoint: &Endpoint) -> Result<Self, Fault> {
        let leaf = line.leaf();
        let io = line.into_io()?;
        let (send, connection) = Builder::new()
            .max_buf_size(LARGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .title_case_headers(true)
            .ignore_invalid_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(TokioIo::new(Quick(io)))
            .await
            .map_err(|error| broken(&error))?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        let host = HeaderValue::from_str(&endpoint.authority())
            .map_err(|_| Fault::new(Reason::InternalError, "this host fits no header"))?;
        Ok(Self { send, host, leaf, _driver: AbortOnDropHandle::new(driver) })
    }

    pub fn leaf(&self) -> Option<&Bytes> {
        self.leaf.as_ref()
    }

    /// Whether one can ask, as far as one can tell without asking.
    pub fn is_open(&self) -> bool {
        !self.send.is_closed()
    }

    /// Asks, up to the head of the answer.
    ///
    /// # Errors
    /// `connection_dropped`, `protocol_violation`.
    pub async fn begin(&mut self, ask: Ask) -> Result<Stream, Unanswered> {
        if let Err(error) = self.send.ready().await {
            return Err(Unanswered { fault: broken(&error), unsent: true });
        }
        let is_empty = ask.method == Method::POST && ask.body.is_empty();
        let mut request = Request::new(Full::new(ask.body));
        *request.method_mut() = ask.method;
        *request.uri_mut() = ask.path.parse().map_err(|_| {
            Fault::new(Reason::InternalError, &format!("{} is no path of a request", ask.path))
        })?;
        *request.headers_mut() = ask.headers;
        request.headers_mut().insert(HOST, self.host.clone());
        if is_empty {
            // Without it http.sys answers 411 before it looks at anything else.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let response = self.send.try_send_request(request).await.map_err(|mut failed| Unanswered {
            unsent: failed.take_message().is_some(),
            fault: broken(failed.error()),
        })?;
        Ok(stream(response))
    }

    /// Asks, and reads the whole answer.
    ///
    /// # Errors
    /// As [`Self::begin`]; `protocol_violation` for a larger answer than is taken.
    pub async fn ask(&mut self, ask: Ask) -> Result<Answer, Unanswered> {
        Ok(self.begin(ask).await?.whole().await?)
    }
}

fn stream(response: Response<Incoming>) -> Stream {
    let (head, body) = response.into_parts();
    Stream { status: head.status, headers: head.headers, body, read: 0 }
}

/// What a library's error means.
fn broken(error: &hyper::Error) -> Fault {
    if let Some(io) = error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        return dropped(io);
    }
    let cause = error.source().map_or_else(String::new, |source| format!(": {source}"));
    let words = format!("{error}{cause}");
    if error.is_parse() || error.is_parse_status() || error.is_parse_too_large() {
        return Fault::new(Reason::ProtocolViolation, &format!("the answer is no HTTP: {words}"));
    }
    if error.is_user() {
        return Fault::new(Reason::InternalError, &words);
    }
    Fault::new(Reason::ConnectionDropped, &words)
}

/// A stream that asks the kernel to acknowledge at once what comes back after each write: see [`Line::send`].
struct Quick(Io);

impl AsyncRead for Quick {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Quick {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_flush(cx))?;
        self.0.quick();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
