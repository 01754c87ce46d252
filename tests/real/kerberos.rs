//! Kerberos over HTTP: tickets from a real KDC, accepted by MIT's GSS-API. With the feature `kerberos` alone.

mod signin;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mailprobe_tests::Kdc;
use rcgen::PKCS_ECDSA_P256_SHA256;
use signin::{Identity, Server};

fn server(kdc: &Kdc, identity: Option<&Identity>, arguments: &[&str]) -> Server {
    let keytab = kdc.path("http.keytab");
    let keytab = keytab.to_str().expect("a path in UTF-8");
    let config = kdc.path("krb5.conf");
    Server::start(&[&["negotiate", keytab], arguments].concat(), identity, &[("KRB5_CONFIG", &config)])
}

/// One client process: its arguments, and what it finds in its environment.
struct Attempt<'a> {
    kdc: &'a Kdc,
    port: u16,
    principal: &'a str,
    proof: String,
    service: &'a str,
    binding: &'a str,
    authority: Option<PathBuf>,
    keytab: PathBuf,
    cache: PathBuf,
}

impl<'a> Attempt<'a> {
    fn new(kdc: &'a Kdc, server: &Server, principal: &'a str) -> Self {
        let (keytab, cache) = (kdc.path("client.keytab"), kdc.path("tickets"));
        let (service, binding) = ("HTTP@localhost", "none");
        let proof = format!("keytab:{}", keytab.display());
        Self { kdc, port: server.port, principal, proof, service, binding, authority: None, keytab, cache }
    }

    fn password(mut self, word: &str) -> Self {
        self.proof = format!("password:{word}");
        self
    }

    /// With that client keytab for the process, and as what is asked for.
    fn keytab(mut self, file: PathBuf) -> Self {
        self.proof = format!("keytab:{}", file.display());
        self.keytab = file;
        self
    }

    fn run(&self) -> String {
        std::fs::create_dir_all(&self.cache).expect("a folder for tickets");
        let mut command = Command::new(env!("CARGO_BIN_EXE_negotiate"));
        command
            .args([&self.port.to_string(), self.principal, &self.proof, self.service, self.binding])
            .args(&self.authority)
            .env("KRB5_CONFIG", self.kdc.path("krb5.conf"))
            .env("KRB5_CLIENT_KTNAME", &self.keytab)
            .env("KRB5CCNAME", format!("DIR:{}", self.cache.display()));
        let output = command.output().expect("a client");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// It comes to no sign-in, for this reason.
    fn fails(&self, trouble: &str) {
        let said = self.run();
        assert_eq!(said.split(' ').next(), Some(trouble), "{said}");
        assert!(!said.contains("pw-"), "{said}");
    }
}

#[test]
fn keys_of_two_accounts_and_a_password_sign_in() {
    let kdc = Kdc::start();
    let server = server(&kdc, None, &[]);
    for _ in 0..2 {
        for user in ["alice", "bob"] {
            let principal = format!("{user}@PROBE.TEST");
            assert_eq!(
                Attempt::new(&kdc, &server, &principal).run(),
                format!("200 {principal}; the server: proven")
            );
        }
    }
    let attempt = Attempt::new(&kdc, &server, "alice@PROBE.TEST").password("pw-alice");
    assert_eq!(attempt.run(), "200 alice@PROBE.TEST; the server: proven");
    let attempt = Attempt { service: "HTTP/localhost@PROBE.TEST", ..attempt };
    assert_eq!(attempt.run(), "200 alice@PROBE.TEST; the server: proven", "a service's whole name");
}

#[test]
fn what_is_refused_is_told_apart_and_tried_once() {
    let kdc = Kdc::start();
    let server = server(&kdc, None, &[]);
    let user = |principal| Attempt::new(&kdc, &server, principal);
    let alice = || user("alice@PROBE.TEST");
    alice().password("pw-wrong").fails("Rejected");
    assert_eq!(kdc.command("attempts", &["alice"]), "1", "one sign-in is one attempt");
    alice().keytab(kdc.path("wrong.keytab")).fails("Rejected");
    assert_eq!(kdc.command("attempts", &["alice"]), "2");
    user("nobody@PROBE.TEST").password("pw-nobody").fails("Rejected");
    user("locked@PROBE.TEST").password("pw-locked").fails("Revoked");
    user("expired@PROBE.TEST").password("pw-expired").fails("PasswordExpired");
    user("alice@ELSEWHERE.TEST").password("pw-alice").fails("Unreachable");
    Attempt { service: "HTTP@elsewhere.test", ..alice() }.password("pw-alice").fails("NoService");
    // What is the probe's own to mend.
    user("nobody@PROBE.TEST").fails("Setup");
    alice().keytab(kdc.path("no.keytab")).fails("Setup");
    Attempt { keytab: kdc.path("other.keytab"), ..alice() }.fails("Setup");
    assert_eq!(kdc.command("attempts", &["alice"]), "2");
}

#[test]
fn a_kdc_that_is_down_is_unreachable_and_refuses_nobody() {
    let kdc = Kdc::start();
    let server = server(&kdc, None, &[]);
    kdc.command("stop-kdc", &[]);
    let alice = || Attempt::new(&kdc, &server, "alice@PROBE.TEST");
    let began = tokio::time::Instant::now();
    alice().fails("Unreachable");
    alice().password("pw-alice").fails("Unreachable");
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    kdc.command("start-kdc", &[]);
    assert_eq!(alice().run(), "200 alice@PROBE.TEST; the server: proven");
    kdc.command("stop-kdc", &[]);
    assert_eq!(
        alice().run(),
        "200 alice@PROBE.TEST; the server: proven",
        "a ticket that was got before needs no KDC"
    );
}

#[test]
fn extended_protection_takes_the_right_channel_and_nothing_else() {
    let kdc = Kdc::start();
    let identity = Identity::new(&PKCS_ECDSA_P256_SHA256);
    let mut server = server(&kdc, Some(&identity), &["--binding", "require"]);
    let mut attempt = |binding| {
        let alice = Attempt::new(&kdc, &server, "alice@PROBE.TEST");
        let said = Attempt { binding, authority: Some(identity.authority()), ..alice }.run();
        (said, server.said())
    };
    let accepted = "accepted: alice@PROBE.TEST".to_owned();
    assert_eq!(attempt("right"), ("200 alice@PROBE.TEST; the server: proven".to_owned(), accepted));
    for (binding, why) in
        [("wrong", "refused: BadChannelBindings"), ("none", "refused: ValueError: the client sent no")]
    {
        let (said, told) = attempt(binding);
        assert!(said.starts_with("401") && told.starts_with(why), "{binding}: {said}, {told}");
    }
}

#[test]
fn nothing_is_left_of_a_password() {
    let kdc = Kdc::start();
    let server = server(&kdc, None, &[]);
    let attempt = Attempt::new(&kdc, &server, "bob@PROBE.TEST").password("pw-bob");
    assert_eq!(attempt.run(), "200 bob@PROBE.TEST; the server: proven");
    assert_eq!(files(&attempt.cache), Vec::<PathBuf>::new(), "no ticket is written");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
