//! The status page as a person sees it: `mailprobe demo` in Chromium, on a phone and on a desk, healthy and broken.
//!
//! With `MAILPROBE_IMAGES=docs/images` the pictures are written there.

use std::path::Path;

use mailprobe_tests::{Browser, Demo, secs};

/// What a person must be able to read, on a phone and on a desk.
fn reads(name: &str, demo: &Demo, browser: &Browser, texts: &[&str]) {
    for (width, height) in [(390, 844), (1280, 900)] {
        browser.resize(width, height);
        browser.open(&demo.url);
        for text in texts {
            browser.wait_for_text(text, secs(60));
        }
        assert_eq!(browser.overflow(), 0, "{name} at {width}: a person has to scroll sideways");
        assert!(browser.console().is_empty(), "{name}: {:?}", browser.console());
        if let Some(folder) = std::env::var_os("MAILPROBE_IMAGES") {
            let file = Path::new(&folder).join(format!("{name}-{width}.png"));
            std::fs::write(&file, browser.png()).expect("the picture is written");
        }
    }
}

#[test]
fn healthy_says_that_all_is_well() {
    let demo = Demo::start("healthy");
    let browser = Browser::start(390, 844);
    reads(
        "healthy",
        &demo,
        &browser,
        &["All 7 checks are well.", "Kept sessions", "its front doors, without signing in"],
    );
}

#[test]
fn broken_says_what_broke_what_to_do_and_what_still_works_and_heals_without_a_reload() {
    let demo = Demo::start("classic-outlook-outage");
    let browser = Browser::start(1280, 900);
    reads(
        "broken",
        &demo,
        &browser,
        &[
            "7 of 7 checks fail: ",
            "signing in over EWS",
            "Still working: CALDAV, IMAP, OWA, POP3.",
            "The connection is up, and the server did not answer in time.",
            "Look at the server's load and its back ends (storage, directory).",
            "0x800CCC19: the server did not answer in time",
            "server_timeout at step greeting, cause server",
        ],
    );
    // The same window, without loading it again but by the form.
    browser.click("button[value=healthy]");
    browser.wait_for_text("All 7 checks are well.", secs(90));
}

#[test]
fn a_wrong_password_is_told_as_such_and_pauses() {
    let demo = Demo::start("wrong-password");
    let browser = Browser::start(1280, 900);
    browser.open(&demo.url);
    for text in ["credential_paused", "0x800CCC92", "so that the account is not locked"] {
        browser.wait_for_text(text, secs(60));
    }
}
