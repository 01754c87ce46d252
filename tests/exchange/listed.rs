//! A server that knows no SyncFolderItems: its folders are listed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mailprobe_tests::{Asked, Metrics, Reply, Scene, Service, WebScript, secs};

use crate::cases::{envelope, fault, good};

const NAMES: &str = "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
                     xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"";

fn response(operation: &str, messages: &str) -> Reply {
    Reply::ok(envelope(&format!(
        "<m:{operation}Response {NAMES}><m:ResponseMessages>{messages}</m:ResponseMessages></m:{operation}Response>"
    )))
}

fn found(ids: &[&str]) -> Reply {
    let items: String = ids
        .iter()
        .map(|id| {
            format!(
                "<t:Message><t:ItemId Id=\"{id}\" ChangeKey=\"k\"/><t:Size>99</t:Size>\
                 <t:DateTimeReceived>2026-11-22T08:00:00.1234567Z</t:DateTimeReceived></t:Message>"
            )
        })
        .collect();
    response(
        "FindItem",
        &format!(
            "<m:FindItemResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
             <m:RootFolder TotalItemsInView=\"{}\" IncludesLastItemInRange=\"true\"><t:Items>{items}</t:Items></m:RootFolder>\
             </m:FindItemResponseMessage>",
            ids.len()
        ),
    )
}

/// A stranger's message for each id that is asked for.
fn read(asked: &Asked) -> Reply {
    let mime = STANDARD.encode("Subject: of a stranger\r\n\r\nBody\r\n");
    let ids = asked.body.split("<t:ItemId Id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let messages: String = ids
        .map(|id| {
            format!(
                "<m:GetItemResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode><m:Items>\
                 <t:Message><t:MimeContent>{mime}</t:MimeContent><t:ItemId Id=\"{id}\"/></t:Message></m:Items>\
                 </m:GetItemResponseMessage>"
            )
        })
        .collect();
    response("GetItem", &messages)
}

#[test]
fn a_server_without_synchronisation_is_listed() {
    let server = WebScript::start(|asked: &Asked| {
        let of = |operation: &str| asked.body.contains(&format!("<m:{operation}"));
        match () {
            () if of("GetFolder") => good(asked),
            () if of("FindItem") && asked.body.contains("\"inbox\"") => found(&["one", "two"]),
            () if of("FindItem") => found(&[]),
            () if of("GetItem") => read(asked),
            () => fault(500, "ErrorInvalidRequest"),
        }
    });
    let service = Service::start();
    let mut scene = Scene::new();
    service.add_to(&mut scene, "hq");
    scene.mail_service("old", &format!("ews: {{ url: \"http://{}/EWS/Exchange.asmx\" }}", server.address()));
    scene.mailbox("carol", "old", "carol@sandbox.test");
    scene.check("roundtrip: { name: trip, from: hq-alice, to: carol, send: smtp, views: [ews], every: 2s, late_after: 60s }");
    let probe = scene.start();
    let of = [("mailbox", "carol")];
    let counted = |metrics: &Metrics| {
        metrics.value("mailprobe_session_up", &of) == Some(1.0)
            && metrics.value("mailprobe_mailbox_items", &of) == Some(2.0)
    };
    probe.wait_until("the view is up, and has seen both", secs(20), counted);
    probe.holds_for("it stays up", secs(4), counted);
    let asked = server.asked();
    let count = |operation: &str| asked.iter().filter(|asked| asked.body.contains(operation)).count();
    assert_eq!(count("<m:SyncFolderItems"), 1, "once is enough to know");
    assert_eq!(count("<m:GetItem"), 1, "what was read is not read again");
    assert!(count("<m:FindItem") > 2, "it is listed again and again");
    assert_eq!(count("<m:DeleteItem"), 0, "they are a stranger's");
}
