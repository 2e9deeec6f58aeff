//! What goes wrong at one record stops no other, and nothing is sent twice that could be done twice.

use std::time::Duration;

use fluxcascade_core::SyncError;
use fluxcascade_core::connector::{Capabilities, Consistency, ErrorKind};
use fluxcascade_core::model::{HoldReason, RunStatus};
use fluxcascade_core::store::StoreErrorKind;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::world::{World, contacts};

/// P6: a create without an answer is linked when its record is seen.
#[tokio::test]
pub(crate) async fn a_create_whose_answer_is_lost_is_linked_when_its_record_is_seen() {
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

/// P6 (c).
#[tokio::test]
pub(crate) async fn a_create_that_never_arrived_is_looked_for_and_then_sent_again() {
    let world = World::new();
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.fail_next(CallKind::Create, Fault::RequestLost);
    world.sync().await;
    // While a request could be under way nothing is sent, also when the record is edited.
    world.minutes(1);
    world.crm.edit(&source, "name", "Ann Lee");
    let report = world.sync().await;
    assert_eq!(report.held[0].reason, HoldReason::UnknownOutcome, "{report}");
    assert_eq!((world.field.calls(CallKind::Find), world.field.calls(CallKind::Create)), (0, 1));
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!(report.sides.target.created, 1, "{report}");
    assert_eq!((world.field.calls(CallKind::Find), world.field.calls(CallKind::Create)), (1, 2));
    assert!(world.holds().await.is_empty());
    world.settle().await;
    let target = world.field.records()[0].clone();
    assert_eq!(world.field.text(&target, "name"), "Ann Lee");
    assert_eq!((world.field.records().len(), world.links().await.len()), (1, 1));
}

/// P6 (d): a look-up that lags is asked when it surely shows the record.
#[tokio::test]
async fn a_lost_create_is_looked_for_only_when_the_look_up_surely_shows_it() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let late = || SimProfile {
        list_lag: minutes(45),
        find_lag: minutes(10),
        capabilities: Capabilities {
            list: Consistency::Lagging(minutes(45)),
            find: Consistency::Lagging(minutes(10)),
            look_back: minutes(60),
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let world = World::with(SimProfile::default(), late(), contacts());
        world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.field.fail_next(CallKind::Create, fault);
        world.sync().await;
        for _ in 0..2 {
            world.minutes(6);
            world.sync().await;
            assert_eq!(world.field.calls(CallKind::Find), 0, "{fault:?}");
        }
        for _ in 0..8 {
            world.minutes(15);
            world.sync().await;
        }
        assert_eq!(world.field.calls(CallKind::Find), 1, "{fault:?}");
        assert_eq!(world.field.records().len(), 1, "{fault:?}");
        assert_eq!(world.links().await.len(), 1, "{fault:?}");
        assert!(world.holds().await.is_empty(), "{fault:?}");
    }
}

/// P6 (b): a system that refuses duplicates and names the record is asked by sending again.
#[tokio::test]
async fn a_lost_create_of_a_unique_key_is_sent_again_without_a_look_up() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let refusing = SimProfile {
            list_lag: Duration::from_secs(3600),
            capabilities: Capabilities {
                list: Consistency::Lagging(Duration::from_secs(3600)),
                look_back: Duration::from_secs(7200),
                refuses_duplicates: true,
                ..SimProfile::default().capabilities
            },
            ..SimProfile::default()
        };
        let mut world = World::with(SimProfile::default(), refusing, contacts());
        world.field = world.field.unique("mail");
        world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.field.fail_next(CallKind::Create, fault);
        world.sync().await;
        for _ in 0..8 {
            world.minutes(15);
            world.sync().await;
        }
        assert_eq!(world.field.calls(CallKind::Find), 0, "{fault:?}");
        assert_eq!(world.field.calls(CallKind::Create), 2, "{fault:?}");
        assert_eq!(world.field.records().len(), 1, "{fault:?}");
        assert_eq!(world.links().await.len(), 1, "{fault:?}");
        assert!(world.holds().await.is_empty(), "{fault:?}");
    }
}

