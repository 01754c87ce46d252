//! A name server of the test's own: what it knows is a table.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record as Answer, RecordType};

use crate::ports::loopback;

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Its address.
    Host(Ipv4Addr),
    /// SRV: a host and its port.
    Service(String, u16),
    /// SRV, and TXT with a path beside it.
    ServiceAt(String, u16, String),
    /// Nothing is answered.
    Silence,
}

/// A name server on port 53, where resolvers look for one. What it does not know does not exist.
pub struct NameServer {
    address: Ipv4Addr,
    silent: Arc<AtomicBool>,
}

impl NameServer {
    /// Serves until the process ends.
    pub fn start(known: BTreeMap<String, Record>) -> Self {
        let address = loopback();
        let socket = UdpSocket::bind((address, 53))
            .unwrap_or_else(|error| panic!("port 53 of {address} cannot be had (root may): {error}"));
        let silent = Arc::new(AtomicBool::new(false));
        let hushed = Arc::clone(&silent);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((count, from)) = socket.recv_from(&mut buffer) {
                if hushed.load(Ordering::Relaxed) {
                    continue;
                }
                let query = Message::from_vec(buffer.get(..count).unwrap_or_default());
                let answer = query.ok().and_then(|query| answer(query, &known));
                let bytes = answer.and_then(|answer| answer.to_vec().ok());
                bytes.and_then(|bytes| socket.send_to(&bytes, from).ok());
            }
        });
        Self { address, silent }
    }

    /// From now on nothing is answered.
    pub fn hush(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    pub fn address(&self) -> Ipv4Addr {
        self.address
    }
}

fn answer(query: Message, known: &BTreeMap<String, Record>) -> Option<Message> {
    let mut answer = query.into_response();
    answer.edns = None;
    answer.metadata.recursion_available = true;
    let question = answer.queries.first()?.clone();
    let name = question.name().to_lowercase().to_utf8();
    let data = match (known.get(name.trim_end_matches('.')), question.query_type()) {
        (Some(Record::Silence), _) => return None,
        (None, _) => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            None
        }
        (Some(Record::Host(address)), RecordType::A) => Some(RData::A(A(*address))),
        (Some(Record::ServiceAt(.., path)), RecordType::TXT) => {
            Some(RData::TXT(TXT::new(vec![format!("path={path}")])))
        }
        (Some(Record::Service(host, port) | Record::ServiceAt(host, port, _)), RecordType::SRV) => {
            let host = Name::from_utf8(format!("{host}.")).expect("a host's name");
            Some(RData::SRV(SRV::new(0, 0, *port, host)))
        }
        _ => None,
    };
    answer.answers.extend(data.map(|data| Answer::from_rdata(question.name().clone(), 0, data)));
    Some(answer)
}
