//! Secrets, and the net below them: whatever is printed goes through [`scrub`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What stands where a secret stood.
pub const HIDDEN: &str = "<hidden>";

/// Shorter texts are not hunted for: they would blacken ordinary words.
const SHORTEST: usize = 4;
/// The same of a piece of base64, which looks like a word.
const SHORTEST_INNER: usize = 8;

/// Tokens come and go every hour: beyond this many the oldest are forgotten, and learnt again at their next use.
const MOST: usize = 16_384;

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// All forms, found by their first bytes: at a thousand mailboxes there are thousands, and every text is searched.
#[derive(Default)]
struct Known {
    all: HashSet<Arc<str>>,
    by_start: HashMap<[u8; SHORTEST], Vec<Arc<str>>>,
    /// The oldest first.
    order: VecDeque<Arc<str>>,
}

impl Known {
    fn learn(&mut self, form: &str) {
        let Some(start) = form.as_bytes().first_chunk() else { return };
        let form: Arc<str> = form.into();
        if !self.all.insert(Arc::clone(&form)) {
            return;
        }
        self.by_start.entry(*start).or_default().push(Arc::clone(&form));
        self.order.push_back(form);
        if self.order.len() > MOST {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        self.all.remove(&oldest);
        if let Some(start) = oldest.as_bytes().first_chunk()
            && let Some(forms) = self.by_start.get_mut(start)
        {
            forms.retain(|form| *form != oldest);
        }
    }

    /// The longest form that the text begins with.
    fn starts(&self, text: &[u8]) -> Option<usize> {
        let forms = self.by_start.get(text.first_chunk::<SHORTEST>()?)?;
        forms.iter().map(|form| form.as_bytes()).filter(|form| text.starts_with(form)).map(<[u8]>::len).max()
    }
}

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

/// Makes a text known to [`scrub`], with its base64 forms: also those inside a longer text, at each of the three places
/// where one may begin.
pub fn learn(text: &str) {
    let inner = (0..3).map(|before| inner_base64(before, text)).filter(|form| form.len() >= SHORTEST_INNER);
    let forms = [text.to_owned(), STANDARD.encode(text)].into_iter().chain(inner);
    learn_all(forms.filter(|_| text.len() >= SHORTEST));
}

/// Makes a text known to [`scrub`] as it is: what was made of a secret and goes over the wire.
pub fn learn_as_it_is(text: &str) {
    learn_all(Some(text.to_owned()).into_iter().filter(|text| text.len() >= SHORTEST));
}

/// The characters that tell of this text alone, when so many bytes stand before it and others behind it.
fn inner_base64(before: usize, text: &str) -> String {
    let bytes = [&b"\0\0"[..before], text.as_bytes()].concat();
    let all = STANDARD.encode(&bytes);
    all.get((before * 8).div_ceil(6)..bytes.len() * 8 / 6).unwrap_or_default().to_owned()
}

fn learn_all(forms: impl Iterator<Item = String>) {
    let mut known = KNOWN.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    forms.for_each(|form| known.learn(&form));
}

/// The text without any secret that this process ever held.
pub fn scrub(text: &str) -> String {
    let known = KNOWN.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        match known.starts(rest) {
            Some(length) => {
                out.extend_from_slice(HIDDEN.as_bytes());
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_scrubbed_plain_and_in_base64() {
        let secret = Secret::new("tr0ub4dor&3");
        assert_eq!(scrub("bad password tr0ub4dor&3 for you"), "bad password <hidden> for you");
        assert_eq!(scrub("AUTH dHIwdWI0ZG9yJjM= no"), "AUTH <hidden> no");
        for user in ["a", "al", "ali", "alice@example.com"] {
            let blob = STANDARD.encode(format!("\0{user}\0tr0ub4dor&3\x01\x01"));
            let left = scrub(&blob);
            assert!(
                left.contains(HIDDEN) && left.len() < blob.len() - 13 + HIDDEN.len() + 2,
                "{blob} {left}"
            );
        }
        assert_eq!(format!("{secret:?}"), "<hidden>");
    }

    #[test]
    fn of_two_secrets_the_longer_one_goes_and_other_letters_stay() {
        let _both = (Secret::new("näive-secret"), Secret::new("näive-secret-and-more"));
        assert_eq!(scrub("é näive-secret-and-more, näive-secret ü"), "é <hidden>, <hidden> ü");
    }
}
