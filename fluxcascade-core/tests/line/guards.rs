//! Guards: what is withheld, counted when the whole run is planned, and let through by a person.

use fluxcascade_core::connector::{Capabilities, DeleteSignal};
use fluxcascade_core::mapping::{DeletePolicy, FirstSync, Guards, Limit};
use fluxcascade_core::model::{Choice, HoldReason, RecordId, RunStatus, Side, Withheld};
use fluxcascade_core::report::StopReason;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::scenario::{able, desk, plain, say};
use crate::world::{World, contacts};

/// Both sides hold so many records, of which the first few are the same people.
fn crowd(world: &World, of_each: usize, shared: usize) {
    for number in 0..of_each {
        let mail = |who: &str| {
            let who = if number < shared { "both" } else { who };
            format!("{who}{number}@x.io")
        };
        world.crm.insert([("email", mail("a")), ("name", format!("A {number}"))]);
        world.field.insert([("mail", mail("b")), ("name", format!("A {number}"))]);
    }
}

fn guarded(guards: Guards) -> World {
    let mut world = World::with(SimProfile::default(), SimProfile::default(), contacts());
    world.mapping.guards = guards;
    world
}

/// P18: nothing is created while the first sync has matched fewer than it should have.
#[tokio::test]
async fn a_first_sync_that_matches_few_links_and_creates_nothing() {
    let world = guarded(Guards { match_from: 20, ..Guards::default() });
    crowd(&world, 40, 1);
    let plan = world.engine().await.plan("contacts").await.unwrap();
    assert_eq!((plan.writes().source, plan.writes().target), (0, 0), "{plan}");
    assert_eq!((plan.stops.len(), plan.stops[0].count), (1, 78), "{plan}");
    assert!(world.holds().await.is_empty());

    let report = world.sync().await;
    assert_eq!((report.linked, report.writes(), report.status), (1, 0, RunStatus::Partial));
    let [stop] = report.guards.as_slice() else { panic!("{report}") };
    assert_eq!((stop.what, stop.count), (Withheld::Create, 78));
    assert_eq!(stop.why, StopReason::FewMatched { matched: 1, of: 40, percent: 5 });
    assert_eq!(stop.examples.len(), 5);
    assert!(report.held.is_empty(), "they are told in numbers: {report}");
    let words = report.to_string();
    assert!(words.contains("78 withheld by guards (partial)"), "{words}");
    assert!(
        words.contains(
            "guard: 78 records would be created, and none was: only 1 of 40 records found a \
             partner, less than 5 %: are the match rules and both accounts the right ones?"
        ),
        "{words}"
    );
    assert!(words.contains("run once with an override for create"), "{words}");

    // The next run counts them again, without reading them.
    world.minutes(15);
    let fetched = world.crm.calls(CallKind::Fetch);
    let report = world.sync().await;
    assert_eq!((report.guards.len(), report.guards[0].count, report.writes()), (1, 78, 0));
    assert_eq!(world.crm.calls(CallKind::Fetch), fetched);

    // A person allows one of them, and it alone is created.
    let engine = world.engine().await;
    let desk = engine.desk("contacts").await.unwrap();
    assert_eq!(desk.withheld, [(Withheld::Create, 78)]);
    let item = &desk.items[0];
    assert_eq!(item.reason, HoldReason::Guard);
    let answer = engine.answer("contacts", &item.key, item.version, Choice::Allow).await;
    answer.unwrap();
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.writes(), report.guards[0].count), (1, 77), "{report}");

    // An override lets the rest through, once.
    let run = engine.run("contacts").override_guards([Withheld::Create]);
    let plan = run.clone().plan().await.unwrap();
    assert_eq!(plan.writes().source + plan.writes().target, 77, "{plan}");
    assert!(plan.stops.is_empty());
    let report = run.sync().await.unwrap();
    assert_eq!((report.writes(), report.guards.len()), (77, 0), "{report}");
    assert_eq!(report.status, RunStatus::Completed);
    assert_eq!(world.crm.records().len(), 79);
    assert_eq!(world.field.records().len(), 79);
    world.settle().await;
}

#[tokio::test]
async fn a_first_sync_that_matches_enough_creates_the_rest_in_the_same_run() {
    let world = guarded(Guards { match_from: 20, ..Guards::default() });
    crowd(&world, 40, 2);
    let plan = world.engine().await.plan("contacts").await.unwrap();
    assert_eq!((plan.writes().source, plan.writes().target), (38, 38), "{plan}");
    let report = world.sync().await;
    assert_eq!((report.linked, report.writes()), (2, 76), "{report}");
    assert_eq!(world.crm.calls(CallKind::Fetch), 0, "what was listed is not read again");
    assert!(report.guards.is_empty());
    world.settle().await;

    // Later creates stream.
    for number in 0..30 {
        world.crm.insert([("email", format!("late{number}@x.io"))]);
    }
    world.minutes(15);
    assert_eq!(world.sync().await.sides.target.created, 30);
}

