//! Reading and writing: a bounded reader, a writer, and how fields of each shape go over the wire. All is little-endian.
use std::fmt;
use std::marker::PhantomData;

use crate::data::{PropertyTag, String8};

/// What reading and writing give.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with the bytes, or with a value that is to become bytes, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// How many bytes of what was decoded, or was encoded so far, are in order.
    pub at: usize,
    /// What is wrong there.
    pub kind: ErrorKind,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes end early: so many more are called for, so many are there.
    Short { needed: usize, left: usize },
    /// So many bytes are left over where a structure ends.
    Left(usize),
    /// A property type that is not known, so that the length of its value is not either.
    Type(u16),
    /// A row whose columns are not known.
    NoColumns,
    /// Restrictions within restrictions beyond any need.
    TooDeep,
    /// What is there is not what may be there.
    Invalid(&'static str),
    /// To be encoded: a value that its field cannot hold.
    Unfit(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match &self.kind {
            ErrorKind::Short { needed, left } => {
                write!(f, "{needed} bytes are called for at {at}, {left} are there")
            }
            ErrorKind::Left(n) => write!(f, "{n} bytes are left over at {at}"),
            ErrorKind::Type(t) => write!(f, "unknown property type 0x{t:04X} at {at}"),
            ErrorKind::NoColumns => write!(f, "a row at {at} whose columns are not known"),
            ErrorKind::TooDeep => write!(f, "restrictions too deep at {at}"),
            ErrorKind::Invalid(what) => write!(f, "invalid {what} at {at}"),
            ErrorKind::Unfit(what) => write!(f, "does not fit: {what} at {at}"),
        }
    }
}

impl std::error::Error for Error {}

/// Reads from a slice, and never beyond it.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    base: usize,
    columns: Option<&'a [PropertyTag]>,
}

impl<'a> Reader<'a> {
    /// From the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, base: 0, columns: None }
    }

    /// Another reader of what is left, with these columns for the rows that lie in it.
    #[must_use]
    pub fn over<'b>(&self, columns: Option<&'b [PropertyTag]>) -> Reader<'b>
    where
        'a: 'b,
    {
        Reader { bytes: self.bytes, at: self.at, base: self.base, columns }
    }

    /// The columns of the rows that follow.
    pub fn columns(&self) -> Result<&'a [PropertyTag]> {
        self.columns.ok_or_else(|| self.error(ErrorKind::NoColumns))
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// An error here.
    pub fn error(&self, kind: ErrorKind) -> Error {
        Error { at: self.base + self.at, kind }
    }

    /// [`ErrorKind::Invalid`] here.
    pub fn invalid(&self, what: &'static str) -> Error {
        self.error(ErrorKind::Invalid(what))
    }

    /// The next n bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let left = self.left();
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let Some(taken) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return Err(self.error(ErrorKind::Short { needed: n, left }));
        };
        self.at += n;
        Ok(taken)
    }

    /// All that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest();
        self.at = self.bytes.len();
        rest
    }

    /// The next N bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A reader of the next n bytes.
    pub fn part(&mut self, n: usize) -> Result<Self> {
        let base = self.base + self.at;
        Ok(Self { bytes: self.take(n)?, at: 0, base, columns: self.columns })
    }

    /// n things, each of one byte or more: refused before anything is kept when there cannot be so many.
    pub fn many<T>(&mut self, n: usize, mut one: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let left = self.left();
        if n > left {
            return Err(self.error(ErrorKind::Short { needed: n, left }));
        }
        let mut all = Vec::new();
        for _ in 0..n {
            all.push(one(self)?);
        }
        Ok(all)
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<()> {
        match self.left() {
            0 => Ok(()),
            n => Err(self.error(ErrorKind::Left(n))),
        }
    }

    /// A number.
    pub fn get<T: Wire>(&mut self) -> Result<T> {
        T::read(self)
    }
}

