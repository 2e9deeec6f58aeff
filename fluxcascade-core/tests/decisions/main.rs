//! Every row of the decision tables, through the whole planner: a link with its bases goes in, and
//! what the plan says of its pair is compared with the table.
//!
//! `decisions.json` lies beside this file: the project's own table, as its semantics state it.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::time::Duration;

use fluxcascade_core::mapping::{
    BaseKeeping, CompiledMapping, DEFAULT_RETENTION, Drift, FingerprintKey, Mapping, PairBuilder,
    PairDirection,
};
use fluxcascade_core::model::{
    Base, Cause, ConflictKind, FieldName, FieldSchema, FieldType, InboxEntry, Link, LinkId,
    LinkStatus, ObjectSchema, ObjectType, Observation, RecordId, RunNumber, Side, Sides, Slot,
    State, TenantId, Timestamp, Value, Values, Version, Withheld, Work, WorkKey,
};
use fluxcascade_core::plan::{
    Entry, Gate, PairAction, PlanContext, SettleRule, Writing, plan, recall,
};
use fluxcascade_core::resolver::Strategy;
use serde::Deserialize;

#[derive(Deserialize)]
struct Tables {
    with_base: Vec<Row>,
    with_blank_base: Vec<Row>,
    with_bases_that_differ: Vec<Row>,
    without_base: Vec<Row>,
}

#[derive(Debug, Clone, Deserialize)]
struct Row {
    direction: PairDirection,
    #[serde(default)]
    base: Option<String>,
    #[serde(default)]
    base_source: Option<String>,
    #[serde(default)]
    base_target: Option<String>,
    source: String,
    target: String,
    decision: String,
}

fn tables() -> Tables {
    serde_json::from_str(include_str!("decisions.json")).unwrap()
}

fn slot(word: &str) -> Slot {
    match word {
        "absent" => Slot::Absent,
        "blank" => Slot::Present(Value::Null),
        text => Slot::Present(text.into()),
    }
}

fn schema(object: &str) -> ObjectSchema {
    let field = |name| FieldSchema::new(FieldName::new(name).unwrap(), FieldType::Text);
    ObjectSchema {
        object: ObjectType::new(object).unwrap(),
        fields: vec![field("key"), field("x")],
    }
}

fn mapping(direction: PairDirection, drift: Drift, keeping: BaseKeeping) -> CompiledMapping {
    let direct = |pair: PairBuilder| match direction {
        PairDirection::Bidirectional => pair,
        PairDirection::SourceOnly => pair.source_only(),
        PairDirection::TargetOnly => pair.target_only(),
    };
    let mapping = Mapping::builder("table")
        .source("a", "things")
        .target("b", "things")
        .match_on("key", "key")
        .conflicts(Strategy::Manual)
        .first_link(Strategy::Manual)
        .pair_with("x", "x", |pair| direct(pair).drift(drift).base(keeping))
        .build()
        .unwrap();
    let schemas = Sides::new(schema("things"), schema("things"));
    let mut compiled =
        CompiledMapping::new(TenantId::default(), mapping, schemas.as_ref()).unwrap();
    compiled.adopt(&[], Timestamp::from_secs(0), DEFAULT_RETENTION);
    compiled
}

/// A link whose two records were fetched just now, with the row's bases.
fn work(mapping: &CompiledMapping, row: &Row) -> Work {
    let id = |side: Side| RecordId::new(format!("{side}-1")).unwrap();
    let base_of = |side: Side| match side {
        Side::Source => row.base.as_ref().or(row.base_source.as_ref()),
        Side::Target => row.base.as_ref().or(row.base_target.as_ref()),
    };
    let bases = Sides::from_fn(|side| {
        let held = base_of(side).map_or(Slot::Absent, |word| slot(word));
        let stored = |value: &Value| {
            mapping.pairs[0].stored(side, std::slice::from_ref(value), &context().key)
        };
        let stored = held.value().map_or(held.clone(), |value| stored(value).remove(0).into());
        Base { slots: vec![stored].into(), ..Base::empty(mapping.revision, 1) }
    });
    let entries = Sides::from_fn(|side| {
        let word = if side == Side::Source { &row.source } else { &row.target };
        let values = mapping.projections[side].values(|field| match field.as_str() {
            "x" => slot(word),
            _ => Slot::Present("k".into()),
        });
        Some(entry(id(side), values, mapping.revision))
    });
    let link = LinkId([1; 16]);
    Work {
        key: WorkKey::Link(link),
        link: Some(Link {
            id: link,
            records: Sides::from_fn(id),
            status: LinkStatus::Active,
            bases,
            ending: None,
        }),
        entries,
        holds: Vec::new(),
        operations: Vec::new(),
        candidates: Vec::new(),
        tombstones: Vec::new(),
    }
}

