//! A message as Exchange tells of it: its properties, by both kinds of names.

use std::cell::OnceCell;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use roxmltree::Node;

use super::{
    Call, Refusal, address,
    calendar::Meeting,
    fields::{Base, Fields, Key, Path, Shape},
    folders, ids,
    text::{self, time},
};
use crate::{
    fault::Protocol,
    mime::{self, Part},
    store::{Message, State},
    xml::Xml,
};

/// A message and where it lies.
pub(super) struct Item<'a> {
    pub(super) message: &'a Message,
    pub(super) folder: u32,
    user: &'a str,
    part: OnceCell<Part>,
    meeting: OnceCell<Option<Meeting>>,
}

/// Where an item lies: the folder's number, its name in the store, and the item's number there.
pub(super) struct Place {
    pub(super) folder: u32,
    pub(super) path: String,
    pub(super) uid: u32,
}

/// The place that `ItemId` means, if EWS shows what lies there.
pub(super) fn place(call: &Call<'_>, state: &State, node: Node<'_, '_>) -> Result<Place, Refusal> {
    if node.tag_name().name() != "ItemId" {
        return Err(ids::MALFORMED);
    }
    place_of(call, state, node)
}

/// The same, whatever the element is called.
pub(super) fn place_of(call: &Call<'_>, state: &State, node: Node<'_, '_>) -> Result<Place, Refusal> {
    let id = node
        .attribute("Id")
        .filter(|id| !id.is_empty())
        .ok_or(Refusal("ErrorInvalidIdEmpty", "Id must be non-empty."))?;
    let ids::Id::Item { folder, uid } = ids::Id::parse(id, call.user)? else { return Err(ids::MALFORMED) };
    let stored = state.user(call.user).map(|user| &user.folders).ok_or(ids::ITEM_NOT_FOUND)?;
    let found = stored.iter().find(|(_, stored)| stored.uid_validity == folder);
    let path = found.map(|(path, _)| path.clone()).ok_or(ids::ITEM_NOT_FOUND)?;
    let mut shown = state.shown(Protocol::Ews, call.user, &path);
    shown.find(|message| message.uid == uid).ok_or(ids::ITEM_NOT_FOUND)?;
    Ok(Place { folder, path, uid })
}

/// Properties in the order of the schema, from which set of them on they are told, and whether FindItem
/// tells them.
const PROPERTIES: &[(&str, Option<Base>, bool)] = &[
    ("item:MimeContent", None, false),
    ("item:ItemId", Some(Base::IdOnly), true),
    ("item:ParentFolderId", Some(Base::AllProperties), true),
    ("item:ItemClass", Some(Base::AllProperties), true),
    ("item:Subject", Some(Base::Default), true),
    ("item:Sensitivity", Some(Base::Default), true),
    ("item:Body", Some(Base::Default), false),
    ("item:DateTimeReceived", Some(Base::AllProperties), true),
    ("item:Size", Some(Base::Default), true),
    ("item:Importance", Some(Base::AllProperties), true),
    ("item:InReplyTo", Some(Base::AllProperties), true),
    ("item:IsSubmitted", Some(Base::AllProperties), true),
    ("item:IsDraft", Some(Base::AllProperties), true),
    ("item:IsFromMe", Some(Base::AllProperties), true),
    ("item:IsResend", Some(Base::AllProperties), true),
    ("item:IsUnmodified", Some(Base::AllProperties), true),
    ("item:InternetMessageHeaders", Some(Base::AllProperties), false),
    ("item:DateTimeSent", Some(Base::Default), true),
    ("item:DateTimeCreated", Some(Base::Default), true),
    ("item:ReminderIsSet", Some(Base::AllProperties), true),
    ("item:DisplayCc", Some(Base::AllProperties), true),
    ("item:DisplayTo", Some(Base::AllProperties), true),
    ("item:HasAttachments", Some(Base::Default), true),
    ("ExtendedProperty", Some(Base::IdOnly), true),
    ("item:Culture", Some(Base::AllProperties), true),
    ("item:EffectiveRights", Some(Base::AllProperties), true),
    ("item:LastModifiedName", Some(Base::AllProperties), true),
    ("item:LastModifiedTime", Some(Base::AllProperties), true),
    ("item:IsAssociated", Some(Base::AllProperties), true),
    ("item:ConversationId", Some(Base::AllProperties), true),
    ("item:UniqueBody", None, false),
    ("item:Flag", Some(Base::AllProperties), true),
    ("item:TextBody", None, false),
    ("item:Preview", None, true),
    ("message:Sender", Some(Base::Default), true),
    ("message:ToRecipients", Some(Base::Default), false),
    ("message:CcRecipients", Some(Base::Default), false),
    ("message:BccRecipients", Some(Base::Default), false),
    ("message:IsReadReceiptRequested", Some(Base::Default), true),
    ("message:IsDeliveryReceiptRequested", Some(Base::Default), true),
    ("message:ConversationTopic", Some(Base::AllProperties), true),
    ("message:From", Some(Base::Default), true),
    ("message:InternetMessageId", Some(Base::AllProperties), true),
    ("message:IsRead", Some(Base::Default), true),
    ("message:IsResponseRequested", Some(Base::AllProperties), true),
    ("message:References", Some(Base::AllProperties), true),
    ("message:ReplyTo", Some(Base::AllProperties), false),
];

