//! P30: pairs of which fingerprints alone are kept. What flows, what a person is asked, and what is
//! stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxcascade_core::Strategy;
use fluxcascade_core::engine::{DeskError, Divergence};
use fluxcascade_core::mapping::{
    BaseKeeping, ConflictScope, FingerprintKey, Mapping, MappingBuilder, PairBuilder,
};
use fluxcascade_core::model::{
    Choice, ConflictStatus, FieldName, HoldReason, Side, Sides, Slot, Value, Winner,
};
use fluxcascade_core::report::{Replayed, replay};
use fluxcascade_core::resolver::{ConflictCase, ConflictResolver, Resolution};

use fluxcascade_core::store::Page;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};
use fluxcascade_store::SqliteStore;

use crate::connectors::forbids;
use crate::scenario::{by_mail, desk, legible, plain, say};
use crate::world::{World, contacts};

/// The mapping, of all of whose pairs this is kept.
pub(crate) fn keeping(mut mapping: Mapping, base: BaseKeeping) -> Mapping {
    mapping.pairs.iter_mut().for_each(|pair| pair.base = base);
    mapping
}

/// A world whose mapping keeps fingerprints alone.
pub(crate) fn kept(mapping: MappingBuilder) -> World {
    let mut world = plain(mapping);
    world.mapping = keeping(world.mapping, BaseKeeping::Fingerprints);
    world
}

fn name(field: &str) -> FieldName {
    FieldName::new(field).unwrap()
}

async fn key(world: &World) -> FingerprintKey {
    let mapping = world.engine().await.mapping_key(&world.mapping.name);
    FingerprintKey::new(world.store.fingerprint_key(&mapping).await.unwrap())
}

/// Whether nothing but fingerprints stands in the bases of all links.
async fn bases_are_kept(world: &World) -> bool {
    let links = world.links().await;
    let slots = links.iter().flat_map(|link| link.bases.iter()).flat_map(|(_, base)| &base.slots);
    slots.filter_map(Slot::value).all(Value::is_kept)
}

#[test]
fn what_needs_values_is_found_when_the_mapping_is_built_all_at_once() {
    let fingerprints = |pair: PairBuilder| pair.base(BaseKeeping::Fingerprints);
    let error = by_mail()
        .conflicts(Strategy::Append)
        .pair_with("name", "name", fingerprints)
        .pair_with("phone", "phone", |p| fingerprints(p).conflicts(Strategy::Union))
        .pair_with("address", "street", |p| {
            fingerprints(p).conflicts(Strategy::SourceWins).first_link(Strategy::Append)
        })
        .pair_with("status", "crm_id", |p| fingerprints(p).references("owners").source_only())
        .pair_with("name", "crm_id", PairBuilder::source_only)
        .build()
        .unwrap_err();
    let told = error.to_string();
    for expected in [
        "pair name = name: its conflicts, as the mapping's, are decided by append",
        "pair phone = phone: its conflicts are decided by union",
        "pair address = street: first links are decided by append",
        "pair status = crm_id: refers to records of owners",
        "pair name = name: fingerprints alone are kept of name on the source",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(
        error.findings.iter().all(|f| f.message.contains(": ")),
        "each says what to do: {told}"
    );
    let of_records = by_mail()
        .conflicts(Strategy::Union)
        .conflict_scope(ConflictScope::Record)
        .pair_with("name", "name", |p| fingerprints(p).conflicts(Strategy::SourceWins))
        .build();
    assert!(of_records.unwrap_err().to_string().contains("conflicts of whole records"));
}

/// P5, P27: an edit is written once, a quiet run costs one request per side, and bases, log and conflict
/// rows have no value in them.
#[tokio::test]
async fn edits_flow_both_ways_and_no_value_is_stored() {
    let world = kept(contacts());
    let (source, target) = world.linked().await;
    assert!(bases_are_kept(&world).await);
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.field.edit(&target, "street", "2 Oak Ave");
    let report = world.sync().await;
    assert_eq!((report.writes(), report.conflicts_decided), (2, 0), "{report}");
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave");
    world.settle().await;
    world.minutes(60 * 25); // past the look-back, and a sweep is due: nothing has changed in it
    world.crm.clear_ledger();
    world.field.clear_ledger();
    let report = world.sync().await;
    assert_eq!(report.writes(), 0);
    assert_eq!(report.sides.clone().map(|side| side.fetched), Sides::new(0, 0), "{report}");
    assert_eq!((world.crm.ledger().len(), world.field.ledger().len()), (1, 1));
    assert!(bases_are_kept(&world).await);
    let log = world.log().await;
    let told = log.iter().flat_map(|row| &row.pairs).flat_map(|t| t.before.iter().chain(&t.after));
    let told: Vec<&Value> = told.collect();
    assert!(told.len() >= 4 && told.iter().all(|value| value.is_kept()), "{told:?}");
    let (engine, field) = (world.engine().await, name("name"));
    let explained = engine.explain("contacts", Side::Target, &target, &field).await.unwrap();
    let explained = explained.to_string();
    assert!(explained.contains("[not kept]") && !explained.contains("Ann"), "{explained}");
}

/// P3: the loser is in the row by its fingerprint: whoever knows the value can say that it was that one.
#[tokio::test]
async fn a_conflict_is_decided_and_its_loser_is_known_by_its_fingerprint() {
    let world = kept(contacts());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.minutes(5);
    world.field.edit(&target, "phone", "256 555 1405");
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!(report.conflicts_decided, 1, "{report}");
    assert_eq!(world.crm.text(&source, "phone"), "256 555 1405");
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].winner), (1, Some(Winner::Target)));
    let key = key(&world).await;
    let lost = key.kept(Side::Source, &name("phone"), &"256 555 1400".into());
    assert_eq!(rows[0].loser().unwrap(), [lost]);
    assert!(rows[0].base.source.as_ref().unwrap()[0].is_kept());
    world.settle().await;
    assert_eq!(world.conflicts().await.len(), 1);
}