/// P6: also the second create has the key by which it is looked for.
#[tokio::test]
async fn a_create_that_is_lost_twice_is_looked_for_twice() {
    let late = SimProfile {
        capabilities: Capabilities {
            find: Consistency::Lagging(Duration::from_secs(600)),
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    let world = World::with(SimProfile::default(), late, contacts());
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.fail_next(CallKind::Create, Fault::RequestLost);
    world.field.fail_next(CallKind::Create, Fault::RequestLost);
    for _ in 0..10 {
        world.sync().await; // by the time of the second create, the record is listed no more
        world.minutes(7);
    }
    assert_eq!((world.field.calls(CallKind::Find), world.field.calls(CallKind::Create)), (2, 3));
    assert_eq!((world.field.records().len(), world.links().await.len()), (1, 1));
    assert!(world.holds().await.is_empty());
}

/// P6: a create is not sent again with another key on the strength of a refusal of the first.
#[tokio::test]
async fn a_lost_create_whose_key_was_edited_since_makes_no_second_record() {
    let refusing = SimProfile {
        list_lag: Duration::from_secs(7200),
        capabilities: Capabilities {
            list: Consistency::Lagging(Duration::from_secs(7200)),
            look_back: Duration::from_secs(9000),
            refuses_duplicates: true,
            ..SimProfile::default().capabilities
        },
        ..SimProfile::default()
    };
    let mut world = World::with(SimProfile::default(), refusing, contacts());
    world.field = world.field.unique("mail");
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "email", "ann@y.io");
    for _ in 0..12 {
        world.sync().await;
        world.minutes(15);
    }
    assert_eq!(world.field.records().len(), 1);
    let target = world.field.records()[0].clone();
    assert_eq!(world.field.text(&target, "mail"), "ann@y.io");
    assert!(world.holds().await.is_empty());
}

#[tokio::test]
pub(crate) async fn a_refused_field_is_held_and_the_others_are_written() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.refuse("phone");
    world.crm.edit(&source, "phone", "256 555 0199");
    world.crm.edit(&source, "address", "2 Oak Ave");
    let report = world.sync().await;
    assert_eq!(report.held[0].reason, HoldReason::Rejected, "{report}");
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0100");
    assert_eq!(world.holds().await.len(), 1);
    // A new edit starts anew.
    world.field.accept("phone");
    world.crm.edit(&source, "phone", "256 555 0177");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0177");
    assert!(world.holds().await.is_empty());
}

/// P14: a new record is made without the field that is refused.
#[tokio::test]
async fn a_record_is_created_without_a_refused_field() {
    let world = World::new();
    world.field.refuse("phone");
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann"), ("phone", "256 555 0100")]);
    let report = world.sync().await;
    assert_eq!((report.sides.target.created, report.held.len()), (1, 1), "{report}");
    world.minutes(15);
    world.sync().await;
    let target = world.field.records()[0].clone();
    assert_eq!(world.field.text(&target, "name"), "Ann");
    assert_eq!((world.field.records().len(), world.holds().await.len()), (1, 1));
    world.field.accept("phone");
    world.minutes(60);
    world.sync().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0100");
    world.settle().await;
    assert!(world.holds().await.is_empty());
}

/// P14: a refused field is tried again by itself, each time later, and then waits for a person.
#[tokio::test]
async fn a_refused_field_is_tried_again_by_itself() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.refuse("phone");
    world.crm.edit(&source, "phone", "256 555 0199");
    for _ in 0..8 {
        world.sync().await;
        world.minutes(5);
    }
    let tried = world.field.calls(CallKind::Update);
    assert!((4..=5).contains(&tried), "{tried} times in 40 minutes");
    world.field.accept("phone");
    world.minutes(24 * 60);
    world.sync().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
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
    // Every field is refused, so that nothing is left to be sent without them.
    world.field.refuse("name");
    world.field.refuse("mail");
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
    world.field.accept("mail");
    world.minutes(1);
    assert_eq!(world.sync().await.sides.target.created, 1);
    assert!(world.holds().await.is_empty());
}

/// P14: a run that a limit ends says when the system takes requests again.
#[tokio::test]
async fn a_run_that_a_limit_ends_says_after_how_long_the_next_one_may_begin() {
    let world = World::new();
    world.linked().await;
    let wait = Duration::from_secs(90);
    world.crm.fail_next(CallKind::Changes, Fault::RateLimited(wait));
    let error = world.engine().await.sync("contacts").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(wait));
    assert!(error.to_string().contains("try again in 90 s"), "{error}");
}