impl<'a> Item<'a> {
    pub(super) fn new(message: &'a Message, folder: u32, user: &'a str) -> Self {
        Self { message, folder, user, part: OnceCell::new(), meeting: OnceCell::new() }
    }

    /// The item at a place, if it is still there.
    pub(super) fn at(state: &'a State, place: &Place, user: &'a str) -> Result<Self, Refusal> {
        let mut shown = state.shown(Protocol::Ews, user, &place.path);
        let message = shown.find(|message| message.uid == place.uid).ok_or(ids::ITEM_NOT_FOUND)?;
        Ok(Self::new(message, place.folder, user))
    }

    fn part(&self) -> &Part {
        self.part.get_or_init(|| mime::parse(&self.message.raw))
    }

    fn field(&self, name: &str) -> Option<&[u8]> {
        self.part().field(name)
    }

    fn header(&self, name: &str) -> Option<String> {
        self.field(name).map(text::header)
    }

    fn has(&self, flag: &str) -> bool {
        self.message.flags.contains(flag)
    }

    /// What it says about a meeting.
    pub(super) fn meeting(&self) -> Option<&Meeting> {
        self.meeting.get_or_init(|| Meeting::read(&self.message.raw, self.part())).as_ref()
    }

    /// Writes `t:Message`, or what a mail about a meeting is, with what the shape wants; `all` tells GetItem
    /// from FindItem.
    pub(super) fn write(&self, xml: &mut Xml, call: &Call<'_>, state: &State, shape: &Shape, all: bool) {
        let meeting = self.meeting();
        let element = meeting.map_or("t:Message", Meeting::element);
        // An entry that was thrown away has none of a mail's own properties.
        let entry = element == "t:CalendarItem";
        xml.within(element, |xml| {
            for (name, base, found) in PROPERTIES {
                let wanted = base.is_some_and(|base| base <= shape.base)
                    || shape.wants(name)
                    || (*name == "item:MimeContent" && shape.mime);
                let fits = !entry || !name.starts_with("message:");
                if wanted && fits && (*found || all) {
                    self.property(xml, name, shape);
                }
            }
            if let Some(meeting) = meeting {
                meeting.write(xml, call, state.calendar(Protocol::Ews, call.user), shape);
            }
        });
    }

    pub(super) fn write_id(&self, xml: &mut Xml) {
        ids::write_item(xml, "t:ItemId", self.user, self.folder, self.message.uid, &self.message.flags);
    }

