//! The table: what stands at the names of a domain, what that comes to, and who may have seen the credential.

use mailprobe::catalogue::Reason;
use mailprobe_tests::{Asked, Reply};

use super::answers::{
    PIECE, account, domain, ews, redirect, redirect_address, redirect_url, settings, settings_at, signed_in,
    soap_settings, status,
};
use super::world::At;

pub struct Case {
    pub name: &'static str,
    /// How many of the four steps are taken.
    pub tried: usize,
    /// The reason and its step; none: what is found is what is configured.
    pub failure: Option<(Reason, &'static str)>,
    /// In the log.
    pub words: &'static [&'static str],
    /// Every request with a credential: its host.
    pub signed_at: &'static [&'static str],
    /// `{d}` is the domain.
    pub names: &'static [(&'static str, At)],
    /// `true`: over TLS.
    pub answer: fn(&Asked, bool) -> Reply,
}

const fn found(
    name: &'static str,
    tried: usize,
    signed_at: &'static [&'static str],
    names: &'static [(&'static str, At)],
    answer: fn(&Asked, bool) -> Reply,
) -> Case {
    Case { name, tried, failure: None, words: &[], signed_at, names, answer }
}

const fn fails(
    name: &'static str,
    tried: usize,
    failure: (Reason, &'static str),
    words: &'static [&'static str],
    signed_at: &'static [&'static str],
    names: &'static [(&'static str, At)],
    answer: fn(&Asked, bool) -> Reply,
) -> Case {
    Case { name, tried, failure: Some(failure), words, signed_at, names, answer }
}

const ROOT: &str = "{d}";
const HOST: &str = "autodiscover.{d}";
const MAIL: &str = "mail.{d}";
const SRV: &str = "_autodiscover._tcp.{d}";
const AT_ROOT: &[(&str, At)] = &[(ROOT, At::Well)];
const AT_HOST: &[(&str, At)] = &[(HOST, At::Well)];

fn well(asked: &Asked, _: bool) -> Reply {
    signed_in(asked, || settings(asked))
}

/// By http a redirect, by https the settings.
fn led(asked: &Asked, secure: bool, to: &str) -> Reply {
    if secure {
        well(asked, secure)
    } else {
        redirect(&format!("https://{to}/autodiscover/autodiscover.xml"))
    }
}

/// Another host of the same domain tells; the first one says this.
fn first(asked: &Asked, says: Reply) -> Reply {
    if asked.header("host") == domain(asked) { says } else { well(asked, true) }
}

fn is_at(asked: &Asked, path: &str) -> bool {
    asked.path.to_ascii_lowercase().starts_with(path)
}

