//! Calendar clients that others wrote, against a healthy sandbox.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::{PASSWORD, World};

#[tokio::test]
async fn caldav_does_all_it_can() {
    let world = World::start().await;
    assert_eq!(world.library("calendars_dav.py", &[]).await, "ok\n");
    let counts = world.sandbox.counts();
    assert!(counts.caldav.signed_in > 1 && counts.caldav.refused > 0, "{counts:?}");
    assert!(!world.sandbox.log().join("\n").contains(PASSWORD));
}

#[tokio::test]
async fn exchangelib_does_all_it_can_with_a_calendar() {
    let world = World::start().await;
    assert_eq!(world.library("calendars_ews.py", &[]).await, "ok\n");
    assert!(!world.sandbox.log().join("\n").contains(PASSWORD));
}

#[tokio::test]
async fn each_sees_what_the_other_wrote() {
    let world = World::start().await;
    assert_eq!(world.library("calendars_both.py", &[]).await, "ok\n");
    assert!(world.sandbox.calendar("alice").is_empty() && world.sandbox.calendar("bob").is_empty());
}
