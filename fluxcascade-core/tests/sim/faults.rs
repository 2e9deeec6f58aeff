//! What faults do to calls, and that the ledger says which of them took effect.

use std::collections::BTreeSet;

use fluxcascade_core::connector::{Capabilities, ErrorKind, Position, WriteOutcome};
use fluxcascade_core::model::RecordId;
use fluxcascade_core::testkit::{CallKind, Fault, FaultPlan, SimProfile};

use crate::world::{World, create, ids, named, rename, secs};

fn unique() -> SimProfile {
    let capabilities =
        Capabilities { refuses_duplicates: true, ..SimProfile::default().capabilities };
    SimProfile { capabilities, ..SimProfile::default() }
}

/// A word for an outcome, and how many records there are once everything is over.
fn created(profile: SimProfile, fault: Fault) -> (Vec<&'static str>, usize, bool) {
    let world = World::new(profile);
    world.crm.fail_next(CallKind::Create, fault);
    let outcomes = world.write(vec![create("ann@x.io"), create("bob@x.io"), create("cid@x.io")]);
    let in_short = |outcome: &WriteOutcome| match outcome {
        WriteOutcome::Applied { .. } => "applied",
        WriteOutcome::Exists(_) => "exists",
        WriteOutcome::Rejected { .. } => "rejected",
        WriteOutcome::PreconditionFailed => "moved on",
        WriteOutcome::NotSent(_) => "not sent",
        WriteOutcome::Unknown(_) => "unknown",
    };
    let words = outcomes.iter().map(in_short).collect();
    world.wait(60);
    (words, world.crm.records().len(), world.mishaps()[0].took_effect)
}

#[test]
fn a_fault_of_a_write_does_what_it_says() {
    let all = |word| vec![word; 3];
    let wait = secs(5);
    let table = [
        (Fault::RequestLost, all("unknown"), 0),
        (Fault::AnswerLost, all("unknown"), 3),
        (Fault::Timeout(wait), all("unknown"), 3),
        (Fault::Partial(1), vec!["applied", "unknown", "not sent"], 2),
        (Fault::Partial(0), vec!["unknown", "not sent", "not sent"], 1),
        (Fault::Unavailable, all("not sent"), 0),
        (Fault::ServerError, all("unknown"), 0),
        (Fault::RateLimited(wait), all("not sent"), 0),
        (Fault::Unauthorised, all("not sent"), 0),
        (Fault::DoneTwice, all("applied"), 6),
        (Fault::ClockJump(5), all("applied"), 3),
    ];
    for (fault, words, records) in table {
        assert_eq!(created(SimProfile::default(), fault), (words, records, true), "{fault:?}");
    }
    assert_eq!(created(unique(), Fault::DoneTwice), (all("exists"), 3, true));
}

#[test]
fn a_fault_that_changes_nothing_took_no_effect() {
    for fault in [Fault::Partial(3), Fault::Stale, Fault::Empty, Fault::Truncated] {
        let (words, records, took_effect) = created(SimProfile::default(), fault);
        assert_eq!((words, records, took_effect), (vec!["applied"; 3], 3, false), "{fault:?}");
    }
    let world = World::new(SimProfile::default());
    for fault in [Fault::Empty, Fault::Reordered, Fault::PositionLost, Fault::Stale] {
        world.crm.fail_next(CallKind::Changes, fault);
        assert!(world.page(Position::Start).unwrap().observations.is_empty());
    }
    assert!(world.mishaps().iter().all(|mishap| !mishap.took_effect), "{:?}", world.mishaps());
}

#[test]
fn a_timed_out_write_is_carried_out_when_nobody_waits_any_more() {
    let world = World::new(SimProfile::default());
    let ann = world.people(&["ann"]).remove(0);
    world.crm.fail_next(CallKind::Update, Fault::Timeout(secs(10)));
    assert!(matches!(world.write(vec![rename(&ann, "late")])[0], WriteOutcome::Unknown(_)));
    world.wait(9);
    assert_eq!(world.crm.text(&ann, "name"), "ann");
    world.crm.edit(&ann, "name", "Anne");
    world.wait(2);
    assert_eq!(world.crm.text(&ann, "name"), "late");
}

#[test]
fn a_read_that_fails_says_how() {
    let wait = secs(7);
    let table = [
        (Fault::RequestLost, ErrorKind::Transient, None),
        (Fault::Truncated, ErrorKind::Transient, None),
        (Fault::ServerError, ErrorKind::Transient, Some(500)),
        (Fault::RateLimited(wait), ErrorKind::RateLimited, Some(429)),
        (Fault::Unauthorised, ErrorKind::Auth, None),
        (Fault::PositionLost, ErrorKind::PositionLost, None),
    ];
    for (fault, kind, status) in table {
        let world = World::new(SimProfile::default());
        world.people(&["ann"]);
        let (_, next) = world.pass(&Position::Start);
        world.crm.fail_next(CallKind::Changes, fault);
        let error = world.page(next).unwrap_err();
        assert_eq!((error.kind, error.status), (kind, status), "{fault:?}");
        let is_limit = fault == Fault::RateLimited(wait);
        assert_eq!(error.retry_after, is_limit.then_some(wait));
        assert!(world.mishaps()[0].took_effect, "{fault:?}");
    }
}

