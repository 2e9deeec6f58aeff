//! Runs that are asked for: both sides whole, named records only, a plan before anything is stored.

use fluxcascade_core::SyncError;
use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{RecordId, Side};
use fluxcascade_core::store::Page;
use fluxcascade_core::testkit::{CallKind, SimProfile};

use crate::world::{World, contacts};

/// P13: what incremental reads do not show is found by a full one.
#[tokio::test]
async fn a_full_run_reads_both_sides_whole_whether_that_is_due_or_not() {
    let world = World::new();
    let (source, _) = world.linked().await;
    for _ in 0..3 {
        world.crm.insert([("email", "x"), ("name", "Somebody")]);
    }
    world.minutes(15);
    world.sync().await;
    world.minutes(15);
    let ordinary = world.sync().await;
    assert_eq!(ordinary.sides.source.listed, 0, "{ordinary}");
    let full = world.engine().await.run("contacts").full().sync().await.unwrap();
    assert_eq!(full.sides.source.listed, 4, "{full}");
    assert_eq!(full.writes(), 0);
    assert_eq!(world.crm.text(&source, "name"), "Ann");
}

#[tokio::test]
async fn a_run_for_named_records_reads_them_by_id_and_leaves_all_others() {
    let world = World::new();
    let (ann, ann_there) = world.linked().await;
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.minutes(15);
    world.sync().await;
    let bob_there = world.field.records().into_iter().find(|id| *id != ann_there).unwrap();
    world.crm.clear_ledger();
    world.minutes(15);
    world.crm.edit(&ann, "name", "Ann B");
    world.crm.edit(&bob, "name", "Bob B");
    let engine = world.engine().await;
    let report = engine.run("contacts").records(Side::Source, [ann.clone()]).sync().await.unwrap();
    assert_eq!(report.writes(), 1, "{report}");
    assert_eq!(world.field.text(&ann_there, "name"), "Ann B");
    assert_eq!(world.field.text(&bob_there, "name"), "Bob");
    assert_eq!(world.crm.calls(CallKind::Changes), 0, "no changes are listed for it");

    // Its twin's edit is seen too, whichever side is named.
    world.minutes(15);
    world.field.edit(&ann_there, "phone", "256 555 0199");
    let report = engine.run("contacts").records(Side::Source, [ann.clone()]).sync().await.unwrap();
    assert_eq!(report.sides.source.updated, 1, "{report}");
    world.settle().await;
    assert_eq!(world.field.text(&bob_there, "name"), "Bob B");
}

/// P6, P7: a named record is matched against what is new on the other side, too.
#[tokio::test]
async fn a_named_record_that_is_new_is_linked_to_a_partner_that_is_new() {
    let world = World::new();
    world.linked().await;
    world.minutes(15);
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    let engine = world.engine().await;
    let report = engine.run("contacts").records(Side::Source, [bob]).sync().await.unwrap();
    assert_eq!((report.linked, report.writes()), (1, 0), "{report}");
}

#[tokio::test]
async fn a_plan_for_named_records_has_only_those() {
    let world = World::new();
    let (ann, _) = world.linked().await;
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.minutes(15);
    world.crm.edit(&ann, "name", "Ann B");
    let engine = world.engine().await;
    let plan = engine.run("contacts").records(Side::Source, [ann]).plan().await.unwrap();
    assert_eq!(plan.writes().target, 1, "{plan}");
    let plan = engine.run("contacts").records(Side::Source, [bob]).plan().await.unwrap();
    assert_eq!(plan.entries.iter().filter(|entry| entry.create.is_some()).count(), 1, "{plan}");
}

