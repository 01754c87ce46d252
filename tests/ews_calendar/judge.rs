//! What was written through EWS, read by exchangelib.

use std::time::Duration;

use mailprobe::catalogue::Protocol;
use mailprobe::protocol::Status;
use mailprobe::protocol::calendar::{Draft, Repeat};
use mailprobe_sandbox::Listener;
use mailprobe_tests::{PASSWORD, Service, python, repository};

use crate::client::draft;
use crate::matrix::client;
use crate::seen::accepted;

fn read(service: &Service) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, service.sandbox().ca_pem()).expect("a file");
    let port = service.sandbox().address(Listener::Https).port();
    let output = python()
        .arg(repository().join("tests/ews_calendar/judge.py"))
        .env("PYTHONPATH", repository().join("tests/sandbox/tests/clients"))
        .env("CA_FILE", &ca)
        .env("PASSWORD", PASSWORD)
        .env("HTTPS_PORT", port.to_string())
        .output()
        .expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What all of them have in common, before and after the times.
fn told(draft: &Draft, kind: &str, times: &str, more: &str) -> String {
    let (uid, subject, place) = (&draft.uid, &draft.subject, &draft.place);
    let busy = if draft.status == Status::Busy { "Busy" } else { "Free" };
    format!(
        "{uid} | {kind} | {subject} | {place} | {times} | Private | reminder False | {busy} | token {subject}{more}\n"
    )
}

#[tokio::test]
async fn exchangelib_reads_what_was_written() {
    let service = Service::start();
    let mut client = client(&service, Protocol::Ews, "alice").await;
    let summer = draft("1-summer", "Europe/Lisbon", "2027-07-01T10:00", 45);
    let mut york = draft("2-york", "America/New_York", "2027-11-07T00:30", 60);
    york.subject = "mailprobe-tests <&> \"quoted\" 'too'".into();
    york.place = "<&>".into();
    let mut whole = draft("3-whole", "Europe/Lisbon", "2027-07-03T00:00", 0);
    whole.time.length = Duration::from_secs(2 * 86_400);
    whole.time.all_day = true;
    let mut series = draft("4-series", "Europe/Lisbon", "2027-03-27T09:00", 30);
    series.repeat = Some(Repeat { days: 3, moved: Some((1, "2027-03-28T11:00".parse().expect("a time"))) });
    let mut meeting = draft("5-meeting", "UTC", "2027-07-01T10:00", 60);
    meeting.invited = Some("bob@sandbox.test".into());
    meeting.status = Status::Busy;
    for draft in [&summer, &york, &whole, &series, &meeting] {
        accepted(client.try_create(draft).await);
    }
    let lisbon = "GMT Standard Time";
    let expected = [
        told(&summer, "Single", &format!("2027-07-01T10:00+0100 | 2027-07-01T10:45+0100 | {lisbon}"), ""),
        // An hour later the clock shows half past one, for the first time.
        told(&york, "Single", "2027-11-07T00:30-0400 | 2027-11-07T01:30-0400 | Eastern Standard Time", ""),
        // exchangelib tells the last day and not its end; it takes 24 hours off for that, so it is asked of no day that has 23.
        told(&whole, "Single", &format!("2027-07-03 | 2027-07-04 | {lisbon}"), ""),
        told(
            &series,
            "RecurringMaster",
            &format!("2027-03-27T09:00+0000 | 2027-03-27T09:30+0000 | {lisbon}"),
            " | DailyPattern 1 from 2027-03-27, 3 times | 2027-03-28T09:00+0100 at 2027-03-28T11:00+0100 to \
             2027-03-28T11:30+0100",
        ),
        told(
            &meeting,
            "Single",
            "2027-07-01T10:00+0000 | 2027-07-01T11:00+0000 | UTC",
            " | bob@sandbox.test NoResponseReceived",
        ),
    ];
    assert_eq!(read(&service), expected.concat());
}
