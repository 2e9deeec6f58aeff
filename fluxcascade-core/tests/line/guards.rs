//! Guards: what is withheld, counted when the whole run is planned, and let through by a person.

use fluxcascade_core::mapping::{FirstSync, Guards};
use fluxcascade_core::model::{Choice, HoldReason, RunStatus, Side, Withheld};
use fluxcascade_core::report::StopReason;
use fluxcascade_core::testkit::{CallKind, SimProfile};

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
async fn rebuilding_links_and_withholds_every_create() {
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
