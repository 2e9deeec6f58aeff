//! What a person says of a value that its pair refuses, alone and among pairs that conflict together.

use fluxcascade_core::Strategy;
use fluxcascade_core::engine::DeskItem;
use fluxcascade_core::mapping::{ConflictScope, MappingBuilder, PairBuilder};
use fluxcascade_core::model::{Choice, ConflictStatus, HoldReason, RecordId, Side, Sides, Value};
use fluxcascade_core::testkit::CallKind;
use fluxcascade_core::transform::value_map;

use crate::scenario::{by_mail, checked, desk, edited, group_of, plain, say};
use crate::world::World;

/// The name goes through a table that knows `a` and `b`, and must not be blank.
fn table(pair: PairBuilder) -> PairBuilder {
    pair.transform(value_map([("a", "A"), ("b", "B")])).required()
}

fn mapping(strategy: &Strategy) -> MappingBuilder {
    by_mail().conflicts(strategy.clone()).pair("phone", "phone")
}

fn grouped(strategy: &Strategy) -> MappingBuilder {
    mapping(strategy).pair_with("name", "name", |p| table(p).group("g")).pair_with(
        "address",
        "street",
        |p| p.group("g"),
    )
}

fn alone(strategy: &Strategy) -> MappingBuilder {
    mapping(strategy).pair_with("name", "name", table).pair("address", "street")
}

fn whole(strategy: &Strategy) -> MappingBuilder {
    alone(strategy).conflict_scope(ConflictScope::Record)
}

type Of = fn(&Strategy) -> MappingBuilder;

/// The name and the street conflict together: as a group, or with the whole record.
const TOGETHER: [(&str, Of); 2] = [("group", grouped), ("record", whole)];

/// Linked records of which the source's name became one that the table does not know.
async fn refused(mapping: MappingBuilder) -> (World, RecordId, RecordId) {
    let world = plain(mapping);
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "a"), ("address", "1 Main St")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "A"), ("street", "1 Main St")]);
    assert_eq!(world.sync().await.writes(), 0);
    world.minutes(15);
    world.crm.edit(&source, "name", "z");
    world.sync().await;
    world.minutes(15);
    (world, source, target)
}

async fn of_the_name(world: &World) -> DeskItem {
    let mut items = desk(world).await;
    items.retain(|item| item.pair.as_deref().is_some_and(|pair| pair.starts_with("name")));
    assert_eq!(items.len(), 1, "{items:#?}");
    items.remove(0)
}

fn own(source: &str, target: &str) -> Choice {
    let one = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    Choice::Set(Sides::new(vec![one(source)], vec![one(target)]))
}

/// P11: the answer is carried out, whatever another pair of the group asks meanwhile.
#[tokio::test]
async fn what_a_person_says_of_a_refused_value_is_done_although_its_group_is_in_conflict_now() {
    for (scope, of) in TOGETHER {
        for (said, left) in [(Choice::Take(Side::Target), ("a", "A")), (own("b", "B"), ("b", "B"))]
        {
            let (world, source, target) = refused(of(&Strategy::Manual)).await;
            let item = of_the_name(&world).await;
            say(&world, &item, said.clone()).await;
            world.field.edit(&target, "street", "2 T St");
            checked(&world).await;
            let names = (world.crm.text(&source, "name"), world.field.text(&target, "name"));
            assert_eq!(
                names,
                (left.0.into(), left.1.into()),
                "{scope} {said:?} {:#?}",
                desk(&world).await
            );
            // The name is no longer in question: the street has news of one side alone.
            assert_eq!(world.crm.text(&source, "address"), "2 T St", "{scope} {said:?}");
            assert!(world.holds().await.is_empty(), "{scope} {said:?}");
            world.settle().await;
        }
    }
}

/// The other pairs still ask, if they differ by themselves; what was said stands.
#[tokio::test]
async fn what_is_left_of_the_group_is_asked_without_the_pair_that_was_decided() {
    for (scope, of) in TOGETHER {
        let (world, source, target) = refused(of(&Strategy::Manual)).await;
        say(&world, &of_the_name(&world).await, Choice::Take(Side::Target)).await;
        world.field.edit(&target, "street", "2 T St");
        world.crm.edit(&source, "address", "2 S St");
        checked(&world).await;
        assert_eq!(world.crm.text(&source, "name"), "a", "{scope}");
        let item = desk(&world).await.remove(0);
        assert_eq!(desk(&world).await.len(), 1, "{scope}");
        say(&world, &item, Choice::Take(Side::Source)).await;
        world.minutes(15);
        checked(&world).await;
        assert_eq!(world.field.text(&target, "street"), "2 S St", "{scope}");
        assert_eq!(world.field.text(&target, "name"), "A", "{scope}");
        assert!(world.holds().await.is_empty(), "{scope}");
        let rows = world.conflicts().await;
        assert!(rows.iter().all(|row| row.status == ConflictStatus::Resolved), "{rows:?}");
        world.settle().await;
    }
}

