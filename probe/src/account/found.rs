//! URLs that the configuration leaves out: found by Autodiscover for this mailbox when one is first needed, and kept.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Account;
use crate::catalogue::{Cause, Protocol, Reason, Step};
use crate::config::plan::{Endpoint, TlsMode};
use crate::outcome::{Fault, Recorder, Said};
use crate::protocol::Session;
use crate::protocol::autodiscover::{Settings, Url};

/// What was found is looked up again after this.
const KEPT: Duration = Duration::from_secs(6 * 60 * 60);
/// After that failed, and what was found before is still used.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// Of a whole search, redirects included.
const LONGEST: Duration = Duration::from_secs(60);

/// A run waits no longer for a search while it has something that was found before.
const GRACE: Duration = Duration::from_secs(2);
/// And for another place than the one that led nowhere.
const ELSEWHERE: Duration = Duration::from_secs(5);

/// What will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// What is kept, while it is not too old.
    Kept,
    /// Only what is found now: what is kept leads nowhere.
    Anew,
}

/// What Autodiscover told of a mailbox; searched for by one at a time.
#[derive(Default)]
pub(super) struct Places {
    state: Mutex<State>,
    /// The newest that was found, however old.
    newest: std::sync::Mutex<Option<Settings>>,
}

#[derive(Default)]
struct State {
    /// And until when it is not looked up again.
    kept: Option<(Settings, Instant)>,
    /// When the last search ended, and with what.
    last: Option<(Instant, Result<Settings, Fault>)>,
}

impl State {
    fn fresh(&self) -> Option<Settings> {
        let kept = self.kept.as_ref().filter(|(_, until)| Instant::now() < *until);
        kept.map(|(settings, _)| settings.clone())
    }
}

impl Places {
    /// What will do without a search.
    fn at_once(&self, wanted: Wanted) -> Option<Settings> {
        let state = self.state.try_lock().ok().filter(|_| wanted == Wanted::Kept)?;
        state.fresh()
    }

    fn newest(&self) -> Option<Settings> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is kept, or what the search finds. Who waited for another's search takes what that one found.
    async fn get(
        &self,
        wanted: Wanted,
        search: impl Future<Output = Result<Settings, Fault>>,
    ) -> Result<Settings, Fault> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some((at, result)) = &state.last
            && *at > asked
        {
            return result.clone();
        }
        if let Some(settings) = state.fresh().filter(|_| wanted == Wanted::Kept) {
            return Ok(settings);
        }
        let mut result = search.await;
        let now = Instant::now();
        match (&result, &mut state.kept) {
            (Ok(settings), kept) => {
                *kept = Some((settings.clone(), now + KEPT));
                *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings.clone());
            }
            // As Outlook does: mail goes on while Autodiscover is down. A refusal is everybody's.
            (Err(fault), Some((settings, until)))
                if wanted == Wanted::Kept && fault.cause() != Cause::Authentication =>
            {
                *until = now + AGAIN;
                result = Ok(settings.clone());
            }
            _ => {}
        }
        state.last = Some((now, result.clone()));
        result
    }
}

impl Account {
    /// A session where Autodiscover says. If what is kept leads nowhere, it is asked at once whether there is another place.
    pub(super) async fn session_where_found(
        self: &Arc<Self>,
        protocol: Protocol,
        turn: u32,
        rec: &Recorder,
    ) -> Result<Box<dyn Session>, Fault> {
        let place = self.find(protocol, Wanted::Kept, turn, rec).await?;
        let fault = match self.session(protocol, Some(&place), turn, rec).await {
            Err(fault) if leads_nowhere(&fault) => fault,
            result => return result,
        };
        let (steps, facts) = rec.take();
        let anew = rec.within(ELSEWHERE, self.find(protocol, Wanted::Anew, turn, rec));
        let fault = match anew.await {
            Ok(other) if other != place => return self.session(protocol, Some(&other), turn, rec).await,
            Ok(_) => fault,
            Err(refused) if refused.cause() == Cause::Authentication => return Err(refused),
            Err(other) => Fault { said: Said::new(&format!("{}; {}", fault.said, other.said)), ..fault },
        };
        // It is the first attempt that failed.
        steps.into_iter().for_each(|(step, took)| rec.add(step, took));
        facts.into_iter().for_each(|fact| rec.note(fact));
        Err(fault)
    }

    async fn find(
        self: &Arc<Self>,
        protocol: Protocol,
        wanted: Wanted,
        turn: u32,
        rec: &Recorder,
    ) -> Result<Endpoint, Fault> {
        if let Some(settings) = self.places.at_once(wanted) {
            return place_of(&settings, protocol);
        }
        let account = Arc::clone(self);
        // It goes on when the run that began it is over, so that the next one finds it done.
        let search = tokio::spawn(async move { account.places.get(wanted, account.search(turn)).await });
        let before = self.places.newest().filter(|_| wanted == Wanted::Kept);
        let found = rec.time(Step::Autodiscover, async {
            tokio::select! {
                ended = search => ended
                    .unwrap_or_else(|_| Err(Fault::new(Reason::InternalError, "the search broke off"))),
                Some(before) = late(before) => Ok(before),
            }
        });
        let settings = found.await.map_err(|fault| {
            let at = fault.step.map_or_else(String::new, |step| format!(" at {}", step.name()));
            let said = Said::new(&format!("Autodiscover{at}: {}", fault.said));
            Fault { said, step: Some(Step::Autodiscover), ..fault }
        })?;
        place_of(&settings, protocol)
    }