/// P23: a store that was lost makes nothing until a person has seen the counts.
#[tokio::test]
pub(crate) async fn rebuilding_links_and_withholds_every_create() {
    let mut world = guarded(Guards::default());
    world.mapping.first_sync = FirstSync::Rebuild;
    crowd(&world, 4, 3);
    let report = world.sync().await;
    assert_eq!((report.linked, report.writes()), (3, 0), "{report}");
    assert_eq!(report.guards[0].why, StopReason::Rebuild);
    assert_eq!(report.guards[0].count, 2);
    let engine = world.engine().await;
    let run = engine.run("contacts").override_guards([Withheld::Create]);
    assert_eq!(run.sync().await.unwrap().writes(), 2);
    assert_eq!(world.crm.records().len(), 5);
    world.settle().await;
}

/// P18: deletes are decided, counted when all is planned, and carried out if they are few.
#[tokio::test]
async fn deletes_are_carried_out_only_when_the_whole_run_is_planned_and_they_are_few() {
    let capabilities = Capabilities {
        archives: true,
        restores: true,
        deletes: DeleteSignal::Flag,
        ..SimProfile::default().capabilities
    };
    let profile = || SimProfile { capabilities: capabilities.clone(), ..SimProfile::default() };
    let mapping = contacts().on_delete(Side::Source, DeletePolicy::Archive);
    let mut world = World::with(profile(), profile(), mapping);
    world.mapping.guards.deletes = Limit { count: 3, percent: 10 };
    crowd(&world, 20, 20);
    world.sync().await;
    let people = world.crm.records();
    for gone in &people[..3] {
        world.crm.delete(gone);
    }
    world.minutes(15);
    let plan = world.engine().await.plan("contacts").await.unwrap();
    assert_eq!((plan.writes().target, plan.stops.len()), (3, 0), "{plan}");
    let report = world.sync().await;
    assert_eq!((report.sides.target.removed, report.guards.len()), (3, 0), "{report}");

    // Four of seventeen are more than three and more than a tenth.
    for gone in &people[3..7] {
        world.crm.delete(gone);
    }
    world.minutes(15);
    let plan = world.engine().await.plan("contacts").await.unwrap();
    assert_eq!((plan.writes().target, plan.stops.len()), (0, 1), "{plan}");
    let report = world.sync().await;
    assert_eq!((report.writes(), report.status), (0, RunStatus::Partial), "{report}");
    let words = report.guards[0].to_string();
    assert!(
        words.starts_with(
            "4 records would be archived, and none was: 4 at once are more than 3 and more than \
             10 % of 17 links ("
        ),
        "{words}"
    );
    // One comes back: it is not archived, and the other three are let through by themselves.
    world.crm.restore(&people[3]);
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.sides.target.removed, report.guards.len()), (3, 0), "{report}");
    assert_eq!(world.field.records().len(), 14);
    world.settle().await;
}

#[tokio::test]
async fn withheld_deletes_are_let_through_by_an_override_decided_anew() {
    let capabilities = Capabilities {
        archives: true,
        restores: true,
        deletes: DeleteSignal::Flag,
        ..SimProfile::default().capabilities
    };
    let profile = || SimProfile { capabilities: capabilities.clone(), ..SimProfile::default() };
    let mapping = contacts().on_delete(Side::Source, DeletePolicy::Archive);
    let mut world = World::with(profile(), profile(), mapping);
    world.mapping.guards.deletes = Limit { count: 1, percent: 1 };
    crowd(&world, 6, 6);
    world.sync().await;
    for gone in &world.crm.records()[..3] {
        world.crm.delete(gone);
    }
    world.minutes(15);
    assert_eq!(world.sync().await.guards[0].count, 3);
    // A person edits one of the survivors meanwhile: it is not archived any more.
    let edited = world.field.records().remove(0);
    world.field.edit(&edited, "name", "still a customer");
    world.minutes(15);
    let engine = world.engine().await;
    let other = engine.run("contacts").override_guards([Withheld::Delete]).sync().await.unwrap();
    assert_eq!((other.writes(), other.guards.len()), (0, 1), "archives are not deletes: {other}");
    let run = engine.run("contacts").override_guards([Withheld::Archive]);
    let report = run.sync().await.unwrap();
    assert_eq!((report.sides.target.removed, report.guards.len()), (2, 0), "{report}");
    assert_eq!(world.field.text(&edited, "name"), "still a customer");
}

