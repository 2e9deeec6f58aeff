//! Items of two storages: `a` is our source, `b` our target, what the status has is the base. An
//! item's uid is its match key, its content one field.

use fluxcascade_core::Direction;
use fluxcascade_core::mapping::{CompiledMapping, MappingBuilder, PairDirection};
use fluxcascade_core::model::{
    Cause, Ending, FieldName, FieldSchema, FieldType, HoldReason, LinkId, ObjectSchema, ObjectType,
    Side, Sides, TenantId, Value,
};
use fluxcascade_core::plan::{Decision, Entry, PairAction, Step, decide_with_base};
use fluxcascade_core::resolver::Strategy;
use serde_json::Value as Json;

use crate::record::{Done, Gone, check as check_record, follow_deletes};
use crate::sheet::{
    Fields, after, begin, compile, created, decide, holder, link_of, plan_work, unlinked,
};
use crate::table::{named, rows, take};

const FILE: &str = include_str!("vdirsyncer-decision-cases.json");

const LEFT: [(&str, &str); 6] = [
    (
        "test_empty_storage_dataloss",
        "an empty full read stops the run (P18): a guard of the engine, no decision about a record",
    ),
    (
        "test_partial_sync_revert",
        "a one-way mapping never deletes or recreates on the side that it flows from",
    ),
    (
        "test_partial_sync_error",
        "drift is left or set back, each with a row: no policy fails the run for it",
    ),
    ("test_rollback", "failed writes are the engine's (P14): no system answers the planner"),
    (
        "test_duplicate_hrefs",
        "the inbox is keyed by record: a store's contract, and the planner sees each record once",
    ),
    (
        "SyncMachine (hypothesis RuleBasedStateMachine)",
        "a machine over whole storages, not a row: the scripts of tests/scripts are ours",
    ),
];

fn items() -> MappingBuilder {
    begin().pair("item", "item").conflicts(Strategy::Manual).first_link(Strategy::Manual)
}

fn won_by(strategy: &Strategy) -> MappingBuilder {
    items().conflicts(strategy.clone()).first_link(strategy.clone())
}

fn item(text: &str) -> Fields {
    [("key".to_owned(), "u".into()), ("item".to_owned(), text.into())].into()
}

fn both(text: &str) -> Sides<Fields> {
    Sides::new(item(text), item(text))
}

fn content(fields: &Sides<Fields>) -> Sides<Value> {
    fields.as_ref().map(|fields| fields.get("item").cloned().unwrap_or(Value::Null))
}

fn synced(mapping: &CompiledMapping, base: &str, a: &str, b: &str) -> (Entry, Sides<Value>) {
    let base = item(base);
    let linked = link_of(mapping, Some(Sides::new(&base, &base)), &Sides::new(item(a), item(b)));
    let entry = decide(mapping, &linked);
    let held = content(&after(mapping, &linked, &entry));
    (entry, held)
}

fn asks(entry: &Entry, reason: HoldReason) -> bool {
    entry.holds.iter().any(|hold| hold.reason == reason) && entry.pairs.is_empty()
}

fn adopts(entry: &Entry) -> bool {
    matches!(entry.pairs.as_slice(), [only] if only.action == PairAction::Adopt)
}

#[test]
fn items_are_synced_as_vdirsyncer_syncs_them() {
    let taken = take(&rows(FILE, "cases", named("test")), &LEFT, |name, row| match name {
        "test_missing_status" => is_linked_without_a_write(row["a"]["u"].as_str().unwrap()),
        "test_missing_status_and_different_items" => {
            differ_when_linked(row["a"]["1"].as_str().unwrap(), row["b"]["1"].as_str().unwrap());
        }
        "test_upload_and_update" => uploads_and_updates(),
        "test_already_synced" => is_quiet(row["a"]["1"].as_str().unwrap()),
        "test_conflict_resolution_both_etags_new" => differ_since_the_base(row),
        "test_conflict_resolution_new_etags_without_changes" => new_versions_without_an_edit(),
        "test_bogus_etag_change" => a_new_version_is_no_edit(),
        "test_no_uids" => records_without_a_key_are_created(row),
        "test_changed_uids" => a_linked_record_gets_another_key(),
        "test_both_readonly" => nothing_can_be_written(),
        "test_partial_sync_ignore" => an_edit_against_the_direction_stays(),
        "test_ident_conflict" => two_records_have_one_key(),
        "test_unicode_hrefs" => an_id_is_any_text(),
        "test_irrelevant_status"
        | "test_deletion"
        | "test_updated_and_deleted"
        | "test_moved_href" => check_deleted(name),
        other => panic!("no adapter for {other}"),
    });
    assert_eq!(taken, 17);
}

