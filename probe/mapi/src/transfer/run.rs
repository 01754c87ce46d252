//! What a stream of synchronisation says (MS-OXCFXICS 2.2.4.3: contentsSync, hierarchySync, state), as a view of its elements.
use super::{Element, Marker, Property};
use crate::data::{PropertyTag, PropertyValue};

/// A synchronisation, or a state alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncRun {
    /// progressTotal and groupInfo: of the whole.
    pub information: Vec<Property>,
    /// What is new or was changed.
    pub changes: Vec<Change>,
    /// Ids of what is gone.
    pub deletions: Vec<Property>,
    /// Ids of what was read, or no longer is.
    pub reads: Vec<Property>,
    /// What to upload the next time; to be kept only when the run has ended.
    pub state: Vec<Property>,
    /// IncrSyncEnd was there.
    pub ended: bool,
}

/// A message or folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Which one; all of it for a folder.
    pub header: Vec<Property>,
    /// Of a message.
    pub properties: Vec<Property>,
    /// Of a message, where they were asked for.
    pub recipients: Vec<Vec<Property>>,
    /// Of a message, where they were asked for.
    pub attachments: Vec<Attachment>,
    /// Only what was changed is there.
    pub partial: bool,
}

/// An attachment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// Its own.
    pub properties: Vec<Property>,
    /// A message within it, as it came.
    pub embedded: Vec<Element>,
}

/// Where in a stream it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Information,
    Header,
    Message,
    Recipient,
    Attachment,
    /// How many messages within one another.
    Embedded(usize),
    Deletions,
    Reads,
    State,
    /// Behind the state.
    StateEnd,
    End,
}

impl SyncRun {
    /// From the elements of a whole stream; none where a marker or property stands where none may.
    pub fn of(elements: &[Element]) -> Option<Self> {
        let mut run = Self::default();
        let mut at = At::Information;
        for element in elements {
            at = match element {
                Element::Marker(marker) => run.marker(*marker, at)?,
                Element::Property(property) => {
                    run.property(property, at)?;
                    at
                }
            };
        }
        (at == At::End || at == At::StateEnd).then_some(run)
    }

    fn marker(&mut self, marker: Marker, at: At) -> Option<At> {
        if let At::Embedded(depth) = at {
            return self.embedded(marker, depth);
        }
        let in_message = at == At::Message;
        let between = matches!(at, At::Information | At::Header | At::Message);
        match marker {
            Marker::INCR_SYNC_PROGRESS_MODE
            | Marker::INCR_SYNC_GROUP_INFO
            | Marker::INCR_SYNC_PROGRESS_PER_MSG
                if between =>
            {
                Some(At::Information)
            }
            Marker::INCR_SYNC_CHG | Marker::INCR_SYNC_CHG_PARTIAL if between => {
                let partial = marker == Marker::INCR_SYNC_CHG_PARTIAL;
                self.changes.push(Change { partial, ..Change::default() });
                Some(At::Header)
            }
            Marker::INCR_SYNC_MESSAGE if at == At::Header => Some(At::Message),
            Marker::START_RECIP if in_message => {
                self.changes.last_mut()?.recipients.push(Vec::new());
                Some(At::Recipient)
            }
            Marker::END_TO_RECIP if at == At::Recipient => Some(At::Message),
            Marker::NEW_ATTACH if in_message => {
                self.changes.last_mut()?.attachments.push(Attachment::default());
                Some(At::Attachment)
            }
            Marker::START_EMBED if at == At::Attachment => Some(At::Embedded(1)),
            Marker::END_ATTACH if at == At::Attachment => Some(At::Message),
            Marker::INCR_SYNC_DEL if between => Some(At::Deletions),
            Marker::INCR_SYNC_READ if between || at == At::Deletions => Some(At::Reads),
            Marker::INCR_SYNC_STATE_BEGIN if between || matches!(at, At::Deletions | At::Reads) => {
                Some(At::State)
            }
            Marker::INCR_SYNC_STATE_END if at == At::State => Some(At::StateEnd),
            Marker::INCR_SYNC_END if at == At::StateEnd => {
                self.ended = true;
                Some(At::End)
            }
            _ => None,
        }
    }

    fn embedded(&mut self, marker: Marker, depth: usize) -> Option<At> {
        let depth = match marker {
            Marker::START_EMBED => depth + 1,
            Marker::END_EMBED => depth - 1,
            _ => depth,
        };
        if depth == 0 {
            return Some(At::Attachment);
        }
        let attachment = self.changes.last_mut()?.attachments.last_mut()?;
        attachment.embedded.push(Element::Marker(marker));
        Some(At::Embedded(depth))
    }

    fn property(&mut self, property: &Property, at: At) -> Option<()> {
        let change = self.changes.last_mut();
        let place = match at {
            At::Information => &mut self.information,
            At::Header => &mut change?.header,
            At::Message => &mut change?.properties,
            At::Recipient => change?.recipients.last_mut()?,
            At::Attachment => &mut change?.attachments.last_mut()?.properties,
            At::Embedded(_) => {
                change?.attachments.last_mut()?.embedded.push(Element::Property(property.clone()));
                return Some(());
            }
            At::Deletions => &mut self.deletions,
            At::Reads => &mut self.reads,
            At::State => &mut self.state,
            At::StateEnd | At::End => return None,
        };
        place.push(property.clone());
        Some(())
    }
}

impl Change {
    /// The value of a tag's property, of whichever type: in the header, else in the message.
    pub fn value(&self, tag: PropertyTag) -> Option<&PropertyValue> {
        let mut all = self.header.iter().chain(&self.properties);
        all.find(|property| property.name.is_none() && property.tag.id() == tag.id()).map(|p| &p.value)
    }
}
