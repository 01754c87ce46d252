//! All sites behind one port: `/site/N`, kept connections, one thread.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::fleet::{Fleet, now};

/// Serves the sites. Dropped, it is closed.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(fleet: Arc<Fleet>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (started, starting) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                started.send(listener.local_addr().expect("its address")).ok();
                tokio::select! {
                    () = accept(listener, fleet) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = starting.recv().expect("it listens");
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn accept(listener: TcpListener, fleet: Arc<Fleet>) {
    while let Ok((stream, _)) = listener.accept().await {
        let fleet = Arc::clone(&fleet);
        tokio::spawn(async move { serve(stream, &fleet).await.ok() });
    }
}

/// One connection, until the other side closes it.
async fn serve(stream: TcpStream, fleet: &Fleet) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut asked = String::new();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
            if asked.is_empty() {
                asked.clone_from(&line);
            }
        }
        let site = asked.split(' ').nth(1).and_then(|path| path.strip_prefix("/site/")?.parse().ok());
        let (status, body) = match site.filter(|site| *site < fleet.sites) {
            Some(site) => ("200 OK", fleet.exposition(site, now())),
            None => ("404 Not Found", String::new()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.flush().await?;
    }
}
