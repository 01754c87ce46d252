//! Restrictions (MS-OXCDATA 2.12): which rows of a table are wanted.
use super::{Form, PropertyTag, TaggedPropertyValue};
use crate::wire::{ErrorKind, Reader, Result, Wire, Writer};

/// How deep restrictions may lie in one another.
const MAX_DEPTH: usize = 64;

/// RelOp (MS-OXCDATA 2.12.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelOp(pub u8);

impl RelOp {
    /// <
    pub const LESS: Self = Self(0);
    /// <=
    pub const LESS_OR_EQUAL: Self = Self(1);
    /// >
    pub const GREATER: Self = Self(2);
    /// >=
    pub const GREATER_OR_EQUAL: Self = Self(3);
    /// ==
    pub const EQUAL: Self = Self(4);
    /// !=
    pub const NOT_EQUAL: Self = Self(5);
    /// Member of a distribution list.
    pub const MEMBER_OF_DL: Self = Self(0x64);
}

impl Wire for RelOp {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self(r.get()?))
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.0.write(w)
    }
}

/// A restriction (MS-OXCDATA 2.12.1 to 2.12.12). As [`Wire`] in the form of ROP buffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restriction {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Content {
        /// 0 the full string, 1 a substring, 2 a prefix.
        fuzzy_level_low: u16,
        /// 1 ignore case, 2 ignore non-spacing marks, 4 loose.
        fuzzy_level_high: u16,
        tag: PropertyTag,
        value: TaggedPropertyValue,
    },
    Property {
        rel_op: RelOp,
        tag: PropertyTag,
        value: TaggedPropertyValue,
    },
    CompareProperties {
        rel_op: RelOp,
        tag1: PropertyTag,
        tag2: PropertyTag,
    },
    BitMask {
        /// 0: all masked bits are 0; 1: one is not.
        rel_op: u8,
        tag: PropertyTag,
        mask: u32,
    },
    Size {
        rel_op: RelOp,
        tag: PropertyTag,
        size: u32,
    },
    Exist(PropertyTag),
    SubObject {
        subobject: PropertyTag,
        restriction: Box<Self>,
    },
    Comment {
        values: Vec<TaggedPropertyValue>,
        restriction: Option<Box<Self>>,
    },
    Count {
        count: u32,
        restriction: Box<Self>,
    },
}

impl Restriction {
    /// One of this form: [`Form::Rop`] in ROPs, [`Form::Wide`] in address book requests.
    pub fn read_as(form: Form, r: &mut Reader<'_>) -> Result<Self> {
        Self::read_at(0, form, r)
    }

