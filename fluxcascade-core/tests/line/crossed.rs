//! An answer for a whole record that is refused in part, where each side has edited another field: what
//! is left of it is asked again, and nothing of it is decided by itself meanwhile.

use std::sync::Arc;

use fluxcascade_core::mapping::ConflictScope;
use fluxcascade_core::model::{Choice, ConflictStatus, RecordId, Side};
use fluxcascade_core::{Engine, Strategy};

use crate::connectors::names_one;
use crate::scenario::{desk, edited, say};
use crate::world::{World, contacts};

/// The source's and the target's edit, of which a person takes the source's; the target refuses the
/// street.
async fn refused(on_source: (&str, &str), on_target: (&str, &str)) -> (World, RecordId, RecordId) {
    let mapping = contacts().conflicts(Strategy::Manual).conflict_scope(ConflictScope::Record);
    let (world, source, target) = edited(mapping, &[on_source], &[on_target]).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.refuse("street");
    world.sync().await;
    (world, source, target)
}

fn streets(world: &World, source: &RecordId, target: &RecordId) -> (String, String) {
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
    let mapping = contacts().conflicts(Strategy::Manual).conflict_scope(ConflictScope::Record);
    let on_source = [("name", "Ann S"), ("phone", "256 555 0111"), ("address", "2 S St")];
    let on_target = [("name", "Ann T"), ("phone", "256 555 0222"), ("street", "2 T St")];
    let (world, _, target) = edited(mapping, &on_source, &on_target).await;
    world.sync().await;
    say(&world, &desk(&world).await[0], Choice::Take(Side::Source)).await;
    world.field.refuse("name");
    world.field.refuse("phone");
    let engine = Engine::builder()
        .connection("crm", world.crm.clone())
        .connection("field", names_one(&world.field))
        .store(Arc::clone(&world.store))
        .clock(world.shared_clock())
        .mapping(world.mapping.clone())
        .build()
        .await
        .unwrap();
    engine.sync("contacts").await.unwrap();
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
