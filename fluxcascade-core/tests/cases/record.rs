//! Rows in which a record was deleted: record decisions.
//!
//! THE SWITCH: such rows are taken once the planner decides about whole records. Until then
//! [`landed`] says [`Landed::NotYet`], and a row asserts what the planner does meanwhile: it holds
//! the link and writes nothing. When that is no longer so, these tests turn red: switch it on.

use fluxcascade_core::mapping::{CompiledMapping, DeletePolicy, DeleteUpdate, MappingBuilder};
use fluxcascade_core::model::{DeleteEvidence, Ending, HoldReason, LinkStatus, Side, Sides, State};
use fluxcascade_core::plan::RecordAction;

use crate::sheet::{Fields, compile, decide, known, link};

/// Whether the planner decides about whole records.
#[derive(PartialEq)]
enum Landed {
    NotYet,
    #[allow(dead_code)] // the lead switches it on
    Yes,
}

fn landed() -> Landed {
    Landed::NotYet
}

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
    let mapping: CompiledMapping = compile(mapping);
    let states = Sides::from_fn(|side| match &gone.held[side] {
        Some(held) => known(&mapping, side, held),
        None => State::Deleted(DeleteEvidence::Flag),
    });
    let linked = link(&mapping, Some(Sides::new(&gone.base, &gone.base)), &states);
    let entry = decide(&mapping, &linked);
    match landed() {
        Landed::NotYet => {
            let held = entry.holds.iter().any(|hold| hold.reason == HoldReason::Gone);
            let writes = Side::BOTH.into_iter().any(|side| entry.writes_to(side));
            assert!(held && !writes, "{name}: switch `landed` on: {entry:?}");
        }
        Landed::Yes => {
            let after = entry.after.as_ref();
            let ended = after.is_some_and(|link| link.status == LinkStatus::Tombstone);
            let ending = after.and_then(|link| link.ending);
            match expected {
                Done::Ends(how) => {
                    assert_eq!((ended, ending), (true, Some(*how)), "{name}: {entry:?}");
                    assert!(!Side::BOTH.into_iter().any(|side| entry.writes_to(side)), "{name}");
                }
                Done::Removes(side) => {
                    assert_eq!(entry.record, Some((*side, RecordAction::Delete)), "{name}");
                    assert!(ended, "{name}");
                    assert_eq!(ending, Some(Ending::TwinRemoved(side.other())), "{name}");
                }
                Done::Recreates(side) => {
                    assert_eq!((entry.create, ended), (Some(*side), false), "{name}");
                    assert_eq!(entry.record, None, "{name}");
                }
            }
        }
    }
}
