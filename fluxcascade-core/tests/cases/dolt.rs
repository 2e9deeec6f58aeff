//! Merges of rows with a JSON cell. A row is a record, each leaf of the cell a pair: merging a cell
//! by its keys is then merging a record pair by pair. A conflict of theirs takes the whole row, as
//! our strategy `error` does.

use std::collections::BTreeSet;

use fluxcascade_core::model::{HoldKey, Sides};
use fluxcascade_core::resolver::Strategy;
use serde_json::Value as Json;

use crate::sheet::{Fields, after, begin, compile, decide, filled, link_of, value};
use crate::table::{named, rows, take};

const LEFT: [(&str, &str); 2] = [
    (
        "changing types conflict",
        "an empty object and an empty list are both blank to us: only the right side was edited",
    ),
    (
        "object insert and delete conflict",
        "removing an empty object is a blank for a blank: only the left side was edited",
    ),
];

#[test]
fn rows_are_merged_as_dolt_merges_them() {
    let rows = rows(include_str!("dolt-three-way-json-row-merge.json"), "cases", named("name"));
    assert_eq!(take(&rows, &LEFT, check), 27);
}

fn check(name: &str, row: &Json) {
    let three = ["ancestor", "left", "right"].map(|version| &row[version]);
    let mut leaves = BTreeSet::new();
    find_leaves("", &three, &mut leaves);
    let flat = |json: &Json| -> Fields {
        let at = |path: &String| (path.clone(), look_up(json, path));
        filled(&leaves.iter().map(at).collect())
    };
    let builder = begin().conflicts(Strategy::Error);
    let mapping = compile(leaves.iter().fold(builder, |built, leaf| built.pair(leaf, leaf)));
    let base = flat(three[0]);
    let held = Sides::new(flat(three[1]), flat(three[2]));
    let linked = link_of(&mapping, Some(Sides::new(&base, &base)), &held);
    let entry = decide(&mapping, &linked);
    let waits = entry.holds.iter().any(|hold| matches!(hold.key, HoldKey::Link(_)));
    assert_eq!(waits, row["conflict"].as_bool().unwrap(), "{name}: {entry:?}");
    if waits {
        assert!(entry.pairs.is_empty(), "{name}");
        return;
    }
    let merged = flat(&row["merged"]);
    assert_eq!(after(&mapping, &linked, &entry), Sides::new(merged.clone(), merged), "{name}");
}

/// A path is a leaf if something other than an object stands there in one of the versions.
fn find_leaves(path: &str, versions: &[&Json], leaves: &mut BTreeSet<String>) {
    let absent = |json: &&Json| json.is_null();
    let object = |json: &&Json| json.is_object();
    let is_cell = path.is_empty() || path == "/j";
    if !is_cell && !versions.iter().all(|json| object(json) || absent(json)) {
        leaves.insert(path.to_owned());
        return;
    }
    let keys: BTreeSet<&String> =
        versions.iter().filter_map(|json| json.as_object()).flat_map(|o| o.keys()).collect();
    for key in keys {
        let below: Vec<&Json> = versions.iter().map(|json| &json[key]).collect();
        find_leaves(&format!("{path}/{key}"), &below, leaves);
    }
}

fn look_up(json: &Json, path: &str) -> fluxcascade_core::Value {
    let found = path.split('/').skip(1).fold(json, |json, key| &json[key]);
    value(found)
}
