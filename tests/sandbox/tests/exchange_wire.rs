//! What the Exchange side says where clients seldom go: refusals, headers, redirections, sign-ins.

#![allow(clippy::string_slice, reason = "requests here are ASCII")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use mailprobe_sandbox::{
    Autodiscover, ExchangeOptions, Fault, Listener, Options, Protocol, Redirect, Sandbox, Scheme,
};
use std::time::Duration;
use support::{
    World,
    talk::Talk,
    web::{ALICE, Answer, INBOX, autodiscover, create, envelope, find_item, get_folder, stream, subscribe},
};

async fn talk(world: &World) -> Talk {
    Talk::connect(world, Listener::Https).await.unwrap()
}

async fn post(world: &World, body: &str) -> Answer {
    talk(world).await.ask("POST", "/EWS/Exchange.asmx", ALICE, body).await.unwrap()
}

#[tokio::test]
async fn what_is_no_request_is_a_fault() {
    let world = World::start().await;
    for (body, code) in [
        (String::new(), "ErrorSchemaValidation"),
        ("not XML".to_owned(), "ErrorSchemaValidation"),
        ("<a/>".to_owned(), "ErrorInvalidRequest"),
        (envelope(""), "ErrorInvalidRequest"),
        (envelope("<m:Frobnicate/>"), "ErrorSchemaValidation"),
        (envelope("<m:GetFolder/>"), "ErrorSchemaValidation"),
        (envelope(&subscribe(INBOX)).replace("NewMailEvent", "Nonsense"), "ErrorSchemaValidation"),
        (envelope(&get_folder(INBOX)).replace("Exchange2013_SP1", "Exchange9"), "ErrorInvalidServerVersion"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".to_owned(), "ErrorSchemaValidation"),
    ] {
        let answer = post(&world, &body).await;
        assert_eq!((answer.status, answer.code()), (500, code), "{body}\n{}", answer.body);
        assert!(answer.between("faultcode").ends_with(code), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_by_its_code() {
    let world = World::start().await;
    let mut talk = talk(&world).await;
    let folder = |inner: &str| get_folder(inner);
    let of = |address: &str| {
        get_folder(&format!(
            "<t:DistinguishedFolderId Id=\"inbox\"><t:Mailbox><t:EmailAddress>{address}</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>"
        ))
    };
    let nothing = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB";
    for (operation, code) in [
        (folder("<t:DistinguishedFolderId Id=\"publicfoldersroot\"/>"), "ErrorFolderNotFound"),
        (folder("<t:FolderId Id=\"nonsense\"/>"), "ErrorInvalidIdMalformed"),
        (of("alice@sandbox.test"), "NoError"),
        (of("bob@sandbox.test"), "ErrorAccessDenied"),
        (of("nobody@sandbox.test"), "ErrorNonExistentMailbox"),
        (create("SendOnly").replace("bob@sandbox.test", "bob"), "ErrorInvalidRecipients"),
        (create("SendOnly").replace("t:ToRecipients", "t:ReplyTo"), "ErrorInvalidRecipients"),
        (stream("nonsense"), "ErrorInvalidSubscription"),
        (stream(nothing), "ErrorSubscriptionNotFound"),
        (
            "<m:Unsubscribe><m:SubscriptionId>x</m:SubscriptionId></m:Unsubscribe>".to_owned(),
            "ErrorInvalidSubscription",
        ),
        (
            "<m:ResolveNames><m:UnresolvedEntry>zed</m:UnresolvedEntry></m:ResolveNames>".to_owned(),
            "ErrorNameResolutionNoResults",
        ),
        (
            find_item(INBOX)
                .replace("</m:ItemShape>", "</m:ItemShape><m:Restriction><t:Near/></m:Restriction>"),
            "NoError",
        ),
    ] {
        let answer = talk.ews(&operation).await.unwrap();
        assert_eq!((answer.status, answer.code()), (200, code), "{operation}\n{}", answer.body);
    }
    world.sandbox.deliver("alice", "INBOX", b"Subject: x\r\n\r\n");
    let broken =
        find_item(INBOX).replace("</m:ItemShape>", "</m:ItemShape><m:Restriction><t:Near/></m:Restriction>");
    assert_eq!(talk.ews(&broken).await.unwrap().code(), "ErrorInvalidRestriction");
}

#[tokio::test]
async fn unknown_recipients_come_back() {
    let world = World::start().await;
    let unknown = create("SendOnly").replace("bob@sandbox.test", "nobody@sandbox.test");
    assert_eq!(talk(&world).await.ews(&unknown).await.unwrap().code(), "NoError");
    let report = String::from_utf8(world.sandbox.messages("alice", "INBOX").remove(0)).unwrap();
    assert!(report.contains("Final-Recipient: rfc822; nobody@sandbox.test\r\n"), "{report}");
}

#[tokio::test]
async fn a_server_is_known_by_its_headers() {
    let world = World::start().await;
    let mut talk = talk(&world).await;
    let asked = talk.ask("POST", "/EWS/Exchange.asmx", "", "").await.unwrap();
    let offered: Vec<_> =
        asked.all("www-authenticate").iter().map(|value| value.split(' ').next().unwrap()).collect();
    assert_eq!((asked.status, offered), (401, vec!["NTLM", "Basic", "Bearer"]));
    assert!(asked.header("x-beserver").is_empty());
    world.sandbox.set_schemes(&[Scheme::Negotiate, Scheme::Ntlm]);
    let headers = format!("{ALICE}client-request-id: 7\r\n");
    let asked = talk.ask("GET", "/ews/exchange.asmx", &headers, "").await.unwrap();
    assert_eq!((asked.status, asked.all("www-authenticate")), (401, vec!["Negotiate", "NTLM"]));
    assert_eq!(asked.header("client-request-id"), "7");
    let answer = talk.ask("GET", "/ews/exchange.asmx", "Authorization: Bearer t0ken\r\n", "").await.unwrap();
    assert_eq!(answer.status, 401, "what is not offered is not taken");
    world.sandbox.set_schemes(&[Scheme::Bearer]);
    let answer = talk.ask("GET", "/ews/exchange.asmx", "Authorization: Bearer t0ken\r\n", "").await.unwrap();
    assert_eq!(
        (answer.status, answer.header("x-feserver"), answer.header("x-beserver")),
        (200, "LOCALHOST", "LOCALHOST")
    );
    assert_eq!(answer.header("request-id").len(), 36);
    let names: Vec<_> =
        answer.all("set-cookie").iter().map(|cookie| cookie.split('=').next().unwrap()).collect();
    assert_eq!(names, ["exchangecookie", "X-BackEndCookie"]);
    let more = "Cookie: exchangecookie=1\r\nX-PreferServerAffinity: True\r\nAuthorization: Bearer t0ken\r\n";
    let answer = talk.ask("GET", "/ews/exchange.asmx", more, "").await.unwrap();
    assert!(answer.header("set-cookie").starts_with("X-BackEndOverrideCookie="));
    for folder in ["owa", "EWS", "mapi", "OAB", "autodiscover", "ecp", "rpc", "Microsoft-Server-ActiveSync"] {
        let health = talk.ask("GET", &format!("/{folder}/healthcheck.htm"), "", "").await.unwrap();
        assert_eq!((health.status, health.body.as_str()), (200, "200 OK<br/>LOCALHOST"), "{folder}");
    }
    let front = talk.ask("POST", "/mapi/emsmdb/", "", "").await.unwrap();
    assert_eq!((front.status, front.all("www-authenticate").len()), (401, 1));
    for path in ["/nothing", "/nothing/healthcheck.htm", "/autodiscover/x"] {
        assert_eq!(talk.ask("GET", path, "", "").await.unwrap().status, 404, "{path}");
    }
}

#[tokio::test]
async fn autodiscover_tells_what_is_asked_for() {
    let world = World::start().await;
    let mut talk = talk(&world).await;
    let path = "/Autodiscover/Autodiscover.xml";
    let plain = talk.ask("POST", path, ALICE, &autodiscover("bob@sandbox.test")).await.unwrap();
    let ews = world.sandbox.url("/EWS/Exchange.asmx");
    for part in [
        "<Type>EXCH<",
        "<Type>EXPR<",
        "<Type>EXHTTP<",
        "<AutoDiscoverSMTPAddress>bob@sandbox.test<",
        &format!("<EwsUrl>{ews}<"),
    ] {
        assert!(plain.body.contains(part), "{part} in {}", plain.body);
    }
    assert!(!plain.body.contains("mapiHttp"));
    let headers = format!("{ALICE}X-MapiHttpCapability: 1\r\n");
    let mapi = talk.ask("POST", path, &headers, &autodiscover("bob@sandbox.test")).await.unwrap();
    assert!(
        mapi.body.contains("<Protocol Type=\"mapiHttp\" Version=\"1\"><MailStore><InternalUrl>"),
        "{}",
        mapi.body
    );
    assert!(mapi.body.contains("/mapi/emsmdb/?MailboxId="));
    for (request, code) in [
        (autodiscover("nobody@sandbox.test"), "500"),
        ("<Autodiscover/>".to_owned(), "600"),
        ("nonsense".to_owned(), "600"),
        (autodiscover("bob@sandbox.test").replace("2006a", "2006z"), "601"),
    ] {
        let answer = talk.ask("POST", path, ALICE, &request).await.unwrap();
        assert_eq!((answer.status, answer.between("ErrorCode")), (200, code), "{}", answer.body);
    }
    let base = "/autodiscover/autodiscover.json";
    for (path, status, part) in [
        (format!("{base}/v1.0/bob%40sandbox.test?Protocol=ews"), 200, ews.as_str()),
        (
            format!("{base}?Email=bob%40sandbox.test&Protocol=AutodiscoverV1"),
            200,
            "/autodiscover/autodiscover.xml",
        ),
        (format!("{base}/v1.0/bob@sandbox.test"), 400, "MandatoryParameterMissing"),
        (format!("{base}/v1.0/bob@sandbox.test?Protocol=Gopher"), 400, "InvalidProtocol"),
        (format!("{base}?Protocol=Ews"), 400, "InvalidUserId"),
        (format!("{base}/v1.0/nobody@sandbox.test?Protocol=Ews"), 404, "UserNotFound"),
    ] {
        let answer = talk.ask("GET", &path, "", "").await.unwrap();
        assert!(answer.status == status && answer.body.contains(part), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn autodiscover_leads_astray_when_told_to() {
    let world = World::start().await;
    let mut talk = talk(&world).await;
    let path = "/autodiscover/autodiscover.xml";
    let request = autodiscover("alice@sandbox.test");
    let drift = Autodiscover {
        ews_external: Some("https://old.example/EWS/Exchange.asmx".to_owned()),
        no_mapi_http: true,
        ..Autodiscover::default()
    };
    world.sandbox.set_autodiscover(drift);
    let headers = format!("{ALICE}X-MapiHttpCapability: 1\r\n");
    let answer = talk.ask("POST", path, &headers, &request).await.unwrap();
    assert!(
        answer.body.contains("<EwsUrl>https://old.example/EWS/Exchange.asmx<")
            && !answer.body.contains("mapiHttp")
    );
    for (redirect, action, to) in [
        (Redirect::Address("bob@sandbox.test".to_owned()), "redirectAddr", "bob@sandbox.test"),
        (Redirect::Address("alice@sandbox.test".to_owned()), "settings", "alice@sandbox.test"),
        (Redirect::AddressLoop, "redirectAddr", "alice+1@sandbox.test"),
        (Redirect::Url("https://x/a".to_owned()), "redirectUrl", "https://x/a"),
    ] {
        world.sandbox.set_autodiscover(Autodiscover { redirect: Some(redirect), ..Autodiscover::default() });
        let answer = talk.ask("POST", path, ALICE, &request).await.unwrap();
        assert_eq!(answer.between("Action"), action);
        assert!(answer.body.contains(to), "{}", answer.body);
    }
    let redirect = Some(Redirect::Location("https://x/a".to_owned()));
    world.sandbox.set_autodiscover(Autodiscover { redirect, ..Autodiscover::default() });
    let answer = talk.ask("POST", path, ALICE, &request).await.unwrap();
    assert_eq!((answer.status, answer.header("location")), (302, "https://x/a"));
}

#[tokio::test]
async fn without_tls_there_is_a_redirect_and_no_more() {
    let world = World::start().await;
    let mut talk = Talk::connect(&world, Listener::Http).await.unwrap();
    let answer = talk.ask("GET", "/autodiscover/autodiscover.xml", "", "").await.unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), world.sandbox.url("/autodiscover/autodiscover.xml"));
    for path in ["/EWS/Exchange.asmx", "/owa/", "/"] {
        assert_eq!(talk.ask("GET", path, ALICE, "").await.unwrap().status, 403, "{path}");
    }
}

#[tokio::test]
async fn the_web_mail_leads_nobody_elsewhere() {
    let world = World::start().await;
    let mut talk = talk(&world).await;
    for (destination, to) in [("https%3a%2f%2fevil.example%2f", "/owa/"), ("", "/owa/")] {
        let form = format!("destination={destination}&username=SANDBOX%5calice&password=s3cret+word");
        let answer = talk.ask("POST", "/owa/auth.owa", "", &form).await.unwrap();
        assert_eq!(answer.header("location"), world.sandbox.url(to));
        assert_eq!(answer.all("set-cookie").len(), 5);
    }
    let wrong = talk.ask("POST", "/owa/auth.owa", "", "username=alice&password=x").await.unwrap();
    assert!(wrong.header("location").contains("reason=2") && wrong.all("set-cookie").is_empty());
    let page = talk.ask("GET", "/owa/auth/logon.aspx?reason=2", "", "").await.unwrap();
    assert!(page.body.contains("isn't correct"), "{}", page.body);
    let counts = world.sandbox.counts().owa;
    assert_eq!((counts.connections, counts.signed_in, counts.refused), (1, 1, 1));
}

#[tokio::test]
async fn imap_shows_what_ews_does_not() {
    let world = World::start().await;
    world.sandbox.set_scenario("stale-ews").unwrap();
    world.sandbox.deliver("alice", "INBOX", b"Subject: new\r\n\r\n");
    let mut ews = talk(&world).await;
    let found = ews.ews(&find_item(INBOX)).await.unwrap();
    assert_eq!(found.attribute("TotalItemsInView"), "0");
    let mut imap = Talk::connect(&world, Listener::Imaps).await.unwrap();
    imap.line().await.unwrap();
    imap.imap(&format!("LOGIN alice \"{}\"", support::PASSWORD)).await.unwrap();
    let selected = imap.imap("SELECT INBOX").await.unwrap();
    assert!(selected.contains(&"* 1 EXISTS".to_owned()), "{selected:?}");
    world.sandbox.set_fault(Protocol::Ews, None);
    let found = ews.ews(&find_item(INBOX)).await.unwrap();
    assert_eq!(found.attribute("TotalItemsInView"), "1");
}

#[tokio::test]
async fn a_stream_says_that_nothing_happens_and_ends_when_it_is_cut() {
    let exchange = ExchangeOptions { keep_alive: Duration::from_millis(50), ..ExchangeOptions::default() };
    let sandbox = Sandbox::start(Options { exchange, ..Options::default() }).await.unwrap();
    let world = World::of(sandbox);
    let mut talk = talk(&world).await;
    let id = talk.ews(&subscribe(INBOX)).await.unwrap().between("SubscriptionId").to_owned();
    let request = envelope(&stream(&id));
    let head = format!(
        "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: x\r\n{ALICE}Content-Length: {}\r\n\r\n",
        request.len()
    );
    talk.send(&(head + &request)).await.unwrap();
    talk.head().await.unwrap();
    let first = talk.chunk().await.unwrap().unwrap();
    assert!(first.contains("<m:ConnectionStatus>OK<") && !first.contains("Notification>"), "{first}");
    let second = talk.chunk().await.unwrap().unwrap();
    assert!(second.contains("<t:StatusEvent/>") && second.contains("<m:ConnectionStatus>OK<"), "{second}");
    world.sandbox.set_fault(Protocol::Ews, Some(Fault::Cut));
    while let Ok(Some(_)) = talk.chunk().await {}
    assert_eq!(talk.line().await, Err("closed".to_owned()));
}

#[tokio::test]
async fn a_door_to_all_is_shut_when_all_refuse() {
    let world = World::start().await;
    world.sandbox.set_fault(Protocol::Ews, Some(Fault::Refuse));
    let mut other = talk(&world).await;
    assert_eq!(other.ask("GET", "/owa/auth/logon.aspx", "", "").await.unwrap().status, 200);
    assert_eq!(other.ews(&get_folder(INBOX)).await.unwrap_err(), "closed");
    world.sandbox.set_scenario("server-down").unwrap();
    assert_eq!(Talk::connect(&world, Listener::Https).await.err(), Some("refused".to_owned()));
    world.sandbox.set_scenario("healthy").unwrap();
    assert_eq!(talk(&world).await.ews(&get_folder(INBOX)).await.unwrap().code(), "NoError");
}

/// What is cut off or changed somewhere is answered like any other request; a panic would end the connection.
#[tokio::test]
async fn broken_requests_are_answered() {
    let world = World::start().await;
    world.sandbox.deliver("alice", "INBOX", b"Subject: x\r\n\r\nBody\r\n");
    let mut talk = talk(&world).await;
    let id = talk.ews(&find_item(INBOX)).await.unwrap().attribute("Id").to_owned();
    assert!(!id.is_empty());
    let sync = "<m:SyncFolderItems><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:SyncFolderId>\
        <t:DistinguishedFolderId Id=\"inbox\"/></m:SyncFolderId><m:SyncState>AQAAAAAAAAA=</m:SyncState>\
        <m:MaxChangesReturned>1</m:MaxChangesReturned></m:SyncFolderItems>";
    let get = format!(
        "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:ItemIds><t:ItemId Id=\"{id}\"/></m:ItemIds></m:GetItem>"
    );
    let update = format!(
        "<m:UpdateItem><m:ItemChanges><t:ItemChange><t:ItemId Id=\"{id}\"/><t:Updates><t:SetItemField>\
         <t:FieldURI FieldURI=\"message:IsRead\"/><t:Message><t:IsRead>true</t:IsRead></t:Message></t:SetItemField>\
         </t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
    );
    let busy = "<m:GetUserAvailabilityRequest><m:MailboxDataArray><t:MailboxData><t:Email><t:Address>bob@sandbox.test</t:Address>\
        </t:Email></t:MailboxData></m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow>\
        <t:StartTime>2026-11-23T08:00:00</t:StartTime><t:EndTime>2026-11-23T09:00:00</t:EndTime></t:TimeWindow>\
        </t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>";
    let whole = [
        create("SaveOnly"),
        find_item(INBOX),
        subscribe(INBOX),
        sync.to_owned(),
        get,
        update,
        busy.to_owned(),
    ];
    for operation in whole {
        let good = envelope(&operation);
        for at in (1..good.len()).step_by(17) {
            for broken in [good[..at].to_owned(), format!("{}9{}", &good[..at], &good[at + 1..])] {
                let answer = talk.ask("POST", "/EWS/Exchange.asmx", ALICE, &broken).await;
                let answer = answer.unwrap_or_else(|end| panic!("{end} after {broken}"));
                assert!(matches!(answer.status, 200 | 500), "{broken}: {answer:?}");
            }
        }
    }
}
