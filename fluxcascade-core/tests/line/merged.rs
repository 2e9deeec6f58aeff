//! Writes to both sides of a pair: both intents first, the target, then the source.

use std::sync::Arc;

use fluxcascade_core::model::{Cause, ConflictStatus, LinkStatus, RecordId, Value, Winner};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::{
    CallKind, CrashPlan, CrashPoints, Fault, SimProfile, at_every_point,
};

use crate::scenario::desk;
use crate::world::{World, contacts};

fn appending() -> World {
    appending_to(SimProfile::default(), SimProfile::default())
}

fn appending_to(crm: SimProfile, field: SimProfile) -> World {
    World::with(crm, field, contacts().conflicts(Strategy::Append))
}

/// Both sides have edited the name: the source first.
async fn both_edited(world: &World) -> (RecordId, RecordId) {
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann of sales");
    world.minutes(1);
    world.field.edit(&target, "name", "Ann, gate code 5");
    world.minutes(1);
    (source, target)
}

const BOTH: &str = "Ann of sales\n, gate code 5";

#[tokio::test]
async fn texts_of_both_sides_are_on_both_sides_after_one_run() {
    let world = appending();
    let (source, target) = both_edited(&world).await;
    let report = world.sync().await;
    assert_eq!((report.writes(), report.conflicts_decided), (2, 1), "{report}");
    assert_eq!(world.crm.text(&source, "name"), BOTH);
    assert_eq!(world.field.text(&target, "name"), BOTH);
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].winner), (1, Some(Winner::Merged)));
    assert_eq!(rows[0].status, ConflictStatus::Auto);
    let log = world.log().await;
    let merged = log.iter().flat_map(|row| &row.pairs);
    let merged = merged.filter(|pair| matches!(pair.cause, Cause::Conflict { .. }));
    assert_eq!(merged.count(), 2, "one row for each side");
    world.settle().await;
    assert_eq!(world.conflicts().await.len(), 1);
    // The bases are of both sides: the next edit of one side flows.
    world.crm.edit(&source, "name", "Ann");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann");
}

/// P17: killed anywhere between, the write is finished from its intents, and nothing is appended
/// twice.
#[tokio::test]
async fn a_write_to_both_sides_that_is_cut_off_anywhere_is_finished() {
    let points = at_every_point(|crash: CrashPlan| async move {
        let world = appending();
        let (source, target) = both_edited(&world).await;
        let points = CrashPoints::new();
        let engine = world.engine_at(&points).await;
        let ended = points.run(crash, engine.sync("contacts")).await;
        drop(engine);
        for _ in 0..3 {
            world.minutes(15);
            world.sync().await;
        }
        assert_eq!(world.crm.text(&source, "name"), BOTH, "{ended:?}");
        assert_eq!(world.field.text(&target, "name"), BOTH, "{ended:?}");
        assert_eq!(world.conflicts().await.len(), 1, "{ended:?}");
        assert!(world.holds().await.is_empty(), "{ended:?}");
        world.settle().await;
        ended
    })
    .await;
    assert!(points > 10, "{points}");
}

#[tokio::test]
async fn an_answer_that_is_lost_on_either_side_is_settled_and_the_other_half_is_not_decided_anew() {
    for (on_target, fault) in [
        (true, Fault::AnswerLost),
        (true, Fault::RequestLost),
        (false, Fault::AnswerLost),
        (false, Fault::RequestLost),
        (true, Fault::Unavailable),
        (false, Fault::Unavailable),
    ] {
        let world = appending();
        let (source, target) = both_edited(&world).await;
        let system = if on_target { &world.field } else { &world.crm };
        system.fail_next(CallKind::Update, fault);
        world.sync().await;
        for _ in 0..3 {
            world.minutes(15);
            world.sync().await;
        }
        let name = format!("{fault:?} on target: {on_target}");
        assert_eq!(world.crm.text(&source, "name"), BOTH, "{name}");
        assert_eq!(world.field.text(&target, "name"), BOTH, "{name}");
        assert_eq!(world.conflicts().await.len(), 1, "{name}");
        world.settle().await;
    }
}

