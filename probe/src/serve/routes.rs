//! Who answers what.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, Request as HttpRequest, State as From};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::{Part, Probed, Request, State, page};
use crate::export::metrics;
use crate::export::state::LaneView;

/// From a request's head to its answer's head.
const ANSWER: Duration = Duration::from_secs(30);

/// A run that somebody asked for: as long as its slowest view may take.
const RUN: Duration = Duration::from_secs(15 * 60);

/// Without a tick for so long the scheduler is stuck.
const ALIVE: Duration = Duration::from_secs(30);

/// A form of the page's extra part.
const BODY: usize = 16 * 1024;

/// What the doors need beside the state.
#[derive(Clone)]
pub(super) struct Serving {
    pub state: Arc<State>,
    pub stop: CancellationToken,
}

pub(super) fn router(part: Part, state: &Arc<State>, stop: &CancellationToken) -> Router {
    let mut router = Router::new().route("/-/healthy", get(healthy)).route("/-/ready", get(ready));
    if part != Part::Page {
        router = router
            .route("/metrics", get(metrics).layer(compressed()))
            .route("/api/v1/checks", get(checks))
            .route("/-/reload", post(reload))
            .route("/probe", get(probe));
    }
    if part != Part::Probe {
        router = router.route("/", get(page::page)).route("/events", get(page::events));
    }
    let serving = Serving { state: state.clone(), stop: stop.clone() };
    let mut router = router.with_state(serving);
    if let (Some(extra), true) = (&state.extra, part != Part::Probe) {
        router = router.merge(extra.router.clone());
    }
    router
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(state.clone(), guard))
        .layer(from_fn_with_state(state.clone(), headers))
}

/// In time, and only for those who may: what every answer but the doors of Kubernetes asks for.
async fn guard(From(state): From<Arc<State>>, request: HttpRequest, next: Next) -> Response {
    let path = request.uri().path();
    let open = matches!(path, "/-/healthy" | "/-/ready");
    if !open && !state.web.settings().users.admit(request.headers()).await {
        let ask = HeaderValue::from_static("Basic realm=\"mailprobe\", charset=\"UTF-8\"");
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, ask)], "sign in\n").into_response();
    }
    // A browser says where a request comes from: another site's page may not press our buttons.
    let from = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    if request.method() == Method::POST && !matches!(from, None | Some(b"same-origin" | b"none")) {
        return (StatusCode::FORBIDDEN, "not from another site\n").into_response();
    }
    let limit = if path == "/probe" { RUN } else { ANSWER };
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "took too long\n").into_response(),
    }
}

async fn headers(From(state): From<Arc<State>>, request: HttpRequest, next: Next) -> Response {
    let mut response = next.run(request).await;
    let own: [(HeaderName, HeaderValue); 5] = [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, page::policy()),
    ];
    response.headers_mut().extend(own);
    response.headers_mut().extend(state.web.settings().headers.clone());
    response
}

/// A scrape is 24 times smaller then, which a branch's line feels.
fn compressed() -> CompressionLayer {
    CompressionLayer::new().quality(CompressionLevel::Fastest)
}

/// Made while it is sent: a slow reader costs one piece of memory, and others are answered in between.
async fn metrics(From(serving): From<Serving>) -> Response {
    let pieces = stream::unfold(serving.state.metrics.encoding(), |mut encoding| async move {
        tokio::task::yield_now().await;
        encoding.next().map(|piece| (Ok::<_, Infallible>(piece), encoding))
    });
    // Whoever packs it asks once more after the end.
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], Body::from_stream(pieces.fuse())).into_response()
}

async fn checks(From(serving): From<Serving>) -> Response {
    Json(serving.state.history.snapshot()).into_response()
}

async fn healthy(From(serving): From<Serving>) -> Response {
    let age = serving.state.tick.age();
    if age < ALIVE {
        return "healthy\n".into_response();
    }
    let text = format!("the scheduler has not ticked for {} s\n", age.as_secs());
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn ready(From(serving): From<Serving>) -> Response {
    if serving.state.ready.load(Ordering::Acquire) {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
}

async fn reload(From(serving): From<Serving>) -> Response {
    if !serving.state.plan.load().http.reload {
        return (StatusCode::NOT_FOUND, "off; set http: { reload: true }\n").into_response();
    }
    let (answer, told) = oneshot::channel();
    match asked(&serving.state, Request::Reload(answer), told).await {
        Some(Ok(())) => "reloaded\n".into_response(),
        Some(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        None => stopping(),
    }
}

#[derive(Deserialize)]
struct Asked {
    check: String,
}

async fn probe(From(serving): From<Serving>, query: Result<Query<Asked>, QueryRejection>) -> Response {
    let plan = serving.state.plan.load_full();
    if !plan.http.probe {
        return (StatusCode::NOT_FOUND, "off; set http: { probe: true }\n").into_response();
    }
    let Ok(Query(Asked { check: name })) = query else {
        return (StatusCode::BAD_REQUEST, "ask for /probe?check=NAME\n").into_response();
    };
    let Some(check) = plan.checks.iter().find(|check| *check.name == *name) else {
        return (StatusCode::NOT_FOUND, "no check of this name\n").into_response();
    };
    let (answer, told) = oneshot::channel();
    match asked(&serving.state, Request::Probe { check: check.name.clone(), answer }, told).await {
        Some(Probed::Ran(reports)) => {
            Json(reports.iter().map(LaneView::of_report).collect::<Vec<_>>()).into_response()
        }
        Some(Probed::NotNow { why, age }) => {
            let age = age.map_or_else(|| "none yet".to_owned(), |age| format!("{} s old", age.as_secs()));
            let wait = check.every.as_secs().to_string();
            let text = format!("not now: {why}; the last result: {age}\n");
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, wait)], text).into_response()
        }
        None => stopping(),
    }
}

/// `None`: nobody is there any more to answer.
async fn asked<T>(state: &State, request: Request, told: oneshot::Receiver<T>) -> Option<T> {
    state.requests.send(request).await.ok()?;
    told.await.ok()
}

fn stopping() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the probe is stopping\n").into_response()
}
