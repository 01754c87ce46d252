//! Users of the servers; faults are panics, unless a method begins with `try_`.

use mailprobe::catalogue::Protocol;
use mailprobe::outcome::{Fault, Recorder};
use mailprobe::protocol::Session;
use mailprobe_tests::{Calendars, PASSWORD};

use crate::client::{Client, opened};

/// A user of a server.
pub struct User<'a> {
    pub server: &'a Calendars,
    /// As it signs in.
    pub name: &'a str,
    pub address: &'a str,
    pub path: &'a str,
}

impl User<'_> {
    pub async fn try_open(&self, password: &str) -> Result<Box<dyn Session>, Fault> {
        let url = self.server.url(self.path);
        opened(Protocol::Caldav, &url, Some(self.server.authority()), self.name, self.address, password).await
    }

    pub async fn open(&self) -> Client {
        let session = self.try_open(PASSWORD).await.unwrap_or_else(|fault| panic!("{fault}"));
        Client { session, zone: "Europe/Lisbon", rec: Recorder::default() }
    }
}
