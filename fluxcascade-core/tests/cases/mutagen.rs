//! Files as records of one field: alpha is our source, beta our target, and the ancestor the base.
//! Each mode of theirs is a mapping: `safe` asks a person, `resolved` lets alpha win, `replica` sets
//! edits of beta back.

use fluxcascade_core::Direction;
use fluxcascade_core::mapping::{Drift, MappingBuilder};
use fluxcascade_core::model::{Cause, Ending, HoldReason, Side, Sides, Slot};
use fluxcascade_core::plan::Step;
use fluxcascade_core::resolver::Strategy;
use serde_json::Value as Json;

use crate::record::{Done, Gone, check as check_record, follow_deletes};
use crate::sheet::{
    Fields, after, begin, compile, created, decide, link_of, plan_work, unlinked, value,
};
use crate::table::{named, rows, take};

const NOTHING: &str = "there is no record and no link, so that there is no work to plan";

const LEFT: [(&str, &str); 7] = [
    ("all nil, two-way-safe", NOTHING),
    ("all nil, two-way-resolved", NOTHING),
    ("all nil, one-way-safe", NOTHING),
    ("all nil, one-way-replica", NOTHING),
    (
        "beta created file, one-way-replica",
        "a record that was never linked is not ours to delete, also if the mapping is one-way",
    ),
    (
        "both created different file, one-way-safe",
        "when linked, a one-way pair writes over the other value, under the guard for overwrites",
    ),
    (
        "beta modified file alpha deleted, one-way-replica",
        "a delete never removes an edit that was not carried over (P8)",
    ),
];

#[test]
fn records_are_reconciled_as_mutagen_reconciles_them() {
    let each = rows(include_str!("mutagen-reconcile-flat.json"), "cases", named("description"));
    let by_mode: Vec<(String, Json)> = each
        .iter()
        .flat_map(|(_, row)| {
            row["modes"].as_array().unwrap().iter().map(move |mode| {
                let name =
                    format!("{}, {}", row["description"].as_str().unwrap(), mode.as_str().unwrap());
                (name, row.clone())
            })
        })
        .collect();
    assert_eq!(by_mode.len(), 52);
    assert_eq!(take(&by_mode, &LEFT, check), 45);
}

fn mapping(mode: &str) -> MappingBuilder {
    let (direction, strategy, drift) = match mode {
        "two-way-safe" => (Direction::Bidirectional, Strategy::Manual, Drift::Leave),
        "two-way-resolved" => (Direction::Bidirectional, Strategy::SourceWins, Drift::Leave),
        "one-way-safe" => (Direction::SourceToTarget, Strategy::Manual, Drift::Leave),
        "one-way-replica" => (Direction::SourceToTarget, Strategy::Manual, Drift::Restore),
        other => panic!("no mapping for {other}"),
    };
    let mapping = begin()
        .direction(direction)
        .conflicts(strategy.clone())
        .first_link(strategy)
        .pair_with("file", "file", |pair| pair.drift(drift));
    let mapping = follow_deletes(mapping);
    if direction == Direction::Bidirectional {
        return mapping;
    }
    mapping.on_delete(Side::Target, fluxcascade_core::mapping::DeletePolicy::Recreate)
}

fn file(json: &Json) -> Option<Fields> {
    (!json.is_null()).then(|| [("file".to_owned(), value(json))].into())
}

fn check(name: &str, row: &Json) {
    let mode = name.rsplit_once(", ").unwrap().1;
    let held = Sides::new(file(&row["alpha"]), file(&row["beta"]));
    let end = Sides::new(file(&row["alpha_after"]), file(&row["beta_after"]));
    match (file(&row["ancestor"]), held) {
        (base, Sides { source: Some(source), target: Some(target) }) => {
            check_pair(name, mode, row, base.as_ref(), &Sides::new(source, target), &end);
        }
        (None, held) => check_create(name, mode, &held, &end),
        (Some(base), held) => {
            let done = record_end(&held, &end);
            check_record(name, mapping(mode), &Gone { base, held }, &done);
        }
    }
}

fn check_pair(
    name: &str,
    mode: &str,
    row: &Json,
    base: Option<&Fields>,
    held: &Sides<Fields>,
    end: &Sides<Option<Fields>>,
) {
    let mapping = compile(mapping(mode));
    let linked = link_of(&mapping, base.map(|base| Sides::new(base, base)), held);
    let entry = decide(&mapping, &linked);
    assert_eq!(after(&mapping, &linked, &entry).map(Some), *end, "{name}");
    let asks = entry.holds.iter().any(|hold| hold.reason == HoldReason::Conflict);
    // What a one-way mode of theirs calls a conflict is our drift: left, and noted.
    let leaves = entry.notes.iter().any(|(_, note)| note.cause == Cause::DriftLeft);
    assert_eq!(asks || leaves, row["conflict"].as_bool().unwrap(), "{name}: {entry:?}");
    assert_eq!(leaves, asks != leaves && mode == "one-way-safe", "{name}");
    if !leaves {
        let agreed = if row["ancestor_after"].is_null() {
            Slot::Absent
        } else {
            Slot::Present(value(&row["ancestor_after"]))
        };
        let bases = linked.after(&mapping, &entry).bases;
        assert_eq!(bases, Sides::new(vec![agreed.clone()], vec![agreed]), "{name}");
    }
}

fn check_create(name: &str, of: &str, held: &Sides<Option<Fields>>, end: &Sides<Option<Fields>>) {
    let mapping = compile(mapping(of));
    let side = if held.source.is_some() { Side::Source } else { Side::Target };
    let fields = held[side].as_ref().unwrap();
    let entry = plan_work(&mapping, unlinked(&mapping, side, "r-1", fields, &Sides::default()));
    match &end[side.other()] {
        Some(copy) => assert_eq!(&created(&mapping, &entry, side.other()), copy, "{name}"),
        None => assert_eq!(entry.step, Step::Ignored, "{name}"),
    }
    assert_eq!(end[side].as_ref(), Some(fields), "{name}");
}

/// What the row says becomes of a link of which a record is gone.
fn record_end(held: &Sides<Option<Fields>>, end: &Sides<Option<Fields>>) -> Done {
    let gone = |side: Side| held[side].is_none();
    if gone(Side::Source) && gone(Side::Target) {
        return Done::Ends(Ending::BothDeleted);
    }
    let deleted = if gone(Side::Source) { Side::Source } else { Side::Target };
    match (&end[deleted], &end[deleted.other()]) {
        (Some(_), _) => Done::Recreates(deleted),
        (None, None) => Done::Removes(deleted.other()),
        (None, Some(_)) => Done::Ends(Ending::Deleted(deleted)),
    }
}
