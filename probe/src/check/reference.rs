//! The `reference` targets, which are not mail: is it us or them?

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::config::plan::Reference;
use crate::outcome::{Event, Sink as _, Sinks};

const EVERY: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);

/// A question for the root's name servers, framed for TCP (RFC 1035, section 4.2.2).
const QUESTION: &[u8] = &[0, 17, 0x6d, 0x70, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];

/// Asks the targets in turn until `stop`.
pub async fn watch(targets: Reference, sinks: Sinks, stop: CancellationToken) {
    let web = targets.web.as_deref().and_then(|url| Some((url.to_owned(), client()?)));
    loop {
        if let Some(server) = targets.dns {
            let up = within(dns(server)).await;
            sinks.tell(&Event::Reference { target: "dns", up });
        }
        if let Some((url, client)) = &web {
            // Any answer, also a refusal, shows that the way out is open.
            let up = within(async { client.get(url).send().await.is_ok() }).await;
            sinks.tell(&Event::Reference { target: "web", up });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn within(work: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(false)
}

async fn dns(server: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(server).await else { return false };
    let mut length = [0; 2];
    stream.write_all(QUESTION).await.is_ok() && stream.read_exact(&mut length).await.is_ok()
}

fn client() -> Option<reqwest::Client> {
    let build = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .pool_max_idle_per_host(0)
        .build();
    build.inspect_err(|error| tracing::error!(%error, "the reference target cannot be asked")).ok()
}