    fn read_at(depth: usize, form: Form, r: &mut Reader<'_>) -> Result<Self> {
        if depth > MAX_DEPTH {
            return Err(r.error(ErrorKind::TooDeep));
        }
        let within = |r: &mut Reader<'_>| Self::read_at(depth + 1, form, r).map(Box::new);
        let all = |r: &mut Reader<'_>| {
            let n = if form == Form::Rop {
                usize::from(r.get::<u16>()?)
            } else {
                usize::try_from(r.get::<u32>()?).unwrap_or(usize::MAX)
            };
            r.many(n, |r| Self::read_at(depth + 1, form, r))
        };
        let value = |r: &mut Reader<'_>| TaggedPropertyValue::read_as(form, r);
        let error = r.invalid("RestrictType");
        Ok(match r.get::<u8>()? {
            0x00 => Self::And(all(r)?),
            0x01 => Self::Or(all(r)?),
            0x02 => Self::Not(within(r)?),
            0x03 => Self::Content {
                fuzzy_level_low: r.get()?,
                fuzzy_level_high: r.get()?,
                tag: r.get()?,
                value: value(r)?,
            },
            0x04 => Self::Property { rel_op: r.get()?, tag: r.get()?, value: value(r)? },
            0x05 => Self::CompareProperties { rel_op: r.get()?, tag1: r.get()?, tag2: r.get()? },
            0x06 => Self::BitMask { rel_op: r.get()?, tag: r.get()?, mask: r.get()? },
            0x07 => Self::Size { rel_op: r.get()?, tag: r.get()?, size: r.get()? },
            0x08 => Self::Exist(r.get()?),
            0x09 => Self::SubObject { subobject: r.get()?, restriction: within(r)? },
            0x0A => {
                let n = usize::from(r.get::<u8>()?);
                let values = r.many(n, value)?;
                Self::Comment { values, restriction: if r.get()? { Some(within(r)?) } else { None } }
            }
            0x0B => Self::Count { count: r.get()?, restriction: within(r)? },
            _ => return Err(error),
        })
    }

    /// In this form.
    pub fn write_as(&self, form: Form, w: &mut Writer) -> Result<()> {
        self.write_at(0, form, w)
    }

    fn write_at(&self, depth: usize, form: Form, w: &mut Writer) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(w.unfit("restrictions too deep"));
        }
        match self {
            Self::And(all) => write_all(0x00, all, depth, form, w),
            Self::Or(all) => write_all(0x01, all, depth, form, w),
            Self::Not(one) => {
                0x02u8.write(w)?;
                one.write_at(depth + 1, form, w)
            }
            Self::Content { fuzzy_level_low, fuzzy_level_high, tag, value } => {
                0x03u8.write(w)?;
                fuzzy_level_low.write(w)?;
                fuzzy_level_high.write(w)?;
                tag.write(w)?;
                value.write_as(form, w)
            }
            Self::Property { rel_op, tag, value } => {
                fields(0x04, rel_op.0, *tag, w)?;
                value.write_as(form, w)
            }
            Self::CompareProperties { rel_op, tag1, tag2 } => {
                fields(0x05, rel_op.0, *tag1, w)?;
                tag2.write(w)
            }
            Self::BitMask { rel_op, tag, mask } => {
                fields(0x06, *rel_op, *tag, w)?;
                mask.write(w)
            }
            Self::Size { rel_op, tag, size } => {
                fields(0x07, rel_op.0, *tag, w)?;
                size.write(w)
            }
            Self::Exist(tag) => {
                0x08u8.write(w)?;
                tag.write(w)
            }
            Self::SubObject { subobject, restriction } => {
                0x09u8.write(w)?;
                subobject.write(w)?;
                restriction.write_at(depth + 1, form, w)
            }
            Self::Comment { values, restriction } => {
                write_comment(values, restriction.as_deref(), depth, form, w)
            }
            Self::Count { count, restriction } => {
                0x0Bu8.write(w)?;
                count.write(w)?;
                restriction.write_at(depth + 1, form, w)
            }
        }
    }
}

/// RestrictType, an operator and a tag: what most begin with.
fn fields(kind: u8, rel_op: u8, tag: PropertyTag, w: &mut Writer) -> Result<()> {
    kind.write(w)?;
    rel_op.write(w)?;
    tag.write(w)
}

fn write_all(kind: u8, all: &[Restriction], depth: usize, form: Form, w: &mut Writer) -> Result<()> {
    kind.write(w)?;
    let many = w.unfit("too many restrictions");
    if form == Form::Rop {
        u16::try_from(all.len()).map_err(|_| many)?.write(w)?;
    } else {
        u32::try_from(all.len()).map_err(|_| many)?.write(w)?;
    }
    all.iter().try_for_each(|one| one.write_at(depth + 1, form, w))
}

fn write_comment(
    values: &[TaggedPropertyValue],
    restriction: Option<&Restriction>,
    depth: usize,
    form: Form,
    w: &mut Writer,
) -> Result<()> {
    0x0Au8.write(w)?;
    u8::try_from(values.len()).map_err(|_| w.unfit("too many values"))?.write(w)?;
    values.iter().try_for_each(|value| value.write_as(form, w))?;
    restriction.is_some().write(w)?;
    restriction.map_or(Ok(()), |one| one.write_at(depth + 1, form, w))
}

impl Wire for Restriction {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Self::read_as(Form::Rop, r)
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.write_as(Form::Rop, w)
    }
}
