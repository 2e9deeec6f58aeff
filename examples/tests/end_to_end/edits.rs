//! Edits on both sides, between runs and in the middle of them, and rows that are shown late.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::sim::hubspot::HubSpotOptions;
use fluxcascade_connectors::sim::jobber::{JobberOptions, Lag};
use fluxcascade_core::Engine;
use fluxcascade_core::model::{ConflictKind, ConflictStatus, Value, Winner};
use fluxcascade_store::MemoryStore;

use crate::world::{Memory, World, at, people, sync};

/// Ann on both sides, linked and agreed by 13:30.
async fn linked(world: &World) -> (Engine, String, String) {
    let (contact, client) = world.ann();
    let mapping = people().build().unwrap();
    let engine = world.engine(Arc::new(MemoryStore::new()), mapping).await;
    world.time("13:30");
    let report = sync(&engine).await;
    assert_eq!((report.linked, report.writes()), (1, 0), "{report}");
    world.clear_requests();
    (engine, contact, client)
}

/// P2: what follows writes nothing, at once and later.
async fn quiet_from_now_on(world: &World, engine: &Engine) {
    world.clear_requests();
    for minutes in [0, 1, 15] {
        world.minutes(minutes);
        let report = sync(engine).await;
        assert_eq!((report.writes(), report.held.len()), (0, 0), "{report}");
    }
    assert_eq!(world.writes(), Vec::<String>::new());
}

fn both(number: &str) -> (String, String) {
    (number.to_owned(), number.to_owned())
}

/// The user's scenario, to the minute: P3, P5, P11.
#[tokio::test]
async fn a_phone_changed_at_14_00_in_hubspot_and_at_14_05_in_jobber_becomes_the_one_of_14_05() {
    let world = World::start().await;
    let (engine, contact, client) = linked(&world).await;
    world.time("14:00");
    world.edit_contact(&contact, "phone", "256 593 1400");
    world.time("14:05");
    world.edit_client_phone(&client, "256 593 1405");
    world.time("14:15");
    let report = sync(&engine).await;
    assert_eq!((report.conflicts_decided, report.writes()), (1, 1), "{report}");
    assert_eq!(world.phones(&contact, &client), both("2565931405"));

    let memory = Memory::of(&engine);
    let conflicts = memory.conflicts().await;
    assert_eq!(conflicts.len(), 1);
    let row = &conflicts[0];
    assert_eq!(row.loser().unwrap(), [Value::from("256 593 1400")]);
    assert_eq!(row.values.target, [Value::from("(256) 593-1405")]);
    assert_eq!(row.base.source.as_deref(), Some(&[Value::from("256 593 8310")][..]));
    assert_eq!((row.times.source, row.times.target), (Some(at("14:00")), Some(at("14:05"))));
    assert_eq!((row.strategy.as_str(), row.winner), ("newest_wins", Some(Winner::Target)));
    assert_eq!((row.kind, row.status), (ConflictKind::UpdateUpdate, ConflictStatus::Auto));
    quiet_from_now_on(&world, &engine).await;
    assert_eq!(memory.conflicts().await.len(), 1);
}

/// P9: pairs are independent of each other.
#[tokio::test]
async fn a_phone_changed_in_hubspot_and_an_address_changed_in_jobber_are_both_kept() {
    let world = World::start().await;
    let (engine, contact, client) = linked(&world).await;
    world.time("14:00");
    world.edit_contact(&contact, "phone", "256 593 1400");
    world.time("14:05");
    world.jobber.edit_client(&client, |ann| {
        ann.billing_address.as_mut().unwrap().street1 = "2 Oak Ave".to_owned();
    });
    world.time("14:15");
    let report = sync(&engine).await;
    assert_eq!((report.conflicts_decided, report.writes()), (0, 2), "{report}");
    assert_eq!(world.phones(&contact, &client), both("2565931400"));
    let street = world.jobber.client(&client).unwrap().billing_address.unwrap().street1;
    assert_eq!((world.contact_value(&contact, "address"), street.as_str()), {
        ("2 Oak Ave".to_owned(), "2 Oak Ave")
    });
    assert!(Memory::of(&engine).conflicts().await.is_empty());
    quiet_from_now_on(&world, &engine).await;
}

