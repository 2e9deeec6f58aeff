//! What a person leaves as it is after a system has refused it: nothing of it is written, and the
//! question does not come back.

use fluxcascade_core::mapping::{Create, IdWrites};
use fluxcascade_core::model::{Choice, ConflictStatus, HoldReason, Side};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::scenario::{desk, edited, group_of, say};
use crate::world::{World, contacts};

/// Fails every update of a system until the record waits for a person, who leaves it.
async fn fail_and_leave(world: &World, side: Side) {
    let system = if side == Side::Source { &world.crm } else { &world.field };
    for _ in 0..20 {
        system.fail_next(CallKind::Update, Fault::Unavailable);
        world.sync().await;
        world.minutes(400);
        if !desk(world).await.is_empty() {
            break;
        }
    }
    let items = desk(world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    say(world, &items[0], Choice::Leave).await;
    world.crm.clear_ledger();
    world.field.clear_ledger();
    world.settle().await;
    assert!(desk(world).await.is_empty(), "{:#?}", desk(world).await);
    for (name, system) in [("crm", &world.crm), ("field", &world.field)] {
        let updates = system.ledger().iter().filter(|call| call.kind == CallKind::Update).count();
        assert_eq!(updates, 0, "{name}");
    }
}

/// P14: the loser of a group is left, and not written after all.
#[tokio::test]
async fn a_group_that_a_person_left_is_not_written() {
    let mapping = group_of(&Strategy::SourceWins).pair("phone", "phone");
    let (world, source, target) =
        edited(mapping, &[("name", "Ann S")], &[("street", "2 Oak Ave")]).await;
    fail_and_leave(&world, Side::Target).await;
    assert_eq!(world.field.text(&target, "name"), "Ann");
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
    assert_eq!(world.crm.text(&source, "address"), "1 Main St");
    // A later edit flows as ever.
    world.crm.edit(&source, "phone", "256 555 0111");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0111");
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
}

/// P14, P26: a second half that is left is not owed any more, and the log says so.
#[tokio::test]
async fn a_second_half_that_a_person_left_is_not_written_later() {
    let mapping = contacts().conflicts(Strategy::Append);
    let (world, source, target) =
        edited(mapping, &[("name", "Ann of sales")], &[("name", "Ann, gate code 5")]).await;
    fail_and_leave(&world, Side::Source).await;
    assert_eq!(world.crm.text(&source, "name"), "Ann of sales");
    assert_eq!(world.field.text(&target, "name"), "Ann of sales\n, gate code 5");
    let told = world.log().await.into_iter().flat_map(|row| row.pairs);
    let left = told.filter(|pair| format!("{:?}", pair.cause).contains("Answered"));
    assert_eq!(left.count(), 1, "{:#?}", world.log().await);
    let verified = world.engine().await.verify("contacts").await.unwrap();
    assert!(!verified.to_string().contains("unexplained"), "{verified}");
    // A later edit flows as ever.
    world.crm.edit(&source, "name", "Ann");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann");
}

/// P14: the other record's id is not written again to a record that was left.
#[tokio::test]
async fn an_id_is_not_written_to_a_record_that_a_person_left() {
    let mapping = contacts().foreign_id(Side::Source, "field_id", IdWrites::Always);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    fail_and_leave(&world, Side::Source).await;
    assert_eq!(world.crm.text(&source, "field_id"), "");
}

/// P6, P14: a record whose create was refused is left; it is no create without an answer, for which
/// others would wait.
#[tokio::test]
async fn a_refused_create_that_a_person_left_holds_up_no_other_record() {
    let mapping = contacts().create(Create::Both);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let keyless = world.crm.insert([("name", "Keyless")]);
    world.field.refuse("name");
    for _ in 0..20 {
        world.sync().await;
        world.minutes(400);
    }
    let items = desk(&world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    say(&world, &items[0], Choice::Leave).await;
    world.field.accept("name");
    world.field.insert([("name", "Zed")]);
    world.settle().await;
    assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 1));
    assert_eq!(world.holds().await[0].reason, HoldReason::Rejected);
    // It is tried again when it is edited.
    world.crm.edit(&keyless, "name", "Key");
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 2));
    assert!(world.holds().await.is_empty());
}

/// P14: what a person said of a value before is not done after the record was left.
#[tokio::test]
async fn an_earlier_answer_is_not_carried_out_for_a_record_that_was_left() {
    for mapping in [contacts().conflicts(Strategy::Manual), group_of(&Strategy::Manual)] {
        let (world, source, target) =
            edited(mapping, &[("name", "Ann S")], &[("name", "Ann T")]).await;
        world.sync().await;
        say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
        for _ in 0..20 {
            world.field.fail_next(CallKind::Update, Fault::Unavailable);
            world.sync().await;
            world.minutes(400);
            let items = desk(&world).await;
            if let Some(item) = items.iter().find(|item| item.pair.is_none()) {
                say(&world, item, Choice::Leave).await;
                break;
            }
        }
        world.settle().await;
        world.minutes(15);
        world.sync().await;
        assert_eq!(world.crm.text(&source, "name"), "Ann S");
        assert_eq!(world.field.text(&target, "name"), "Ann T");
        assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
        let rows = world.conflicts().await;
        assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Resolved), "{rows:#?}");
    }
}

/// P14, P26: the same of a second half whose pair was refused by itself before.
#[tokio::test]
async fn a_refused_second_half_that_a_person_left_is_not_written_later() {
    let mapping = contacts().conflicts(Strategy::Append);
    let (world, source, target) =
        edited(mapping, &[("name", "Ann of sales")], &[("name", "Ann, gate code 5")]).await;
    world.crm.refuse("name");
    world.sync().await;
    world.crm.accept("name");
    world.minutes(5);
    fail_and_leave(&world, Side::Source).await;
    world.minutes(15);
    world.sync().await;
    assert_eq!(world.crm.text(&source, "name"), "Ann of sales");
    assert_eq!(world.field.text(&target, "name"), "Ann of sales\n, gate code 5");
    assert!(world.holds().await.is_empty(), "{:#?}", world.holds().await);
}

/// P14: nor one that the system refused before.
#[tokio::test]
async fn a_refused_id_is_not_written_to_a_record_that_a_person_left() {
    let mapping = contacts().foreign_id(Side::Source, "field_id", IdWrites::Always);
    let world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.crm.refuse("field_id");
    world.sync().await;
    world.crm.accept("field_id");
    assert_eq!(world.holds().await.len(), 1);
    world.field.edit(&target, "name", "Ann T");
    fail_and_leave(&world, Side::Source).await;
    world.minutes(2 * 24 * 60);
    world.sync().await;
    assert_eq!(world.crm.text(&source, "field_id"), "");
    // It is written with the next edit.
    world.crm.edit(&source, "phone", "256 555 0111");
    world.settle().await;
    assert_eq!(world.crm.text(&source, "field_id"), target.as_str());
}
