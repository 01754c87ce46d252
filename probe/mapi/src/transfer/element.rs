//! The FastTransfer stream (MS-OXCFXICS 2.2.4.1): markers and property values, one after the other.
use crate::data::tag::META_TAG_IDSET_GIVEN;
use crate::data::{Form, PropertyName, PropertyTag, PropertyType, PropertyValue};
use crate::wire::{Reader, Result, Wire, Writer};

/// What stands alone in a stream (MS-OXCFXICS 2.2.4.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker(pub u32);

macro_rules! markers {
    ($($constant:ident = $value:literal $name:literal;)+) => {
        impl Marker {
            $(#[doc = $name] pub const $constant: Self = Self($value);)+
            /// All of them.
            pub const ALL: &[u32] = &[$($value),+];

            /// Its name; none for what is no marker.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)+
                    _ => None,
                }
            }
        }
    };
}
markers! {
    NEW_ATTACH = 0x4000_0003 "NewAttach";
    START_EMBED = 0x4001_0003 "StartEmbed";
    END_EMBED = 0x4002_0003 "EndEmbed";
    START_RECIP = 0x4003_0003 "StartRecip";
    END_TO_RECIP = 0x4004_0003 "EndToRecip";
    START_TOP_FLD = 0x4009_0003 "StartTopFld";
    START_SUB_FLD = 0x400A_0003 "StartSubFld";
    END_FOLDER = 0x400B_0003 "EndFolder";
    START_MESSAGE = 0x400C_0003 "StartMessage";
    END_MESSAGE = 0x400D_0003 "EndMessage";
    END_ATTACH = 0x400E_0003 "EndAttach";
    START_FAI_MSG = 0x4010_0003 "StartFAIMsg";
    INCR_SYNC_CHG = 0x4012_0003 "IncrSyncChg";
    INCR_SYNC_DEL = 0x4013_0003 "IncrSyncDel";
    INCR_SYNC_END = 0x4014_0003 "IncrSyncEnd";
    INCR_SYNC_MESSAGE = 0x4015_0003 "IncrSyncMessage";
    FX_ERROR_INFO = 0x4018_0003 "FXErrorInfo";
    INCR_SYNC_READ = 0x402F_0003 "IncrSyncRead";
    INCR_SYNC_STATE_BEGIN = 0x403A_0003 "IncrSyncStateBegin";
    INCR_SYNC_STATE_END = 0x403B_0003 "IncrSyncStateEnd";
    INCR_SYNC_PROGRESS_MODE = 0x4074_000B "IncrSyncProgressMode";
    INCR_SYNC_PROGRESS_PER_MSG = 0x4075_000B "IncrSyncProgressPerMsg";
    INCR_SYNC_GROUP_INFO = 0x407B_0102 "IncrSyncGroupInfo";
    INCR_SYNC_CHG_PARTIAL = 0x407D_0003 "IncrSyncChgPartial";
}

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    Marker(Marker),
    Property(Property),
}

/// propValue (MS-OXCFXICS 2.2.4.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Its id says nothing where it has a name.
    pub tag: PropertyTag,
    /// Of a tag from 0x8000 on.
    pub name: Option<PropertyName>,
    /// The value. Of MetaTagIdsetGiven it is binary though its tag says otherwise.
    pub value: PropertyValue,
}

fn value_kind(tag: PropertyTag) -> PropertyType {
    if tag == META_TAG_IDSET_GIVEN { PropertyType::BINARY } else { tag.kind() }
}

impl Wire for Element {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let tag: PropertyTag = r.get()?;
        let marker = Marker(tag.0);
        if marker.name().is_some() {
            return Ok(Self::Marker(marker));
        }
        let name = tag.is_named().then(|| PropertyName::read_transfer(r)).transpose()?;
        Ok(Self::Property(Property {
            tag,
            name,
            value: PropertyValue::read(value_kind(tag), Form::Transfer, r)?,
        }))
    }

    fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::Marker(marker) if marker.name().is_some() => marker.0.write(w),
            Self::Marker(_) => Err(w.unfit("a marker that is none")),
            Self::Property(property) => {
                let Property { tag, name, value } = property;
                if value_kind(*tag) != value.kind() || Marker(tag.0).name().is_some() {
                    return Err(w.unfit("a value that is not of its tag's type"));
                }
                if tag.is_named() != name.is_some() {
                    return Err(w.unfit("a name where the tag has none, or none where it has"));
                }
                tag.write(w)?;
                name.iter().try_for_each(|name| name.write_transfer(w))?;
                value.write(Form::Transfer, w)
            }
        }
    }
}

/// A whole stream: the buffers of all answers, put together.
pub fn decode(bytes: &[u8]) -> Result<Vec<Element>> {
    let mut r = Reader::new(bytes);
    let mut all = Vec::new();
    while r.left() > 0 {
        all.push(r.get()?);
    }
    Ok(all)
}

/// The bytes of a stream.
pub fn encode(elements: &[Element]) -> Result<Vec<u8>> {
    let mut w = Writer::default();
    elements.iter().try_for_each(|element| element.write(&mut w))?;
    Ok(w.into_bytes())
}
