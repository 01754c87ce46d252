//! IMAP4rev1 (RFC 3501) with IDLE, UIDPLUS, SPECIAL-USE, SASL-IR, LITERAL+, NAMESPACE, ID, UNSELECT
//! and MOVE.

mod command;
mod fetch;
mod folders;
mod idle;
mod messages;
mod parse;
mod search;
mod signin;
mod structure;
mod view;

use std::io;

use crate::{fault::Fault, listener::Conn, sasl};
use command::Command;
use parse::{Bad, Cursor};
use view::View;

#[derive(Default)]
struct Session {
    user: Option<String>,
    view: Option<View>,
    tag: String,
}

/// What this server can do, as things stand in the session.
fn capabilities(conn: &Conn, signed_in: bool) -> String {
    let mut words =
        vec!["IMAP4rev1".to_owned(), "SASL-IR".to_owned(), "LITERAL+".to_owned(), "ID".to_owned()];
    if signed_in {
        let idle = (!conn.has(&Fault::NoIdle)).then_some("IDLE");
        let more = ["UIDPLUS", "SPECIAL-USE", "NAMESPACE", "UNSELECT", "MOVE", "CHILDREN"];
        words.extend(idle.into_iter().chain(more).map(str::to_owned));
    } else if conn.tls {
        words.extend(sasl::MECHANISMS.iter().map(|mechanism| format!("AUTH={mechanism}")));
    } else {
        if !conn.has(&Fault::NoStarttls) {
            words.push("STARTTLS".to_owned());
        }
        words.push("LOGINDISABLED".to_owned());
    }
    words.join(" ")
}