/// P18: a source that was emptied does not empty the target.
#[tokio::test]
async fn blankings_are_withheld_when_they_are_many_and_carried_out_when_they_are_few() {
    let mut world = guarded(Guards::default());
    world.mapping.guards.overwrites = Limit { count: 2, percent: 10 };
    crowd(&world, 20, 20);
    world.sync().await;
    let people = world.crm.records();
    let blank = |of: &[RecordId]| of.iter().for_each(|id| world.crm.edit(id, "name", ""));
    blank(&people[..2]);
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.sides.target.updated, report.guards.len()), (2, 0), "{report}");

    blank(&people[2..6]);
    world.crm.edit(&people[2], "address", "1 Elm");
    world.minutes(15);
    let plan = world.engine().await.plan("contacts").await.unwrap();
    assert_eq!((plan.writes().target, plan.stops.len()), (1, 1), "{plan}");
    let report = world.sync().await;
    assert_eq!(report.sides.target.updated, 1, "the address is no blanking: {report}");
    assert_eq!((report.guards[0].what, report.guards[0].count), (Withheld::Blanking, 4));

    let engine = world.engine().await;
    let desk = engine.desk("contacts").await.unwrap();
    assert!(desk.to_string().contains("withheld by a guard (blanking): name = name of "), "{desk}");
    let [first, second, ..] = desk.items.as_slice() else { panic!("{desk}") };
    assert_eq!(first.choices(), [Choice::Allow, Choice::Leave]);
    let answers = [first.answer(Choice::Allow), second.answer(Choice::Leave)];
    for outcome in engine.answer_all("contacts", answers).await.unwrap() {
        outcome.unwrap();
    }
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.sides.target.updated, report.guards.len()), (3, 0), "two are few: {report}");
    let there = world.field.records();
    let kept = there.iter().filter(|id| !world.field.text(id, "name").is_empty()).count();
    assert_eq!(kept, 20 - 2 - 3, "what was left stays");
    world.settle().await;
}

/// P18: runs that fail, however many, do not make a mapping one that has never been synced.
#[tokio::test]
async fn many_failed_runs_are_no_first_sync() {
    let world = guarded(Guards { match_from: 20, ..Guards::default() });
    crowd(&world, 40, 0);
    let engine = world.engine().await;
    engine.run("contacts").override_guards([Withheld::Create]).sync().await.unwrap();
    world.settle().await;
    for _ in 0..201 {
        world.minutes(15);
        world.crm.fail_next(CallKind::Changes, Fault::Unauthorised);
        engine.sync("contacts").await.unwrap_err();
    }
    world.crm.insert([("email", "late@x.io")]);
    world.minutes(15);
    let report = world.sync().await;
    assert_eq!((report.sides.target.created, report.guards.len()), (1, 0), "{report}");
}

/// A run for one record lets through what is withheld of that record alone.
#[tokio::test]
async fn an_override_for_a_named_record_is_for_that_record() {
    let mut world = guarded(Guards::default());
    world.mapping.first_sync = FirstSync::Rebuild;
    crowd(&world, 3, 0);
    assert_eq!(world.sync().await.guards[0].count, 6);
    let one = world.crm.records().remove(0);
    let engine = world.engine().await;
    let run = engine.run("contacts").records(Side::Source, [one]);
    let report = run.override_guards([Withheld::Create]).sync().await.unwrap();
    assert_eq!((report.writes(), report.sides.target.created), (1, 1), "{report}");
}

/// P14: that a guard is asked each time is no end of the attempts that failed.
#[tokio::test]
pub(crate) async fn an_archive_that_fails_is_tried_later_each_time_and_then_waits_for_a_person() {
    for choice in [Choice::Retry, Choice::Leave] {
        let (world, target) = archive_that_fails().await;
        let hold = world.holds().await.remove(0);
        assert_eq!((hold.reason, hold.not_before), (HoldReason::Rejected, None), "{hold:?}");
        let tried = world.field.calls(CallKind::Archive);
        assert_eq!(u64::from(hold.attempts), tried as u64);
        world.minutes(24 * 60);
        world.sync().await;
        assert_eq!(world.field.calls(CallKind::Archive), tried, "it waits for a person");

        world.field.fail_no_more();
        let item = desk(&world).await.remove(0);
        say(&world, &item, choice.clone()).await;
        world.sync().await;
        let is_gone = !world.field.records().contains(&target);
        assert_eq!(is_gone, choice == Choice::Retry, "{choice:?} {:?}", world.holds().await);
        assert!(world.holds().await.is_empty(), "{choice:?} {:?}", world.holds().await);
    }
}

/// A record whose archive has failed until a person was asked.
async fn archive_that_fails() -> (World, RecordId) {
    let guards = Guards { empty_from: u64::MAX, ..Guards::default() };
    let world = able(contacts().guards(guards).on_delete(Side::Source, DeletePolicy::Archive));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.delete(&source);
    for _ in 0..14 {
        world.field.fail_next(CallKind::Archive, Fault::Unavailable);
        world.minutes(15);
        world.sync().await;
        world.minutes(8 * 60);
    }
    (world, target)
}

/// P14: the same for a value that a guard lets through and the system refuses.
#[tokio::test]
async fn a_blanking_that_is_refused_is_tried_later_each_time() {
    let world = plain(contacts());
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.refuse("phone");
    world.crm.edit(&source, "phone", "");
    for attempts in 1..4 {
        world.minutes(30);
        world.sync().await;
        let hold = world.holds().await.remove(0);
        assert_eq!((hold.reason, hold.attempts), (HoldReason::Rejected, attempts));
    }
    world.field.accept("phone");
    world.minutes(30);
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "");
    assert!(world.holds().await.is_empty());
}
