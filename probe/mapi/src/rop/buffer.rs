//! The ROP buffer (MS-OXCROPS 2.2.1): ROPs, and the handles that they point to.
use super::{Context, RopRequest, RopResponse};
use crate::wire::{Reader, Result, Wire, Writer};

/// A place in the handle table that holds none (yet).
pub const NO_HANDLE: u32 = 0xFFFF_FFFF;

/// RopSize, RopsList and ServerObjectHandleTable: the payload of an extended buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RopBuffer {
    /// RopsList.
    pub rops: Vec<u8>,
    /// ServerObjectHandleTable.
    pub handles: Vec<u32>,
}

impl RopBuffer {
    /// Of these requests.
    pub fn of_requests(requests: &[RopRequest], handles: Vec<u32>) -> Result<Self> {
        Ok(Self { rops: write_all(requests)?, handles })
    }

    /// Of these responses.
    pub fn of_responses(responses: &[RopResponse], handles: Vec<u32>) -> Result<Self> {
        Ok(Self { rops: write_all(responses)?, handles })
    }

    /// What is asked for.
    pub fn requests(&self) -> Result<Vec<RopRequest>> {
        let mut r = Reader::new(&self.rops);
        let mut all = Vec::new();
        while r.left() > 0 {
            all.push(r.get()?);
        }
        Ok(all)
    }

    /// What came back. The context is that of the requests; it goes on from payload to payload of one answer.
    pub fn responses(&self, context: &mut Context) -> Result<Vec<RopResponse>> {
        let mut r = Reader::new(&self.rops);
        let mut all = Vec::new();
        while r.left() > 0 {
            all.push(context.read(&mut r)?);
        }
        Ok(all)
    }
}

fn write_all(all: &[impl Wire]) -> Result<Vec<u8>> {
    let mut w = Writer::default();
    all.iter().try_for_each(|one| one.write(&mut w))?;
    Ok(w.into_bytes())
}

impl Wire for RopBuffer {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let error = r.invalid("RopSize");
        let size = usize::from(r.get::<u16>()?).checked_sub(2).ok_or(error)?;
        let rops = r.take(size)?.to_vec();
        let n = r.left().div_ceil(4);
        Ok(Self { rops, handles: r.many(n, u32::read)? })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        let size = u16::try_from(self.rops.len() + 2).map_err(|_| w.unfit("ROPs of more than 64 KiB"))?;
        size.write(w)?;
        w.put(&self.rops);
        self.handles.iter().try_for_each(|handle| handle.write(w))
    }
}
