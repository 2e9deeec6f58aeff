//! P6: records without a key, which nothing but their create tells apart: none is made back, whenever a
//! process ends or a system tells what was made.

use std::sync::Arc;

use fluxcascade_core::model::{Choice, ConnectionName, ObjectType, RecordId, Side};
use fluxcascade_core::store::Hint;
use fluxcascade_core::testkit::{
    CallKind, CrashPlan, CrashPoints, Ended, Fault, SimSystem, at_every_point,
};

use crate::scenario::{desk, plain, say};
use crate::world::{World, contacts};

fn keyless(system: &SimSystem) -> Vec<RecordId> {
    let mut records = system.records();
    records.retain(|record| system.text(record, "name") == "Keyless");
    records
}

/// Both sides have a linked record, and one has one without a key; the clock is past its listing.
async fn world_with_one(side: Side) -> World {
    let world = plain(contacts());
    world.linked().await;
    match side {
        Side::Source => world.crm.insert([("name", "Keyless")]),
        Side::Target => world.field.insert([("name", "Keyless")]),
    };
    world.minutes(15);
    world
}

/// One run at which something happens, and then many days.
async fn played(world: &World, plan: CrashPlan) -> Ended<()> {
    let points = CrashPoints::new();
    let engine = world.engine_at(&points).await;
    let ended = points.run(plan, engine.sync("contacts")).await;
    drop(engine);
    for _ in 0..3 {
        world.settle().await;
        world.minutes(25 * 60);
    }
    for system in [&world.crm, &world.field] {
        assert!(keyless(system).len() <= 1, "{ended:?}: {:#?}", world.holds().await);
    }
    match ended {
        Ended::Reached(_) => Ended::Reached(()),
        Ended::Crashed(kind) => Ended::Crashed(kind),
    }
}

#[tokio::test]
async fn one_whose_create_was_cut_off_is_not_made_back() {
    for side in Side::BOTH {
        let points = at_every_point(async |plan: CrashPlan| {
            let world = world_with_one(side).await;
            played(&world, plan).await
        })
        .await;
        assert!(points > 20, "{points}");
    }
}

/// The webhook of what a create made comes while the run goes on that got no answer to it.
#[tokio::test]
async fn one_that_is_told_before_its_create_is_known_to_be_lost_is_not_made_back() {
    for (side, point) in Side::BOTH.into_iter().flat_map(|side| (1..90).map(move |n| (side, n))) {
        let world = world_with_one(side).await;
        let (made_on, name) = match side {
            Side::Source => (world.field.clone(), "field"),
            Side::Target => (world.crm.clone(), "crm"),
        };
        made_on.fail_next(CallKind::Create, Fault::AnswerLost);
        let tenant = world.engine().await.mapping_key(&world.mapping.name).tenant;
        let object = if name == "crm" { "contacts" } else { "clients" };
        let hint = move |record| Hint {
            tenant: tenant.clone(),
            connection: ConnectionName::new(name).unwrap(),
            object: ObjectType::new(object).unwrap(),
            record,
        };
        let store = Arc::clone(&world.store);
        let tell = move || {
            let hints: Vec<Hint> = keyless(&made_on).into_iter().map(hint).collect();
            futures::executor::block_on(store.notify(&hints)).unwrap();
        };
        played(&world, CrashPlan::none().act(point, tell)).await;
    }
}

/// What may be a record's own is asked of a person by itself, whatever becomes of that record's question.
#[tokio::test]
async fn one_that_a_person_left_is_not_made_back_when_its_origin_is_gone() {
    for then in ["deleted", "excluded"] {
        let world = world_with_one(Side::Source).await;
        let origin = keyless(&world.crm).remove(0);
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
        world.sync().await;
        world.settle().await;
        let items = desk(&world).await;
        let of_origin = items.iter().find(|item| item.takes(&Choice::NotMade)).unwrap();
        say(&world, of_origin, Choice::Leave).await;
        world.settle().await;
        match then {
            "deleted" => world.crm.delete(&origin),
            _ => world.engine().await.exclude("contacts", Side::Source, &origin).await.unwrap(),
        }
        for _ in 0..3 {
            world.minutes(25 * 60);
            world.settle().await;
        }
        let made = keyless(&world.crm).into_iter().filter(|record| *record != origin);
        assert_eq!(made.count(), 0, "{then}: {:#?}", world.holds().await);
        let items = desk(&world).await;
        assert!(items.iter().any(|item| item.takes(&Choice::Create)), "{then}: {items:#?}");
    }
}
