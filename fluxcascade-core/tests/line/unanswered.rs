//! Creates without an answer, and what a person says of them.

use fluxcascade_core::engine::DeskItem;
use fluxcascade_core::model::{Choice, LinkStatus, LogKind, LogRow, RecordId};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::answers::refuses_duplicates;
use crate::scenario::{able, desk, plain, say};
use crate::world::{World, contacts};

async fn item_of(world: &World, record: &RecordId) -> DeskItem {
    let mut items = desk(world).await;
    items.retain(|item| format!("{:?}", item.key).contains(record.as_str()));
    assert_eq!(items.len(), 1, "{items:#?}");
    items.remove(0)
}

/// A create whose answer is lost, for a record that has no key.
async fn keyless(fault: Fault) -> (World, RecordId) {
    let world = plain(contacts());
    world.linked().await;
    let origin = world.crm.insert([("name", "Keyless")]);
    world.minutes(15);
    world.field.fail_next(CallKind::Create, fault);
    world.sync().await;
    world.settle().await;
    (world, origin)
}

/// P6: what the create made was archived before it was seen, and a person says that the record is
/// another one.
#[tokio::test]
async fn a_person_says_create_beside_an_archived_record_that_a_create_without_an_answer_made() {
    let world = able(contacts());
    world.crm.insert([("email", "zed@x.io"), ("name", "Zed")]);
    world.settle().await;
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    world.sync().await;
    world.field.delete(&world.field.records().pop().unwrap());
    world.minutes(15);
    world.engine().await.run("contacts").full().sync().await.unwrap();
    world.settle().await;
    if let Some(item) = desk(&world).await.first() {
        assert!(item.takes(&Choice::Create), "{item:#?}");
        say(&world, item, Choice::Create).await;
        world.settle().await;
        assert_eq!(world.link_of(&ann).await.status, LinkStatus::Active);
        assert_eq!(world.field.records().len(), 2);
    }
    assert!(desk(&world).await.is_empty());
}

/// Whatever is offered beside a create without an answer is carried out: nobody is asked the same
/// again.
#[tokio::test]
async fn each_choice_beside_a_create_without_an_answer_is_carried_out() {
    for pick in 0..4 {
        let world = plain(contacts());
        world.crm.insert([("email", "zed@x.io"), ("name", "Zed")]);
        world.settle().await;
        let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
        world.sync().await;
        // A person makes another one with its key.
        world.field.insert([("mail", "ann@x.io"), ("name", "Ann 2")]);
        world.minutes(15);
        world.settle().await;
        let item = item_of(&world, &ann).await;
        let Some(choice) = item.choices().get(pick).cloned() else { continue };
        say(&world, &item, choice.clone()).await;
        world.settle().await;
        let same = |other: &DeskItem| other.key == item.key && other.detail == item.detail;
        assert!(!desk(&world).await.iter().any(same), "{choice:?} of {:?}", item.choices());
    }
}

/// What was left is taken up again when a person says that nothing was made.
#[tokio::test]
async fn a_person_says_that_a_create_that_was_left_made_nothing() {
    let (world, origin) = keyless(Fault::RequestLost).await;
    say(&world, &item_of(&world, &origin).await, Choice::Leave).await;
    world.minutes(15);
    world.sync().await;
    let item = item_of(&world, &origin).await;
    assert!(item.takes(&Choice::NotMade), "{item:#?}");
    say(&world, &item, Choice::NotMade).await;
    world.settle().await;
    assert_eq!(world.link_of(&origin).await.status, LinkStatus::Active);
    assert_eq!(world.field.records().len(), 2);
}

/// P6: what a create may have made is not made back on its origin's side, also when the origin was
/// left.
#[tokio::test]
async fn what_a_create_that_was_left_has_made_is_not_made_back() {
    let (world, origin) = keyless(Fault::AnswerLost).await;
    say(&world, &item_of(&world, &origin).await, Choice::Leave).await;
    for _ in 0..4 {
        world.minutes(25 * 60);
        world.sync().await;
    }
    assert_eq!(world.crm.records().len(), 2);
    let mut made = world.field.records();
    made.retain(|record| world.field.text(record, "name") == "Keyless");
    let item = item_of(&world, &made[0]).await;
    assert!(item.choices().contains(&Choice::LinkTo(origin.clone())), "{item:#?}");
    say(&world, &item, Choice::LinkTo(origin.clone())).await;
    world.settle().await;
    assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 2));
    assert_eq!(world.link_of(&origin).await.status, LinkStatus::Active);
}

/// P26: a record that a person made with the key of a create that was not carried out is linked, and
/// the log does not say that the create has filled it.
#[tokio::test]
async fn a_record_that_a_person_made_is_not_told_as_made_by_a_create_without_an_answer() {
    let world = plain(contacts());
    world.linked().await;
    let bob = world.crm.insert([("email", "bob@x.io"), ("name", "Bob"), ("phone", "256 555 0199")]);
    world.minutes(15);
    world.field.fail_next(CallKind::Create, Fault::RequestLost);
    world.sync().await;
    world.field.insert([("mail", "bob@x.io"), ("name", "Bob")]);
    world.settle().await;
    let target = world.link_of(&bob).await.records.target;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
    let log = world.log().await;
    let told = log.iter().filter(|row| row.note != LogRow::UNSEEN && row.operation.is_some());
    let phones = told.flat_map(|row| &row.pairs).filter(|p| p.pair.as_str() == "phone = phone");
    assert_eq!(phones.count(), 1, "{log:#?}");
    let unseen = log.iter().filter(|row| row.note == LogRow::UNSEEN);
    let unseen: Vec<_> = unseen.map(|row| (row.kind, row.pairs.len())).collect();
    assert_eq!(unseen, [(LogKind::Update, 1)], "{log:#?}"); // one record was made
}

/// P6: what was made without its key, because the system refuses that, is neither made again nor made
/// back.
#[tokio::test]
async fn a_create_whose_key_was_refused_is_not_made_twice() {
    for unique in [false, true] {
        let profile = if unique { refuses_duplicates() } else { SimProfile::default() };
        let mut world = World::with(SimProfile::default(), profile, contacts());
        if unique {
            world.field = world.field.unique("mail");
        }
        world.linked().await;
        world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
        world.minutes(15);
        world.field.refuse("mail");
        world.field.fail_next(CallKind::Create, Fault::Stale);
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
        world.sync().await;
        for _ in 0..4 {
            world.minutes(15);
            world.engine().await.run("contacts").full().sync().await.unwrap();
        }
        assert_eq!(world.crm.records().len(), 2, "{unique}");
        assert_eq!(world.field.records().len(), 2, "{unique}");
        assert!(!desk(&world).await.is_empty(), "{unique}");
    }
}
