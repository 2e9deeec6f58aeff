//! An answer for a whole record that is refused in part, where each side has edited another field: what
//! is left of it is asked again, and nothing of it is decided by itself meanwhile.

use std::sync::Arc;

use fluxcascade_core::Strategy;
use fluxcascade_core::mapping::{ConflictScope, MappingBuilder};
use fluxcascade_core::model::{Choice, ConflictStatus, FieldName, RecordId, Side, Value};
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};

use crate::connectors::names_one;
use crate::scenario::{desk, edited, edited_in, group_of, say};
use crate::world::{World, contacts};

pub(crate) fn whole() -> MappingBuilder {
    contacts().conflicts(Strategy::Manual).conflict_scope(ConflictScope::Record)
}

/// The source's and the target's edit, of which a person takes the source's; the target refuses the
/// street.
async fn refused(on_source: (&str, &str), on_target: (&str, &str)) -> (World, RecordId, RecordId) {
    refused_of(whole(), on_source, on_target).await
}

pub(crate) async fn refused_of(
    mapping: MappingBuilder,
    on_source: (&str, &str),
    on_target: (&str, &str),
) -> (World, RecordId, RecordId) {
    let (world, source, target) = edited(mapping, &[on_source], &[on_target]).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.refuse("street");
    world.sync().await;
    (world, source, target)
}

pub(crate) fn streets(world: &World, source: &RecordId, target: &RecordId) -> (String, String) {
    (world.crm.text(source, "address"), world.field.text(target, "street"))
}

/// P11: whatever is said of the rest then is done, and nothing before.
async fn asks_and_does(
    on_source: (&str, &str),
    on_target: (&str, &str),
    [ours, theirs]: [&str; 2],
) {
    let left = (ours.to_owned(), theirs.to_owned());
    let both = |street: &str| (street.to_owned(), street.to_owned());
    for (choice, done) in [
        (Choice::Take(Side::Source), both(ours)),
        (Choice::Take(Side::Target), both(theirs)),
        (Choice::Leave, left.clone()),
    ] {
        let (world, source, target) = refused(on_source, on_target).await;
        world.field.accept("street");
        for _ in 0..3 {
            let items = desk(&world).await;
            assert_eq!(items.len(), 1, "{items:#?}");
            assert!(items[0].detail.contains("refuses street"), "{items:#?}");
            assert_eq!(streets(&world, &source, &target), left);
            world.minutes(15);
            world.sync().await;
        }
        say(&world, &desk(&world).await[0], choice.clone()).await;
        world.settle().await;
        assert_eq!(streets(&world, &source, &target), done, "{choice:?}");
        assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
        let rows = world.conflicts().await;
        assert!(rows.iter().all(|row| row.status == ConflictStatus::Resolved), "{rows:#?}");
    }
}

#[tokio::test]
async fn what_the_other_side_alone_has_edited_is_not_decided_while_it_is_asked() {
    asks_and_does(("name", "Ann S"), ("street", "2 T St"), ["1 Main St", "2 T St"]).await;
}

#[tokio::test]
async fn what_this_side_alone_has_edited_is_not_decided_while_it_is_asked() {
    asks_and_does(("address", "2 S St"), ("name", "Ann T"), ["2 S St", "1 Main St"]).await;
}

/// P11: two of three fields are refused, one in each answer: the third was never carried out, and the
/// row does not say so.
#[tokio::test]
async fn an_answer_of_which_a_field_was_never_sent_by_itself_is_not_done() {
    let on_source = [("name", "Ann S"), ("phone", "256 555 0111"), ("address", "2 S St")];
    let on_target = [("name", "Ann T"), ("phone", "256 555 0222"), ("street", "2 T St")];
    let (world, _, target) = edited(whole(), &on_source, &on_target).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.refuse("name");
    world.field.refuse("phone");
    world.engine_with(names_one(&world.field)).await.sync("contacts").await.unwrap();
    let rows = world.conflicts().await;
    let resolved = rows.iter().any(|row| row.status == ConflictStatus::Resolved);
    assert_eq!(resolved, world.field.text(&target, "street") == "2 S St", "{rows:#?}");
    world.field.accept("name");
    world.field.accept("phone");
    for item in desk(&world).await.iter().filter(|item| item.answered.is_none()) {
        say(&world, item, Choice::Take(Side::Source)).await;
    }
    world.settle().await;
    assert_eq!(world.field.text(&target, "street"), "2 S St");
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
}

/// Answers to pairs of their own are all carried out, but for what is refused.
#[tokio::test]
async fn answers_to_pairs_are_done_although_others_are_refused_one_after_the_other() {
    let on_source = [("name", "Ann S"), ("phone", "256 555 0111"), ("address", "2 S St")];
    let on_target = [("name", "Ann T"), ("phone", "256 555 0222"), ("street", "2 T St")];
    let mapping = contacts().conflicts(Strategy::Manual);
    let (world, _, target) = edited(mapping, &on_source, &on_target).await;
    world.sync().await;
    for item in desk(&world).await {
        say(&world, &item, Choice::Take(Side::Source)).await;
    }
    world.field.refuse("name");
    world.field.refuse("phone");
    world.engine_with(names_one(&world.field)).await.sync("contacts").await.unwrap();
    assert_eq!(world.field.text(&target, "street"), "2 S St");
    let asked = desk(&world).await;
    assert_eq!(asked.len(), 2, "{asked:#?}");
    assert!(asked.iter().all(|item| item.detail.contains("refuses")), "{asked:#?}");
}