/// P6: nobody was looked for by a key of which only the fingerprint is known: the create is not sent again.
#[tokio::test]
async fn a_lost_create_whose_kept_key_was_edited_since_is_not_made_twice() {
    let world = kept(contacts().match_on("phone", "phone"));
    let phone = ("phone", "256 555 0100");
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann"), phone]);
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    world.sync().await;
    let made = world.field.records()[0].clone();
    world.field.edit(&made, "phone", "256 555 0222");
    world.crm.edit(&source, "email", "ann@y.io");
    for _ in 0..4 {
        world.minutes(30);
        world.sync().await;
    }
    assert_eq!(world.field.records(), [made], "{:#?}", world.holds().await);
}

/// P11: a person takes a side that they look up in its system; own values would have to be kept.
#[tokio::test]
async fn a_person_takes_a_side_whose_value_the_desk_cannot_show() {
    let world = kept(contacts().conflicts(Strategy::Manual));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.sync().await;
    let items = desk(&world).await;
    assert_eq!(items.len(), 1);
    let engine = world.engine().await;
    let shown = engine.desk("contacts").await.unwrap().to_string();
    assert!(shown.contains("holds \"[not kept]\"") && !shown.contains("Ann"), "{shown}");
    let own = Choice::Set(Sides::new(vec!["Ann O".into()], vec!["Ann O".into()]));
    let answered = engine.answer("contacts", &items[0].key, items[0].version, own).await;
    assert!(matches!(answered, Err(DeskError::NotOffered { .. })), "{answered:?}");
    say(&world, &items[0], Choice::Take(Side::Source)).await;
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert_eq!(world.crm.text(&source, "name"), "Ann S");
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Resolved));
    world.settle().await;
}

/// An answer to values that have moved since is stale, as ever.
#[tokio::test]
async fn an_answer_to_a_kept_value_that_has_moved_is_not_carried_out() {
    let world = kept(contacts().conflicts(Strategy::Manual));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.edit(&target, "name", "Ann U");
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann U");
    assert_eq!(world.crm.text(&source, "name"), "Ann S");
    let open = world.conflicts().await;
    assert_eq!(open.iter().filter(|row| row.status == ConflictStatus::Open).count(), 1);
}

/// A resolver of the host's that makes one value of both.
#[derive(Debug)]
struct Both;

impl ConflictResolver for Both {
    fn name(&self) -> &'static str {
        "both"
    }

    fn resolve(&self, case: &ConflictCase<'_>) -> Resolution {
        let both =
            vec![Value::from(format!("{} {}", case.values.source[0], case.values.target[0]))];
        Resolution::Merges(Sides::new(both.clone(), both), "of both".into())
    }
}

#[tokio::test]
async fn a_value_that_a_resolver_makes_of_both_is_left_to_a_person() {
    let world = kept(contacts().conflicts(Strategy::custom(Both)));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann S");
    world.field.edit(&target, "name", "Ann T");
    let report = world.sync().await;
    assert_eq!(report.writes(), 0);
    assert_eq!(report.held[0].reason, HoldReason::Conflict);
    assert!(report.held[0].detail.contains("fingerprints alone are kept"), "{report}");
}

