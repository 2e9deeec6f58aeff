//! Writes to both sides of a pair of which the second half is sent anew, with what else is to be
//! written to its record.

use fluxcascade_core::connector::Capabilities;
use fluxcascade_core::model::{LogRow, RecordId, Side};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::world::{World, contacts};

const BOTH: &str = "Ann of sales\n, gate code 5";
const PHONE: &str = "256 555 0222";

/// Both sides have edited the name, and the target the phone.
async fn edited() -> (World, RecordId, RecordId) {
    let mapping = contacts().conflicts(Strategy::Append);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann of sales");
    world.minutes(1);
    world.field.edit(&target, "name", "Ann, gate code 5");
    world.field.edit(&target, "phone", PHONE);
    world.minutes(1);
    (world, source, target)
}

/// How often the log says that a pair was written to the source.
async fn written(world: &World, pair: &str) -> usize {
    let rows: Vec<LogRow> = world.log().await;
    let of_source = rows.iter().filter(|row| row.side == Side::Source && row.operation.is_some());
    of_source.flat_map(|row| &row.pairs).filter(|written| written.pair.as_str() == pair).count()
}

/// P1, P3: what a person made of the text before the second half was sent again stands.
#[tokio::test]
async fn a_second_half_is_given_up_when_a_person_takes_the_other_text_out_again() {
    for fault in [Fault::Unavailable, Fault::RequestLost] {
        for said in ["Ann of sales", "Ann", "Somebody else"] {
            let (world, source, target) = edited().await;
            world.crm.fail_next(CallKind::Update, fault);
            world.sync().await;
            assert_eq!(world.field.text(&target, "name"), BOTH);
            world.minutes(1);
            world.field.edit(&target, "name", said);
            for _ in 0..3 {
                world.minutes(15);
                world.sync().await;
            }
            let why = format!("{fault:?} {said}: {:#?}", world.log().await);
            assert_eq!(world.crm.text(&source, "name"), said, "{why}");
            assert_eq!(world.field.text(&target, "name"), said, "{why}");
            assert_eq!(world.crm.text(&source, "phone"), PHONE, "{why}");
            assert!(world.holds().await.is_empty(), "{why}");
            world.settle().await;
        }
    }
}

/// P26: what went with a second half that the source refuses is told once, and is not held.
#[tokio::test]
async fn what_went_with_a_refused_second_half_is_told_once() {
    for shortened in [false, true] {
        let (world, source, target) = edited().await;
        world.field.edit(&target, "street", "2 Oak Avenue");
        world.crm.refuse("name");
        world.sync().await;
        assert_eq!(world.crm.text(&source, "address"), "2 Oak Avenue");
        if shortened {
            world.crm.edit(&source, "address", "2 Oak");
        }
        for _ in 0..2 {
            world.minutes(15);
            world.sync().await;
        }
        for pair in ["phone = phone", "address = street"] {
            assert_eq!(written(&world, pair).await, 1, "{:#?}", world.log().await);
        }
        assert_eq!(world.holds().await.len(), 1, "{:#?}", world.holds().await);
        let street = if shortened { "2 Oak" } else { "2 Oak Avenue" };
        assert_eq!(world.field.text(&target, "street"), street);
    }
}

/// P26: a half that was never sent, as the target refused its pair, is not settled.
#[tokio::test]
async fn what_the_target_refuses_is_not_owed_on_the_source() {
    for edited_to in ["Ann of", "Ann B"] {
        let (world, source, target) = edited().await;
        world.crm.edit(&source, "address", "2 Oak Ave");
        world.field.refuse("name");
        world.sync().await;
        assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
        world.crm.edit(&source, "name", edited_to);
        world.minutes(15);
        world.sync().await;
        assert_eq!(written(&world, "name = name").await, 0, "{:#?}", world.log().await);
        let holds = world.holds().await;
        assert!(holds.iter().all(|hold| !hold.detail.contains("less than was sent")), "{holds:#?}");
        assert_eq!(world.crm.text(&source, "name"), edited_to);
    }
}

/// P26: two pairs that are owed are each told once.
#[tokio::test]
async fn two_second_halves_at_once_are_each_told_once() {
    let (world, source, target) = edited().await;
    world.crm.fail_next(CallKind::Update, Fault::Unavailable);
    world.sync().await;
    world.crm.edit(&source, "address", "2 Oak Ave");
    world.field.edit(&target, "street", "3 Elm St");
    for _ in 0..4 {
        world.minutes(15);
        world.sync().await;
    }
    assert_eq!(world.crm.text(&source, "name"), BOTH);
    assert_eq!(world.field.text(&target, "name"), BOTH);
    assert_eq!(world.crm.text(&source, "address"), world.field.text(&target, "street"));
    let log = world.log().await;
    assert_eq!(written(&world, "name = name").await, 1, "{log:#?}");
    assert_eq!(written(&world, "address = street").await, 1, "{log:#?}");
    world.settle().await;
}

