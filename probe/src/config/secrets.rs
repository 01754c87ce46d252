//! Secrets out of files.

use std::io::Read as _;
use std::path::Path;

use super::plan::SecretSource;
use crate::secret::Secret;

/// Larger is no secret.
const LARGEST: u64 = 64 << 10;

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

fn read_file(path: &Path) -> Result<String, Unread> {
    let name = path.display();
    let wrong = |what: &str| Err(Unread { words: format!("the file {name}, {what}"), no_descriptor: false });
    let open = |error: std::io::Error| Unread {
        words: match error.kind() {
            std::io::ErrorKind::NotFound => format!("the file {name}, which is not there"),
            _ => format!("the file {name}, which cannot be read ({error})"),
        },
        no_descriptor: matches!(error.raw_os_error(), Some(23 | 24)),
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(open)?;
    if bytes.len() as u64 > LARGEST {
        return wrong("which is larger than 64 KiB");
    }
    let Ok(mut text) = String::from_utf8(bytes) else {
        return wrong("which is not text in UTF-8");
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return wrong("which is empty");
    }
    Ok(text)
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
