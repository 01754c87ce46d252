//! The Exchange side: how it is set, and what it remembers between requests.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::ews::Subscriptions;

/// A way to sign in over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// SPNEGO's name, under which bare messages of NTLM are taken, as Windows does. There is no Kerberos.
    Negotiate,
    /// NTLMv2, which signs in a connection and not a request.
    Ntlm,
    /// Name and password.
    Basic,
    /// A bearer token.
    Bearer,
}

impl Scheme {
    /// The scheme's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
            Self::Basic => "Basic",
            Self::Bearer => "Bearer",
        }
    }

    /// The scheme of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Negotiate, Self::Ntlm, Self::Basic, Self::Bearer]
            .into_iter()
            .find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }
}

/// What is asked of the channel bindings of an NTLM sign-in: Extended Protection for Authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtendedProtection {
    /// They are not looked at.
    #[default]
    Off,
    /// Where there are some they must be right.
    Allow,
    /// There must be some, and they must be right.
    Require,
}

/// What Autodiscover says instead of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// Ask for that address instead; of it the truth is told.
    Address(String),
    /// Ask for yet another address, each time.
    AddressLoop,
    /// Ask at that URL instead, said within the answer; one of the sandbox's own makes a loop.
    Url(String),
    /// Ask at that URL instead, said by HTTP: 302.
    Location(String),
}

/// What Autodiscover says; the default is the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Autodiscover {
    /// A redirection instead of settings.
    pub redirect: Option<Redirect>,
    /// Another URL of EWS for those inside.
    pub ews_internal: Option<String>,
    /// Another URL of EWS for those outside.
    pub ews_external: Option<String>,
    /// Another URL of MAPI over HTTP for those inside.
    pub mapi_internal: Option<String>,
    /// Another URL of MAPI over HTTP for those outside.
    pub mapi_external: Option<String>,
    /// MAPI over HTTP is not offered, although asked for.
    pub no_mapi_http: bool,
}

/// How the Exchange side starts.
#[derive(Clone, Debug)]
pub struct ExchangeOptions {
    /// The ways to sign in, in the order in which they are offered.
    pub schemes: Vec<Scheme>,
    /// Extended Protection for NTLM.
    pub extended_protection: ExtendedProtection,
    /// How often a streaming notification that has nothing to tell says so.
    pub keep_alive: Duration,
    /// What Autodiscover says.
    pub autodiscover: Autodiscover,
}

impl Default for ExchangeOptions {
    fn default() -> Self {
        Self {
            schemes: vec![Scheme::Ntlm, Scheme::Basic, Scheme::Bearer],
            extended_protection: ExtendedProtection::Off,
            keep_alive: Duration::from_secs(30),
            autodiscover: Autodiscover::default(),
        }
    }
}

/// What the Exchange side remembers.
pub(crate) struct Exchange {
    settings: Mutex<ExchangeOptions>,
    subscriptions: Mutex<Subscriptions>,
    /// The cookies of those who are signed in to the web mail, each with its user.
    cookies: Mutex<BTreeSet<(String, String)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most sign-ins to the web mail that are remembered.
const MAX_COOKIES: usize = 1000;

impl Exchange {
    pub(crate) fn new(options: &ExchangeOptions) -> Self {
        Self {
            settings: Mutex::new(options.clone()),
            subscriptions: Mutex::default(),
            cookies: Mutex::default(),
        }
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, ExchangeOptions> {
        locked(&self.settings)
    }

    pub(crate) fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        locked(&self.subscriptions)
    }

    pub(crate) fn remember(&self, cookie: &str, user: &str) {
        let mut cookies = locked(&self.cookies);
        if cookies.len() >= MAX_COOKIES {
            cookies.pop_first();
        }
        cookies.insert((cookie.to_owned(), user.to_owned()));
    }

    /// The user who has that cookie.
    pub(crate) fn remembered(&self, cookie: &str) -> Option<String> {
        let cookies = locked(&self.cookies);
        let found = cookies.range((cookie.to_owned(), String::new())..).next()?;
        (found.0 == cookie).then(|| found.1.clone())
    }

    pub(crate) fn forget(&self, cookie: &str) {
        locked(&self.cookies).retain(|(known, _)| known != cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_known_until_they_are_forgotten() {
        let exchange = Exchange::new(&ExchangeOptions::default());
        exchange.remember("b", "bob");
        assert_eq!(exchange.remembered("b").as_deref(), Some("bob"));
        assert_eq!(exchange.remembered("a"), None);
        exchange.forget("b");
        assert_eq!(exchange.remembered("b"), None);
    }

    #[test]
    fn schemes_have_names() {
        for scheme in [Scheme::Negotiate, Scheme::Ntlm, Scheme::Basic, Scheme::Bearer] {
            assert_eq!(Scheme::parse(scheme.name()), Some(scheme));
        }
        assert_eq!(Scheme::parse("Digest"), None);
    }
}
