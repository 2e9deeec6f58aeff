//! What goes wrong at one record stops no other, and nothing is sent twice that could be done twice.

use std::time::Duration;

use fluxcascade_core::SyncError;
use fluxcascade_core::connector::ErrorKind;
use fluxcascade_core::model::{HoldReason, RunStatus};
use fluxcascade_core::store::StoreErrorKind;
use fluxcascade_core::testkit::{CallKind, Fault};

use crate::world::World;

/// P6: a create without an answer is linked when its record is seen, and never sent again.
#[tokio::test]
async fn a_create_whose_answer_is_lost_is_linked_when_its_record_is_seen() {
    let world = World::new();
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    let report = world.sync().await;
    assert_eq!(report.held[0].reason, HoldReason::UnknownOutcome, "{report}");
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.linked, report.settled, report.writes()), (1, 1, 0), "{report}");
    assert!(world.holds().await.is_empty());
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1));
    assert_eq!(world.field.calls(CallKind::Create), 1);
}

#[tokio::test]
async fn a_create_that_never_arrived_is_not_sent_again() {
    let world = World::new();
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.fail_next(CallKind::Create, Fault::RequestLost);
    world.sync().await;
    for edit in ["Ann A", "Ann B"] {
        world.minutes(15);
        world.crm.edit(&source, "name", edit);
        let report = world.sync().await;
        assert_eq!(report.held[0].reason, HoldReason::UnknownOutcome, "{report}");
    }
    assert_eq!(world.field.calls(CallKind::Create), 1);
    assert!(world.field.records().is_empty());
    // A person makes the record by hand: it is the one that is linked.
    world.minutes(15);
    world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    assert_eq!(world.links().await.len(), 1);
    let target = world.field.records()[0].clone();
    assert_eq!(world.field.text(&target, "name"), "Ann B");
}

#[tokio::test]
async fn a_refused_field_is_held_and_the_others_are_written() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.refuse("phone");
    world.crm.edit(&source, "phone", "256 555 0199");
    world.crm.edit(&source, "address", "2 Oak Ave");
    let report = world.sync().await;
    assert_eq!(report.held[0].reason, HoldReason::Rejected, "{report}");
    world.settle().await;
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0100");
    assert_eq!(world.holds().await.len(), 1);
    // A new edit starts anew.
    world.field.accept("phone");
    world.crm.edit(&source, "phone", "256 555 0177");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0177");
    assert!(world.holds().await.is_empty());
}

#[tokio::test]
async fn a_system_that_is_not_there_fails_the_run_and_the_next_goes_on() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    let engine = world.engine().await;
    for (kind, fault, is_auth) in [
        (CallKind::Changes, Fault::Unavailable, false),
        (CallKind::Fetch, Fault::Unavailable, false),
        (CallKind::Update, Fault::Unauthorised, true),
    ] {
        world.field.fail_next(kind, fault);
        let error = engine.sync("contacts").await.unwrap_err();
        let SyncError::Connector { connection, error } = error else { panic!("{error}") };
        assert_eq!(connection.as_str(), "field");
        assert_eq!(error.kind == ErrorKind::Auth, is_auth);
    }
    let key = engine.mapping_key(&world.mapping.name);
    let runs = world.store.runs(&key, &fluxcascade_core::store::Page::all()).await.unwrap();
    assert_eq!(runs.iter().filter(|run| run.status == RunStatus::Failed).count(), 3);
    assert!(runs[0].error.as_ref().unwrap().contains("reconnect"));
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
}

#[tokio::test]
async fn a_write_that_was_not_sent_is_sent_by_the_next_run() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.field.fail_next(CallKind::Update, Fault::Unavailable);
    let report = world.sync().await;
    assert_eq!((report.status, report.failed.len()), (RunStatus::Partial, 1), "{report}");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
}

/// Any observation but a known one is a hold, and nothing is written.
#[tokio::test]
async fn a_record_that_is_gone_holds_its_link_and_nothing_is_written() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.delete(&target);
    world.crm.edit(&source, "phone", "256 555 0199");
    let report = world.sync().await;
    assert_eq!((report.writes(), report.held[0].reason), (0, HoldReason::Missing), "{report}");
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 0));
    assert_eq!(world.holds().await.len(), 1);
}

#[tokio::test]
async fn two_syncs_of_one_mapping_at_once_are_refused_and_two_mappings_are_not() {
    let world = World::new();
    world.linked().await;
    let (first, second) = (world.engine().await, world.engine().await);
    let inner = second.clone();
    let (sent, got) = std::sync::mpsc::channel();
    world.field.before_next(CallKind::Changes, move |_| {
        let result = futures::executor::block_on(inner.sync("contacts"));
        sent.send(result).unwrap();
    });
    first.sync("contacts").await.unwrap();
    let SyncError::Store(error) = got.recv().unwrap().unwrap_err() else { panic!() };
    assert_eq!(error.kind, StoreErrorKind::Busy);
    second.sync("contacts").await.unwrap();
}

/// P14: rows that are listed again within the look-back are no edits.
#[tokio::test]
async fn a_refused_record_waits_longer_each_time_and_an_edit_starts_anew() {
    let world = World::new();
    world.field.refuse("name");
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    for _ in 0..12 {
        world.sync().await;
        world.clock.advance(Duration::from_secs(20));
    }
    assert_eq!(world.field.calls(CallKind::Create), 3, "at once, after 1 and after 2 minutes");
    for _ in 0..20 {
        world.minutes(7 * 60);
        world.sync().await;
    }
    let hold = world.holds().await.remove(0);
    assert_eq!((hold.attempts, hold.not_before), (10, None));
    world.crm.edit(&source, "name", "Anna");
    world.sync().await;
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.attempts, 1);
    world.field.accept("name");
    world.minutes(1);
    assert_eq!(world.sync().await.sides.target.created, 1);
    assert!(world.holds().await.is_empty());
}
