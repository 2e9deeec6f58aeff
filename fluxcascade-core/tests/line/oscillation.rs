//! P5, P22: systems that do not leave alone what is written to them.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Side;
use fluxcascade_core::model::{
    Answer, AnswerOutcome, AnswerTo, Choice, FieldName, HoldReason, Value,
};
use fluxcascade_core::testkit::{Normaliser, SimProfile};

use crate::world::{World, contacts};

fn names(rewrite: impl Fn(&str) -> String + Send + Sync + 'static) -> Normaliser {
    Arc::new(move |field: &FieldName, value: &Value| {
        let name = value.as_text().filter(|_| field.as_str() == "name")?;
        Some(Value::from(rewrite(name)))
    })
}

/// A workflow that sets the name to this whenever a connector has written the record.
fn insists_on(name: &'static str) -> SimProfile {
    SimProfile {
        automation: Some(names(move |_| name.to_owned())),
        automation_delay: Duration::from_secs(2),
        ..SimProfile::default()
    }
}

async fn runs(world: &World, runs: usize) -> u64 {
    let mut writes = 0;
    for _ in 0..runs {
        world.minutes(15);
        writes += world.sync().await.writes();
    }
    writes
}

#[tokio::test]
async fn two_systems_that_insist_on_their_own_value_are_held_and_named() {
    let world = World::with(insists_on("A"), insists_on("B"), contacts());
    let (source, _) = world.linked_with_name("Ann").await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Anne");
    let writes = runs(&world, 8).await;
    assert!((1..=4).contains(&writes), "{writes} writes");
    assert_eq!(runs(&world, 3).await, 0);
    let holds = world.holds().await;
    assert_eq!((holds.len(), holds[0].reason), (1, HoldReason::Oscillating));
    assert!(holds[0].detail.contains("\"A\" on the source"), "{}", holds[0].detail);

    // Other fields go on.
    world.crm.edit(&source, "address", "2 Oak Ave");
    assert_eq!(runs(&world, 1).await, 1);

    // A person says which value stands: it is written once, and the next rewriting is told again.
    let answer = Answer { choice: Choice::Leave, at: world.shared_clock().now() };
    let hold = world.holds().await.remove(0);
    let to = AnswerTo { version: hold.version(), hold: hold.key, answer };
    let key = world.engine().await.mapping_key(&world.mapping.name);
    assert_eq!(world.store.answer(&key, &[to]).await.unwrap(), [AnswerOutcome::Stored]);
    assert_eq!(runs(&world, 3).await, 0);
    assert!(world.holds().await.is_empty());
}

#[tokio::test]
async fn one_system_that_rewrites_once_is_followed_once() {
    let upper = SimProfile {
        automation: Some(names(str::to_uppercase)),
        automation_delay: Duration::from_secs(2),
        ..SimProfile::default()
    };
    let world = World::with(SimProfile::default(), upper, contacts());
    let (source, target) = world.linked_with_name("ANN").await;
    world.minutes(15);
    world.crm.edit(&source, "name", "anne");
    assert_eq!(runs(&world, 6).await, 2);
    assert_eq!(world.crm.text(&source, "name"), "ANNE");
    assert_eq!(world.field.text(&target, "name"), "ANNE");
    assert!(world.holds().await.is_empty());
}

/// Whoever edits one side again and again is a person, and is followed.
#[tokio::test]
async fn a_field_that_a_person_changes_to_and_fro_on_one_side_is_never_held() {
    let world = World::new();
    let (source, target) = world.linked_with_name("Ann").await;
    for name in ["A", "B", "A", "B", "A", "B", "A"] {
        world.minutes(15);
        world.crm.edit(&source, "name", name);
        world.minutes(1);
        assert_eq!(world.sync().await.writes(), 1);
        assert_eq!(world.field.text(&target, "name"), name);
    }
    assert!(world.holds().await.is_empty());
    let written = &world.links().await[0].bases[Side::Target].written;
    assert_eq!(written.len(), 4, "the last four writes are kept");
}