/// Two records with one key and no link, as the source's work shows them.
fn found(mapping: &CompiledMapping, a: &Fields, b: &Fields) -> Entry {
    let holders = Sides::new(
        vec![holder(mapping, Side::Source, "a-1", a, None)],
        vec![holder(mapping, Side::Target, "b-1", b, None)],
    );
    plan_work(mapping, unlinked(mapping, Side::Source, "a-1", a, &holders))
}

fn is_linked_without_a_write(text: &str) {
    let entry = found(&compile(items()), &item(text), &item(text));
    assert!(entry.link.is_some() && adopts(&entry), "{entry:?}");
}

fn differ_when_linked(a: &str, b: &str) {
    let entry = found(&compile(items()), &item(a), &item(b));
    assert!(asks(&entry, HoldReason::Conflict), "{entry:?}");
    let a_wins = compile(won_by(&Strategy::SourceWins));
    let linked = link_of(&a_wins, None, &Sides::new(item(a), item(b)));
    let end = after(&a_wins, &linked, &decide(&a_wins, &linked));
    assert_eq!(content(&end), content(&both(a)));
}

fn uploads_and_updates() {
    let mapping = compile(items());
    for side in Side::BOTH {
        let new = unlinked(&mapping, side, "new", &item("new"), &Sides::default());
        let made = created(&mapping, &plan_work(&mapping, new), side.other());
        assert_eq!(made["item"], "new".into());
    }
    assert_eq!(synced(&mapping, "old", "old", "updated").1, content(&both("updated")));
    assert_eq!(synced(&mapping, "old", "updated", "old").1, content(&both("updated")));
}

fn is_quiet(text: &str) {
    let (entry, _) = synced(&compile(items()), text, text, text);
    assert_eq!(entry.step, Step::Unchanged);
    assert!(entry.is_quiet());
}

fn differ_since_the_base(row: &Json) {
    let text = |version: &str| row[version]["1"].as_str().unwrap();
    let (base, a, b) = (text("base"), text("a"), text("b"));
    let (entry, held) = synced(&compile(items()), base, a, b);
    assert!(asks(&entry, HoldReason::Conflict), "{entry:?}");
    assert_eq!(held, Sides::new(a.into(), b.into()));
    for (winner, stands) in [(Strategy::SourceWins, a), (Strategy::TargetWins, b)] {
        let (entry, held) = synced(&compile(won_by(&winner)), base, a, b);
        assert_eq!(held, content(&both(stands)), "{entry:?}");
    }
}

/// Records are always seen with a newer version here; only values tell of an edit.
fn new_versions_without_an_edit() {
    is_quiet("as it was");
    let (entry, _) = synced(&compile(items()), "", "the same", "the same");
    assert!(adopts(&entry), "{entry:?}");
}

fn a_new_version_is_no_edit() {
    let (entry, held) = synced(&compile(items()), "old", "old", "new");
    assert!(entry.writes_to(Side::Source) && !entry.writes_to(Side::Target), "{entry:?}");
    assert_eq!(held, content(&both("new")));
}

fn records_without_a_key_are_created(row: &Json) {
    let mapping = compile(items());
    for (side, storage) in [(Side::Source, "a"), (Side::Target, "b")] {
        let text = row[storage][0].as_str().unwrap();
        let nameless = Fields::from([("item".to_owned(), text.into())]);
        let work = unlinked(&mapping, side, "nameless", &nameless, &Sides::default());
        let made = created(&mapping, &plan_work(&mapping, work), side.other());
        assert_eq!(made["item"], text.into());
    }
}

fn a_linked_record_gets_another_key() {
    let mapping = compile(items());
    let mut held = both("x");
    held.source.insert("key".into(), "another".into());
    let base = item("x");
    let entry = decide(&mapping, &link_of(&mapping, Some(Sides::new(&base, &base)), &held));
    assert_eq!(entry.step, Step::Unchanged);
}

fn nothing_can_be_written() {
    let schema = || ObjectSchema {
        object: ObjectType::new("things").unwrap(),
        fields: ["key", "item"]
            .map(|name| {
                FieldSchema::new(FieldName::new(name).unwrap(), FieldType::Text).read_only()
            })
            .into(),
    };
    let (a, b) = (schema(), schema());
    let mapping = items().build().unwrap();
    let refused = CompiledMapping::new(TenantId::default(), mapping, Sides::new(&a, &b));
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("cannot be written in a things"), "{error}");
    assert!(error.contains("cannot be written in b things"), "{error}");
}

fn an_edit_against_the_direction_stays() {
    let mapping = compile(items().direction(Direction::TargetToSource));
    let (entry, held) = synced(&mapping, "old", "changed", "old");
    assert!(!Side::BOTH.into_iter().any(|side| entry.writes_to(side)), "{entry:?}");
    assert_eq!(entry.notes[0].1.cause, Cause::DriftLeft);
    assert_eq!(held, Sides::new("changed".into(), "old".into()));
}

