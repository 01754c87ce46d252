//! How a table is sorted (MS-OXCDATA 2.13).
use super::PropertyTag;
use crate::wire::{Reader, Result, Wire, Writer};

wire! {
    /// SortOrder (MS-OXCDATA 2.13.1).
    SortOrder {
        tag: PropertyTag,
        /// 0 ascending, 1 descending, 4 by the maximum of a category.
        order: u8,
    }
}

/// SortOrderSet (MS-OXCDATA 2.13.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortOrderSet {
    /// How many of the orders make categories.
    pub category_count: u16,
    /// How many of those are expanded at first.
    pub expanded_count: u16,
    /// The orders, the first decides first.
    pub orders: Vec<SortOrder>,
}

impl Wire for SortOrderSet {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let n = r.get::<u16>()?;
        Ok(Self {
            category_count: r.get()?,
            expanded_count: r.get()?,
            orders: r.many(usize::from(n), SortOrder::read)?,
        })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        let n = u16::try_from(self.orders.len()).map_err(|_| w.unfit("too many sort orders"))?;
        n.write(w)?;
        self.category_count.write(w)?;
        self.expanded_count.write(w)?;
        self.orders.iter().try_for_each(|order| order.write(w))
    }
}