/// P18, P8: an empty answer is never a delete.
#[tokio::test]
pub(crate) async fn an_empty_full_read_of_a_side_that_had_records_stops_the_run() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.crm.hide(&source);
    world.minutes(25 * 60);
    let engine = world.engine().await;
    let error = engine.sync("contacts").await.unwrap_err();
    assert!(matches!(error, SyncError::EmptyRead { side: Side::Source, had: 1, .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "crm contacts shows no record at all, where contacts knows 1: nothing was taken in; look \
         into the permissions, filters and the account, and if it is really empty, run once with \
         accept_empty(source)"
    );
    // It stays so until the records are back, or a person takes it.
    assert!(engine.sync("contacts").await.is_err());
    world.crm.show(&source);
    assert_eq!(engine.sync("contacts").await.unwrap().writes(), 0);
    world.crm.hide(&source);
    world.minutes(25 * 60);
    let run = engine.run("contacts").accept_empty(Side::Source);
    assert_eq!(run.sync().await.unwrap().writes(), 0);
    assert_eq!(world.field.text(&target, "name"), "Ann");
}

fn with_company(mapping: &Mapping) -> Mapping {
    let mut mapping = mapping.clone();
    mapping.pairs.retain(|pair| pair.label() != "address ↔ street");
    mapping
}

/// P19: a plan of a changed mapping is right, and leaves nothing behind that the old one, or a
/// third one, could take for its own.
#[tokio::test]
async fn a_plan_for_a_changed_mapping_stores_no_revision() {
    let world = World::new();
    let (source, target) = world.linked().await;
    let key = world.engine().await.mapping_key(&world.mapping.name);
    let before = world.store.revisions(&key).await.unwrap();
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    let mut changed = World { mapping: with_company(&world.mapping), ..world };
    let other = changed.mapping.clone();
    let plan = changed.engine().await.plan("contacts").await.unwrap();
    assert_eq!(plan.writes().target, 1, "{plan}");
    assert_eq!(changed.store.revisions(&key).await.unwrap(), before);
    assert!(changed.store.runs(&key, &Page::all()).await.unwrap().len() == 1);

    // The old mapping goes on as if nothing had been.
    changed.mapping = contacts().build().unwrap();
    let report = changed.sync().await;
    assert_eq!(report.writes(), 1, "{report}");
    assert_eq!(changed.field.text(&target, "name"), "Ann B");
    assert_eq!(changed.store.revisions(&key).await.unwrap(), before);

    // And the changed one does what its plan says.
    changed.mapping = other;
    changed.minutes(15);
    changed.field.edit(&target, "phone", "256 555 0142");
    let plan = changed.engine().await.plan("contacts").await.unwrap();
    assert_eq!((plan.writes().source, plan.writes().target), (1, 0), "{plan}");
    let report = changed.sync().await;
    assert_eq!((report.sides.source.updated, report.sides.target.updated), (1, 0), "{report}");
    changed.settle().await;
}

/// P19: a plan makes no row and clears no entry, so that the run does what it says.
#[tokio::test]
pub(crate) async fn a_plan_leaves_everything_to_the_run() {
    let world = World::with(SimProfile::default(), SimProfile::default(), contacts());
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    let engine = world.engine().await;
    let first = engine.plan("contacts").await.unwrap();
    let second = engine.plan("contacts").await.unwrap();
    assert!(first.diff(&second).is_empty(), "{}", first.diff(&second));
    let counts = engine.counts("contacts").await.unwrap();
    assert_eq!((counts.inbox, counts.active_links, counts.operations), (2, 1, 0));
    assert!(world.holds().await.is_empty());
    let report = world.sync().await;
    let planned = second.writes();
    assert_eq!(report.sides.target.writes(), planned.target as u64, "{report}");
}

#[tokio::test]
async fn a_named_record_that_nobody_knows_is_no_error() {
    let world = World::new();
    world.linked().await;
    let nobody = RecordId::new("nobody").unwrap();
    let engine = world.engine().await;
    let report = engine.run("contacts").records(Side::Target, [nobody]).sync().await.unwrap();
    assert_eq!(report.writes(), 0, "{report}");
}