fn two_records_have_one_key() {
    let mapping = compile(items());
    let holds = |side, id, link| holder(&mapping, side, id, &item("x"), link);
    let at_once = Sides::new(
        vec![holds(Side::Source, "a-1", None), holds(Side::Source, "a-2", None)],
        Vec::new(),
    );
    let linked = Some(LinkId([1; 16]));
    let after_a_sync = Sides::new(
        vec![holds(Side::Source, "a-1", linked), holds(Side::Source, "a-2", None)],
        vec![holds(Side::Target, "b-1", linked)],
    );
    for holders in [at_once, after_a_sync] {
        let work = unlinked(&mapping, Side::Source, "a-2", &item("x"), &holders);
        let entry = plan_work(&mapping, work);
        assert!(asks(&entry, HoldReason::Ambiguous), "{entry:?}");
        assert!(entry.link.is_none() && entry.create.is_none(), "{entry:?}");
    }
}

fn an_id_is_any_text() {
    let mapping = compile(items());
    let id = "föö/日本 %20.ics";
    let entry =
        plan_work(&mapping, unlinked(&mapping, Side::Source, id, &item("x"), &Sides::default()));
    assert_eq!(entry.records.source.as_ref().unwrap().as_str(), id);
    assert_eq!(created(&mapping, &entry, Side::Target)["item"], "x".into());
}

/// Rows in which records are deleted.
fn check_deleted(name: &str) {
    let gone = |base: &str, a: Option<&str>, b: Option<&str>| Gone {
        base: item(base),
        held: Sides::new(a.map(item), b.map(item)),
    };
    let check = |gone: &Gone, done: &Done| check_record(name, follow_deletes(items()), gone, done);
    match name {
        "test_irrelevant_status" => {
            check(&gone("x", None, None), &Done::Ends(Ending::BothDeleted));
        }
        "test_deletion" => {
            check(&gone("x", Some("x"), None), &Done::Removes(Side::Source));
            // What is uploaded again has another id: a new record.
            uploads_and_updates();
            check(&gone("x", None, Some("x")), &Done::Removes(Side::Target));
        }
        "test_updated_and_deleted" => {
            check(&gone("", Some("updated"), None), &Done::Recreates(Side::Target));
        }
        "test_moved_href" => {
            // The old id is gone; under the new one the record is found by its key.
            let ends = Done::Ends(Ending::Deleted(Side::Target));
            check_record(name, items(), &gone("x", Some("x"), None), &ends);
            is_linked_without_a_write("x");
        }
        other => panic!("no adapter for {other}"),
    }
}

#[test]
fn the_table_of_actions_of_vdirsyncer_is_ours() {
    let name = |row: &Json| format!("{}; {}", row[0].as_str().unwrap(), row[1].as_str().unwrap());
    let taken = take(&rows(FILE, "decision_table", name), &[], |name, _| {
        let gone = |a: Option<&str>, b: Option<&str>, done: &Done| {
            let gone = Gone { base: item("x"), held: Sides::new(a.map(item), b.map(item)) };
            check_record(name, follow_deletes(items()), &gone, done);
        };
        match name {
            "a present changed; b present changed" => {
                assert_eq!(decided(true, true, false), Decision::Conflict);
                assert_eq!(decided(true, true, true), Decision::Adopt);
            }
            "a changed; b unchanged" => {
                assert_eq!(decided(true, false, false), Decision::Write(Side::Target));
            }
            "a unchanged; b changed" => {
                assert_eq!(decided(false, true, false), Decision::Write(Side::Source));
            }
            "a unchanged; b unchanged" => {
                assert_eq!(decided(false, false, true), Decision::Nothing);
                assert_eq!(decided(false, false, false), Decision::Nothing);
            }
            "a changed-or-new; b absent" => {
                gone(Some("changed"), None, &Done::Recreates(Side::Target));
                uploads_and_updates();
            }
            "a unchanged; b absent" => gone(Some("x"), None, &Done::Removes(Side::Source)),
            "a absent; b changed-or-new" => {
                gone(None, Some("changed"), &Done::Recreates(Side::Source));
                uploads_and_updates();
            }
            "a absent; b unchanged" => gone(None, Some("x"), &Done::Removes(Side::Target)),
            "a absent; b absent" => gone(None, None, &Done::Ends(Ending::BothDeleted)),
            other => panic!("no adapter for {other}"),
        }
    });
    assert_eq!(taken, 9);
}

fn decided(a: bool, b: bool, equivalent: bool) -> Decision {
    decide_with_base(PairDirection::Bidirectional, Sides::new(a, b), equivalent)
}
