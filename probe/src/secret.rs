//! Secrets, and the net below them: whatever is printed goes through [`scrub`].

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{LazyLock, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What stands where a secret stood.
pub const HIDDEN: &str = "<hidden>";

/// Shorter texts are not hunted for: they would blacken ordinary words.
const SHORTEST: usize = 4;

/// Tokens come and go every hour: beyond this many the oldest are forgotten, and learnt again at their next use.
const MOST: usize = 8192;

static KNOWN: LazyLock<RwLock<VecDeque<Box<str>>>> = LazyLock::new(RwLock::default);

/// A text that may never be shown. `Debug` shows nothing; every secret that was ever made is known to [`scrub`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    pub fn new(text: &str) -> Self {
        learn(text);
        Self(text.into())
    }

    /// The text itself, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A number that changes when the text does; tells nothing else.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Makes a text known to [`scrub`], with its base64 forms. For what is derived from a secret and goes over the wire.
pub fn learn(text: &str) {
    if text.len() < SHORTEST {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    for form in [text.into(), STANDARD.encode(text).into_boxed_str()] {
        if !known.contains(&form) {
            known.push_back(form);
            if known.len() > MOST {
                known.pop_front();
            }
        }
    }
}

/// The text without any secret that this process ever held.
pub fn scrub(text: &str) -> String {
    let known = KNOWN.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut out = text.to_owned();
    for secret in known.iter() {
        if out.contains(&**secret) {
            out = out.replace(&**secret, HIDDEN);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_scrubbed_plain_and_in_base64() {
        let secret = Secret::new("tr0ub4dor&3");
        assert_eq!(scrub("bad password tr0ub4dor&3 for you"), "bad password <hidden> for you");
        assert_eq!(scrub("AUTH dHIwdWI0ZG9yJjM= no"), "AUTH <hidden> no");
        assert_eq!(format!("{secret:?}"), "<hidden>");
    }
}
