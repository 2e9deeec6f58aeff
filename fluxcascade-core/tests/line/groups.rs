//! Pairs that conflict together, from pull to commit.

use fluxcascade_core::Strategy;
use fluxcascade_core::mapping::{ConflictScope, Guards, Limit, MappingBuilder};
use fluxcascade_core::model::{Answer, AnswerTo, Choice, ConflictStatus, HoldReason, Side, Winner};
use fluxcascade_core::testkit::SimProfile;

use crate::scenario::{by_mail, desk, edited, group_of, say};
use crate::world::{World, contacts};

fn grouped(strategy: Strategy) -> MappingBuilder {
    by_mail()
        .conflicts(strategy)
        .pair_with("phone", "phone", |p| p.group("place"))
        .pair_with("address", "street", |p| p.group("place"))
        .pair("name", "name")
}

fn world(mapping: MappingBuilder) -> World {
    World::with(SimProfile::default(), SimProfile::default(), mapping)
}

#[tokio::test]
async fn one_side_wins_all_pairs_of_a_group_and_the_overwritten_edit_is_kept() {
    let world = world(grouped(Strategy::NewestWins));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.minutes(5);
    world.field.edit(&target, "street", "2 Oak Ave");
    world.sync().await;
    world.settle().await;
    for (phone, street) in [
        (world.crm.text(&source, "phone"), world.crm.text(&source, "address")),
        (world.field.text(&target, "phone"), world.field.text(&target, "street")),
    ] {
        assert_eq!((phone.as_str(), street.as_str()), ("256 555 0100", "2 Oak Ave"));
    }
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].winner), (1, Some(Winner::Target)));
    assert_eq!(rows[0].values.source, ["256 555 1400".into()]);
}

/// P11: one row for the record, however often it is looked at; the answer decides all of it.
#[tokio::test]
async fn a_record_that_waits_as_one_is_decided_as_one() {
    let world = world(contacts().conflict_scope(ConflictScope::Record).conflicts(Strategy::Manual));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "street", "2 Oak Ave");
    for _ in 0..3 {
        world.minutes(15);
        assert_eq!(world.sync().await.writes(), 0);
    }
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status, &rows[0].pair), (1, ConflictStatus::Open, &None));
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.reason, HoldReason::Conflict);

    let choice = Choice::Take(Side::Source);
    let answer = Answer { choice, at: world.shared_clock().now() };
    let to = AnswerTo { version: hold.version(), hold: hold.key, answer };
    let key = world.engine().await.mapping_key(&world.mapping.name);
    world.store.answer(&key, &[to]).await.unwrap();
    world.sync().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 1400");
    assert_eq!(world.field.text(&target, "street"), "1 Main St");
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Resolved));
    assert_eq!(rows[0].winner, Some(Winner::Source));
    assert!(world.holds().await.is_empty());
    world.settle().await;
}

/// P11: the answer is carried out once, and its row says so.
#[tokio::test]
async fn an_answered_conflict_is_written_and_resolved() {
    let world = world(contacts().conflicts(Strategy::Manual));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 1400");
    world.field.edit(&target, "phone", "256 555 1405");
    world.sync().await;
    let hold = world.holds().await.remove(0);
    let answer = Answer { choice: Choice::Take(Side::Source), at: world.shared_clock().now() };
    let to = AnswerTo { version: hold.version(), hold: hold.key, answer };
    let key = world.engine().await.mapping_key(&world.mapping.name);
    world.store.answer(&key, &[to]).await.unwrap();
    world.minutes(15);
    assert_eq!(world.sync().await.writes(), 1);
    assert_eq!(world.field.text(&target, "phone"), "256 555 1400");
    let rows = world.conflicts().await;
    assert_eq!((rows.len(), rows[0].status), (1, ConflictStatus::Resolved));
    assert_eq!(rows[0].winner, Some(Winner::Source));
    assert!(world.holds().await.is_empty());
    world.settle().await;
}