/// An answer that cannot be carried out is asked again, with why, also when the unit asks.
#[tokio::test]
async fn what_cannot_be_done_is_asked_again_with_why_although_its_group_is_in_conflict_now() {
    for (scope, of) in TOGETHER {
        let (world, source, target) = refused(of(&Strategy::Manual)).await;
        say(&world, &of_the_name(&world).await, own("b", "")).await;
        world.field.edit(&target, "street", "2 T St");
        checked(&world).await;
        let item = of_the_name(&world).await;
        assert!(item.detail.contains("cannot be done"), "{scope}: {}", item.detail);
        assert!(item.detail.contains("blank"), "{scope}: {}", item.detail);
        say(&world, &item, Choice::Take(Side::Target)).await;
        world.minutes(15);
        checked(&world).await;
        assert_eq!(world.crm.text(&source, "name"), "a", "{scope} {:#?}", desk(&world).await);
        assert_eq!(world.crm.text(&source, "address"), "2 T St", "{scope}");
        assert!(world.holds().await.is_empty(), "{scope} {:?}", world.holds().await);
        let rows = world.conflicts().await;
        assert!(rows.iter().all(|row| row.status != ConflictStatus::Open), "{scope} {rows:?}");
        world.settle().await;
    }
}

/// What is asked again is asked in the same words however often the link is looked at: an answer to
/// it is not stale.
#[tokio::test]
async fn what_was_asked_again_stays_asked() {
    let (world, source, _) = refused(alone(&Strategy::Manual)).await;
    say(&world, &of_the_name(&world).await, own("b", "")).await;
    world.sync().await;
    let asked = of_the_name(&world).await;
    assert!(asked.detail.contains("cannot be done"), "{}", asked.detail);
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0111");
    checked(&world).await;
    let again = of_the_name(&world).await;
    assert_eq!((&again.detail, again.version), (&asked.detail, asked.version));
    say(&world, &asked, Choice::Take(Side::Target)).await;
    world.minutes(15);
    checked(&world).await;
    assert_eq!(world.crm.text(&source, "name"), "a");
    world.settle().await;
}

/// P11: the row of a value that won and was refused stays open, whatever strategy is asked next.
#[tokio::test]
async fn a_refused_winner_stays_open_when_its_mapping_asks_a_person_from_now_on() {
    for of in [alone, grouped] {
        let mut world = plain(of(&Strategy::SourceWins));
        let source = world.crm.insert([("email", "ann@x.io"), ("name", "a")]);
        let target = world.field.insert([("mail", "ann@x.io"), ("name", "A")]);
        world.sync().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "z");
        world.field.edit(&target, "name", "B");
        world.sync().await;
        assert_eq!(world.holds().await[0].reason, HoldReason::Invalid);
        let open = world.conflicts().await.remove(0);
        assert_eq!(open.status, ConflictStatus::Open);
        for strategy in [Strategy::SourceWins, Strategy::Manual] {
            world.mapping = of(&strategy).build().unwrap();
            for _ in 0..2 {
                world.minutes(15);
                world.crm.edit(&source, "phone", format!("256 555 01{}", world.log().await.len()));
                checked(&world).await;
                let rows = world.conflicts().await;
                assert_eq!((rows.len(), rows[0].id), (1, open.id), "{strategy:?} {rows:?}");
                assert_eq!(rows[0].status, ConflictStatus::Open, "{strategy:?} {rows:?}");
            }
        }
        say(&world, &of_the_name(&world).await, Choice::Take(Side::Target)).await;
        world.minutes(15);
        checked(&world).await;
        assert_eq!(world.crm.text(&source, "name"), "b");
        let rows = world.conflicts().await;
        assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Resolved));
        assert!(world.holds().await.is_empty());
    }
}