/// P15: what is edited before the fetch that comes directly before a write is seen by it.
#[tokio::test]
async fn a_phone_edited_in_jobber_between_the_pull_and_the_write_is_not_lost() {
    let world = World::start().await;
    let (engine, contact, client) = linked(&world).await;
    world.time("14:00");
    world.edit_contact(&contact, "phone", "256 593 1400");
    world.time("14:15");
    let (jobber, ann) = (Arc::clone(&world.jobber), client.clone());
    world.jobber.before_next("*", "query FetchClient(", move || {
        jobber.edit_client(&ann, |ann| ann.phones[0].number = "256 593 1415".to_owned());
    });
    let report = sync(&engine).await;
    assert_eq!(report.conflicts_decided, 1, "{report}");
    assert_eq!(world.phones(&contact, &client), both("2565931415"));
    let conflicts = Memory::of(&engine).conflicts().await;
    assert_eq!(conflicts[0].loser().unwrap(), [Value::from("256 593 1400")]);
    quiet_from_now_on(&world, &engine).await;
}

/// P3: one field is written, so an edit of another cannot be overwritten, however late it comes.
#[tokio::test]
async fn another_field_edited_directly_before_the_write_is_not_lost() {
    let world = World::start().await;
    let (engine, contact, client) = linked(&world).await;
    world.time("14:00");
    world.edit_contact(&contact, "phone", "256 593 1400");
    world.time("14:15");
    let (jobber, ann) = (Arc::clone(&world.jobber), client.clone());
    world.jobber.before_next("*", "clientEdit(", move || {
        jobber.edit_client(&ann, |ann| ann.last_name = "Lee-Marsh".into());
    });
    sync(&engine).await;
    world.time("14:30");
    sync(&engine).await;
    assert_eq!(world.phones(&contact, &client), both("2565931400"));
    assert_eq!(world.contact_value(&contact, "lastname"), "Lee-Marsh");
    assert_eq!(world.jobber.client(&client).unwrap().last_name, "Lee-Marsh");
    assert!(Memory::of(&engine).conflicts().await.is_empty());
    quiet_from_now_on(&world, &engine).await;
}

/// Our own write is not in HubSpot's search yet, which still lists the contact of 14:00.
#[tokio::test]
async fn a_contact_that_the_search_lists_late_changes_nothing() {
    let lag = Duration::from_secs(230);
    let options = HubSpotOptions { search_lag: (lag, lag), ..HubSpotOptions::default() };
    let world = World::with(options, JobberOptions::default()).await;
    let (engine, contact, client) = linked(&world).await;
    world.time("14:00");
    world.edit_contact(&contact, "phone", "256 593 1400");
    world.time("14:02");
    world.edit_client_phone(&client, "256 593 1402");
    world.time("14:04");
    world.clock.advance(Duration::from_secs(30));
    let report = sync(&engine).await;
    assert_eq!((report.conflicts_decided, report.sides.source.updated), (1, 1), "{report}");

    world.time("14:06");
    world.clear_requests();
    let report = sync(&engine).await;
    assert_eq!(report.sides.source.listed, 1, "the old row is listed: {report}");
    assert_eq!((report.writes(), report.held.len()), (0, 0), "{report}");
    assert_eq!(world.writes(), Vec::<String>::new());
    assert_eq!(world.phones(&contact, &client), both("2565931402"));
    quiet_from_now_on(&world, &engine).await;
}

/// The same with values that are old themselves: a row that is not newer than what was confirmed
/// is not believed but fetched.
#[tokio::test]
async fn a_client_that_the_list_shows_as_it_was_changes_nothing() {
    let lag = Lag::exactly(Duration::from_secs(230));
    let options = JobberOptions { list_lag: lag, ..JobberOptions::default() };
    let world = World::with(HubSpotOptions::default(), options).await;
    let (engine, contact, client) = linked(&world).await;
    world.time("14:00");
    world.edit_client_phone(&client, "256 593 1400");
    world.time("14:02");
    world.edit_contact(&contact, "phone", "256 593 1402");
    world.time("14:04");
    world.clock.advance(Duration::from_secs(30));
    let report = sync(&engine).await;
    assert_eq!((report.conflicts_decided, report.sides.target.updated), (1, 1), "{report}");

    world.time("14:06");
    world.clear_requests();
    let report = sync(&engine).await;
    assert_eq!(report.sides.target.listed, 1, "the old row is listed: {report}");
    assert_eq!(report.sides.target.fetched, 1, "and is not believed: {report}");
    assert_eq!((report.writes(), report.held.len()), (0, 0), "{report}");
    assert_eq!(world.writes(), Vec::<String>::new());
    assert_eq!(world.phones(&contact, &client), both("2565931402"));
    quiet_from_now_on(&world, &engine).await;
}
