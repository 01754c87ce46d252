//! ROPs on tables (MS-OXCROPS 2.2.5).
use crate::data::{PropertyRow, PropertyTag, Restriction, SortOrderSet};
use crate::wire::{Bytes, Count, Has, Perhaps};

/// QueryRowsResponse.origin: the table has been read to its end (MS-OXCTABL 2.2.2.1.1).
pub const BOOKMARK_END: u8 = 2;

wire! {
    /// RopSetColumns request (MS-OXCROPS 2.2.5.1.1).
    SetColumnsRequest {
        /// 0: the answer comes when it is done.
        set_columns_flags: u8,
        columns: Vec<PropertyTag> as Count<u16>,
    }

    /// RopSortTable request (MS-OXCROPS 2.2.5.2.1).
    SortTableRequest {
        /// 0: the answer comes when it is done.
        sort_table_flags: u8,
        sort_orders: SortOrderSet,
    }

    /// RopRestrict request (MS-OXCROPS 2.2.5.3.1).
    RestrictRequest {
        /// 0: the answer comes when it is done.
        restrict_flags: u8,
        /// None takes the one away that was set.
        restriction: Option<Restriction> as Perhaps<u16>,
    }

    /// RopSetColumns, RopSortTable and RopRestrict response (MS-OXCROPS 2.2.5.1.2, 2.2.5.2.2, 2.2.5.3.2).
    TableStatusResponse {
        /// 0 when it is done (MS-OXCTABL 2.2.2.1.3).
        table_status: u8,
    }

    /// RopQueryRows request (MS-OXCROPS 2.2.5.4.1).
    QueryRowsRequest {
        /// 0 goes on, 1 stays where it is, 2 packs the rows.
        query_rows_flags: u8,
        forward_read: bool,
        row_count: u16,
    }

    /// RopQueryRows response (MS-OXCROPS 2.2.5.4.2).
    QueryRowsResponse {
        /// 0 at the beginning, 1 in between, 2 at the end.
        origin: u8,
        rows: Vec<PropertyRow> as Count<u16>,
    }

    /// RopQueryPosition response (MS-OXCROPS 2.2.5.7.2).
    QueryPositionResponse {
        numerator: u32,
        denominator: u32,
    }

    /// RopFindRow request (MS-OXCROPS 2.2.5.13.1).
    FindRowRequest {
        /// 1: backwards.
        find_row_flags: u8,
        restriction: Option<Restriction> as Perhaps<u16>,
        /// 0 the beginning, 1 the current row, 2 the end, 3 the bookmark.
        origin: u8,
        bookmark: Vec<u8> as Bytes<u16>,
    }

    /// RopFindRow response (MS-OXCROPS 2.2.5.13.2).
    FindRowResponse {
        row_no_longer_visible: bool,
        row: Option<PropertyRow> as Has<1>,
    }
}
