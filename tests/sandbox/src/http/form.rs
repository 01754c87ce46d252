//! Queries, forms and cookies.

/// Undoes `%xx` and, in forms and queries, `+`.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                if let (Some(high), Some(low)) = (digit(ahead.next()), digit(ahead.next())) {
                    rest = ahead;
                    bytes.extend(u8::try_from(high * 16 + low));
                } else {
                    bytes.push(b'%');
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The text as it may stand in a query.
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02x}"),
        })
        .collect()
}

/// The first value of that name in a form or a query; names are the same in any case.
pub(super) fn value(form: &str, name: &str) -> Option<String> {
    form.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        key.eq_ignore_ascii_case(name).then(|| decode(value))
    })
}

/// A part of a path, decoded.
pub(super) fn part(text: &str) -> String {
    decode(&text.replace('+', "%2b"))
}

/// The value of a cookie in the header `Cookie`.
pub(super) fn cookie(header: &str, name: &str) -> Option<String> {
    header.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let text = "https://localhost:8443/owa/?a=b&c=\u{e9} +%";
        assert_eq!(decode(&encode(text)), text);
        assert_eq!(decode("a%zzb%2"), "a%zzb%2");
        assert_eq!(value("a=1&B=x+y%21&b=2", "b").as_deref(), Some("x y!"));
        assert_eq!(value("a", "a").as_deref(), Some(""));
        assert_eq!(value("", "a"), None);
        assert_eq!(part("al+ice%40x"), "al+ice@x");
    }

    #[test]
    fn cookies_are_found() {
        assert_eq!(cookie("a=1; cadata=x=y", "cadata").as_deref(), Some("x=y"));
        assert_eq!(cookie("cadataTTL=1", "cadata"), None);
    }
}
