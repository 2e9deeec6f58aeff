//! Where conflicts come from, by field and by record.

use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::model::{Choice, Side, Timestamp};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::SimProfile;

use crate::scenario::{desk, edited, say};
use crate::world::{World, at, contacts};

/// Ann's name is in conflict three times, an hour apart; the second time her phone is, too, as is
/// Bob's name.
async fn several() -> World {
    let mapping = contacts().conflicts(Strategy::SourceWins);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let pair = |mail: &str| {
        let source = world.crm.insert([("email", mail), ("name", "A"), ("phone", "256 555 0100")]);
        let target = world.field.insert([("mail", mail), ("name", "A"), ("phone", "256 555 0100")]);
        (source, target)
    };
    let (ann, bob) = (pair("ann@x.io"), pair("bob@x.io"));
    world.sync().await;
    for round in 0..3 {
        world.minutes(60);
        world.crm.edit(&ann.0, "name", format!("s{round}"));
        world.field.edit(&ann.1, "name", format!("t{round}"));
        if round == 1 {
            world.crm.edit(&ann.0, "phone", "256 555 0101");
            world.field.edit(&ann.1, "phone", "256 555 0102");
            world.crm.edit(&bob.0, "name", "Bob S");
            world.field.edit(&bob.1, "name", "Bob T");
        }
        world.minutes(1);
        world.sync().await;
    }
    world
}

#[tokio::test]
async fn conflicts_are_counted_by_field_and_by_record() {
    let world = several().await;
    let engine = world.engine().await;
    let told = engine.conflict_patterns("contacts", at("12:00")..at("23:00")).await.unwrap();
    assert_eq!((told.all.total(), told.all.decided), (5, 5), "{told}");
    let pairs: Vec<_> = told
        .pairs
        .iter()
        .map(|(pair, numbers)| (pair.as_ref().unwrap().as_str(), numbers.total()))
        .collect();
    assert_eq!(pairs, [("name = name", 4), ("phone = phone", 1)]);
    let records: Vec<_> = told.records.iter().map(|(_, numbers)| numbers.total()).collect();
    assert_eq!(records, [4, 1]);
    let text = told.to_string();
    assert!(text.contains("name = name: 4 (4 decided by a strategy)"), "{text}");
}

#[tokio::test]
async fn only_conflicts_of_the_span_are_counted() {
    let world = several().await;
    let engine = world.engine().await;
    let counted = async |from: &str, to: &str| {
        let told = engine.conflict_patterns("contacts", at(from)..at(to)).await.unwrap();
        told.all.total()
    };
    assert_eq!(counted("12:00", "13:00").await, 0);
    assert_eq!(counted("12:00", "13:30").await, 1);
    assert_eq!(counted("13:30", "14:30").await, 3);
    assert_eq!(counted("14:30", "23:00").await, 1);
    assert_eq!(counted("20:00", "23:00").await, 0);
}

/// A conflict is counted when it was found, whenever it is answered; the next one on its pair is later.
#[tokio::test]
async fn a_conflict_that_is_answered_later_is_counted_when_it_was_found() {
    let mapping = contacts().conflicts(Strategy::Manual);
    let (world, source, target) = edited(mapping, &[("name", "Ann S")], &[("name", "Ann T")]).await;
    world.sync().await;
    let found = world.holds().await[0].since;
    world.minutes(24 * 60);
    // Another edit, so that another is asked about.
    world.crm.edit(&source, "name", "Ann U");
    world.minutes(1);
    world.sync().await;
    let again = world.clock.now();
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.minutes(24 * 60);
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann U");
    let engine = world.engine().await;
    let counted = async |since: Timestamp| {
        let span = since..since + Duration::from_secs(3600);
        engine.conflict_patterns("contacts", span).await.unwrap().all
    };
    let (first, second) = (counted(found).await, counted(again).await);
    assert_eq!((first.total(), first.overtaken), (1, 1), "{:#?}", world.conflicts().await);
    assert_eq!((second.total(), second.resolved), (1, 1), "{:#?}", world.conflicts().await);
    assert_eq!(counted(world.clock.now()).await.total(), 0);
}

#[tokio::test]
async fn a_mapping_that_is_not_there_is_named() {
    let engine = World::new().engine().await;
    let error = engine.conflict_patterns("people", at("12:00")..at("13:00")).await.unwrap_err();
    assert!(error.to_string().contains("people"), "{error}");
}
