//! Connections: accepted, bounded in number and in time, with TLS where it is configured.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::patient::Patient;
use super::web_config::Web;

/// Connections of one listener at once; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 200;

/// For a request's head, and for a kept connection until the next: longer than the usual scrape intervals.
const HEAD: Duration = Duration::from_secs(35);

/// For a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// For a reader that has stopped reading.
const STALL: Duration = Duration::from_secs(30);

/// For the answers that are under way when the server stops.
const LAST: Duration = Duration::from_secs(5);

pub(super) async fn accept(listener: TcpListener, router: Router, web: Arc<Web>, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let tasks = TaskTracker::new();
    let connections = async {
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let one = serve(stream, router.clone(), web.clone(), stop.clone());
                    tasks.spawn(async move {
                        one.await;
                        drop(slot);
                    });
                }
                // Out of descriptors, or the peer went away: neither ends the server.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    stop.run_until_cancelled(connections).await;
    drop(listener);
    tasks.close();
    if timeout(LAST, tasks.wait()).await.is_err() {
        tracing::debug!("connections were cut when the server stopped");
    }
}

async fn serve(stream: TcpStream, router: Router, web: Arc<Web>, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays slow");
    }
    let stream = Patient::new(stream, STALL);
    let Some(tls) = web.tls() else { return converse(stream, router, stop).await };
    match timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, router, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake with a client failed"),
        Err(_) => tracing::debug!("a TLS handshake with a client took too long"),
    }
}

async fn converse<S>(stream: S, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(32 * 1024)
        .max_headers(64)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's connection ended");
    }
}
