//! The arguments of MAIL and RCPT: a path and parameters.

use std::net::IpAddr;

pub(super) struct Path {
    /// Empty for the null path.
    pub(super) address: String,
    /// Keys in upper case.
    pub(super) parameters: Vec<(String, String)>,
}

/// Reads `FROM:<address> KEY=value ...`.
pub(super) fn parse_path(argument: &str, keyword: &str) -> Option<Path> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, rest) = bracketed(rest)?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let parameters = rest
        .split_ascii_whitespace()
        .map(|word| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            (key.to_ascii_uppercase(), value.to_owned())
        })
        .collect();
    Some(Path { address, parameters })
}

/// What is between `<` and `>`, without a source route, and what comes after.
fn bracketed(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('<')?;
    let mut quoted = false;
    let mut escaped = false;
    let end = inner.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
        None
    })?;
    let (path, rest) = inner.split_at_checked(end)?;
    let path = if path.starts_with('@') { path.split_once(':')?.1 } else { path };
    let blank = !quoted && !path.contains('"') && path.chars().any(char::is_whitespace);
    if blank || path.chars().any(char::is_control) || (path.starts_with('@') || path.ends_with('@')) {
        return None;
    }
    Some((path.to_owned(), rest.strip_prefix('>')?))
}

/// An address literal as a Received header has it.
pub(super) fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let path = parse_path("from:<a@b.test> size=12 SMTPUTF8", "FROM:").unwrap();
        assert_eq!(path.address, "a@b.test");
        let wanted = [("SIZE".to_owned(), "12".to_owned()), ("SMTPUTF8".to_owned(), String::new())];
        assert_eq!(path.parameters, wanted);
        assert_eq!(parse_path("FROM:<>", "FROM:").unwrap().address, "");
        assert_eq!(parse_path("TO:<@x,@y:a@b>", "TO:").unwrap().address, "a@b");
        assert_eq!(parse_path("TO:<\"a > b\"@c>", "TO:").unwrap().address, "\"a > b\"@c");
    }

    #[test]
    fn other_arguments_are_refused() {
        for argument in
            ["", "TO:<a@b>", "FROM:a@b", "FROM:<a@b", "FROM:<a b@c>", "FROM:<a@b>SIZE=1", "FROM: <a@b>"]
        {
            assert!(parse_path(argument, "FROM:").is_none(), "{argument}");
        }
    }
}