fn entry(record: RecordId, values: Values, revision: u32) -> InboxEntry {
    let version = Version::modified(Timestamp::from_secs(100), Duration::from_secs(1));
    InboxEntry {
        observation: Some(Observation::fetched(record.clone(), State::Known { values, version })),
        record,
        sequence: 1,
        revision,
        not_before: None,
        attempts: 0,
    }
}

fn context() -> PlanContext {
    let settle =
        SettleRule { fence: 1, sole_since: None, request_timeout: Duration::from_secs(30) };
    let key = FingerprintKey::new([0; 32]);
    let gate = Gate::Open([Withheld::Blanking, Withheld::Overwrite].into());
    let context =
        PlanContext::new(RunNumber(1), Timestamp::from_secs(1000), Writing::Both, settle, key);
    PlanContext { gate, ..context }
}

fn decide(row: &Row, drift: Drift, keeping: BaseKeeping) -> Entry {
    let mapping = mapping(row.direction, drift, keeping);
    let mut works = [work(&mapping, row)];
    recall(&mapping, &mut works, &context());
    let mut plan = plan(&mapping, &works, &context());
    assert!(plan.needs.is_empty(), "{row:?} needs {:?}", plan.needs);
    plan.entries.remove(0)
}

/// What the entry says, in the table's words.
fn word(entry: &Entry) -> String {
    if let [conflict] = entry.conflicts.as_slice() {
        return match conflict.kind {
            ConflictKind::UpdateUpdate => "conflict".into(),
            ConflictKind::FirstLink => "conflict_first_link".into(),
            ConflictKind::DeleteUpdate => panic!("{conflict:?}"),
        };
    }
    let note = entry.notes.first().map(|(_, note)| &note.cause);
    match (entry.pairs.as_slice(), note) {
        ([], None) => "none".into(),
        ([pair], note) => match (&pair.action, note) {
            (PairAction::Adopt, None) => "adopt".into(),
            (PairAction::Adopt, Some(Cause::LeftAsFound)) => "adopt_as_found".into(),
            (PairAction::Adopt, Some(Cause::DriftLeft)) => "drift".into(),
            (PairAction::Write { to, cause, .. }, None) => match cause {
                Cause::Edit | Cause::Fill => format!("write_{to}"),
                Cause::EditOverwrites => format!("write_{to}_log_overwritten"),
                Cause::FirstLinkOverwrites => format!("write_{to}_overwrite_guard"),
                Cause::DriftRestored => "drift".into(),
                Cause::Conflict { .. }
                | Cause::Create
                | Cause::DriftLeft
                | Cause::LeftAsFound
                | Cause::Rewritten
                | Cause::Answered { .. }
                | Cause::OtherId
                | Cause::TransformChanged
                | Cause::TakenAsFound => panic!("{cause:?}"),
            },
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn check(rows: &[Row]) {
    for row in rows {
        for drift in [Drift::Leave, Drift::Restore] {
            // P30: what is kept of a base makes no difference.
            for keeping in [BaseKeeping::Values, BaseKeeping::Fingerprints] {
                let decided = word(&decide(row, drift, keeping));
                assert_eq!(decided, row.decision, "{row:?}, {keeping:?}");
            }
        }
    }
}

#[test]
fn every_row_with_a_base_is_decided_as_the_table_says() {
    check(&tables().with_base);
}

#[test]
fn every_row_with_a_blank_base_is_decided_as_the_table_says() {
    check(&tables().with_blank_base);
}

#[test]
fn every_row_with_bases_that_differ_is_decided_as_the_table_says() {
    check(&tables().with_bases_that_differ);
}

#[test]
fn every_row_without_a_base_is_decided_as_the_table_says() {
    check(&tables().without_base);
}

#[test]
fn the_tables_are_whole() {
    let tables = tables();
    let rows = [&tables.with_base, &tables.with_blank_base, &tables.with_bases_that_differ];
    assert_eq!(rows.map(Vec::len), [75, 27, 48]);
    assert_eq!(tables.without_base.len(), 48);
}

/// Swapping the sides and mirroring the direction swaps the decision (P9).
#[test]
fn every_row_is_mirror_symmetric() {
    let tables = tables();
    let all = [
        tables.with_base,
        tables.with_blank_base,
        tables.with_bases_that_differ,
        tables.without_base,
    ];
    for row in all.into_iter().flatten() {
        let mirrored = Row {
            direction: match row.direction {
                PairDirection::Bidirectional => PairDirection::Bidirectional,
                PairDirection::SourceOnly => PairDirection::TargetOnly,
                PairDirection::TargetOnly => PairDirection::SourceOnly,
            },
            base_source: row.base_target.clone(),
            base_target: row.base_source.clone(),
            source: row.target.clone(),
            target: row.source.clone(),
            ..row.clone()
        };
        let expected = match row.decision.strip_prefix("write_source") {
            Some(rest) => format!("write_target{rest}"),
            None => row.decision.replace("write_target", "write_source"),
        };
        assert_eq!(
            word(&decide(&mirrored, Drift::Leave, BaseKeeping::Values)),
            expected,
            "{row:?}"
        );
    }
}

/// Most records are found unchanged by one walk over their fields; here fields lie in another order
/// in records than in bases, a field is in two pairs, and a pair has two fields.
#[test]
fn an_edit_of_any_one_field_is_seen_in_its_pairs_alone() {
    let names = ["a", "b", "c", "d"];
    let schema = || ObjectSchema {
        object: ObjectType::new("things").unwrap(),
        fields: names
            .map(|name| FieldSchema::new(FieldName::new(name).unwrap(), FieldType::Text))
            .into(),
    };
    let wanted = Mapping::builder("places")
        .source("a", "things")
        .target("b", "things")
        .match_on("d", "d")
        .pair_with("c", "c", PairBuilder::source_only)
        .pair_fields(["b", "a"], ["a", "b"], PairBuilder::source_only)
        .pair_with("a", "d", PairBuilder::source_only)
        .build()
        .unwrap();
    let mut mapping =
        CompiledMapping::new(TenantId::default(), wanted, Sides::new(&schema(), &schema()))
            .unwrap();
    mapping.adopt(&[], Timestamp::from_secs(0), DEFAULT_RETENTION);
    for (field, pairs) in [("a", vec![1, 2]), ("b", vec![1]), ("c", vec![0]), ("d", vec![])] {
        let plan = plan(&mapping, &[edited(&mapping, field)], &context());
        let changed: Vec<usize> = plan.entries[0].pairs.iter().map(|pair| pair.index).collect();
        assert_eq!(changed, pairs, "{field}");
    }
}

/// A link in sync, of whose source record one field was edited.
fn edited(mapping: &CompiledMapping, edited: &str) -> Work {
    let row = Row {
        direction: PairDirection::Bidirectional,
        base: None,
        base_source: None,
        base_target: None,
        source: String::new(),
        target: String::new(),
        decision: String::new(),
    };
    let mut work = work(mapping, &row);
    let link = work.link.as_mut().unwrap();
    for side in Side::BOTH {
        let fields = mapping.pairs.iter().flat_map(|pair| pair.ends[side].names.iter());
        link.bases[side].slots = fields.map(|field| slot(&held(side, field.as_str()))).collect();
        let values = mapping.projections[side].values(|field| match field.as_str() {
            name if side == Side::Source && name == edited => slot("another"),
            name => slot(&held(side, name)),
        });
        let id = link.records[side].clone();
        work.entries[side] = Some(entry(id, values, mapping.revision));
    }
    work
}

fn held(side: Side, field: &str) -> String {
    format!("{side} {field}")
}