    fn property(&self, xml: &mut Xml, name: &str, shape: &Shape) {
        match name {
            "item:ItemId" => self.write_id(xml),
            "item:ParentFolderId" => ids::write_folder(xml, "t:ParentFolderId", self.user, self.folder),
            "item:MimeContent" => {
                let content = STANDARD.encode(&self.message.raw);
                xml.leaf_with("t:MimeContent", &[("CharacterSet", "UTF-8")], &content);
            }
            "item:Body" | "item:UniqueBody" => self.write_body(xml, &name.replace("item:", "t:"), shape),
            "item:TextBody" => {
                let text = self.text_body();
                xml.leaf_with("t:TextBody", &[("BodyType", "Text"), ("IsTruncated", "false")], &text);
            }
            "item:InternetMessageHeaders" => xml.within("t:InternetMessageHeaders", |xml| {
                for field in &self.part().fields {
                    let value = String::from_utf8_lossy(&field.value);
                    xml.leaf_with("t:InternetMessageHeader", &[("HeaderName", &field.name)], &value);
                }
            }),
            "ExtendedProperty" => {
                for extended in shape.extended() {
                    if let Some(value) = self.value(&Path::Extended(extended.clone())) {
                        extended.write(xml, &value);
                    }
                }
            }
            "item:EffectiveRights" => folders::rights(xml),
            "item:ConversationId" => {
                let topic = ids::digest(&[self.topic()].into_iter().collect());
                xml.empty("t:ConversationId", &[("Id", &STANDARD.encode(topic.to_be_bytes()))]);
            }
            "item:Flag" => xml.within("t:Flag", |xml| {
                xml.leaf("t:FlagStatus", if self.has("\\Flagged") { "Flagged" } else { "NotFlagged" });
            }),
            "message:Sender" | "message:From" => self.write_mailboxes(xml, name, "From", 1),
            "message:ToRecipients" => self.write_mailboxes(xml, name, "To", usize::MAX),
            "message:CcRecipients" => self.write_mailboxes(xml, name, "Cc", usize::MAX),
            "message:BccRecipients" => self.write_mailboxes(xml, name, "Bcc", usize::MAX),
            "message:ReplyTo" => self.write_mailboxes(xml, name, "Reply-To", usize::MAX),
            _ => {
                if let (Some(value), Some((_, name))) = (self.text(name), name.split_once(':')) {
                    xml.leaf(&format!("t:{name}"), &value);
                }
            }
        }
    }

    fn write_mailboxes(&self, xml: &mut Xml, name: &str, header: &str, most: usize) {
        let mailboxes = self.field(header).map(address::list).unwrap_or_default();
        let Some((_, name)) = name.split_once(':') else { return };
        if !mailboxes.is_empty() {
            xml.within(&format!("t:{name}"), |xml| {
                for mailbox in mailboxes.iter().take(most) {
                    mailbox.write(xml);
                }
            });
        }
    }

    fn text_body(&self) -> String {
        let part = text::find(self.part(), "plain").or_else(|| text::find(self.part(), "html"));
        part.map(|part| text::body(&self.message.raw, part)).unwrap_or_default()
    }

    fn write_body(&self, xml: &mut Xml, name: &str, shape: &Shape) {
        let html = text::find(self.part(), "html").map(|part| text::body(&self.message.raw, part));
        let (kind, body) = match (shape.body.as_deref(), html) {
            (Some("Text"), _) => ("Text", self.text_body()),
            (_, Some(html)) => ("HTML", html),
            (Some("HTML"), None) => {
                let text = crate::xml::escape(&self.text_body());
                ("HTML", format!("<html><body><pre>{text}</pre></body></html>"))
            }
            (_, None) => ("Text", self.text_body()),
        };
        xml.leaf_with(name, &[("BodyType", kind)], &body);
    }

    fn topic(&self) -> String {
        let subject = self.header("Subject").unwrap_or_default();
        let mut topic = subject.trim();
        while let Some(rest) =
            ["Re:", "RE:", "Fw:", "FW:"].iter().find_map(|prefix| topic.strip_prefix(prefix))
        {
            topic = rest.trim_start();
        }
        topic.to_owned()
    }

    fn display(&self, header: &str) -> String {
        let mailboxes = self.field(header).map(address::list).unwrap_or_default();
        mailboxes.iter().map(address::Mailbox::shown).collect::<Vec<_>>().join("; ")
    }

