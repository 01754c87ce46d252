//! What no fixture shows of the meta-tags and codes.
use super::*;
use crate::wire::ErrorKind;

fn read(bytes: &[u8]) -> Result<(Vec<MetaTag>, MetaResponse)> {
    let mut reader = MetaReader::new(100);
    let tags = reader.feed(bytes)?;
    Ok((tags, reader.finish()?))
}

/// Bytes, and the tags, headers and body in them.
type Case = (&'static str, &'static [MetaTag], &'static [(&'static str, &'static str)], &'static str);

#[test]
fn tags_and_headers_are_taken_as_servers_write_them() {
    use MetaTag::{Done, Pending, Processing};
    let cases: [Case; 6] = [
        ("PROCESSING\r\nDONE\r\n\r\nbody", &[Processing, Done], &[], "body"),
        ("processing\r\npending\r\nPending\r\nDone\r\n\r\n", &[Processing, Pending, Pending, Done], &[], ""),
        ("PENDINGPENDINGDONE\r\nA: b:c\r\n\r\nx", &[Pending, Pending, Done], &[("A", "b:c")], "x"),
        ("\r\nDONE\nX-ResponseCode:10\n\nDONE\r\n", &[Done], &[("X-ResponseCode", "10")], "DONE\r\n"),
        ("DONE\r\n\r\nPENDING", &[Done], &[], "PENDING"),
        ("DONE\r\nA:1\r\nA:2\r\n\r\n\r\n\r\n", &[Done], &[("A", "1"), ("A", "2")], "\r\n\r\n"),
    ];
    for (bytes, tags, headers, body) in cases {
        let (seen, response) = read(bytes.as_bytes()).unwrap();
        assert_eq!(seen, tags, "{bytes:?}");
        let names: Vec<_> = response.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(names, headers, "{bytes:?}");
        assert_eq!(response.body, body.as_bytes(), "{bytes:?}");
    }
}

#[test]
fn what_is_no_response_is_none() {
    let long = format!("DONE\r\nA: {}", "x".repeat(20_000));
    let many = format!("DONE\r\n{}\r\n", "A: b\r\n".repeat(4_000));
    let body = format!("DONE\r\n\r\n{}", "x".repeat(101));
    let cases = [
        ("", "end of a response before its body"),
        ("PROCESSING\r\nPENDING", "end of a response before its body"),
        ("PROCESSING\r\nDONE\r\n", "end of a response before its body"),
        ("PROC", "end of a response before its body"),
        ("<html>", "meta-tag"),
        ("PROCESSING\r\nWHATEVER\r\n", "meta-tag"),
        ("DONE\r\nno header\r\n\r\n", "additional header"),
        (&long, "length of the additional headers"),
        (&many, "length of the additional headers"),
        (&body, "length of a response"),
    ];
    for (bytes, what) in cases {
        assert_eq!(read(bytes.as_bytes()).unwrap_err().kind, ErrorKind::Invalid(what));
    }
}

#[test]
fn a_response_code_is_a_number_with_a_name_where_it_has_one() {
    let cases = [
        ("0", Some("0 Success")),
        (" 0, 10", Some("10 Context Not Found")),
        ("4711", Some("4711")),
        ("x", None),
    ];
    for (header, shown) in cases {
        assert_eq!(ResponseCode::parse(header).map(|code| code.to_string()).as_deref(), shown);
    }
}

#[test]
fn a_page_without_a_reason_has_none() {
    let cases: [(&[u8], Option<&str>); 5] = [
        (b"<html><body><P> two\r\n words</p>", Some("two words")),
        (b"<p>open", Some("open")),
        (b"<p></p>", None),
        (b"plain", None),
        (b"\xff\xfe<p>\xff</p>", Some("\u{FFFD}")),
    ];
    for (page, reason) in cases {
        assert_eq!(html_reason(page).as_deref(), reason);
    }
}