pub(crate) async fn session(conn: &mut Conn) -> io::Result<()> {
    match conn.fault() {
        Some(Fault::TooManySessions) => {
            return conn.reply("* BYE [UNAVAILABLE] Too many sessions, try again later").await;
        }
        Some(Fault::Shutdown421) => return conn.reply("* BYE The service is shutting down").await,
        _ => {}
    }
    conn.greet(&format!("* OK [CAPABILITY {}] IMAP4rev1 server ready", capabilities(conn, false))).await?;
    let mut session = Session::default();
    while let Some(command) = command::read(conn, session.user.is_some()).await? {
        if conn.has(&Fault::Shutdown421) {
            return conn.reply("* BYE The service is shutting down").await;
        }
        match command {
            Command::Refused { tag, answer } => {
                session.tag = tag;
                session.finish(conn, &answer).await?;
            }
            Command::Whole(bytes) => {
                if session.command(conn, &bytes).await? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

impl Session {
    /// Ends a command's answer with its tagged line.
    async fn finish(&self, conn: &mut Conn, answer: &str) -> io::Result<()> {
        if conn.has(&Fault::UnknownUntagged) {
            for line in [
                "* XFOO bar",
                "* NAMESPACE ((\"\" \"/\")) NIL NIL",
                "* ESEARCH (TAG \"x0\") UID",
                "* STATUS \"no such box\" (MESSAGES 3 XODD 5)",
            ] {
                conn.say(line);
            }
        }
        let tag = if conn.has(&Fault::BadTag) { "WRONG" } else { &self.tag };
        conn.reply(&format!("{tag} {answer}")).await
    }

    /// Carries a command out; true if the session is over.
    async fn command(&mut self, conn: &mut Conn, bytes: &[u8]) -> io::Result<bool> {
        let mut cursor = Cursor::new(bytes);
        let head = cursor.tag().and_then(|tag| {
            cursor.space()?;
            Ok((tag, cursor.word()?))
        });
        let (tag, mut verb) = match head {
            Ok(head) => head,
            Err(Bad(why)) => {
                conn.reply(&format!("* BAD {why}")).await?;
                return Ok(false);
            }
        };
        self.tag = tag;
        let mut by_uid = false;
        if verb == "UID" {
            by_uid = true;
            verb = match cursor.space().and_then(|()| cursor.word()) {
                Ok(verb)
                    if matches!(
                        verb.as_str(),
                        "FETCH" | "STORE" | "COPY" | "MOVE" | "SEARCH" | "EXPUNGE"
                    ) =>
                {
                    verb
                }
                _ => {
                    self.finish(conn, "BAD Unknown command").await?;
                    return Ok(false);
                }
            };
        }
        match verb.as_str() {
            "LOGOUT" => {
                conn.say("* BYE Goodbye");
                self.finish(conn, "OK LOGOUT completed").await?;
                return Ok(true);
            }
            "STARTTLS" => self.starttls(conn).await?,
            "LOGIN" => self.login(conn, &mut cursor).await?,
            "AUTHENTICATE" => self.authenticate(conn, &mut cursor).await?,
            "IDLE" if self.user.is_some() && !self.is_offline(conn) && !conn.has(&Fault::NoIdle) => {
                return self.idle(conn).await;
            }
            _ => {
                let done = self.carry_out(conn, &verb, &mut cursor, by_uid);
                let answer = done.unwrap_or_else(|Bad(why)| format!("BAD {why}"));
                // Numbers must not change while a client may be using them (RFC 3501, 7.4.1).
                let expunge = by_uid || !matches!(verb.as_str(), "FETCH" | "STORE" | "SEARCH");
                if let Some(view) = &mut self.view {
                    view.sync(conn, expunge);
                }
                self.finish(conn, &answer).await?;
            }
        }
        Ok(false)
    }

    /// Whoever is signed in has a store that does not answer.
    fn is_offline(&self, conn: &Conn) -> bool {
        let name = self.user.as_deref().unwrap_or_default();
        conn.shared.store.lock().user(name).is_some_and(|user| user.offline)
    }

    /// The commands that are answered at once.
    fn carry_out(
        &mut self,
        conn: &mut Conn,
        verb: &str,
        cursor: &mut Cursor<'_>,
        by_uid: bool,
    ) -> parse::Parsed<String> {
        match verb {
            "CAPABILITY" => {
                cursor.end()?;
                let words = capabilities(conn, self.user.is_some());
                conn.say(&format!("* CAPABILITY {words}"));
                return Ok("OK CAPABILITY completed".to_owned());
            }
            "NOOP" => {
                cursor.end()?;
                return Ok("OK NOOP completed".to_owned());
            }
            "ID" => {
                conn.say("* ID (\"name\" \"mailprobe-sandbox\")");
                return Ok("OK ID completed".to_owned());
            }
            _ => {}
        }
        let Some(user) = self.user.clone() else { return Err(Bad("unknown command, or sign in first")) };
        if self.is_offline(conn) {
            return Ok("NO [UNAVAILABLE] The mailbox's store does not answer".to_owned());
        }
        match verb {
            "NAMESPACE" => {
                conn.say("* NAMESPACE ((\"\" \"/\")) NIL NIL");
                Ok("OK NAMESPACE completed".to_owned())
            }
            "SELECT" | "EXAMINE" => self.select(conn, &user, verb == "EXAMINE", cursor),
            "LIST" | "LSUB" => folders::list(conn, &user, verb, cursor),
            "STATUS" => folders::status(conn, &user, cursor),
            "CREATE" | "DELETE" | "RENAME" | "SUBSCRIBE" | "UNSUBSCRIBE" => {
                folders::change(conn, &user, verb, cursor)
            }
            "APPEND" => messages::append(conn, &user, cursor),
            _ => self.selected(conn, verb, cursor, by_uid),
        }
    }

    /// The commands that need a mailbox to be selected.
    fn selected(
        &mut self,
        conn: &mut Conn,
        verb: &str,
        cursor: &mut Cursor<'_>,
        by_uid: bool,
    ) -> parse::Parsed<String> {
        let known = ["CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "FETCH", "STORE", "SEARCH", "COPY", "MOVE"];
        if !known.contains(&verb) {
            return Err(Bad("unknown command"));
        }
        let Some(view) = &mut self.view else { return Err(Bad("select a mailbox first")) };
        match verb {
            "CHECK" => cursor.end()?,
            "CLOSE" | "UNSELECT" => {
                cursor.end()?;
                if verb == "CLOSE" && !view.read_only {
                    view.expunge(&mut conn.shared.store.lock(), None);
                    conn.shared.store.ring();
                }
                self.view = None;
            }
            "EXPUNGE" => return messages::expunge(conn, view, cursor, by_uid),
            "FETCH" => return messages::fetch(conn, view, cursor, by_uid),
            "STORE" => return messages::store(conn, view, cursor, by_uid),
            "SEARCH" => return messages::search(conn, view, cursor, by_uid),
            _ => return messages::copy(conn, view, cursor, by_uid, verb == "MOVE"),
        }
        Ok(format!("OK {verb} completed"))
    }

    fn select(
        &mut self,
        conn: &mut Conn,
        user: &str,
        read_only: bool,
        cursor: &mut Cursor<'_>,
    ) -> parse::Parsed<String> {
        cursor.space()?;
        let name = cursor.mailbox()?;
        cursor.end()?;
        // Even a SELECT that fails leaves no mailbox selected.
        self.view = None;
        if conn.has(&Fault::NoToSelect) {
            return Ok("NO [NONEXISTENT] No such mailbox".to_owned());
        }
        let Some(view) = View::open(conn, user, &name, read_only) else {
            return Ok("NO [NONEXISTENT] No such mailbox".to_owned());
        };
        let next = view::uid_next(&conn.shared.store.lock(), user, &name);
        conn.say("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)");
        conn.say(&format!("* {} EXISTS", view.entries.len()));
        conn.say(&format!("* {} RECENT", view.recent()));
        if let Some(first) = view.entries.iter().position(|entry| !entry.flags.contains("\\Seen")) {
            conn.say(&format!("* OK [UNSEEN {}] The first one not seen", first + 1));
        }
        conn.say(if read_only {
            "* OK [PERMANENTFLAGS ()] Nothing can be changed"
        } else {
            "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags that stay"
        });
        conn.say(&format!("* OK [UIDVALIDITY {}] UIDs are valid", view.validity));
        conn.say(&format!("* OK [UIDNEXT {next}] The next UID"));
        self.view = Some(view);
        Ok(if read_only {
            "OK [READ-ONLY] EXAMINE completed".to_owned()
        } else {
            "OK [READ-WRITE] SELECT completed".to_owned()
        })
    }
}