/// Half a group is written nowhere: what a person lets through of it waits for the rest.
#[tokio::test]
async fn a_withheld_group_is_let_through_as_a_whole() {
    let none = Limit { count: 0, percent: 0 };
    for first in [0, 1] {
        let mapping = by_mail()
            .conflicts(Strategy::SourceWins)
            .pair_with("phone", "phone", |p| p.group("place"))
            .pair_with("address", "street", |p| p.group("place"))
            .guards(Guards { overwrites: none, ..Guards::default() });
        let edits = [("phone", "256 555 0222"), ("street", "3 T St")];
        let own = [("phone", ""), ("address", "2 S St")];
        let (world, _, target) = edited(mapping, &own, &edits).await;
        world.sync().await;
        let items = desk(&world).await;
        assert_eq!(items.len(), 2, "{items:#?}");
        let place = || (world.field.text(&target, "phone"), world.field.text(&target, "street"));
        say(&world, &items[first], Choice::Allow).await;
        world.settle().await;
        assert_eq!(place(), ("256 555 0222".into(), "3 T St".into()), "{first}: half of each");
        let left = desk(&world).await;
        let other = left.iter().find(|item| item.key == items[1 - first].key).unwrap();
        say(&world, other, Choice::Allow).await;
        world.settle().await;
        assert_eq!(place(), (String::new(), "2 S St".into()), "{first}");
        assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
    }
}

/// P4: what is not shown of a group is no reason to decide the rest of it without that: half of it
/// would be one side's and half the other's.
#[tokio::test]
pub(crate) async fn a_group_of_which_a_field_is_not_shown_waits_until_it_is() {
    let world = world(grouped(Strategy::SourceWins));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.hide_field(&source, "address");
    world.crm.edit(&source, "phone", "256 555 0111");
    world.field.edit(&target, "street", "2 T St");
    world.settle().await;
    let place = || (world.field.text(&target, "phone"), world.field.text(&target, "street"));
    assert_eq!(place(), ("256 555 0100".into(), "2 T St".into()));
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.reason, HoldReason::Unreadable);
    assert!(hold.detail.contains("address"), "{}", hold.detail);
    world.crm.show_field(&source, "address");
    world.crm.edit(&source, "status", "x");
    world.settle().await;
    assert_eq!(place(), ("256 555 0111".into(), "1 Main St".into()));
    assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
    assert_eq!(world.conflicts().await.len(), 1);
}

/// One side's edits go on, whatever is not shown.
#[tokio::test]
async fn a_group_that_one_side_has_edited_does_not_wait_for_what_is_not_shown() {
    let world = world(grouped(Strategy::SourceWins));
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.hide_field(&source, "address");
    world.crm.edit(&source, "phone", "256 555 0111");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0111");
    assert!(world.holds().await.is_empty());
}

/// A person need not wait for a field that is never shown.
#[tokio::test]
async fn a_person_decides_what_waits_for_a_field_that_is_not_shown() {
    for scope in [ConflictScope::Pair, ConflictScope::Record] {
        let world = world(grouped(Strategy::SourceWins).conflict_scope(scope));
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.hide_field(&source, "address");
        world.crm.edit(&source, "phone", "256 555 0111");
        world.field.edit(&target, "phone", "256 555 0222");
        world.settle().await;
        assert_eq!(world.field.text(&target, "phone"), "256 555 0222", "{scope:?}");
        let item = desk(&world).await.remove(0);
        say(&world, &item, Choice::Take(Side::Source)).await;
        world.settle().await;
        assert_eq!(world.field.text(&target, "phone"), "256 555 0111", "{scope:?}");
        assert!(world.holds().await.is_empty(), "{:?}", world.holds().await);
    }
}

/// P4: an edit right after our own write is a person's: a group is not made of two halves for it.
#[tokio::test]
async fn an_edit_moments_after_our_write_takes_its_group_with_it() {
    let (world, source, target) = edited(
        group_of(&Strategy::SourceWins),
        &[("name", "Ann B"), ("address", "2 Oak Ave")],
        &[],
    )
    .await;
    world.sync().await;
    world.clock.advance(std::time::Duration::from_secs(3));
    world.field.edit(&target, "street", "2 Oak Avenue");
    world.minutes(5);
    world.crm.edit(&source, "name", "Ann C");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann C");
    assert_eq!(world.field.text(&target, "street"), "2 Oak Ave");
    assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave");
    assert!(!world.conflicts().await.is_empty());
}