    async fn search(self: &Arc<Self>, turn: u32) -> Result<Settings, Fault> {
        let rec = Recorder::default();
        let configured = self.endpoint(Protocol::Autodiscover);
        let found = rec.within(LONGEST, async {
            self.gate.check(Protocol::Autodiscover)?;
            let session = self.session(Protocol::Autodiscover, configured, turn, &rec).await?;
            let settings = session.settings().cloned();
            settings.ok_or_else(|| Fault::new(Reason::InternalError, "a session without settings"))
        });
        found.await
    }
}

/// As Outlook does: who has a URL does not wait for Autodiscover.
async fn late(before: Option<Settings>) -> Option<Settings> {
    tokio::time::sleep(GRACE).await;
    before
}

/// The answer of a place that the mailbox has left.
fn leads_nowhere(fault: &Fault) -> bool {
    matches!(
        fault.reason,
        Reason::MailboxMoved | Reason::EndpointNotFound | Reason::NameUnknown | Reason::DnsFailed
    )
}

/// A credential goes over https only, whoever says otherwise.
fn place_of(settings: &Settings, protocol: Protocol) -> Result<Endpoint, Fault> {
    let kind = match protocol {
        Protocol::Ews => Url::Ews,
        _ => Url::Owa,
    };
    let (from, name) = (&settings.from, kind.name());
    let words = match settings.urls.get(&kind) {
        None => format!("{from} tells no URL of {name}"),
        Some(url) => match Endpoint::of_url(url).filter(|place| place.tls == TlsMode::Implicit) {
            Some(place) => return Ok(place),
            None => format!("{from} tells for {name} what is no https URL: {url}"),
        },
    };
    Err(Fault::new(Reason::EndpointNotFound, &words).at(Step::Autodiscover))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn told(from: &str) -> Settings {
        Settings { from: from.to_owned(), ..Settings::default() }
    }

    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// What is asked for, what a search would find, from whom it is then, and whether there was a search.
    type Asked = (Duration, Wanted, Result<&'static str, Reason>, Result<&'static str, Reason>, bool);

    #[tokio::test(start_paused = true)]
    async fn what_was_found_is_kept_for_six_hours_and_longer_when_autodiscover_is_down() {
        let zero = Duration::ZERO;
        let cases: &[Asked] = &[
            (zero, Wanted::Kept, Err(Reason::ServerError), Err(Reason::ServerError), true),
            (zero, Wanted::Kept, Ok("a"), Ok("a"), true),
            (HOUR * 6 - HOUR / 60, Wanted::Kept, Ok("b"), Ok("a"), false),
            (HOUR / 60, Wanted::Kept, Ok("b"), Ok("b"), true),
            (zero, Wanted::Anew, Ok("c"), Ok("c"), true),
            (zero, Wanted::Anew, Err(Reason::ServerError), Err(Reason::ServerError), true),
            (zero, Wanted::Kept, Ok("d"), Ok("c"), false),
            (HOUR * 6, Wanted::Kept, Err(Reason::ServerTimeout), Ok("c"), true),
            (HOUR / 5, Wanted::Kept, Ok("d"), Ok("c"), false),
            (
                HOUR / 5,
                Wanted::Kept,
                Err(Reason::CredentialsRejected),
                Err(Reason::CredentialsRejected),
                true,
            ),
            (zero, Wanted::Kept, Ok("e"), Ok("e"), true),
        ];
        let places = Places::default();
        for (n, (later, wanted, finds, expected, searches)) in cases.iter().enumerate() {
            tokio::time::advance(*later + Duration::from_millis(1)).await;
            let searched = Cell::new(false);
            let search = async {
                searched.set(true);
                finds.map(told).map_err(|reason| Fault::new(reason, ""))
            };
            let result = match places.at_once(*wanted) {
                Some(settings) => Ok(settings),
                None => places.get(*wanted, search).await,
            };
            let result = result.map(|settings| settings.from).map_err(|fault| fault.reason);
            assert_eq!(result, expected.map(str::to_owned), "{n}");
            assert_eq!(searched.get(), *searches, "{n}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_take_what_the_one_found() {
        let places = Places::default();
        let searches = Cell::new(0);
        let search = || async {
            searches.set(searches.get() + 1);
            tokio::time::sleep(Duration::from_secs(3)).await;
            Err(Fault::new(Reason::CredentialsRejected, ""))
        };
        let all = futures_util::future::join_all((0..5).map(|_| places.get(Wanted::Kept, search()))).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(searches.get(), 1, "one refusal, whoever asked");
    }

    #[test]
    fn only_https_is_a_place() {
        for (url, well) in [("https://a.test/EWS/", true), ("http://a.test/EWS/", false), ("a.test", false)] {
            let mut settings = told("x");
            settings.urls.insert(Url::Ews, url.to_owned());
            assert_eq!(place_of(&settings, Protocol::Ews).is_ok(), well, "{url}");
            assert!(place_of(&settings, Protocol::Owa).is_err());
        }
    }
}
