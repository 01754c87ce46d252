//! HTTP by hand, for what the Exchange side shows on the wire.

#![allow(dead_code, reason = "each test file uses what it needs")]

use mailprobe_sandbox::{Listener, Protocol};

use super::{
    World,
    talk::{Talk, Told},
};

/// The name and the password of alice, as Basic has them.
pub const ALICE: &str = "Authorization: Basic YWxpY2U6czNjcmV0IHdvcmQ=\r\n";

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The first response code of EWS.
    pub fn code(&self) -> &str {
        self.between("ResponseCode")
    }

    /// The text of the first element of that name, whatever prefix it has.
    pub fn between(&self, name: &str) -> &str {
        let piece = self.body.split('<').find(|piece| {
            let tag = piece.split(['>', ' ', '/']).next().unwrap_or_default();
            tag.rsplit(':').next() == Some(name)
        });
        piece.and_then(|piece| piece.split_once('>')).map_or("", |(_, text)| text)
    }

    /// The first value of that attribute.
    pub fn attribute(&self, name: &str) -> &str {
        let from = self.body.split(&format!(" {name}=\"")).nth(1).unwrap_or_default();
        from.split('"').next().unwrap_or_default()
    }
}

/// An operation in its envelope.
pub fn envelope(operation: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">\
         <s:Header><t:RequestServerVersion Version=\"Exchange2013_SP1\"/></s:Header>\
         <s:Body>{operation}</s:Body></s:Envelope>"
    )
}

/// The request of Autodiscover's plain form.
pub fn autodiscover(address: &str) -> String {
    format!(
        "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\">\
         <Request><EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>\
         http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\
         </AcceptableResponseSchema></Request></Autodiscover>"
    )
}

impl Talk {
    /// A request and its answer; `headers` end in line ends.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Told<Answer> {
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await?;
        let mut answer = self.head().await?;
        if answer.status == 204 {
            return Ok(answer);
        }
        if answer.header("transfer-encoding") == "chunked" {
            while let Some(chunk) = self.chunk().await? {
                answer.body += &chunk;
                if answer.body.len() > 200_000 {
                    return Err("flood".to_owned());
                }
            }
        } else {
            let length = answer.header("content-length").parse().map_err(|_| "no length".to_owned())?;
            answer.body = self.exact(length).await?;
        }
        Ok(answer)
    }

    /// The head of an answer.
    pub async fn head(&mut self) -> Told<Answer> {
        let line = self.line().await?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| format!("no status: {line}"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Answer { status, headers, body: String::new() })
    }

    /// The next piece of an answer that comes in pieces; nothing at its end.
    pub async fn chunk(&mut self) -> Told<Option<String>> {
        let length = self.line().await?;
        let length = usize::from_str_radix(length.trim(), 16).map_err(|_| format!("no length: {length}"))?;
        let text = self.exact(length).await?;
        self.line().await?;
        Ok((length > 0).then_some(text))
    }

    /// An operation of EWS, signed in by Basic.
    pub async fn ews(&mut self, operation: &str) -> Told<Answer> {
        let headers = format!("{ALICE}Content-Type: text/xml\r\n");
        self.ask("POST", "/EWS/Exchange.asmx", &headers, &envelope(operation)).await
    }

    /// The same, checked to be the operation's own answer; its code is told.
    async fn operation(&mut self, name: &str, operation: &str) -> Told<Answer> {
        let answer = self.ews(operation).await?;
        let code = answer.code().to_owned();
        let told = if answer.status == 200 { code } else { format!("{} {code}", answer.status) };
        self.told.push(told.trim().to_owned());
        if answer.status != 200 {
            return Err("gave up".to_owned());
        }
        if !answer.body.contains(&format!("m:{name}Response ")) {
            self.told.pop();
            return Err("another answer".to_owned());
        }
        Ok(answer)
    }
}

pub const INBOX: &str = "<t:DistinguishedFolderId Id=\"inbox\"/>";

/// A message to bob.
pub fn create(disposition: &str) -> String {
    format!(
        "<m:CreateItem MessageDisposition=\"{disposition}\"><m:Items><t:Message><t:Subject>hello</t:Subject>\
         <t:Body BodyType=\"Text\">The text itself.</t:Body><t:ToRecipients><t:Mailbox>\
         <t:EmailAddress>bob@sandbox.test</t:EmailAddress></t:Mailbox></t:ToRecipients></t:Message></m:Items></m:CreateItem>"
    )
}

pub fn subscribe(folder: &str) -> String {
    format!(
        "<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>{folder}</t:FolderIds>\
         <t:EventTypes><t:EventType>NewMailEvent</t:EventType></t:EventTypes>\
         </m:StreamingSubscriptionRequest></m:Subscribe>"
    )
}

pub fn stream(id: &str) -> String {
    format!(
        "<m:GetStreamingEvents><m:SubscriptionIds><t:SubscriptionId>{id}</t:SubscriptionId></m:SubscriptionIds>\
         <m:ConnectionTimeout>1</m:ConnectionTimeout></m:GetStreamingEvents>"
    )
}