/// P26: a second half that is sent again without what was refused is told once, and what a person
/// makes of it flows.
#[tokio::test]
async fn a_second_half_is_told_once_when_what_went_with_it_is_refused() {
    for shortened in [false, true] {
        let (world, source, target) = edited().await;
        world.crm.refuse("phone");
        world.sync().await;
        assert_eq!(world.crm.text(&source, "name"), BOTH);
        if shortened {
            world.crm.edit(&source, "name", "Ann of");
        }
        for _ in 0..2 {
            world.minutes(15);
            world.sync().await;
        }
        let log = world.log().await;
        assert_eq!(written(&world, "name = name").await, 1, "{log:#?}");
        let name = if shortened { "Ann of" } else { BOTH };
        assert_eq!(world.field.text(&target, "name"), name, "{log:#?}");
        let holds = world.holds().await;
        assert!(holds.iter().all(|hold| hold.detail.contains("phone")), "{holds:#?}");
    }
}

/// P1: a half that is refused and one that could not be sent are both owed, whichever is sent first.
#[tokio::test]
async fn halves_of_which_one_is_refused_and_one_not_sent_are_all_written() {
    let mapping = contacts().conflicts(Strategy::Append);
    let capabilities =
        Capabilities { read_batch: 8, write_batch: 8, ..SimProfile::default().capabilities };
    let crm = SimProfile { capabilities, ..SimProfile::default() };
    let world = World::with(crm, SimProfile::default(), mapping);
    let mut records = Vec::new();
    for n in 0..8 {
        let values = |mail, street| {
            [(mail, format!("p{n}@x.io")), ("name", "Ann".into()), (street, "1 Main St".into())]
        };
        let source = world.crm.insert(values("email", "address"));
        let target = world.field.insert(values("mail", "street"));
        records.push((source, target));
    }
    world.sync().await;
    world.minutes(15);
    for (source, target) in &records {
        world.crm.edit(source, "name", "Ann of sales");
        world.crm.edit(source, "address", "1 Main St, left");
        world.field.edit(target, "name", "Ann, gate code 5");
        world.field.edit(target, "street", "1 Main St, ring twice");
        world.field.edit(target, "phone", PHONE);
    }
    world.crm.refuse("name");
    // The first request is refused for the name, what is left of it cannot be sent.
    world.crm.fail_next(CallKind::Update, Fault::Stale);
    world.crm.fail_next(CallKind::Update, Fault::Unavailable);
    for _ in 0..3 {
        world.sync().await;
        world.minutes(15);
    }
    world.crm.accept("name");
    for _ in 0..4 {
        world.minutes(60);
        world.sync().await;
    }
    world.settle().await;
    for (source, target) in &records {
        assert_eq!(world.crm.text(source, "name"), world.field.text(target, "name"));
        assert_eq!(world.crm.text(source, "address"), world.field.text(target, "street"));
    }
}

/// P1: what one of the records does not show is owed until it does, and what is owed beside it is, too.
#[tokio::test]
async fn a_second_half_of_a_hidden_field_is_owed_until_it_is_shown() {
    for (hides, beside) in Side::BOTH.into_iter().flat_map(|side| [(side, false), (side, true)]) {
        let (world, source, target) = edited().await;
        if beside {
            world.crm.edit(&source, "address", "1 Main St, rear");
            world.field.edit(&target, "street", "1 Main St, gate 5");
        }
        world.crm.fail_next(CallKind::Update, Fault::Unavailable);
        world.sync().await;
        assert_eq!(world.field.text(&target, "name"), BOTH);
        let (system, record) = match hides {
            Side::Source => (&world.crm, &source),
            Side::Target => (&world.field, &target),
        };
        system.hide_field(record, "name");
        for _ in 0..3 {
            world.minutes(15);
            world.sync().await;
        }
        system.show_field(record, "name");
        for _ in 0..3 {
            world.minutes(15);
            world.sync().await;
        }
        let why = format!("hidden on the {hides}, {beside}: {:#?}", world.log().await);
        assert_eq!(world.crm.text(&source, "name"), BOTH, "{why}");
        assert_eq!(world.field.text(&target, "name"), BOTH, "{why}");
        assert_eq!(
            world.crm.text(&source, "address"),
            world.field.text(&target, "street"),
            "{why}"
        );
        assert_eq!(written(&world, "name = name").await, 1, "{why}");
        world.settle().await;
    }
}
