//! Secrets out of files.

use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::plan::{Method, SecretSource};
use crate::secret::Secret;

/// Larger is no secret.
const LARGEST: u64 = 64 << 10;
/// The keys of all accounts.
const LARGEST_KEYTAB: u64 = 4 << 20;
/// How a keytab begins, in both of its versions (MIT's keytab file format).
const KEYTAB: u8 = 5;

impl Method {
    /// The secret as it is now. In a keytab's stead its hash: the keys are read by the library.
    ///
    /// # Errors
    /// As [`SecretSource::read`].
    pub fn read(&self) -> Result<Secret, Unread> {
        match self {
            Self::Password(source) | Self::TokenFile(source) => source.read(),
            Self::Keytab(path) => read_keytab(path),
        }
    }
}

impl SecretSource {
    /// The secret as it is now: a file is read anew, and one newline at its end is cut.
    ///
    /// # Errors
    /// What is wrong with the file, by name and without its content.
    pub fn read(&self) -> Result<Secret, Unread> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => read_file(path).map(|text| Secret::new(&text)),
        }
    }
}

/// Why a file was not read.
#[derive(Debug)]
pub struct Unread {
    pub words: String,
    /// The process has no file descriptors left: the file may be well.
    pub no_descriptor: bool,
}

/// A small file with a text in it, one newline at its end cut; tells what is wrong without the content.
pub fn read_text(path: &Path) -> Result<String, String> {
    read_file(path).map_err(|unread| unread.words)
}

fn read_keytab(path: &Path) -> Result<Secret, Unread> {
    let bytes = read_bytes(path, LARGEST_KEYTAB, "4 MiB")?;
    if bytes.first() != Some(&KEYTAB) {
        return Err(wrong(path, "which is no keytab"));
    }
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Secret::new(&hash))
}

fn read_file(path: &Path) -> Result<String, Unread> {
    let bytes = read_bytes(path, LARGEST, "64 KiB")?;
    let Ok(mut text) = String::from_utf8(bytes) else {
        return Err(wrong(path, "which is not text in UTF-8"));
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(wrong(path, "which is empty"));
    }
    Ok(text)
}

fn wrong(path: &Path, what: &str) -> Unread {
    Unread { words: format!("the file {}, {what}", path.display()), no_descriptor: false }
}

fn read_bytes(path: &Path, most: u64, in_words: &str) -> Result<Vec<u8>, Unread> {
    let name = path.display();
    let open = |error: std::io::Error| Unread {
        words: match error.kind() {
            std::io::ErrorKind::NotFound => format!("the file {name}, which is not there"),
            _ => format!("the file {name}, which cannot be read ({error})"),
        },
        no_descriptor: matches!(error.raw_os_error(), Some(23 | 24)),
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(open)?;
    if bytes.len() as u64 > most {
        return Err(wrong(path, &format!("which is larger than {in_words}")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_is_cut_and_the_file_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let source = SecretSource::File(path.clone());
        assert!(source.read().unwrap_err().words.ends_with("which is not there"));
        std::fs::write(&path, "one\n\n").unwrap();
        assert_eq!(source.read().unwrap().expose(), "one\n");
        std::fs::write(&path, "two\r\n").unwrap();
        assert_eq!(source.read().unwrap().expose(), "two");
        std::fs::write(&path, "\n").unwrap();
        assert!(source.read().unwrap_err().words.ends_with("which is empty"));
        std::fs::write(&path, b"\xff\xfe").unwrap();
        assert!(source.read().unwrap_err().words.ends_with("which is not text in UTF-8"));
    }
}
