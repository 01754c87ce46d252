//! GetStreamingEvents: an answer that goes on, envelope after envelope, until its time is over.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{Call, Refusal, Responses, Trouble, envelope, events::Event, invalid};
use crate::{
    fault::{Fault, Protocol},
    http::{Body, Reply, XML},
    shared::Shared,
    xml::{self, Xml},
};

/// A stream to a client.
struct Stream {
    shared: Arc<Shared>,
    user: String,
    ids: Vec<String>,
    to: mpsc::Sender<Bytes>,
}

const NO_STREAM: Refusal = Refusal("ErrorInvalidSubscription", "The subscription is not one to a stream.");

/// What is told of one subscription.
type Told = (String, Vec<Event>);

pub(super) fn answer(call: &Call<'_>) -> Result<Reply, Trouble> {
    let ids: Vec<String> = xml::children(call.need("SubscriptionIds")?)
        .map(|id| id.text().unwrap_or_default().trim().to_owned())
        .collect();
    let minutes = xml::text(call.request, "ConnectionTimeout").and_then(|text| text.parse::<u64>().ok());
    let Some(minutes) = minutes.filter(|minutes| (1..=30).contains(minutes)) else {
        return Err(invalid("The ConnectionTimeout is from 1 to 30."));
    };
    if ids.is_empty() {
        return Err(invalid("The SubscriptionIds are missing."));
    }
    let refused = {
        let mut subscriptions = call.http.shared.exchange.subscriptions();
        let mut refused = Vec::new();
        for id in &ids {
            match subscriptions.get(id, call.user) {
                Ok(subscription) if subscription.streaming => {}
                Ok(_) => refused.push((id.clone(), NO_STREAM)),
                Err(refusal) => refused.push((id.clone(), refusal)),
            }
        }
        refused
    };
    if let Some((_, refusal)) = refused.first() {
        let wrong: Vec<&str> = refused.iter().map(|(id, _)| id.as_str()).collect();
        let note = format!("GetStreamingEvents {}", refusal.0);
        return Ok(Reply::new(200, XML, error(refusal, &wrong)).noting(note));
    }
    let (to, from) = mpsc::channel(16);
    let shared = Arc::clone(&call.http.shared);
    let stream = Stream { shared: Arc::clone(&shared), user: call.user.to_owned(), ids, to };
    shared.tracker.spawn(stream.run(Duration::from_secs(60 * minutes)));
    let mut reply = Reply::new(200, XML, "").noting("GetStreamingEvents");
    reply.body = Body::Stream(from);
    Ok(reply)
}

fn error(Refusal(code, text): &Refusal, ids: &[&str]) -> String {
    let mut responses = Responses::new("GetStreamingEvents");
    responses.message("Error", code, Some(text), |xml| {
        xml.within("m:ErrorSubscriptionIds", |xml| {
            for id in ids {
                xml.leaf("m:SubscriptionId", id);
            }
        });
        xml.leaf("m:ConnectionStatus", "Closed");
    });
    envelope(&responses.finish(), false)
}

impl Stream {
    async fn run(self, time: Duration) {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = shared.stopped.cancelled() => {}
            () = self.to.closed() => {}
            () = self.tell(time) => {}
        }
    }

    async fn tell(&self, time: Duration) {
        let end = Instant::now() + time;
        let pause = self.shared.exchange.settings().keep_alive;
        let mut bell = self.shared.store.listen();
        let mut next = Instant::now() + pause;
        if !self.send(&message(&self.user, &[], Some("OK"), self.strange())).await {
            return;
        }
        loop {
            bell.borrow_and_update();
            let told = match self.look() {
                Ok(told) => told,
                Err(refusal) => {
                    let ids: Vec<&str> = self.ids.iter().map(String::as_str).collect();
                    self.send(&error(&refusal, &ids)).await;
                    return;
                }
            };
            if told.iter().any(|(_, events)| !events.is_empty()) {
                if !self.send(&message(&self.user, &told, None, self.strange())).await {
                    return;
                }
                next = Instant::now() + pause;
            }
            tokio::select! {
                changed = bell.changed() => if changed.is_err() { return },
                () = sleep_until(next.min(end)) => {
                    let over = Instant::now() >= end;
                    let status = if over { "Closed" } else { "OK" };
                    let said = message(&self.user, &self.nothing(over), Some(status), self.strange());
                    if !self.send(&said).await || over {
                        return;
                    }
                    next = Instant::now() + pause;
                }
            }
        }
    }

    /// That nothing has happened, for each subscription; nothing at all in the last message.
    fn nothing(&self, over: bool) -> Vec<Told> {
        if over { Vec::new() } else { self.ids.iter().map(|id| (id.clone(), Vec::new())).collect() }
    }

    fn strange(&self) -> bool {
        self.shared.fault(Protocol::Ews) == Some(Fault::UnknownUntagged)
    }

    /// What has happened since the last look.
    fn look(&self) -> Result<Vec<Told>, Refusal> {
        let state = self.shared.store.lock();
        let mut subscriptions = self.shared.exchange.subscriptions();
        let mut told = Vec::new();
        for id in &self.ids {
            let subscription = subscriptions.get(id, &self.user)?;
            if self.shared.fault(Protocol::Ews) != Some(Fault::NoPush) {
                subscription.look(&state);
                told.push((id.clone(), subscription.take()));
            }
        }
        Ok(told)
    }

    /// Sends an envelope, unless a fault keeps it back; false when the client has gone.
    async fn send(&self, text: &str) -> bool {
        match self.shared.fault(Protocol::Ews) {
            Some(Fault::Stall | Fault::StallAfterAuth) => return std::future::pending().await,
            Some(Fault::Slow(late)) => sleep(late).await,
            _ => {}
        }
        self.to.send(Bytes::from(text.to_owned())).await.is_ok()
    }
}

fn message(user: &str, told: &[Told], status: Option<&str>, strange: bool) -> String {
    let mut responses = Responses::new("GetStreamingEvents");
    let told: Vec<&Told> = told.iter().filter(|(_, events)| !events.is_empty() || status.is_some()).collect();
    responses.good(|xml| {
        if !told.is_empty() {
            xml.within("m:Notifications", |xml| {
                for (id, events) in told {
                    notification(xml, user, id, events, strange);
                }
            });
        }
        if let Some(status) = status {
            xml.leaf("m:ConnectionStatus", status);
        }
    });
    envelope(&responses.finish(), strange)
}

fn notification(xml: &mut Xml, user: &str, id: &str, events: &[Event], strange: bool) {
    xml.within("m:Notification", |xml| {
        xml.leaf("t:SubscriptionId", id);
        if strange {
            xml.within("t:WeatherChangedEvent", |xml| xml.leaf("t:Sky", "blue"));
        }
        for event in events {
            event.write(xml, user, false);
        }
        if events.is_empty() {
            xml.empty("t:StatusEvent", &[]);
        }
    });
}
