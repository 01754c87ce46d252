//! Rows (MS-OXCDATA 2.8.1): values in the order of columns that are known beforehand.
use super::{ErrorCode, Form, PropertyTag, PropertyType, PropertyValue};
use crate::wire::{Reader, Result, Wire, Writer};

/// PropertyRow (MS-OXCDATA 2.8.1). As [`Wire`] it is read over the reader's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyRow {
    /// FlaggedPropertyRow: each value says whether it is there.
    pub flagged: bool,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// What a row has in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// The value.
    Value(PropertyValue),
    /// There is none.
    Absent,
    /// Why there is none.
    Error(ErrorCode),
    /// Of a column that leaves the type open: the type, and then one of the others.
    Typed(PropertyType, Box<Self>),
}

impl Cell {
    /// The value, where it is there.
    pub fn value(&self) -> Option<&PropertyValue> {
        match self {
            Self::Value(value) => Some(value),
            Self::Typed(_, cell) => cell.value(),
            Self::Absent | Self::Error(_) => None,
        }
    }

    fn read(kind: PropertyType, flagged: bool, form: Form, r: &mut Reader<'_>) -> Result<Self> {
        if kind == PropertyType::UNSPECIFIED {
            let kind = PropertyType(r.get()?);
            return Ok(Self::Typed(kind, Box::new(Self::read_typed(kind, flagged, form, r)?)));
        }
        Self::read_typed(kind, flagged, form, r)
    }

    fn read_typed(kind: PropertyType, flagged: bool, form: Form, r: &mut Reader<'_>) -> Result<Self> {
        let error = r.invalid("flag of a value");
        match if flagged { r.get::<u8>()? } else { 0 } {
            0 => Ok(Self::Value(PropertyValue::read(kind, form, r)?)),
            1 => Ok(Self::Absent),
            0x0A => Ok(Self::Error(r.get()?)),
            _ => Err(error),
        }
    }

    fn write(&self, flagged: bool, form: Form, w: &mut Writer) -> Result<()> {
        match self {
            Self::Typed(kind, cell) => {
                let other = cell.value().is_some_and(|value| value.kind() != *kind);
                if other || matches!(**cell, Self::Typed(..)) {
                    return Err(w.unfit("a value of another type"));
                }
                kind.0.write(w)?;
                cell.write(flagged, form, w)
            }
            Self::Value(value) => {
                if flagged {
                    0u8.write(w)?;
                }
                value.write(form, w)
            }
            _ if !flagged => Err(w.unfit("a value that is not there in a standard row")),
            Self::Absent => 1u8.write(w),
            Self::Error(code) => {
                0x0Au8.write(w)?;
                code.write(w)
            }
        }
    }
}

impl PropertyRow {
    /// A row of these values.
    pub fn standard(values: Vec<PropertyValue>) -> Self {
        Self { flagged: false, cells: values.into_iter().map(Cell::Value).collect() }
    }

    /// The value in the n-th column.
    pub fn value(&self, n: usize) -> Option<&PropertyValue> {
        self.cells.get(n).and_then(Cell::value)
    }

    /// A row over these columns.
    pub fn read_over(columns: &[PropertyTag], form: Form, r: &mut Reader<'_>) -> Result<Self> {
        let error = r.invalid("flag of a row");
        let flagged = match r.get::<u8>()? {
            0 => false,
            1 => true,
            _ => return Err(error),
        };
        let mut cells = Vec::new();
        for column in columns {
            cells.push(Cell::read(column.kind(), flagged, form, r)?);
        }
        Ok(Self { flagged, cells })
    }

    /// The row alone.
    pub fn write_as(&self, form: Form, w: &mut Writer) -> Result<()> {
        self.flagged.write(w)?;
        self.cells.iter().try_for_each(|cell| cell.write(self.flagged, form, w))
    }
}

impl Wire for PropertyRow {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let columns = r.columns()?;
        Self::read_over(columns, Form::Rop, r)
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.write_as(Form::Rop, w)
    }
}
