//! Which columns the rows of a response have: that is told by the requests alone.
use std::collections::{BTreeMap, VecDeque};

use super::{Rop, RopRequest, RopResponse};
use crate::data::PropertyTag;
use crate::wire::{Reader, Result, Wire};

/// The columns that responses need, in the order in which requests were made.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// By index into the handle table, what the table there shows.
    tables: BTreeMap<u8, Vec<PropertyTag>>,
    expected: VecDeque<Expected>,
}

/// A request whose answer has rows, or says which rows follow.
#[derive(Debug, Clone)]
struct Expected {
    rop_id: u8,
    handle_index: u8,
    /// Of SetColumns and GetPropertiesSpecific.
    columns: Option<Vec<PropertyTag>>,
}

const GET_PROPERTIES_SPECIFIC: u8 = 0x07;
const SET_COLUMNS: u8 = 0x12;

impl Context {
    /// For the responses to these requests.
    pub fn new(requests: &[RopRequest]) -> Self {
        let expected = requests.iter().filter_map(|request| {
            let columns = match &request.rop {
                Rop::SetColumns(set) => Some(set.columns.clone()),
                Rop::GetPropertiesSpecific(get) => Some(get.columns.clone()),
                Rop::QueryRows(_) | Rop::FindRow(_) => None,
                _ => return None,
            };
            Some(Expected { rop_id: request.rop.rop_id(), handle_index: request.handle_index, columns })
        });
        Self { tables: BTreeMap::new(), expected: expected.collect() }
    }

    /// The table at this index has had these columns set by an earlier Execute.
    pub fn set_columns(&mut self, handle_index: u8, columns: Vec<PropertyTag>) {
        self.tables.insert(handle_index, columns);
    }

    /// The next response.
    pub(super) fn read(&mut self, r: &mut Reader<'_>) -> Result<RopResponse> {
        let answered = match r.rest() {
            [rop_id, handle_index, ..] => self.take(*rop_id, *handle_index),
            _ => None,
        };
        let columns = answered.as_ref().and_then(|request| match request.rop_id {
            GET_PROPERTIES_SPECIFIC => request.columns.as_ref(),
            _ => self.tables.get(&request.handle_index),
        });
        let mut over = r.over(columns.map(Vec::as_slice));
        let response = RopResponse::read(&mut over)?;
        let taken = r.left() - over.left();
        r.take(taken)?;
        if let (Some(request), RopResponse::Answer(answer)) = (answered, &response)
            && request.rop_id == SET_COLUMNS
            && answer.return_value.is_success()
        {
            self.tables.insert(request.handle_index, request.columns.unwrap_or_default());
        }
        Ok(response)
    }

    /// The request that this answers; those before it were not answered.
    fn take(&mut self, rop_id: u8, handle_index: u8) -> Option<Expected> {
        let same = |request: &Expected| request.rop_id == rop_id && request.handle_index == handle_index;
        let at = self.expected.iter().position(same)?;
        self.expected.drain(..=at).next_back()
    }
}