/// P11, P17: the rest of an answer that was refused in part gives no answer itself, or is under way when
/// the process ends: what was said of the refused field still stands, and is not turned round.
#[tokio::test]
async fn an_answer_whose_rest_gives_no_answer_is_not_turned_round() {
    let (on_source, on_target) = (("name", "Ann S"), ("street", "2 T St"));
    for group in [false, true] {
        let mapping = if group { group_of(&Strategy::Error) } else { whole() };
        let (world, source, target) = edited(mapping, &[on_source], &[on_target]).await;
        world.sync().await;
        say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
        world.field.refuse("street");
        world.field.fail_next(CallKind::Update, Fault::Stale);
        world.field.fail_next(CallKind::Update, Fault::AnswerLost);
        world.sync().await;
        for _ in 0..3 {
            world.minutes(15);
            world.sync().await;
            let left = ("1 Main St".to_owned(), "2 T St".to_owned());
            assert_eq!(streets(&world, &source, &target), left, "{group}");
        }
        assert_eq!(world.field.text(&target, "name"), "Ann S");
        let items = desk(&world).await;
        assert_eq!(items.len(), 1, "{items:#?}");
        assert!(items[0].detail.contains("refuses street"), "{items:#?}");
        world.field.accept("street");
        say(&world, &items[0], Choice::Take(Side::Source)).await;
        world.settle().await;
        let done = ("1 Main St".to_owned(), "1 Main St".to_owned());
        assert_eq!(streets(&world, &source, &target), done, "{group}");
        let rows = world.conflicts().await;
        assert!(rows.iter().all(|row| row.status != ConflictStatus::Open), "{rows:#?}");
    }
}

/// P11: what a system made of the part that was done is no part of what is asked on.
#[tokio::test]
async fn what_a_system_made_of_what_was_done_does_not_change_the_question() {
    let cut = SimProfile {
        normaliser: Some(Arc::new(|field: &FieldName, value: &Value| {
            let name = value.as_text().filter(|_| field.as_str() == "name")?;
            Some(Value::from(name.get(..5)?))
        })),
        ..SimProfile::default()
    };
    let world = World::with(SimProfile::default(), cut, whole());
    let (world, source, target) =
        edited_in(world, &[("name", "Ann Sommer")], &[("street", "2 T St")]).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.refuse("street");
    world.sync().await;
    let asked = desk(&world).await;
    world.field.accept("street");
    for _ in 0..3 {
        world.minutes(15);
        world.sync().await;
        assert_eq!(desk(&world).await, asked);
        assert_eq!(world.crm.text(&source, "address"), "1 Main St");
    }
    say(&world, &asked[0], Choice::Take(Side::Target)).await;
    world.settle().await;
    assert_eq!(world.crm.text(&source, "address"), "2 T St");
    assert_eq!(world.field.text(&target, "name"), "Ann S");
    assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
}

/// P11: a field that is hidden between question and answer changes nothing of what was said: the rest is
/// done at once, and that field's when it is shown.
#[tokio::test]
async fn what_is_said_of_a_hidden_field_is_done_when_it_is_shown() {
    for (side, street) in [(Side::Target, "2 T St"), (Side::Source, "1 Main St")] {
        let (world, source, target) =
            edited(whole(), &[("name", "Ann S")], &[("street", "2 T St")]).await;
        world.sync().await;
        let item = desk(&world).await.remove(0);
        world.field.hide_field(&target, "street");
        world.minutes(15);
        world.sync().await;
        assert_eq!(desk(&world).await, std::slice::from_ref(&item));
        say(&world, &item, Choice::Take(side)).await;
        world.settle().await;
        let name = if side == Side::Source { "Ann S" } else { "Ann" };
        assert_eq!(world.crm.text(&source, "name"), name);
        assert_eq!(world.field.text(&target, "name"), name);
        let left = ("1 Main St".to_owned(), "2 T St".to_owned());
        assert_eq!(streets(&world, &source, &target), left);
        world.field.show_field(&target, "street");
        world.minutes(15);
        world.engine().await.run("contacts").full().sync().await.unwrap();
        world.settle().await;
        assert_eq!(streets(&world, &source, &target), (street.to_owned(), street.to_owned()));
        assert!(desk(&world).await.is_empty(), "{:#?}", desk(&world).await);
        let rows = world.conflicts().await;
        assert!(rows.iter().all(|row| row.status == ConflictStatus::Resolved), "{rows:#?}");
    }
}
