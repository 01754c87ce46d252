//! What mailprobe's tests stand on: real servers, scripted servers, the probe as a process, its metrics, a browser.
//!
//! All of it is blocking, so that a test reads from top to bottom; what serves connections does so on a thread of its own.
//! Nothing here knows the probe's code: it sees what an operator sees.

mod attended;
mod books;
mod browser;
mod calendars;
mod certificates;
mod config;
mod demo;
mod http;
mod kdc;
mod metrics;
mod names;
mod ports;
mod probe;
mod prometheus;
mod python;
mod scene;
mod script;
mod service;
mod testbed;
mod wait;
mod web;

pub use books::{books_agree, messages};
pub use browser::Browser;
pub use calendars::Calendars;
pub use certificates::{Ca, Flaw};
pub use config::{Auth, Config};
pub use demo::Demo;
pub use http::{Answer, get, request};
pub use kdc::{Apache, Kdc};
pub use metrics::Metrics;
pub use names::{NameServer, Record};
pub use ports::{free_port, free_port_base, loopback};
pub use probe::{Probe, Refused, mailprobe};
pub use prometheus::{Prometheus, Series};
pub use python::python;
pub use scene::{FLEET_KEY, PASSWORD, Scene};
pub use script::{Script, Step};
pub use service::Service;
pub use testbed::{Delivery, Port, Testbed, User};
pub use wait::{repository, secs, wait_until};
pub use web::{Asked, Reply, WebScript};
