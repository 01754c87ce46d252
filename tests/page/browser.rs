//! The browser of the tests itself, on a page that needs no server.

use mailprobe_tests::{Browser, secs};

const PAGE: &str = "data:text/html,<!doctype html><meta name=viewport content='width=device-width'>\
    <title>t</title><body style='margin:0'><h1 id=a>before</h1><button onclick='console.error(1)'>b</button><div style='height:3000px'></div>\
    <script>setTimeout(() => document.querySelector('h1').textContent = 'after ' + innerWidth, 300)</script>";

#[test]
fn a_page_is_loaded_read_and_pictured_at_both_widths() {
    let browser = Browser::start(390, 800);
    for width in [390, 1280] {
        browser.resize(width, 800);
        browser.open(PAGE);
        browser.wait_for("#a", secs(10));
        browser.wait_for_text(&format!("after {width}"), secs(10));
        assert_eq!(browser.text_of("h1"), Some(format!("after {width}")));
        assert_eq!(browser.text_of("h2"), None);
        assert_eq!(browser.overflow(), 0);
        let png = browser.png();
        assert_eq!(png.get(..8), Some(&b"\x89PNG\r\n\x1a\n"[..]));
        let number = |at: usize| u32::from_be_bytes(png.get(at..at + 4).unwrap().try_into().unwrap());
        // The whole page, not the window.
        assert_eq!(number(16), width);
        assert!(number(20) > 3000, "{} pixels high", number(20));
    }
    assert!(browser.console().is_empty());
    browser.click("button");
    assert_eq!(browser.console().len(), 1);
}
