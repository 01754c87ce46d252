//! The names and servers of the cases: one name server, and web servers at the well-known ports of two addresses, the
//! second of which shows a certificate for another name.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use mailprobe_tests::{Asked, Ca, Flaw, NameServer, Record, Reply, Scene, WebScript, loopback};

use super::cases::{CASES, Case};

/// Where a name of a case leads.
#[derive(Clone, Copy)]
pub enum At {
    /// To servers whose certificate fits.
    Well,
    /// To servers whose certificate does not.
    Wrong,
    /// To an address where nobody listens.
    Closed,
    /// SRV, to that host (`{d}` is the domain).
    Service(&'static str),
    /// The name server is silent.
    Silence,
}

pub struct World {
    names: NameServer,
    ca: Ca,
    well: [WebScript; 2],
    wrong: [WebScript; 2],
}

impl World {
    pub fn start() -> Self {
        let (well, wrong, closed) = (loopback(), loopback(), loopback());
        let place = |at: At, domain: &str| match at {
            At::Well => Record::Host(well),
            At::Wrong => Record::Host(wrong),
            At::Closed => Record::Host(closed),
            At::Service(host) => Record::Service(host.replace("{d}", domain), 443),
            At::Silence => Record::Silence,
        };
        let mut known = BTreeMap::new();
        for case in CASES {
            let domain = case.domain();
            // Where nobody of the domain's own is; whoever is led there is to have a reason of his own not to go.
            known.insert(format!("{}.elsewhere.test", case.name), Record::Host(well));
            for (name, at) in case.names {
                known.insert(name.replace("{d}", &domain), place(*at, &domain));
            }
        }
        let ca = Ca::new("a CA of this test");
        let fits: Vec<_> = CASES.iter().flat_map(names_of).collect();
        let fits = ca.server_for(&fits, Flaw::None);
        let misfits = ca.server(Flaw::WrongName);
        let pair = |address: Ipv4Addr, tls| {
            let secure = WebScript::start_at((address, 443).into(), Some(tls), |asked| answer(asked, true));
            [secure, WebScript::start_at((address, 80).into(), None, |asked| answer(asked, false))]
        };
        Self {
            names: NameServer::start(known),
            ca,
            well: pair(well, fits),
            wrong: pair(wrong, Arc::clone(&misfits)),
        }
    }

    /// What a mail service says of this world.
    pub fn body(&self, scene: &Scene) -> String {
        let ca = self.ca.write(scene.folder());
        format!(
            "tls: {{ ca_file: \"{}\" }}, resolver: {{ servers: [{}] }}",
            ca.display(),
            self.names.address()
        )
    }

    /// The credential went where the case allows, so often, and nowhere else.
    pub fn secrets_of(&self, case: &Case) -> Result<(), String> {
        let of = |server: &WebScript| -> Vec<Asked> {
            server.asked().into_iter().filter(|asked| is_of(case, asked)).collect()
        };
        let [secure, plain] = self.well.each_ref().map(of);
        let [wrong, wrong_plain] = self.wrong.each_ref().map(of);
        let signed = |asked: &&Asked| !asked.header("authorization").is_empty();
        let given: Vec<_> = secure.iter().filter(signed).map(|asked| asked.header("host")).collect();
        let allowed: Vec<_> = case.signed_at.iter().map(|host| host.replace("{d}", &case.domain())).collect();
        let leaked = plain.iter().chain(&wrong_plain).any(|asked| signed(&asked)) || !wrong.is_empty();
        if given == allowed && !leaked {
            return Ok(());
        }
        Err(format!("{}: signed in at {given:?} and not at {allowed:?}, leaked: {leaked}", case.name))
    }
}

fn names_of(case: &Case) -> [String; 3] {
    let domain = case.domain();
    [format!("*.{domain}"), format!("{}.elsewhere.test", case.name), domain]
}

fn is_of(case: &Case, asked: &Asked) -> bool {
    asked.header("host").split('.').any(|label| label == case.name)
}

fn answer(asked: &Asked, secure: bool) -> Reply {
    let case = CASES.iter().find(|case| is_of(case, asked));
    case.map_or_else(|| Reply::Whole(421, String::new(), String::new()), |case| (case.answer)(asked, secure))
}