/// Collects what is written.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Appends these.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// [`ErrorKind::Unfit`] here.
    pub fn unfit(&self, what: &'static str) -> Error {
        Error { at: self.bytes.len(), kind: ErrorKind::Unfit(what) }
    }
}

/// What goes over the wire in one way alone.
pub trait Wire: Sized {
    /// Takes one off the reader.
    fn read(r: &mut Reader<'_>) -> Result<Self>;
    /// Appends this one.
    fn write(&self, w: &mut Writer) -> Result<()>;

    /// All of the bytes are this one.
    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new(bytes);
        let value = Self::read(&mut r)?;
        r.end()?;
        Ok(value)
    }

    /// Its bytes.
    fn encode(&self) -> Result<Vec<u8>> {
        let mut w = Writer::default();
        self.write(&mut w)?;
        Ok(w.into_bytes())
    }
}

macro_rules! numbers {
    ($($ty:ty)+) => { $(
        impl Wire for $ty {
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                Ok(Self::from_le_bytes(r.array()?))
            }
            fn write(&self, w: &mut Writer) -> Result<()> {
                w.put(&self.to_le_bytes());
                Ok(())
            }
        }
    )+ };
}
numbers!(u8 u16 u32 u64 i16 i32 i64);

/// One byte: 0, or anything else.
impl Wire for bool {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(r.get::<u8>()? != 0)
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        u8::from(*self).write(w)
    }
}

impl<const N: usize> Wire for [u8; N] {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.array()
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        w.put(self);
        Ok(())
    }
}

/// UTF-16LE with a terminator. What is no UTF-16 becomes U+FFFD: servers cut strings anywhere.
impl Wire for String {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let units = r.rest().chunks_exact(2).position(|unit| unit == [0, 0]);
        let Some(units) = units else {
            let left = r.left();
            return Err(r.error(ErrorKind::Short { needed: left + 2, left }));
        };
        let text = from_utf16(r.take(units * 2)?);
        r.take(2)?;
        Ok(text)
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        if self.contains('\0') {
            return Err(w.unfit("a NUL in a string"));
        }
        w.put(&to_utf16(self));
        0u16.write(w)
    }
}

/// UTF-16LE as text; an odd byte at the end is left out.
pub(crate) fn from_utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Text as UTF-16LE.
pub(crate) fn to_utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Eight bits and a terminator.
impl Wire for String8 {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let Some(length) = r.rest().iter().position(|byte| *byte == 0) else {
            let left = r.left();
            return Err(r.error(ErrorKind::Short { needed: left + 1, left }));
        };
        let text = r.take(length)?.to_vec();
        r.take(1)?;
        Ok(Self(text))
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        if self.0.contains(&0) {
            return Err(w.unfit("a NUL in a string"));
        }
        w.put(&self.0);
        0u8.write(w)
    }
}

/// How a field goes over the wire, where that is not by its type's own [`Wire`].
pub trait Codec<T> {
    /// Takes one off the reader.
    fn read(r: &mut Reader<'_>) -> Result<T>;
    /// Appends this one.
    fn write(value: &T, w: &mut Writer) -> Result<()>;
}

/// By the type's own [`Wire`].
pub enum Plain {}
impl<T: Wire> Codec<T> for Plain {
    fn read(r: &mut Reader<'_>) -> Result<T> {
        T::read(r)
    }
    fn write(value: &T, w: &mut Writer) -> Result<()> {
        value.write(w)
    }
}

/// A number that counts, in a width of its own.
pub trait Width: Wire + TryFrom<usize> {
    /// As it is used.
    fn to_usize(self) -> usize;