    fn importance(&self) -> &'static str {
        let value = self.header("Importance").unwrap_or_default().to_ascii_lowercase();
        match value.as_str() {
            "high" => "High",
            "low" => "Low",
            _ => "Normal",
        }
    }

    fn sent(&self) -> String {
        let date = self.header("Date").and_then(|date| jiff::fmt::rfc2822::parse(date.trim()).ok());
        time(date.map_or(self.message.date, |date| date.timestamp()))
    }

    /// A property that is a plain value.
    fn text(&self, uri: &str) -> Option<String> {
        let bool = |value: bool| Some(value.to_string());
        match uri {
            "item:ItemClass" => Some(self.class().to_owned()),
            "item:Subject" => self.header("Subject"),
            "item:Sensitivity" => Some("Normal".to_owned()),
            "item:Body" | "item:TextBody" => Some(self.text_body()),
            "item:DateTimeReceived" | "item:DateTimeCreated" | "item:LastModifiedTime" => {
                Some(time(self.message.date))
            }
            "item:DateTimeSent" => Some(self.sent()),
            "item:Size" => Some(self.message.raw.len().to_string()),
            "item:Importance" => Some(self.importance().to_owned()),
            "item:InReplyTo" => self.header("In-Reply-To"),
            "item:IsDraft" | "item:IsUnmodified" => bool(self.has("\\Draft") == (uri == "item:IsDraft")),
            "item:IsFromMe" | "item:IsResend" | "item:IsSubmitted" => bool(false),
            "item:ReminderIsSet" | "item:IsAssociated" => bool(false),
            "item:DisplayTo" | "message:ToRecipients" => Some(self.display("To")),
            "item:DisplayCc" | "message:CcRecipients" => Some(self.display("Cc")),
            "item:HasAttachments" => bool(text::has_attachment(self.part())),
            "item:Culture" => Some("en-US".to_owned()),
            "item:LastModifiedName" => Some(self.user.to_owned()),
            "item:Preview" => Some(self.text_body().chars().take(255).collect()),
            "message:IsReadReceiptRequested" => bool(self.field("Disposition-Notification-To").is_some()),
            "message:IsDeliveryReceiptRequested" | "message:IsResponseRequested" => bool(false),
            "message:ConversationTopic" => Some(self.topic()),
            "message:From" | "message:Sender" => self.header("From"),
            "message:InternetMessageId" => self.header("Message-ID"),
            "message:IsRead" => bool(self.has("\\Seen")),
            "message:References" => self.header("References"),
            _ => None,
        }
    }

    fn class(&self) -> &'static str {
        let report = self.part().kind == "multipart" && self.part().subkind == "report";
        match self.meeting() {
            Some(meeting) => meeting.class(),
            None if report => "REPORT.IPM.Note.NDR",
            None => "IPM.Note",
        }
    }

    /// A MAPI property (MS-OXPROPS), as far as one is known of a message.
    fn tag(&self, tag: u16) -> Option<String> {
        match tag {
            0x001a => Some(self.class().to_owned()),
            0x0037 => self.header("Subject"),
            0x0039 => Some(self.sent()),
            0x007d => {
                let header = self.message.raw.get(self.part().header.clone()).unwrap_or_default();
                Some(String::from_utf8_lossy(header).into_owned())
            }
            0x0c1f | 0x0065 => self.field("From").map(address::list)?.pop().map(|mailbox| mailbox.address),
            0x0e03 => Some(self.display("Cc")),
            0x0e04 => Some(self.display("To")),
            // PidTagMessageFlags: read, unmodified, unsent.
            0x0e07 => {
                let read = if self.has("\\Seen") { 1 } else { 0 };
                Some((read + if self.has("\\Draft") { 8 } else { 2 }).to_string())
            }
            0x0e06 | 0x3007 | 0x3008 => Some(time(self.message.date)),
            0x0e08 => Some(self.message.raw.len().to_string()),
            0x0e1b => Some(text::has_attachment(self.part()).to_string()),
            // The UID of IMAP.
            0x0e23 => Some(self.message.uid.to_string()),
            0x0ff9 | 0x300b => {
                Some(STANDARD.encode([self.folder.to_be_bytes(), self.message.uid.to_be_bytes()].concat()))
            }
            0x1000 => Some(self.text_body()),
            0x1035 => self.header("Message-ID"),
            0x1081 => self.has("\\Answered").then(|| "102".to_owned()),
            0x1090 => self.has("\\Flagged").then(|| "2".to_owned()),
            _ => None,
        }
    }
}

impl Fields for Item<'_> {
    fn value(&self, path: &Path) -> Option<String> {
        match path {
            Path::Uri(uri) => self.text(uri),
            Path::Indexed => None,
            Path::Extended(extended) => match &extended.key {
                Key::Tag(tag) => self.tag(*tag),
                Key::Header(name) => self.header(name),
                Key::Named(set, name) if set == "Common" && name == "0x8570" => {
                    self.has("\\Deleted").then(|| "1".to_owned())
                }
                Key::Named(..) => None,
            },
        }
    }
}
