//! The meta-tags and additional headers within a response (MS-OXCMAPIHTTP 2.2.2.2, 3.2.5.2), as its bytes come in.
use super::ResponseCode;
use crate::wire::{Error, ErrorKind, Result};

/// A keep-alive or turn of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaTag {
    /// The request is accepted and queued.
    Processing,
    /// It is not done yet.
    Pending,
    /// Headers and the body follow.
    Done,
}

const TAGS: [(&str, MetaTag); 3] =
    [("PROCESSING", MetaTag::Processing), ("PENDING", MetaTag::Pending), ("DONE", MetaTag::Done)];

/// How long a line of the additional headers may be, and how many bytes they may be together.
const MAX_HEADERS: usize = 16 * 1024;

/// A response that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaResponse {
    /// The additional headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl MetaResponse {
    /// The last header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The additional X-ResponseCode, which overrides that of the HTTP header.
    pub fn response_code(&self) -> Option<ResponseCode> {
        self.header("X-ResponseCode").and_then(ResponseCode::parse)
    }
}

/// Takes the tags and headers off a response, however its bytes are cut. Tags may repeat, in any case, and without an end of line.
#[derive(Debug)]
pub struct MetaReader {
    /// What is not understood yet.
    pending: Vec<u8>,
    state: State,
    headers: Vec<(String, String)>,
    header_bytes: usize,
    body: Vec<u8>,
    limit: usize,
    /// How many bytes were understood, for errors.
    at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Tags,
    Headers,
    Body,
}

impl MetaReader {
    /// For a body of so many bytes at most.
    pub fn new(limit: usize) -> Self {
        Self {
            pending: Vec::new(),
            state: State::Tags,
            headers: Vec::new(),
            header_bytes: 0,
            body: Vec::new(),
            limit,
            at: 0,
        }
    }

    /// The next bytes; gives the tags that are complete with them.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<MetaTag>> {
        let mut tags = Vec::new();
        if self.state == State::Body {
            self.extend_body(bytes)?;
            return Ok(tags);
        }
        self.pending.extend_from_slice(bytes);
        while self.state == State::Tags {
            let Some(tag) = self.tag()? else { return Ok(tags) };
            tags.push(tag);
            if tag == MetaTag::Done {
                self.state = State::Headers;
            }
        }
        while self.state == State::Headers && self.header()? {}
        if self.state == State::Body {
            let body = std::mem::take(&mut self.pending);
            self.extend_body(&body)?;
        }
        Ok(tags)
    }

    /// No more bytes come.
    pub fn finish(self) -> Result<MetaResponse> {
        if self.state != State::Body {
            return Err(self.invalid("end of a response before its body"));
        }
        Ok(MetaResponse { headers: self.headers, body: self.body })
    }

    /// The body has begun: DONE and the headers were there.
    pub fn is_done(&self) -> bool {
        self.state == State::Body
    }

    fn invalid(&self, what: &'static str) -> Error {
        Error { at: self.at, kind: ErrorKind::Invalid(what) }
    }

    fn extend_body(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > self.limit - self.body.len() {
            return Err(self.invalid("length of a response"));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn consume(&mut self, n: usize) {
        self.pending.drain(..n);
        self.at += n;
    }

    /// A tag at the start of a line, and the end of the line before; none when its end has not come yet.
    fn tag(&mut self) -> Result<Option<MetaTag>> {
        while let Some(n) = line_end(&self.pending) {
            self.consume(n);
        }
        for (word, tag) in TAGS {
            let n = word.len().min(self.pending.len());
            if word.as_bytes()[..n].eq_ignore_ascii_case(&self.pending[..n]) {
                if n < word.len() {
                    return Ok(None);
                }
                self.consume(n);
                return Ok(Some(tag));
            }
        }
        if self.pending == b"\r" { Ok(None) } else { Err(self.invalid("meta-tag")) }
    }

    /// A line of the headers; false when its end has not come yet. The line of DONE itself is the first.
    fn header(&mut self) -> Result<bool> {
        let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') else {
            return if self.header_bytes + self.pending.len() > MAX_HEADERS {
                Err(self.invalid("length of the additional headers"))
            } else {
                Ok(false)
            };
        };
        let line = String::from_utf8_lossy(&self.pending[..end]).trim().to_owned();
        let first = self.header_bytes == 0;
        self.header_bytes += end + 1;
        if self.header_bytes > MAX_HEADERS {
            return Err(self.invalid("length of the additional headers"));
        }
        if line.is_empty() && !first {
            self.consume(end + 1);
            self.state = State::Body;
            return Ok(true);
        }
        if !line.is_empty() {
            let (name, value) = line.split_once(':').ok_or_else(|| self.invalid("additional header"))?;
            self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        self.consume(end + 1);
        Ok(true)
    }
}

/// How long an end of line at the start is.
fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\r', b'\n', ..] => Some(2),
        [b'\n', ..] => Some(1),
        _ => None,
    }
}

/// What the page of a refused request names as the reason: the text of its first paragraph (MS-OXCMAPIHTTP 3.2.5.2).
pub fn html_reason(page: &[u8]) -> Option<String> {
    const LONGEST: usize = 300;
    let page = String::from_utf8_lossy(page.get(..8192).unwrap_or(page));
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<p>")? + "<p>".len();
    let text = page.get(start..)?;
    let end = text.find('<').unwrap_or(text.len());
    let text = text.get(..end)?.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.chars().take(LONGEST).collect::<String>();
    (!text.is_empty()).then_some(text)
}