/// P1: the source is owed its half when its record goes into another one: what the target got is not
/// taken to agree with what that one holds.
#[tokio::test]
async fn a_record_that_is_merged_away_between_the_two_halves_is_decided_with_its_survivor() {
    let world = appending();
    let (source, target) = both_edited(&world).await;
    world.field.fail_next(CallKind::Update, Fault::AnswerLost);
    world.sync().await;
    let survivor = world.crm.merge_into_new(&source, &source);
    for _ in 0..3 {
        world.minutes(15);
        world.sync().await;
    }
    world.settle().await;
    assert_eq!(world.link_of(&survivor).await.status, LinkStatus::Active);
    let item = desk(&world).await.pop();
    let told = (world.crm.text(&survivor, "name"), world.field.text(&target, "name"));
    assert!(told.0 == told.1 || item.is_some(), "{told:?}, and nobody is asked");
}

/// P3: a person's edit between the two halves is the later one, and flows on.
#[tokio::test]
async fn an_edit_of_the_source_between_the_two_halves_is_not_overwritten() {
    let world = appending();
    let (source, target) = both_edited(&world).await;
    let (crm, edited) = (world.crm.clone(), source.clone());
    world.field.before_next(CallKind::Update, move |_| crm.edit(&edited, "name", "Ann, edited"));
    world.sync().await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann, edited");
    assert_eq!(world.field.text(&target, "name"), "Ann, edited");
}

/// P14: what one side refuses is written on neither.
#[tokio::test]
async fn a_merged_value_that_the_target_refuses_is_not_written_on_the_source_either() {
    let world = appending();
    let (source, target) = both_edited(&world).await;
    world.crm.edit(&source, "address", "2 Oak Ave");
    world.field.refuse("name");
    world.sync().await;
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
    assert_eq!(world.crm.text(&source, "name"), "Ann of sales");
    assert_eq!(world.field.text(&target, "name"), "Ann, gate code 5");
    assert_eq!(world.holds().await.len(), 1);
    world.field.accept("name");
    world.minutes(30);
    world.sync().await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "name"), BOTH);
    assert_eq!(world.field.text(&target, "name"), BOTH);
}

/// P14: what the source refuses is owed, and written when it is taken.
#[tokio::test]
async fn a_merged_value_that_the_source_refuses_is_tried_again_and_not_appended_twice() {
    let world = appending();
    let (source, target) = both_edited(&world).await;
    world.crm.refuse("name");
    for _ in 0..4 {
        world.sync().await;
        world.minutes(15);
    }
    assert_eq!(world.crm.text(&source, "name"), "Ann of sales");
    assert_eq!(world.field.text(&target, "name"), BOTH);
    assert_eq!(world.holds().await.len(), 1);
    world.crm.accept("name");
    for _ in 0..3 {
        world.minutes(8 * 60);
        world.sync().await;
    }
    assert_eq!(world.crm.text(&source, "name"), BOTH);
    assert_eq!(world.field.text(&target, "name"), BOTH);
    assert!(world.holds().await.is_empty());
    world.settle().await;
}

/// P22: a system that writes texts down in its own way.
#[tokio::test]
async fn a_merged_value_that_one_side_rewrites_settles() {
    let upper = SimProfile {
        normaliser: Some(Arc::new(|field, value: &Value| {
            let name = value.as_text().filter(|_| field.as_str() == "name")?;
            Some(Value::from(name.to_uppercase()))
        })),
        answers_with_values: false,
        ..SimProfile::default()
    };
    let world = appending_to(SimProfile::default(), upper);
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "ANN")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "ANN")]);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "ANN one");
    world.field.edit(&target, "name", "ANN two");
    world.minutes(1);
    let mut writes = 0;
    for _ in 0..5 {
        writes += world.sync().await.writes();
        world.minutes(15);
    }
    assert!(writes <= 4, "{writes} writes");
    assert_eq!(world.sync().await.writes(), 0);
    let (here, there) = (world.crm.text(&source, "name"), world.field.text(&target, "name"));
    assert_eq!(here.to_uppercase(), there);
}
