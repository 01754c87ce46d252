//! The status page.

use axum::extract::State as From;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};

use super::routes::Serving;

/// What the page may load: nothing but itself.
pub(super) fn policy() -> HeaderValue {
    HeaderValue::from_static("default-src 'none'")
}

pub(super) async fn page(From(_): From<Serving>) -> Response {
    "".into_response()
}

pub(super) async fn events(From(_): From<Serving>) -> Response {
    "".into_response()
}
