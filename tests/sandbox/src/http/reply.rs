//! An answer before it is sent.

use bytes::Bytes;
use hyper::{Response, StatusCode, header::HeaderValue};

use super::body::Body;

pub(crate) const XML: &str = "text/xml; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Status, headers and body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    /// What is told in the log.
    pub(crate) note: String,
}

impl Reply {
    pub(crate) fn new(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, kind, headers: Vec::new(), body: Body::Whole(body.into()), note: String::new() }
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::new(status, TEXT, text.to_owned())
    }

    pub(crate) fn redirect(to: &str) -> Self {
        let page = format!(
            "<html><head><title>Object moved</title></head><body>\r\n\
             <h2>Object moved to <a href=\"{}\">here</a>.</h2>\r\n</body></html>\r\n",
            crate::xml::escape(to)
        );
        Self::new(302, HTML, page).with("Location", to.to_owned())
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub(crate) fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::IM_A_TEAPOT);
        let headers = response.headers_mut();
        headers.insert("Content-Type", HeaderValue::from_static(self.kind));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        response
    }
}
