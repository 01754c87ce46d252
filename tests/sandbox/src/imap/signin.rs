//! STARTTLS, LOGIN and AUTHENTICATE.

use std::io;

use super::{
    Session, capabilities,
    parse::{Bad, Cursor},
};
use crate::{
    fault::{Fault, Protocol},
    listener::Conn,
    sasl::{self, Exchange, Step, Verdict},
};

impl Session {
    pub(super) async fn starttls(&mut self, conn: &mut Conn) -> io::Result<()> {
        if conn.tls || conn.has(&Fault::NoStarttls) {
            return self.finish(conn, "BAD STARTTLS is not possible").await;
        }
        if conn.has_more() {
            self.finish(conn, "BAD Nothing may follow STARTTLS before TLS").await?;
            return Err(io::Error::other("bytes after STARTTLS"));
        }
        self.finish(conn, "OK Begin TLS").await?;
        conn.upgrade().await
    }

    /// Why no sign-in is possible now.
    fn obstacle(&self, conn: &Conn) -> Option<&'static str> {
        if self.user.is_some() {
            return Some("BAD Signed in already");
        }
        (!conn.tls).then_some("NO [PRIVACYREQUIRED] Sign in needs TLS")
    }

    pub(super) async fn login(&mut self, conn: &mut Conn, cursor: &mut Cursor<'_>) -> io::Result<()> {
        let read = cursor.space().and_then(|()| {
            let name = cursor.astring()?;
            cursor.space()?;
            let password = cursor.astring()?;
            cursor.end().map(|()| (name, password))
        });
        if let Some(answer) = self.obstacle(conn) {
            return self.finish(conn, answer).await;
        }
        match read {
            Ok((name, password)) => {
                let verdict = sasl::password(&name, &password, &conn.shared);
                self.signed_in(conn, verdict).await
            }
            Err(Bad(why)) => self.finish(conn, &format!("BAD {why}")).await,
        }
    }

    pub(super) async fn authenticate(&mut self, conn: &mut Conn, cursor: &mut Cursor<'_>) -> io::Result<()> {
        let read = cursor.space().and_then(|()| {
            let mechanism = cursor.mailbox()?;
            let initial = if cursor.eat(b' ') { Some(cursor.astring()?) } else { None };
            cursor.end().map(|()| (mechanism, initial))
        });
        if let Some(answer) = self.obstacle(conn) {
            return self.finish(conn, answer).await;
        }
        let (mechanism, mut next) = match read {
            Ok(read) => read,
            Err(Bad(why)) => return self.finish(conn, &format!("BAD {why}")).await,
        };
        let Some(mut exchange) = Exchange::start(&mechanism) else {
            return self.finish(conn, "NO No such mechanism").await;
        };
        let mut challenge = exchange.prompt();
        loop {
            let text = match next.take() {
                Some(text) => text,
                None => {
                    conn.reply(&format!("+ {}", sasl::encode(&challenge))).await?;
                    let Some(line) = conn.line().await? else { return Ok(()) };
                    conn.log('C', "<hidden>");
                    line
                }
            };
            if text == b"*" {
                return self.finish(conn, "BAD Cancelled").await;
            }
            let Some(message) = sasl::decode(&text) else {
                return self.finish(conn, "BAD That is not base64").await;
            };
            match exchange.step(&message, &conn.shared) {
                Step::Challenge(text) => challenge = text,
                Step::Done(verdict) => return self.signed_in(conn, verdict).await,
            }
        }
    }

    async fn signed_in(&mut self, conn: &mut Conn, verdict: Verdict) -> io::Result<()> {
        let verdict = sasl::judge(verdict, conn.fault().as_ref());
        sasl::count(&conn.shared, Protocol::Imap, &verdict);
        match verdict {
            Verdict::Welcome(user) => {
                self.user = Some(user);
                let words = capabilities(conn, true);
                self.finish(conn, &format!("OK [CAPABILITY {words}] Signed in")).await?;
                conn.signed_in = true;
                Ok(())
            }
            Verdict::Refused => self.finish(conn, "NO [AUTHENTICATIONFAILED] Invalid credentials").await,
            Verdict::Unavailable => {
                self.finish(conn, "NO [UNAVAILABLE] Credentials cannot be checked for now").await
            }
            Verdict::Malformed => self.finish(conn, "BAD Malformed credentials").await,
        }
    }
}