/// What was sent is told from what it came of, if that is there still; a person's edit is not lost.
#[tokio::test]
async fn a_write_without_an_answer_is_settled_by_fingerprints() {
    for fault in [Fault::RequestLost, Fault::AnswerLost] {
        for edits in ["nothing", "the target", "the source", "both"] {
            let world = kept(contacts());
            let (source, target) = world.linked().await;
            world.minutes(15);
            world.crm.edit(&source, "phone", "256 555 0199");
            world.field.fail_next(CallKind::Update, fault);
            assert_eq!(world.sync().await.writes(), 0);
            world.minutes(15);
            if matches!(edits, "the target" | "both") {
                world.field.edit(&target, "street", "2 Oak Ave");
            }
            if matches!(edits, "the source" | "both") {
                world.crm.edit(&source, "phone", "256 555 0200");
            }
            let report = world.sync().await;
            assert_eq!(report.settled, 1, "{fault:?}, {edits}: {report}");
            world.settle().await;
            let last = world.crm.text(&source, "phone");
            let expected =
                if edits == "nothing" || edits == "the target" { "0199" } else { "0200" };
            assert!(last.ends_with(expected), "{fault:?}, {edits}: {last}");
            assert_eq!(world.field.text(&target, "phone"), last, "{fault:?}, {edits}");
            if matches!(edits, "the target" | "both") {
                assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave", "{fault:?}");
            }
            assert!(world.conflicts().await.is_empty(), "{fault:?}, {edits}");
            assert!(world.holds().await.is_empty(), "{fault:?}, {edits}");
        }
    }
}

/// Of a value that is neither what was there nor what was sent nobody can say who made it, once what
/// was sent is not known any more: it waits, and nothing is overwritten.
#[tokio::test]
async fn what_a_write_left_that_cannot_be_told_waits_for_a_person() {
    let world = kept(contacts());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.field.fail_next(CallKind::Update, Fault::AnswerLost);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann C");
    world.field.edit(&target, "name", "Ann T");
    let report = world.sync().await;
    assert_eq!(report.held[0].reason, HoldReason::Unsettled, "{report}");
    assert!(!report.held[0].detail.contains("Ann"), "{report}");
    assert_eq!(world.field.text(&target, "name"), "Ann T");
    assert_eq!(world.crm.text(&source, "name"), "Ann C");
    say(&world, &desk(&world).await[0], Choice::Take(Side::Target)).await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann T");
}

/// P6: the record that a create without an answer has made is found by the key that was sent, which is
/// told from its origin.
#[tokio::test]
async fn what_a_create_without_an_answer_made_is_found_and_made_once() {
    for fault in [Fault::RequestLost, Fault::AnswerLost] {
        for edited in [false, true] {
            let world = kept(contacts());
            let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
            world.field.fail_next(CallKind::Create, fault);
            world.sync().await;
            if edited {
                world.crm.edit(&bob, "name", "Bob B");
            }
            world.settle().await;
            assert_eq!(world.field.records().len(), 1, "{fault:?}, edited: {edited}");
            let there = world.field.records().remove(0);
            assert_eq!(world.field.text(&there, "name"), world.crm.text(&bob, "name"));
            assert_eq!(world.links().await.len(), 1);
            assert!(world.conflicts().await.is_empty(), "{fault:?}, edited: {edited}");
            assert!(bases_are_kept(&world).await);
        }
    }
}

/// P14: the system's words may have the value in them.
#[tokio::test]
async fn what_a_system_says_of_a_refused_value_is_not_stored() {
    let world = kept(contacts());
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.field.refuse("phone");
    world.crm.edit(&source, "phone", "256 555 0199");
    world.sync().await;
    let holds = world.holds().await;
    assert_eq!(holds[0].reason, HoldReason::Rejected);
    assert!(holds[0].detail.contains("it may have the value in it"), "{:?}", holds[0]);
    world.field.accept("phone");
    world.settle().await;
    assert!(world.holds().await.is_empty());
}