/// P11: what a pair waited for has moved, and the whole record waits now: the pair's own question is
/// over, and cannot be answered.
#[tokio::test]
async fn a_pair_that_moved_under_a_record_that_waits_asks_nothing_of_its_own() {
    let world = plain(alone(&Strategy::Manual).conflict_scope(ConflictScope::Record));
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "a"), ("address", "1 Main St")]);
    let target = world.field.insert([("mail", "ann@x.io"), ("name", "A"), ("street", "1 Main St")]);
    world.sync().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "z");
    world.sync().await;
    let of_name = |item: &DeskItem| item.pair.as_deref() == Some("name = name");
    assert!(desk(&world).await.iter().any(of_name));
    world.minutes(15);
    world.crm.edit(&source, "name", "b");
    world.crm.edit(&source, "address", "2 S St");
    world.field.edit(&target, "street", "2 T St");
    world.field.edit(&target, "name", "B");
    world.field.edit(&target, "name", "A");
    world.sync().await;
    let items = desk(&world).await;
    assert!(!items.iter().any(of_name), "{items:#?}");
    assert_eq!(items.len(), 1, "{items:#?}");
}

/// A name that both sides have edited, of which a person has said what stands.
async fn answered(choice: Choice) -> (World, RecordId, RecordId) {
    let mapping = by_mail().conflicts(Strategy::Manual).pair("name", "name");
    let (world, source, target) = edited(mapping, &[("name", "Ann S")], &[("name", "Ann T")]).await;
    world.sync().await;
    say(&world, &of_the_name(&world).await, choice).await;
    (world, source, target)
}

/// P11, P14: what a person chose and the system refuses is asked again, with the system's words.
#[tokio::test]
async fn a_choice_that_the_system_refuses_is_asked_again_with_its_words() {
    for agreed in [false, true] {
        let (world, source, target) = answered(Choice::Take(Side::Source)).await;
        world.field.refuse("name");
        world.sync().await;
        world.minutes(15);
        world.sync().await;
        let items = desk(&world).await;
        assert_eq!(items.len(), 1, "{items:#?}");
        let words = &items[0].detail;
        assert!(words.contains("cannot be done") && words.contains("refuses name"), "{words}");
        let rows = world.conflicts().await;
        assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Open), "{rows:#?}");
        world.field.accept("name");
        if agreed {
            world.field.edit(&target, "name", "Ann S");
        } else {
            say(&world, &items[0], Choice::Take(Side::Source)).await;
        }
        world.settle().await;
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        assert_eq!(world.crm.text(&source, "name"), "Ann S");
        let rows = world.conflicts().await;
        let resolved = rows.iter().all(|row| row.status == ConflictStatus::Resolved);
        assert!(resolved && world.holds().await.is_empty(), "{rows:#?}");
    }
}

/// P14: an answer that was overtaken by an edit has nothing to do with what is refused then: that is
/// tried again by itself.
#[tokio::test]
async fn a_refusal_after_an_overtaken_answer_is_tried_again_by_itself() {
    let (world, _, target) = answered(Choice::Take(Side::Source)).await;
    world.field.edit(&target, "name", "Ann");
    world.field.refuse("name");
    world.sync().await;
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.reason, HoldReason::Rejected);
    assert!(hold.not_before.is_some(), "{hold:#?}");
    world.field.accept("name");
    world.minutes(2);
    world.sync().await;
    assert_eq!(world.field.text(&target, "name"), "Ann S");
}

/// P14: one answer was for the whole group, and so are the system's words.
#[tokio::test]
async fn a_member_that_is_refused_after_an_answer_for_its_group_is_asked_again() {
    let mapping = group_of(&Strategy::Manual);
    let (world, ..) = edited(
        mapping,
        &[("name", "Ann S"), ("address", "2 Oak Ave")],
        &[("name", "Ann T"), ("street", "3 Elm St")],
    )
    .await;
    world.sync().await;
    say(&world, &of_the_name(&world).await, Choice::Take(Side::Source)).await;
    world.field.refuse("street");
    world.sync().await;
    world.minutes(15);
    world.sync().await;
    let items = desk(&world).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    assert!(items[0].detail.contains("refuses street"), "{items:#?}");
}

/// P14: the half of a person's own value that the source refuses waits longer each time, and then for
/// a person.
#[tokio::test]
async fn a_refused_half_of_an_own_value_comes_to_a_person_in_the_end() {
    let own = Choice::Set(Sides::new(vec!["Ann X".into()], vec!["Ann X".into()]));
    let (world, _, target) = answered(own).await;
    world.crm.refuse("name");
    for _ in 0..12 {
        world.sync().await;
        world.minutes(400);
    }
    assert_eq!(world.field.text(&target, "name"), "Ann X");
    assert_eq!(desk(&world).await.len(), 1, "{:#?}", world.holds().await);
    let updates = world.crm.calls(CallKind::Update);
    world.sync().await;
    assert_eq!(world.crm.calls(CallKind::Update), updates);
}
