//! FindItem, with its pages and its order.

use std::cmp::Ordering;

use roxmltree::Node;

use super::{
    Call, Refusal, Responses, Trouble,
    calendar::{self, Found},
    fields::{Fields, Path, Shape},
    folders::{CALENDAR, Folder, Tree},
    item::Item,
    restriction,
};
use crate::{fault::Protocol, store::State, xml};

/// The most that is told at once.
const MAX_PAGE: usize = 1000;

/// Which part of what was found is wanted.
pub(super) struct Page {
    most: usize,
    offset: usize,
    from_end: bool,
}

/// What is said of a page.
pub(super) struct Attributes {
    next: String,
    total: String,
    last: &'static str,
}

impl Attributes {
    pub(super) fn pairs(&self) -> [(&str, &str); 3] {
        [
            ("IndexedPagingOffset", &self.next),
            ("TotalItemsInView", &self.total),
            ("IncludesLastItemInRange", self.last),
        ]
    }
}

impl Page {
    /// Reads `IndexedPageItemView` or `IndexedPageFolderView`.
    pub(super) fn read(node: Option<Node<'_, '_>>) -> Self {
        let number = |name: &str| {
            node.and_then(|node| node.attribute(name)).and_then(|text| text.trim().parse::<usize>().ok())
        };
        Self {
            most: number("MaxEntriesReturned").unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE),
            offset: number("Offset").unwrap_or_default(),
            from_end: node.and_then(|node| node.attribute("BasePoint")) == Some("End"),
        }
    }

    pub(super) fn of<'a, T>(&self, found: &'a [T]) -> &'a [T] {
        let offset = self.offset.min(found.len());
        if self.from_end {
            let end = found.len() - offset;
            &found[end.saturating_sub(self.most)..end]
        } else {
            &found[offset..(offset + self.most).min(found.len())]
        }
    }

    pub(super) fn attributes(&self, total: usize, shown: usize) -> Attributes {
        let next = self.offset.min(total) + shown;
        Attributes {
            next: next.to_string(),
            total: total.to_string(),
            last: if next >= total { "true" } else { "false" },
        }
    }
}

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let shape = Shape::read(xml::child(call.request, "ItemShape"));
    let parents = call.need("ParentFolderIds")?;
    let page = Page::read(xml::child(call.request, "IndexedPageItemView"));
    let associated = call.request.attribute("Traversal") == Some("Associated");
    let state = call.http.shared.store.lock();
    let tree = Tree::of(&state, call.user);
    let mut responses = Responses::new("FindItem");
    for parent in xml::children(parents) {
        let found = tree
            .find(call, &state, parent)
            .and_then(|folder| if associated { Ok(Vec::new()) } else { find(call, &state, folder) });
        responses.put(found, |xml, found| {
            let shown = page.of(&found);
            xml.within_with("m:RootFolder", &page.attributes(found.len(), shown.len()).pairs(), |xml| {
                xml.within("t:Items", |xml| {
                    for item in shown {
                        item.write(xml, call, &state, &shape, false);
                    }
                });
            });
        });
    }
    Ok(responses.finish())
}

fn find<'a>(call: &'a Call<'_>, state: &'a State, folder: &Folder) -> Result<Vec<Found<'a>>, Refusal> {
    if folder.id == CALENDAR {
        return entries(call, state);
    }
    let Some(path) = &folder.path else { return Ok(Vec::new()) };
    if xml::child(call.request, "QueryString").is_some() {
        return Err(Refusal("ErrorContentIndexingNotEnabled", "The mailbox is not indexed."));
    }
    let restriction = xml::child(call.request, "Restriction");
    let mut found = Vec::new();
    for message in state.shown(Protocol::Ews, call.user, path) {
        let item = Item::new(message, folder.id, call.user);
        if restriction::matches(restriction, &item)? {
            found.push(Found::Mail(item));
        }
    }
    // The newest comes first, unless another order is asked for.
    found.reverse();
    sort(call, &mut found);
    Ok(found)
}

/// What lies in the calendar; with a view, what takes place then.
fn entries<'a>(call: &'a Call<'_>, state: &'a State) -> Result<Vec<Found<'a>>, Refusal> {
    let view = calendar::view(call.request)?;
    let restriction = xml::child(call.request, "Restriction");
    if view.is_some() && (restriction.is_some() || xml::child(call.request, "SortOrder").is_some()) {
        let text = "A calendar view is neither restricted nor sorted.";
        return Err(Refusal("ErrorUnsupportedPathForSortGroup", text));
    }
    let mut found = Vec::new();
    for entry in calendar::all(call, state, view.map(|(window, _)| window)) {
        if restriction::matches(restriction, &entry)? {
            found.push(Found::Entry(entry));
        }
    }
    if let Some((_, most)) = view {
        found.truncate(most);
    } else {
        sort(call, &mut found);
    }
    Ok(found)
}

/// Puts what was found in the order that is asked for.
fn sort(call: &Call<'_>, found: &mut [Found<'_>]) {
    let orders: Vec<(Path, bool)> = xml::child(call.request, "SortOrder")
        .into_iter()
        .flat_map(xml::children)
        .filter_map(|order| Some((Path::within(order)?, order.attribute("Order") == Some("Descending"))))
        .collect();
    if !orders.is_empty() {
        found.sort_by(|left, right| compare(&orders, left, right));
    }
}

fn compare(orders: &[(Path, bool)], left: &Found<'_>, right: &Found<'_>) -> Ordering {
    for (path, descending) in orders {
        let (a, b) = (left.value(path).unwrap_or_default(), right.value(path).unwrap_or_default());
        let order = restriction::order(&a, &b);
        let order = if *descending { order.reverse() } else { order };
        if order != Ordering::Equal {
            return order;
        }
    }
    // Times are in whole seconds; within one, numbers tell.
    let newest_first = orders.first().is_some_and(|(_, descending)| *descending);
    let order = left.number().cmp(&right.number());
    if newest_first { order.reverse() } else { order }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_cut_from_both_ends() {
        let found: Vec<u32> = (0..10).collect();
        for (most, offset, from_end, wanted, last) in [
            (4, 0, false, &found[..4], "false"),
            (4, 8, false, &found[8..], "true"),
            (4, 20, false, &found[10..], "true"),
            (4, 0, true, &found[6..], "false"),
            (4, 8, true, &found[..2], "true"),
        ] {
            let page = Page { most, offset, from_end };
            let shown = page.of(&found);
            assert_eq!(shown, wanted);
            assert_eq!(page.attributes(found.len(), shown.len()).last, last);
        }
    }
}
