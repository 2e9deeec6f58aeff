//! Plans as values: saved and read back, compared, and carried out as they were approved.

use fluxcascade_core::connector::DeleteSignal;
use fluxcascade_core::model::{RunStatus, Side};
use fluxcascade_core::plan::{PairAction, RecordAction};
use fluxcascade_core::report::SideReport;
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::{CallKind, SimProfile};
use fluxcascade_core::{Plan, SyncError};

use crate::deletes::able;
use crate::world::{World, contacts};

fn saved(plan: &Plan) -> Plan {
    serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap()
}

/// A plan with a link, a create, a write, a conflict, a hold and a note.
async fn rich() -> (World, Plan) {
    let mapping = contacts().conflicts(Strategy::NewestWins);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    world.field.edit(&target, "street", "2 Oak Ave");
    world.field.edit(&target, "phone", "256 555 1405");
    world.minutes(5);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    world.crm.insert([("email", "cy@x.io"), ("name", "Cy")]);
    world.field.insert([("mail", "cy@x.io"), ("name", "Cyrus")]);
    let plan = world.engine().await.plan("contacts").await.unwrap();
    (world, plan)
}

#[tokio::test]
async fn a_saved_plan_reads_back_as_it_was() {
    let (_, mut plan) = rich().await;
    assert_eq!(saved(&plan), plan);
    // Every action, whether or not this plan has it.
    let entry = &mut plan.entries[0];
    entry.record = Some((Side::Target, RecordAction::Archive));
    let values = entry.pairs[0].values.clone();
    let cause = fluxcascade_core::model::Cause::Edit;
    entry.pairs[0].action = PairAction::WriteBoth { send: values, cause, conflict: None };
    assert_eq!(saved(&plan), plan);
    let other = RecordAction::Restore;
    plan.entries[0].record = Some((Side::Source, other));
    assert_eq!(saved(&plan), plan);
}

#[tokio::test]
async fn plans_are_compared_by_what_they_do() {
    let (world, plan) = rich().await;
    assert!(plan.diff(&saved(&plan)).is_empty());
    let again = world.engine().await.plan("contacts").await.unwrap();
    assert!(plan.diff(&again).is_empty(), "{}", plan.diff(&again));
    let ann = world.crm.records().remove(0);
    world.crm.edit(&ann, "name", "Ann C");
    world.crm.insert([("email", "dee@x.io"), ("name", "Dee")]);
    let after = world.engine().await.plan("contacts").await.unwrap();
    let diff = plan.diff(&after);
    assert_eq!((diff.added.len(), diff.removed.len(), diff.changed.len()), (1, 0, 1), "{diff}");
    let words = diff.to_string();
    assert!(words.starts_with("1 added, 0 removed, 1 changed\n"), "{words}");
    assert!(
        words.contains("-   name = name in field clients: \"Ann\" becomes \"Ann B\""),
        "{words}"
    );
    assert!(
        words.contains("+   name = name in field clients: \"Ann\" becomes \"Ann C\""),
        "{words}"
    );
    let back = after.diff(&plan);
    assert_eq!((back.added.len(), back.removed.len(), back.changed.len()), (0, 1, 1));
}

#[tokio::test]
async fn an_approved_plan_is_carried_out_whole() {
    let (world, plan) = rich().await;
    let planned = plan.writes();
    let report = world.engine().await.apply(&saved(&plan)).await.unwrap();
    assert!(report.moved.is_empty(), "{report}");
    let planned = planned.map(|writes| writes as u64);
    assert_eq!(report.sides.as_ref().map(SideReport::writes), planned, "{report}");
    assert_eq!(report.conflicts_decided, 1);
    world.settle().await;
}

/// Nothing is done that was not approved, and the next run does the rest.
#[tokio::test]
async fn what_has_moved_since_the_plan_is_not_carried_out_and_planned_anew() {
    let (world, plan) = rich().await;
    let ann = world.crm.records().remove(0);
    let ann_there = world.field.records().remove(0);
    world.minutes(1);
    world.crm.edit(&ann, "name", "Ann C");
    world.crm.insert([("email", "dee@x.io"), ("name", "Dee")]);
    let report = world.engine().await.apply(&plan).await.unwrap();
    assert_eq!(report.status, RunStatus::Partial);
    let [moved] = report.moved.as_slice() else { panic!("{report}") };
    assert_eq!(moved.records.source.as_ref(), Some(&ann));
    assert!(moved.planned.iter().any(|line| line.contains("\"Ann B\"")), "{report}");
    assert!(moved.now.iter().any(|line| line.contains("\"Ann C\"")), "{report}");
    let words = report.to_string();
    assert!(words.contains("moved since the plan, not carried out: "), "{words}");
    assert_eq!(world.field.text(&ann_there, "name"), "Ann");
    assert_eq!(report.sides.target.created, 1, "Bob was approved, Dee was not: {report}");
    world.settle().await;
    assert_eq!(world.field.text(&ann_there, "name"), "Ann C");
    assert_eq!(world.field.records().len(), 4);
}

/// Judged again on what is fetched directly before the write.
#[tokio::test]
async fn an_edit_between_the_check_and_the_write_is_not_overwritten_by_an_approval() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann B");
    let engine = world.engine().await;
    let plan = engine.plan("contacts").await.unwrap();
    // The first fetch is the check, the second stands directly before the write.
    let (edited, second) = (target.clone(), target.clone());
    world.field.before_next(CallKind::Fetch, move |field| {
        field.before_next(CallKind::Fetch, move |field| field.edit(&edited, "name", "Anne"));
    });
    let report = engine.apply(&plan).await.unwrap();
    assert_eq!((report.writes(), report.moved.len()), (0, 1), "{report}");
    assert_eq!(world.field.text(&second, "name"), "Anne");
}

#[tokio::test]
async fn a_plan_of_other_pairs_is_refused() {
    let (mut world, plan) = rich().await;
    world.mapping.pairs.pop();
    let error = world.engine().await.apply(&plan).await.unwrap_err();
    assert!(matches!(error, SyncError::PlanOutdated(_)), "{error}");
}

/// P19: a partner was deleted, and a new one was made, between two runs: the plan sees what the run
/// does, link by link.
#[tokio::test]
async fn a_plan_says_that_a_survivor_is_linked_to_a_newcomer() {
    for signal in [DeleteSignal::Flag, DeleteSignal::Feed] {
        let world = World::with(able(signal), able(signal), contacts());
        let (_, target) = world.linked().await;
        world.minutes(15);
        world.field.delete(&target);
        world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
        let plan = world.engine().await.plan("contacts").await.unwrap();
        let report = world.sync().await;
        let planned = plan.entries.iter().filter(|entry| entry.link.is_some()).count();
        let held = plan.entries.iter().map(|entry| entry.holds.len()).sum::<usize>();
        let told = format!("{signal:?}\n{plan}\n{report}");
        assert_eq!((planned as u64, held), (report.linked, report.held.len()), "{told}");
        assert_eq!(report.linked, 1, "{told}");
    }
}
