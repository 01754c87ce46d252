//! Basic authentication: bcrypt once per password, remembered after that, so that scrapes burn no CPU.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex as Turn;

/// Answers remembered, right and wrong ones; beyond that all are forgotten.
const MOST: usize = 256;

/// One hash at a time, over all connections: passwords cannot be tried faster than that, nor all cores be taken.
static TURN: LazyLock<Turn<()>> = LazyLock::new(|| Turn::new(()));

/// The users who may look. Everybody where there are none.
#[derive(Default)]
pub(crate) struct Users {
    hashes: Vec<(String, String)>,
    known: Mutex<HashMap<[u8; 32], bool>>,
}

impl Users {
    pub(super) fn new(hashes: Vec<(String, String)>) -> Self {
        Self { hashes, known: Mutex::default() }
    }

    /// Whether a request with these headers may be answered.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> bool {
        let Some((_, any)) = self.hashes.first() else { return true };
        let Some((user, password)) = credentials(headers) else { return false };
        // All are compared, so that time tells nothing about which names exist.
        let mut hash = None;
        for (name, its) in &self.hashes {
            if bool::from(name.as_bytes().ct_eq(user.as_bytes())) {
                hash = Some(its.as_str());
            }
        }
        // An unknown user takes as long as a known one.
        let (real, hash) = (hash.is_some(), hash.unwrap_or(any).to_owned());
        let key = key(&user, &password, &hash);
        if let Some(answer) = self.remembered(&key) {
            return answer;
        }
        let turn = TURN.lock().await;
        // Somebody with the same password may have been before us.
        if let Some(answer) = self.remembered(&key) {
            return answer;
        }
        let verify = move || bcrypt::verify(password, &hash).unwrap_or(false);
        let fits = tokio::task::spawn_blocking(verify).await.unwrap_or(false);
        drop(turn);
        let answer = real && fits;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, answer);
        answer
    }

    fn remembered(&self, key: &[u8; 32]) -> Option<bool> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// What was asked, as a number that nobody can turn back: no password stays in memory.
fn key(user: &str, password: &str, hash: &str) -> [u8; 32] {
    static SALT: LazyLock<Arc<[u8; 32]>> = LazyLock::new(|| {
        let mut salt = [0; 32];
        // Without a random salt the key is still a SHA-256 in our own memory.
        getrandom::fill(&mut salt).ok();
        Arc::new(salt)
    });
    let mut digest = Sha256::new_with_prefix(**SALT);
    for part in [user, password, hash] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
