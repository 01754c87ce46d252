//! The bodies of the address book endpoint (MS-OXCMAPIHTTP 2.2.5), and STAT (MS-OXNSPI 2.2.8).
//! The responses here lie within [`Response`](crate::http::Response).
use crate::data::{ErrorCode, Form, Guid, PropertyRow, PropertyTag, Restriction};
use crate::wire::{Bytes, Codec, Count, Has, Reader, Result, Wire, Writer};

/// As it is written: any other byte but 0 says the same.
const TRUE: u8 = 0xFF;

/// MinimalId: the name is that of nobody (MS-OXNSPI 2.2.2.1).
pub const MID_UNRESOLVED: u32 = 0;
/// MinimalId: the name is that of several; servers say so of unknown names too.
pub const MID_AMBIGUOUS: u32 = 1;
/// MinimalId: the name is that of one entry.
pub const MID_RESOLVED: u32 = 2;

/// ErrorCode of an Unbind that was done.
pub const UNBIND_SUCCESS: ErrorCode = ErrorCode(1);

wire! {
    /// STAT (MS-OXNSPI 2.2.8): where in which table.
    Stat {
        /// 0: by display name.
        sort_type: u32,
        /// 0: the global address list.
        container_id: u32,
        /// 0 the beginning, 1 the current position, 2 the end, or a Minimal Entry ID.
        current_rec: u32,
        delta: i32,
        num_pos: u32,
        total_recs: u32,
        code_page: u32,
        template_locale: u32,
        sort_locale: u32,
    }

    /// Bind request (MS-OXCMAPIHTTP 2.2.5.1.1).
    BindRequest {
        flags: u32,
        stat: Option<Stat> as Has<TRUE>,
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// Bind response (MS-OXCMAPIHTTP 2.2.5.1.2).
    BindResponse {
        error_code: ErrorCode,
        server_guid: Guid,
    }

    /// Unbind request (MS-OXCMAPIHTTP 2.2.5.2.1).
    UnbindRequest {
        reserved: u32,
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// Unbind response (MS-OXCMAPIHTTP 2.2.5.2.2).
    UnbindResponse {
        /// [`UNBIND_SUCCESS`] when it was done.
        error_code: ErrorCode,
    }

    /// ResolveNames request (MS-OXCMAPIHTTP 2.2.5.14.1).
    ResolveNamesRequest {
        reserved: u32,
        stat: Option<Stat> as Has<TRUE>,
        columns: Option<Vec<PropertyTag>> as Has<TRUE, Count<u32>>,
        names: Option<Vec<String>> as Has<TRUE, Count<u32>>,
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// ResolveNames response (MS-OXCMAPIHTTP 2.2.5.14.2).
    ResolveNamesResponse {
        error_code: ErrorCode,
        code_page: u32,
        minimal_ids: Option<Vec<u32>> as Has<TRUE, Count<u32>>,
        /// Of the names that were resolved, in their order.
        rows: Option<AddressBookRows> as Has<TRUE>,
    }

    /// QueryRows request (MS-OXCMAPIHTTP 2.2.5.12.1).
    QueryRowsRequest {
        flags: u32,
        stat: Option<Stat> as Has<TRUE>,
        explicit_table: Vec<u32> as Count<u32>,
        row_count: u32,
        columns: Option<Vec<PropertyTag>> as Has<TRUE, Count<u32>>,
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// QueryRows response (MS-OXCMAPIHTTP 2.2.5.12.2).
    QueryRowsResponse {
        error_code: ErrorCode,
        stat: Option<Stat> as Has<TRUE>,
        rows: Option<AddressBookRows> as Has<TRUE>,
    }

    /// What a GetMatches opens instead of the table.
    MatchedProperty {
        guid: Guid,
        id: u32,
    }

    /// GetMatches request (MS-OXCMAPIHTTP 2.2.5.5.1).
    GetMatchesRequest {
        reserved: u32,
        stat: Option<Stat> as Has<TRUE>,
        minimal_ids: Option<Vec<u32>> as Has<TRUE, Count<u32>>,
        interface_option_flags: u32,
        filter: Option<Restriction> as Has<TRUE, Wide>,
        property_name: Option<MatchedProperty> as Has<TRUE>,
        row_count: u32,
        columns: Option<Vec<PropertyTag>> as Has<TRUE, Count<u32>>,
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// GetMatches response (MS-OXCMAPIHTTP 2.2.5.5.2).
    GetMatchesResponse {
        error_code: ErrorCode,
        stat: Option<Stat> as Has<TRUE>,
        minimal_ids: Option<Vec<u32>> as Has<TRUE, Count<u32>>,
        rows: Option<AddressBookRows> as Has<TRUE>,
    }
}

/// A restriction with counts of 32 bits.
pub enum Wide {}
impl Codec<Restriction> for Wide {
    fn read(r: &mut Reader<'_>) -> Result<Restriction> {
        Restriction::read_as(Form::Wide, r)
    }
    fn write(value: &Restriction, w: &mut Writer) -> Result<()> {
        value.write_as(Form::Wide, w)
    }
}

/// LargePropertyTagArray and the AddressBookPropertyRows over it (MS-OXCMAPIHTTP 2.2.1.7, 2.2.1.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressBookRows {
    /// What each row has values of.
    pub columns: Vec<PropertyTag>,
    /// The rows.
    pub rows: Vec<PropertyRow>,
}

impl Wire for AddressBookRows {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let columns = Count::<u32>::read(r)?;
        let n = usize::try_from(r.get::<u32>()?).unwrap_or(usize::MAX);
        let rows = r.many(n, |r| PropertyRow::read_over(&columns, Form::AddressBook, r))?;
        Ok(Self { columns, rows })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        Count::<u32>::write(&self.columns, w)?;
        u32::try_from(self.rows.len()).map_err(|_| w.unfit("too many rows"))?.write(w)?;
        for row in &self.rows {
            if row.cells.len() != self.columns.len() {
                return Err(w.unfit("a row that is not over the columns"));
            }
            row.write_as(Form::AddressBook, w)?;
        }
        Ok(())
    }
}