    /// Reads a count.
    fn read_count(r: &mut Reader<'_>) -> Result<usize> {
        Ok(Self::read(r)?.to_usize())
    }
    /// Writes a count, where the width allows.
    fn write_count(n: usize, w: &mut Writer) -> Result<()> {
        Self::try_from(n).map_err(|_| w.unfit("more than can be counted"))?.write(w)
    }
}
impl Width for u8 {
    fn to_usize(self) -> usize {
        usize::from(self)
    }
}
impl Width for u16 {
    fn to_usize(self) -> usize {
        usize::from(self)
    }
}
impl Width for u32 {
    fn to_usize(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }
}

/// A count, then so many.
pub struct Count<W>(PhantomData<W>);
impl<W: Width, T: Wire> Codec<Vec<T>> for Count<W> {
    fn read(r: &mut Reader<'_>) -> Result<Vec<T>> {
        let n = W::read_count(r)?;
        r.many(n, T::read)
    }
    fn write(value: &Vec<T>, w: &mut Writer) -> Result<()> {
        W::write_count(value.len(), w)?;
        value.iter().try_for_each(|one| one.write(w))
    }
}

/// A count, then so many bytes.
pub struct Bytes<W>(PhantomData<W>);
impl<W: Width> Codec<Vec<u8>> for Bytes<W> {
    fn read(r: &mut Reader<'_>) -> Result<Vec<u8>> {
        let n = W::read_count(r)?;
        Ok(r.take(n)?.to_vec())
    }
    fn write(value: &Vec<u8>, w: &mut Writer) -> Result<()> {
        W::write_count(value.len(), w)?;
        w.put(value);
        Ok(())
    }
}

/// All that is left.
pub enum Rest {}
impl Codec<Vec<u8>> for Rest {
    fn read(r: &mut Reader<'_>) -> Result<Vec<u8>> {
        Ok(r.take_rest().to_vec())
    }
    fn write(value: &Vec<u8>, w: &mut Writer) -> Result<()> {
        w.put(value);
        Ok(())
    }
}

/// A size in bytes, then what fills just these.
pub struct Within<W, C = Plain>(PhantomData<(W, C)>);
impl<W: Width, C: Codec<T>, T> Codec<T> for Within<W, C> {
    fn read(r: &mut Reader<'_>) -> Result<T> {
        let n = W::read_count(r)?;
        let mut part = r.part(n)?;
        let value = C::read(&mut part)?;
        part.end()?;
        Ok(value)
    }
    fn write(value: &T, w: &mut Writer) -> Result<()> {
        let mut part = Writer::default();
        C::write(value, &mut part)?;
        let bytes = part.into_bytes();
        W::write_count(bytes.len(), w)?;
        w.put(&bytes);
        Ok(())
    }
}

/// A size in bytes, 0 for nothing, then what fills just these.
pub struct Perhaps<W>(PhantomData<W>);
impl<W: Width, T: Wire> Codec<Option<T>> for Perhaps<W> {
    fn read(r: &mut Reader<'_>) -> Result<Option<T>> {
        let n = W::read_count(r)?;
        let mut part = r.part(n)?;
        let value = if n == 0 { None } else { Some(T::read(&mut part)?) };
        part.end()?;
        Ok(value)
    }
    fn write(value: &Option<T>, w: &mut Writer) -> Result<()> {
        match value {
            None => W::write_count(0, w),
            Some(value) => Within::<W>::write(value, w),
        }
    }
}

/// A byte that says whether it follows, then it. Any byte but 0 says so; TRUE is what is written.
pub struct Has<const TRUE: u8, C = Plain>(PhantomData<C>);
impl<const TRUE: u8, C: Codec<T>, T> Codec<Option<T>> for Has<TRUE, C> {
    fn read(r: &mut Reader<'_>) -> Result<Option<T>> {
        Ok(if r.get::<bool>()? { Some(C::read(r)?) } else { None })
    }
    fn write(value: &Option<T>, w: &mut Writer) -> Result<()> {
        match value {
            None => 0u8.write(w),
            Some(value) => {
                TRUE.write(w)?;
                C::write(value, w)
            }
        }
    }
}
