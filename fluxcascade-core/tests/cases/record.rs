//! Rows in which a record was deleted: record decisions.

use fluxcascade_core::mapping::{CompiledMapping, DeletePolicy, DeleteUpdate, MappingBuilder};
use fluxcascade_core::model::{Ending, Link, LinkStatus, Side, Sides, State, Values};
use fluxcascade_core::plan::{Entry, RecordAction};

use crate::given::Linked;
use crate::sheet::{Fields, compile, created, decide, filled, known, link, plan_work, unlinked};

/// A link of which one or both records are gone.
pub(crate) struct Gone {
    pub(crate) base: Fields,
    /// `None`: deleted.
    pub(crate) held: Sides<Option<Fields>>,
}

/// What is done about it.
#[derive(Debug, PartialEq)]
pub(crate) enum Done {
    /// The link ends and nothing is written.
    Ends(Ending),
    /// The link ends and the record of this side is deleted too.
    Removes(Side),
    /// The record of this side is made again.
    Recreates(Side),
}

/// Deletes go to the other side, and a deleted record comes back if its twin was edited: what the
/// projects of these tables do.
pub(crate) fn follow_deletes(mapping: MappingBuilder) -> MappingBuilder {
    mapping
        .on_delete(Side::Source, DeletePolicy::Delete)
        .on_delete(Side::Target, DeletePolicy::Delete)
        .delete_update(DeleteUpdate::Recreate)
}

pub(crate) fn check(name: &str, mapping: MappingBuilder, gone: &Gone, expected: &Done) {
    let mapping = compile(mapping);
    let states = Sides::from_fn(|side| match &gone.held[side] {
        Some(held) => known(&mapping, side, held),
        None => State::Archived(Values::default()),
    });
    let linked = link(&mapping, Some(Sides::new(&gone.base, &gone.base)), &states);
    let entry = decide(&mapping, &linked);
    let (ending, removed) = match expected {
        Done::Ends(ending) => (*ending, None),
        Done::Removes(side) => {
            (Ending::TwinRemoved(side.other()), Some((*side, RecordAction::Delete)))
        }
        Done::Recreates(side) => (Ending::Remade(*side), None),
    };
    let after = entry.after.as_ref().unwrap_or_else(|| panic!("{name}: {entry:?}"));
    assert_eq!((after.status, after.ending), (LinkStatus::Tombstone, Some(ending)), "{name}");
    assert_eq!(entry.record, removed, "{name}");
    assert!(entry.pairs.is_empty() && entry.create.is_none(), "{name}: {entry:?}");
    if let Done::Recreates(side) = expected {
        let twin = gone.held[side.other()].as_ref().unwrap();
        assert_eq!(made_again(&mapping, &linked, &entry, *side, twin), content(twin), "{name}");
    }
}

/// What the record gets that is made again: its twin is woken, and has no partner any more.
fn made_again(
    mapping: &CompiledMapping,
    linked: &Linked,
    entry: &Entry,
    side: Side,
    twin: &Fields,
) -> Fields {
    let id = linked.record(side.other());
    assert!(entry.wakes.contains(&(side.other(), id.clone())), "{entry:?}");
    let ended = Link {
        status: LinkStatus::Tombstone,
        ending: Some(Ending::Remade(side)),
        ..linked.work(mapping).link.unwrap()
    };
    let mut work = unlinked(mapping, side.other(), id.as_str(), twin, &Sides::default());
    work.tombstones.push(ended);
    created(mapping, &plan_work(mapping, work), side)
}

/// What is tied of a record: its key is not.
fn content(fields: &Fields) -> Fields {
    let mut tied = filled(fields);
    tied.remove("key");
    tied
}