pub fn get_folder(folder: &str) -> String {
    format!(
        "<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>\
         <m:FolderIds>{folder}</m:FolderIds></m:GetFolder>"
    )
}

pub fn find_item(folder: &str) -> String {
    format!(
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape>\
         <m:ParentFolderIds>{folder}</m:ParentFolderIds></m:FindItem>"
    )
}

/// Does what one does with that protocol; what was answered is told.
pub async fn tell(talk: &mut Talk, world: &World, protocol: Protocol) -> Told<()> {
    match protocol {
        Protocol::Ews => ews(talk, world).await,
        Protocol::Autodiscover => discover(talk).await,
        Protocol::Caldav => super::dav::tell(talk).await,
        _ => owa(talk).await,
    }
}

async fn ews(talk: &mut Talk, world: &World) -> Told<()> {
    let asked = talk.ask("POST", "/EWS/Exchange.asmx", "", &envelope("")).await?;
    talk.told.push(asked.status.to_string());
    if asked.status != 401 {
        return Err("gave up".to_owned());
    }
    talk.operation("GetFolder", &get_folder(INBOX)).await?;
    talk.operation("CreateItem", &create("SendOnly")).await?;
    let subscribed = talk.operation("Subscribe", &subscribe(INBOX)).await?;
    let deliver = || world.sandbox.deliver("alice", "INBOX", b"Subject: new\r\n\r\nBody\r\n");
    if subscribed.code() == "NoError" {
        // Another connection listens, as this one would have to wait for the stream's end.
        let mut listening = Talk::connect(world, Listener::Https).await?;
        let request = envelope(&stream(subscribed.between("SubscriptionId")));
        let length = request.len();
        let head = format!(
            "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: localhost\r\n{ALICE}Content-Length: {length}\r\n\r\n"
        );
        listening.send(&(head + &request)).await?;
        listening.head().await?;
        let first = listening.chunk().await?.unwrap_or_default();
        if !first.contains("ConnectionStatus>OK<") {
            return Err(format!("the stream begins with {first}"));
        }
        deliver();
        talk.told.push(match listening.chunk().await {
            Ok(Some(chunk)) if chunk.contains("<t:NewMailEvent>") => "NewMailEvent".to_owned(),
            Ok(other) => format!("{other:?}"),
            Err(end) => end,
        });
    } else {
        talk.told.push("no subscription".to_owned());
        deliver();
    }
    let found = talk.operation("FindItem", &find_item(INBOX)).await?;
    if let Some(last) = talk.told.last_mut() {
        *last = format!("{last} {}", found.attribute("TotalItemsInView")).trim().to_owned();
    }
    Ok(())
}

async fn discover(talk: &mut Talk) -> Told<()> {
    for headers in ["", ALICE] {
        let request = autodiscover("alice@sandbox.test");
        let answer = talk.ask("POST", "/autodiscover/autodiscover.xml", headers, &request).await?;
        if answer.status == 200 && !answer.body.contains("outlook/responseschema/2006a") {
            return Err("another answer".to_owned());
        }
        let action = answer.between("Action");
        talk.told.push(if action.is_empty() { answer.status.to_string() } else { action.to_owned() });
    }
    let path = "/autodiscover/autodiscover.json/v1.0/alice@sandbox.test?Protocol=Ews";
    let answer = talk.ask("GET", path, "", "").await?;
    let ours = answer.body.contains("\"Protocol\":\"Ews\"") && answer.body.contains("/EWS/Exchange.asmx");
    talk.told.push(if ours { "Ews".to_owned() } else { answer.status.to_string() });
    Ok(())
}

async fn owa(talk: &mut Talk) -> Told<()> {
    let front = talk.ask("GET", "/owa/", "", "").await?;
    if front.status == 200 {
        return Err("another page".to_owned());
    }
    talk.told.push(where_to(&front));
    let form = talk.ask("GET", "/owa/auth/logon.aspx", "", "").await?;
    let is_form = form.body.contains("action=\"/owa/auth.owa\"");
    talk.told.push(if is_form { "form".to_owned() } else { form.status.to_string() });
    let posted = "destination=&flags=4&username=alice&password=s3cret+word&isUtf8=1";
    let signed = talk.ask("POST", "/owa/auth.owa", "", posted).await?;
    talk.told.push(where_to(&signed));
    let cookies: Vec<&str> =
        signed.all("set-cookie").iter().filter_map(|cookie| cookie.split(';').next()).collect();
    let page = talk.ask("GET", "/owa/", &format!("Cookie: {}\r\n", cookies.join("; ")), "").await?;
    talk.told.push(if page.body.contains("Inbox") { "Inbox".to_owned() } else { where_to(&page) });
    Ok(())
}

/// The status, and where a redirect leads.
fn where_to(answer: &Answer) -> String {
    let to = answer.header("location");
    let what = ["reason=2", "logon.aspx", "/owa/"].into_iter().find(|part| to.contains(part));
    format!("{} {}", answer.status, what.unwrap_or_default()).trim().to_owned()
}
