//! Match keys whose fields are not shown for a while: they are as they were.

use fluxcascade_core::Side;
use fluxcascade_core::mapping::{Direction, MappingBuilder};
use fluxcascade_core::model::RecordId;

use crate::scenario::able;
use crate::world::{World, contacts};

/// A record of the target that is nobody's partner, listed with its key.
async fn lonely(mapping: MappingBuilder) -> (World, RecordId) {
    let world = able(mapping.direction(Direction::SourceToTarget));
    world.crm.insert([("email", "zed@x.io"), ("name", "Zed")]);
    let there = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
    world.minutes(15);
    world.settle().await;
    (world, there)
}

/// P6: a permission that hides a key takes it from nobody, also not from a record that is archived.
#[tokio::test]
pub(crate) async fn a_key_whose_field_is_not_shown_is_as_it_was() {
    let (world, there) = lonely(contacts()).await;
    world.field.hide_field(&there, "mail");
    world.field.edit(&there, "name", "Ann B");
    world.settle().await;
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    assert_eq!(world.field.records().len(), 2, "made beside {there}");
    // Whether the key is still the same cannot be told: a person says, or it is shown again.
    let hold = world.holds().await.remove(0);
    assert_eq!(hold.candidates, [(Side::Target, there.clone())]);
    assert!(hold.detail.contains("is not shown now"), "{}", hold.detail);
    world.field.show_field(&there, "mail");
    world.field.edit(&there, "name", "Ann C");
    world.settle().await;
    assert_eq!(world.link_of(&ann).await.records.target, there);
    assert!(world.holds().await.is_empty());

    let (world, there) = lonely(contacts()).await;
    world.field.hide_field(&there, "mail");
    world.field.delete(&there);
    world.settle().await;
    world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    assert_eq!(world.field.records().len(), 1, "made beside the archived {there}");
    assert_eq!(world.holds().await.len(), 1);
}

/// A key that is shown as blank is none any more.
#[tokio::test]
async fn a_key_that_is_shown_again_and_blank_is_gone() {
    let (world, there) = lonely(contacts()).await;
    world.field.hide_field(&there, "mail");
    world.field.edit(&there, "name", "Ann B");
    world.settle().await;
    world.field.show_field(&there, "mail");
    world.field.edit(&there, "mail", "");
    world.settle().await;
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.settle().await;
    assert_ne!(world.link_of(&ann).await.records.target, there);
    assert_eq!(world.field.records().len(), 3);
}
