//! IDLE (RFC 2177).

use std::io;

use super::Session;
use crate::{fault::Fault, listener::Conn};

impl Session {
    /// Tells of changes as they come, until the client says DONE; true if the session is over.
    pub(super) async fn idle(&mut self, conn: &mut Conn) -> io::Result<bool> {
        let mut bell = conn.shared.store.listen();
        conn.say("+ idling");
        self.tell(conn);
        conn.flush().await?;
        loop {
            tokio::select! {
                line = conn.line() => {
                    let Some(line) = line? else { return Ok(true) };
                    let line = String::from_utf8_lossy(&line).into_owned();
                    conn.log('C', &line);
                    if line.trim().eq_ignore_ascii_case("DONE") {
                        self.tell(conn);
                        self.finish(conn, "OK IDLE completed").await?;
                    } else {
                        self.finish(conn, "BAD DONE expected").await?;
                    }
                    return Ok(false);
                }
                rung = bell.changed() => {
                    if rung.is_err() {
                        return Ok(true);
                    }
                    if conn.has(&Fault::Shutdown421) {
                        conn.reply("* BYE The service is shutting down").await?;
                        return Ok(true);
                    }
                    if self.tell(conn) {
                        conn.flush().await?;
                    }
                }
            }
        }
    }

    /// Puts what is new into the answer, and whether there was something, unless a fault keeps it back.
    fn tell(&mut self, conn: &mut Conn) -> bool {
        if conn.has(&Fault::NoPush) {
            return false;
        }
        if let Some(view) = &mut self.view {
            view.sync(conn, true);
        }
        conn.has_output()
    }
}