/// P13: what a page kept back is on a later one, whatever was kept back and for how long.
#[test]
fn a_row_that_is_kept_back_or_stale_is_seen_within_the_look_back() {
    let faults = [Fault::Invisible(secs(30)), Fault::Invisible(secs(90_000)), Fault::Stale];
    for fault in faults {
        let world = World::new(SimProfile::default());
        let ann = world.people(&["ann", "bob"]).remove(0);
        let (_, next) = world.pass(&Position::Start);
        world.wait(3600);
        let (_, next) = world.pass(&next);
        world.crm.edit(&ann, "name", "Ann");
        world.crm.fail_next(CallKind::Changes, fault);
        let (seen, mut next) = world.pass(&next);
        let names: Vec<_> = seen.iter().filter_map(|seen| named(&seen.state).ok()).collect();
        assert!(!names.contains(&"Ann".to_owned()), "{fault:?}");
        assert!(world.mishaps()[0].took_effect, "{fault:?}");
        let mut later = Vec::new();
        for _ in 0..12 {
            world.wait(31);
            let (seen, then) = world.pass(&next);
            later.extend(seen.iter().filter_map(|seen| named(&seen.state).ok()));
            next = then;
        }
        assert!(later.contains(&"Ann".to_owned()), "{fault:?}: {later:?}");
    }
}

#[test]
fn a_row_older_than_the_look_back_is_not_kept_back() {
    let world = World::new(SimProfile::default());
    world.people(&["ann"]);
    world.wait(3600);
    world.crm.fail_next(CallKind::Changes, Fault::Invisible(secs(30)));
    assert_eq!(world.pass(&Position::Start).0.len(), 1);
    assert!(!world.mishaps()[0].took_effect);
}

/// P18
#[test]
fn a_full_read_can_come_back_empty_and_an_incremental_one_cannot() {
    let world = World::new(SimProfile::default());
    world.people(&["ann"]);
    world.crm.fail_next(CallKind::Changes, Fault::Empty);
    let (seen, next) = world.pass(&Position::Start);
    assert!(seen.is_empty() && world.mishaps()[0].took_effect);
    world.crm.fail_next(CallKind::Changes, Fault::Empty);
    assert_eq!(world.pass(&next).0.len(), 1);
    assert!(!world.mishaps()[1].took_effect);
}

#[test]
fn rows_in_another_order_are_the_same_rows() {
    let world = World::new(SimProfile::default());
    let people = world.people(&["ann", "bob"]);
    world.crm.fail_next(CallKind::Changes, Fault::Reordered);
    let (seen, _) = world.pass(&Position::Start);
    assert_eq!(ids(&seen), [&people[1], &people[0]]);
}

/// P21
#[test]
fn a_plan_from_one_seed_is_the_same_plan_and_from_another_is_not() {
    let struck = |seed| {
        let world = World::new(SimProfile::default());
        world.crm.fail_by(FaultPlan::all(seed, 20));
        for n in 0..60 {
            world.write(vec![create(&format!("p{n}@x.io"))]);
            let _ = world.page(Position::Start);
        }
        world.crm.ledger()
    };
    assert_eq!(struck(1), struck(1));
    assert_ne!(struck(1), struck(2));
    let faults: BTreeSet<Fault> =
        struck(1).iter().filter_map(|call| Some(call.mishap?.fault)).collect();
    assert!(faults.len() > 8, "{faults:?}");
}

#[test]
fn a_plan_ends_when_it_is_told_to_and_orders_go_before_it() {
    let world = World::new(SimProfile::default());
    world.crm.fail_by(FaultPlan::new(1).per_thousand(CallKind::Create, Fault::Unavailable, 1000));
    world.crm.fail_next(CallKind::Create, Fault::AnswerLost);
    world.write(vec![create("a@x.io")]);
    world.write(vec![create("b@x.io")]);
    world.crm.fail_no_more();
    world.write(vec![create("c@x.io")]);
    let faults: Vec<_> = world.mishaps().iter().map(|mishap| mishap.fault).collect();
    assert_eq!(faults, [Fault::AnswerLost, Fault::Unavailable]);
    let records: Vec<RecordId> = world.crm.records();
    assert_eq!(records.len(), 2);
}