fn address(asked: &Asked) -> &str {
    let (_, after) = asked.body.split_once("<EMailAddress>").unwrap_or_default();
    after.split('<').next().unwrap_or_default()
}

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // Where it is found, in this order
    found("root", 1, &[ROOT], AT_ROOT, well),
    found("host", 2, &[HOST], AT_HOST, well),
    found("led", 3, &[MAIL], &[(HOST, At::Wrong), (MAIL, At::Well)], |asked, secure| led(asked, secure, &format!("mail.{}", domain(asked)))),
    found("named", 4, &[MAIL], &[(SRV, At::Service("mail.{d}")), (MAIL, At::Well)], well),
    // What is at the first name is not it
    found("misfit", 2, &[HOST], &[(ROOT, At::Wrong), (HOST, At::Well)], well),
    found("closed", 2, &[HOST], &[(ROOT, At::Closed), (HOST, At::Well)], well),
    found("site", 2, &[HOST], &[(ROOT, At::Well), (HOST, At::Well)], |asked, _| first(asked, status(200, "content-type: text/html"))),
    found("www", 2, &[HOST], &[(ROOT, At::Well), (HOST, At::Well), ("www.{d}", At::Well)], |asked, _| {
        let www = asked.header("host").starts_with("www.");
        if www { status(404, "") } else { first(asked, redirect(&format!("https://www.{}/", domain(asked)))) }
    }),
    found("hang", 2, &[HOST], &[(ROOT, At::Well), (HOST, At::Well)], |asked, _| first(asked, Reply::Stall)),
    found("other-scheme-first", 2, &[HOST], &[(ROOT, At::Well), (HOST, At::Well)], |asked, _| first(asked, status(401, "www-authenticate: Digest realm=\"x\""))),
    // Named without proof
    fails("led-astray", 4, (Reason::EndpointNotFound, "http_redirect"), &["http://autodiscover.led-astray.lab.test -> led-astray.elsewhere.test", "named without proof"],
        &[], &[(HOST, At::Wrong)], |asked, secure| led(asked, secure, "led-astray.elsewhere.test")),
    fails("named-astray", 4, (Reason::EndpointNotFound, "srv_record"), &["SRV -> named-astray.elsewhere.test", "named without proof"],
        &[], &[(SRV, At::Service("named-astray.elsewhere.test"))], well),
    fails("led-to-http", 4, (Reason::EndpointNotFound, "autodiscover_host"), &["redirected to no https URL: http://led-to-http.lab.test/"],
        &[], &[(HOST, At::Well)], |_, secure| if secure { status(404, "") } else { redirect("http://led-to-http.lab.test/autodiscover/autodiscover.xml") }),
    // Redirects within https
    found("url", 1, &[ROOT, MAIL], &[(ROOT, At::Well), (MAIL, At::Well)], |asked, secure| {
        if asked.header("host").starts_with("mail.") { well(asked, secure) } else { redirect_url(asked, &format!("https://mail.{}/autodiscover/autodiscover.xml", domain(asked))) }
    }),
    found("location", 1, &[MAIL], &[(ROOT, At::Well), (MAIL, At::Well)], |asked, secure| {
        if asked.header("host").starts_with("mail.") { well(asked, secure) } else { redirect(&format!("https://mail.{}/autodiscover/autodiscover.xml", domain(asked))) }
    }),
    found("path", 1, &[ROOT], AT_ROOT, |asked, secure| if is_at(asked, "/there") { well(asked, secure) } else { redirect("/there/autodiscover.xml") }),
    found("address", 1, &[ROOT, ROOT], AT_ROOT, |asked, secure| {
        let to = format!("other@{}", domain(asked));
        if address(asked) == to { well(asked, secure) } else { redirect_address(asked, &to) }
    }),
    found("other-domain", 1, &[ROOT, "other-domain.elsewhere.test"], AT_ROOT, |asked, _| {
        if asked.header("host").ends_with(".elsewhere.test") { signed_in(asked, || settings_at("https://mail.other-domain.lab.test/EWS/Exchange.asmx")) }
        else { redirect_address(asked, "other@other-domain.elsewhere.test") }
    }),
    fails("to-http", 1, (Reason::EndpointNotFound, "auth"), &["redirected to no https URL: http://to-http.lab.test/"],
        &[ROOT], AT_ROOT, |asked, _| redirect_url(asked, "http://to-http.lab.test/autodiscover/autodiscover.xml")),
    fails("circle", 4, (Reason::EndpointNotFound, "autodiscover_host"), &["more than 10 redirects"],
        &[], AT_HOST, |asked, secure| if secure { redirect(&format!("https://{}{}", asked.header("host"), asked.path)) } else { status(404, "") }),
    fails("circle-of-urls", 1, (Reason::EndpointNotFound, "auth"), &["more than 10 redirects, the last to https://circle-of-urls.lab.test/"],
        &[ROOT; 11], AT_ROOT, |asked, _| redirect_url(asked, &format!("https://{}/autodiscover/autodiscover.xml", asked.header("host")))),
    fails("circle-of-addresses", 1, (Reason::EndpointNotFound, "auth"), &["more than 10 redirects"],
        &[ROOT; 11], AT_ROOT, |asked, _| redirect_address(asked, &format!("{}@{}", if address(asked).starts_with("a@") { "b" } else { "a" }, domain(asked)))),
    fails("same-address", 1, (Reason::EndpointNotFound, "auth"), &["same-address@same-address.lab.test is redirected to same-address@same-address.lab.test, which leads nowhere"],
        &[ROOT], AT_ROOT, |asked, _| redirect_address(asked, address(asked))),
    fails("odd-url", 1, (Reason::EndpointNotFound, "auth"), &["redirected to no https URL"],
        &[ROOT], AT_ROOT, |asked, _| redirect_url(asked, "https://odd-url.lab.test/&lt;a&gt;\u{fc}")),
    fails("odd-location", 4, (Reason::EndpointNotFound, "autodiscover_host"), &["redirected to no https URL"],
        &[], AT_ROOT, |_, _| redirect("https://odd-location.lab.test/\u{fc}")),
    fails("odd-address", 1, (Reason::EndpointNotFound, "auth"), &["leads nowhere"],
        &[ROOT], AT_ROOT, |asked, _| redirect_address(asked, "x@b\u{fc}cher test/?a")),
    // The other two forms
    found("soap", 1, &[ROOT], AT_ROOT, |asked, _| {
        if is_at(asked, "/autodiscover/autodiscover.svc") { signed_in(asked, || soap_settings(asked)) } else { status(405, "") }
    }),
    found("json", 1, &[], AT_ROOT, |asked, _| {
        if is_at(asked, "/autodiscover/autodiscover.json/v1.0/json@json.lab.test?protocol=ews") { Reply::ok(format!("{{\"Protocol\":\"Ews\",\"Url\":\"{}\"}}", ews(asked))) } else { status(404, "") }
    }),
    found("json-beside", 1, &[ROOT], AT_ROOT, |asked, _| {
        if is_at(asked, "/autodiscover/autodiscover.json") { return Reply::ok(format!("{{\"Url\":\"{}\"}}", ews(asked))); }
        signed_in(asked, || account("<Action>settings</Action><Protocol><Type>EXPR</Type><OABUrl>https://x.test/OAB/</OABUrl></Protocol>"))
    }),
    found("open", 1, &[], AT_ROOT, |asked, _| settings(asked)),
    // Nobody, or somebody who says no
    fails("nobody", 4, (Reason::EndpointNotFound, "autodiscover_host"), &["https://nobody.lab.test: name_unknown", "https://autodiscover.nobody.lab.test: name_unknown", "http://autodiscover.nobody.lab.test: name_unknown", "SRV: name_unknown"],
        &[], &[], well),
    fails("names-silent", 4, (Reason::DnsFailed, "autodiscover_host"), &["https://autodiscover.names-silent.lab.test: dns_failed"],
        &[], &[(HOST, At::Silence)], well),
    fails("misfits", 4, (Reason::CertificateNameMismatch, "autodiscover_host"), &["https://misfits.lab.test: certificate_name_mismatch", "http://autodiscover.misfits.lab.test: endpoint_not_found: no redirect: 404"],
        &[], &[(ROOT, At::Wrong), (HOST, At::Wrong)], |_, _| status(404, "")),
    fails("hangs", 4, (Reason::ServerTimeout, "autodiscover_host"), &["https://autodiscover.hangs.lab.test: server_timeout", "http://autodiscover.hangs.lab.test: server_timeout"],
        &[], &[(ROOT, At::Well), (HOST, At::Well)], |_, _| Reply::Stall),
    fails("unavailable", 4, (Reason::ServerUnavailable, "autodiscover_host"), &["503"], &[], AT_HOST, |_, _| status(503, "")),
    fails("other-scheme", 4, (Reason::MechanismUnavailable, "root_domain"), &["the server offers Negotiate NTLM; configured is Basic"],
        &[], AT_ROOT, |_, _| status(401, "www-authenticate: Negotiate\r\nwww-authenticate: NTLM")),
    fails("refused", 2, (Reason::CredentialsRejected, "auth"), &["401 to the sign-in by Basic"], &[HOST], AT_HOST, |_, _| status(401, "www-authenticate: Basic realm=\"x\"")),
    fails("unknown", 1, (Reason::MailboxUnknown, "auth"), &["500 who is that"], &[ROOT], AT_ROOT, |asked, _| signed_in(asked, || {
        Reply::ok("<Autodiscover><Response><Error><ErrorCode>500</ErrorCode><Message>who is that</Message></Error></Response></Autodiscover>")
    })),
    fails("portal", 1, (Reason::ProtocolViolation, "auth"), &["no Autodiscover"], &[ROOT], AT_ROOT, |asked, _| signed_in(asked, || status(200, ""))),
    fails("huge", 1, (Reason::ProtocolViolation, "auth"), &["more than"], &[ROOT], AT_ROOT, |asked, _| signed_in(asked, || Reply::Endless(PIECE))),
    fails("huge-unsigned", 4, (Reason::ProtocolViolation, "autodiscover_host"), &["more than"], &[], AT_HOST, |_, _| Reply::Endless(PIECE)),
    fails("drift", 1, (Reason::EndpointNotFound, ""), &["https://drift.lab.test/autodiscover/autodiscover.xml tells", "configured https://mail.drift.lab.test/EWS/Exchange.asmx, found https://elsewhere.test/EWS/Exchange.asmx"],
        &[ROOT], AT_ROOT, |asked, _| signed_in(asked, || settings_at("https://elsewhere.test/EWS/Exchange.asmx"))),
];