/// P14: the same of what is said of all records.
#[tokio::test]
async fn what_a_system_says_of_all_records_is_not_stored() {
    let world = kept(contacts());
    let (source, _) = world.linked().await;
    let other = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    for (record, value) in [(&source, "Planted Ann"), (&other, "Planted Bob")] {
        world.crm.edit(record, "name", value);
    }
    let engine = world.engine_with(forbids(&world.field)).await;
    let error = engine.sync("contacts").await.unwrap_err().to_string();
    assert!(error.contains("Planted"), "{error}");
    let mapping = world.engine().await.mapping_key(&world.mapping.name);
    let runs = world.store.runs(&mapping, &Page::all()).await.unwrap();
    let stored = runs[0].error.clone().unwrap();
    assert!(stored.contains("field: Permission, HTTP 403"), "{stored}");
    assert!(!stored.contains("Planted"), "{stored}");
}

/// P26, P28: the audit and the log are compared by fingerprints.
#[tokio::test]
async fn the_audit_and_the_replayed_log_are_told_by_fingerprints() {
    let world = kept(contacts());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.settle().await;
    world.field.edit(&target, "street", "2 Oak Ave");
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert_eq!((found.count(Divergence::Pending), found.count(Divergence::Agreed)), (1, 3));
    assert!(found.is_explained());
    let mut log = world.log().await;
    log.reverse();
    let played = replay(&log, Replayed::new());
    let held = &played[&(Side::Target, target.clone())].pairs;
    let key = key(&world).await;
    let now = key.kept(Side::Target, &name("name"), &world.field.value(&target, "name"));
    assert!(held.values().any(|values| *values == [now.clone()]), "{held:?}");
}

/// Every value of both systems.
const VALUES: [&str; 12] = [
    "planted-ann@x.io",
    "Planted Ann",
    "Planted Street",
    "Planted Road",
    "Planted Source",
    "Planted Target",
    "Planted Refused",
    "planted-bob@x.io",
    "Planted Bob",
    "planted-twins@x.io",
    "Planted Twin",
    "Planted Other Twin",
];

/// Creates, one of them without an answer, updates, a conflict that waits, a dry run, refusals, parked
/// records, and a process that is cut off at each of its steps: what was legible in the file at any time.
async fn lived(base: BaseKeeping, cut_at: usize) -> BTreeSet<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let mapping = contacts().conflicts(Strategy::Manual);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    world.mapping = keeping(world.mapping, base);
    world.store = Arc::new(SqliteStore::open(folder.path().join("sync.db")).await.unwrap());
    let ann = [("name", "Planted Ann"), ("phone", "256 555 0100")];
    let source = world.crm.insert([("email", VALUES[0]), ann[0], ("address", "Planted Street")]);
    let target = world.field.insert([("mail", VALUES[0]), ann[0], ("street", "Planted Street")]);
    world.sync().await;
    let mut seen = legible(folder.path(), &VALUES);
    world.minutes(15);
    world.crm.edit(&source, "name", "Planted Source");
    world.crm.edit(&source, "address", "Planted Road");
    world.field.edit(&target, "name", "Planted Target");
    world.crm.insert([("email", "planted-bob@x.io"), ("name", "Planted Bob")]);
    for name in ["Planted Twin", "Planted Other Twin"] {
        world.crm.insert([("email", "planted-twins@x.io"), ("name", name)]);
    }
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    world.engine().await.plan("contacts").await.unwrap();
    seen.extend(legible(folder.path(), &VALUES));
    world.minutes(15);
    let engine = world.engine().await;
    crate::restart::cut_off(cut_at, engine.sync("contacts")).await;
    seen.extend(legible(folder.path(), &VALUES));
    world.field.refuse("street");
    world.crm.edit(&source, "address", "Planted Refused");
    for _ in 0..3 {
        world.minutes(15);
        world.sync().await;
        seen.extend(legible(folder.path(), &VALUES));
    }
    world.field.accept("street");
    if let Some(item) = desk(&world).await.iter().find(|i| i.takes(&Choice::Take(Side::Source))) {
        say(&world, item, Choice::Take(Side::Source)).await;
    }
    for _ in 0..4 {
        world.minutes(15);
        world.sync().await;
        seen.extend(legible(folder.path(), &VALUES));
    }
    assert_eq!(world.field.text(&target, "street"), "Planted Refused");
    assert_eq!(world.field.text(&target, "name"), "Planted Source");
    seen
}

#[tokio::test]
async fn no_value_is_found_in_a_file_whatever_happens() {
    assert_eq!(lived(BaseKeeping::Values, 1000).await, VALUES.into(), "each is found with values");
    for cut_at in [8, 19, 30, 41, 52, 1000] {
        let seen = lived(BaseKeeping::Fingerprints, cut_at).await;
        assert_eq!(seen, BTreeSet::new(), "cut off after {cut_at} steps");
    }
}
