//! Invitations from one protocol to the other: each step, as both see it.

use jiff::ToSpan as _;
use mailprobe::catalogue::Protocol;
use mailprobe::protocol::Status;
use mailprobe::protocol::calendar::{Answer, Draft};
use mailprobe_tests::Service;

use crate::client::{Client, draft};
use crate::matrix::{PROTOCOLS, client};
use crate::seen::{accepted, around, is};

const BOB: &str = "bob@sandbox.test";

/// Who organizes, and who is invited.
struct Pair {
    alice: Client,
    bob: Client,
}

impl Pair {
    /// Both see the meeting, and what was said to it.
    async fn see(&mut self, meeting: &Draft, said: Answer) {
        let (own, invitation) = (self.alice.only(meeting).await, self.bob.only(meeting).await);
        is(&own, meeting);
        // Who has not said yes may show the time in another way.
        let status = if said == Answer::Accepted { meeting.status } else { invitation.status };
        is(&invitation, &Draft { status, ..meeting.clone() });
        for entry in [own, invitation] {
            assert_eq!(entry.answers.get(BOB), Some(&said), "{entry:?}");
        }
    }

    async fn say(&mut self, meeting: &Draft, answer: Answer) {
        let id = self.bob.only(meeting).await.id;
        accepted(self.bob.try_answer(&id, answer).await);
    }

    /// Invited, tentative, accepted, moved, called off, gone.
    async fn meet(&mut self, meeting: &Draft) {
        accepted(self.alice.try_create(meeting).await);
        self.see(meeting, Answer::Nothing).await;
        self.say(meeting, Answer::Tentative).await;
        self.see(meeting, Answer::Tentative).await;
        self.say(meeting, Answer::Accepted).await;
        self.see(meeting, Answer::Accepted).await;
        let busy = self.alice.try_busy(BOB, around(meeting)).await.expect("busy times");
        let busy: Vec<_> = busy.into_iter().map(|busy| (busy.span, busy.status)).collect();
        assert_eq!(busy, [(meeting.time.span().expect("a time"), Status::Busy)]);

        let mut moved = meeting.clone();
        moved.time.start = meeting.time.start.saturating_add(1.hour());
        let id = self.alice.only(meeting).await.id;
        accepted(self.alice.try_update(&id, &moved).await);
        is(&self.alice.only(&moved).await, &moved);
        let invitation = self.bob.only(&moved).await;
        is(&invitation, &Draft { status: invitation.status, ..moved.clone() });

        let id = self.alice.only(&moved).await.id;
        accepted(self.alice.try_delete(&id).await);
        assert_eq!(self.alice.list(around(&moved)).await, []);
        for entry in self.bob.list(around(&moved)).await {
            assert!(entry.cancelled, "{entry:?}");
            accepted(self.bob.try_delete(&entry.id).await);
        }
        assert_eq!(self.bob.list(around(&moved)).await, []);
    }
}

/// What the mail about meetings left goes; how much there was.
async fn sweep(service: &Service) -> usize {
    let mut swept = 0;
    for name in ["alice", "bob"] {
        for protocol in PROTOCOLS {
            let mut client = client(service, protocol, name).await;
            for notice in client.notices().await {
                assert_eq!(notice.uid, "meeting@probe.test", "{notice:?}");
                swept += 1;
                accepted(client.try_delete(&notice.id).await);
            }
            assert_eq!(client.notices().await, []);
        }
        assert!(service.sandbox().calendar(name).is_empty());
        for folder in ["INBOX", "Sent", "Trash"] {
            assert_eq!(service.sandbox().messages(name, folder).len(), 0, "{name} {folder}");
        }
    }
    swept
}

#[tokio::test]
async fn an_invitation_goes_round_whoever_speaks_what() {
    for organizer in PROTOCOLS {
        for invited in PROTOCOLS {
            let service = Service::start();
            let mut pair = Pair {
                alice: client(&service, organizer, "alice").await,
                bob: client(&service, invited, "bob").await,
            };
            let mut meeting = draft("meeting", "Europe/Lisbon", "2027-02-03T10:00", 60);
            meeting.invited = Some(BOB.into());
            meeting.status = Status::Busy;
            pair.meet(&meeting).await;
            // Three invitations, answers or cancellations at least.
            assert!(sweep(&service).await > 3);
            let names = [organizer, invited].map(Protocol::name);
            println!("{} invites {}: seen, tentative, accepted, moved, called off, gone", names[0], names[1]);
        }
    }
}
