//! Systems that write values down in their own way: at most two writes, then quiet.

use std::sync::Arc;

use fluxcascade_core::model::{Cause, FieldName, Value};
use fluxcascade_core::testkit::SimProfile;

use crate::world::{World, contacts};

/// A system that keeps names as this makes them, and whose answers have no values.
fn writes(names: fn(&str) -> String) -> SimProfile {
    SimProfile {
        normaliser: Some(Arc::new(move |field: &FieldName, value: &Value| {
            let name = value.as_text().filter(|_| field.as_str() == "name")?;
            Some(Value::from(names(name)))
        })),
        answers_with_values: false,
        ..SimProfile::default()
    }
}

/// P22: the system took the value, and what it made of it is what it had before.
#[tokio::test]
async fn an_edit_that_the_other_system_does_not_tell_from_its_own_value_is_written_once() {
    let trims = writes(|name| name.trim().to_owned());
    let world = World::with(SimProfile::default(), trims, contacts());
    let (source, _) = world.linked_with_name("Ann").await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Ann ");
    let mut written = 0;
    for minutes in [1, 1, 1, 15, 25 * 60, 25 * 60] {
        written += world.sync().await.writes();
        world.minutes(minutes);
    }
    assert_eq!(written, 1);
    let log = world.log().await;
    assert!(log.iter().flat_map(|row| &row.pairs).any(|pair| pair.cause == Cause::Rewritten));
}
