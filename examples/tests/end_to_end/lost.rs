//! Writes whose answers are lost on their way: nothing is written twice, nobody's edit is lost.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::sim::hubspot::HubSpotOptions;
use fluxcascade_connectors::sim::jobber::{JobberClient, JobberOptions, JobberSim, Lag};
use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_core::model::{HoldReason, Side};
use fluxcascade_core::{Engine, SyncReport};
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::world::{Memory, World, people, sync};

const HUBSPOT_UPDATE: &str = "*/batch/update";
const HUBSPOT_CREATE: &str = "*/batch/create";
const JOBBER_UPDATE: &str = "clientEdit(";
const JOBBER_CREATE: &str = "clientCreate(";

async fn engine(world: &World) -> Engine {
    world.engine(Arc::new(MemoryStore::new()), people().build().unwrap()).await
}

fn lose_on_hubspot(world: &World, path: &str, effect: Effect) {
    world.hubspot.add_fault(FaultRule::new(When::Next(1), effect).path(path));
}

fn lose_on_jobber(world: &World, body: &str, effect: Effect) {
    world.jobber.add_fault(FaultRule::new(When::Next(1), effect).body(body));
}

/// Runs until one writes nothing, at most three (P1); gives how many writes the systems saw.
async fn settle(world: &World, engine: &Engine) -> usize {
    world.clear_requests();
    for _ in 0..3 {
        world.minutes(15);
        if sync(engine).await.writes() == 0 {
            return world.writes().len();
        }
    }
    panic!("three runs did not reach one without writes");
}

fn assert_told(report: &SyncReport, side: Side) {
    assert_eq!(report.failed.len(), 1, "{report}");
    assert_eq!(report.failed[0].side, side);
    assert!(report.failed[0].error.is_transient(), "{report}");
}

async fn nothing_is_open(engine: &Engine) {
    let counts = engine.counts(crate::world::NAME).await.unwrap();
    assert_eq!((counts.operations, counts.holds.len(), counts.inbox), (0, 0, 0), "{counts:?}");
}

/// Ann is linked, and then edited on the side that the lost write does not go to.
async fn edited(world: &World, to: Side) -> (Engine, String, String) {
    let (contact, client) = world.ann();
    let engine = engine(world).await;
    world.time("13:30");
    let report = sync(&engine).await;
    assert_eq!(report.linked, 1, "{report}");
    world.time("14:00");
    match to {
        Side::Source => world.edit_client_phone(&client, "256 593 1400"),
        Side::Target => world.edit_contact(&contact, "phone", "256 593 1400"),
    }
    world.time("14:15");
    match to {
        Side::Source => lose_on_hubspot(world, HUBSPOT_UPDATE, Effect::LostAnswer),
        Side::Target => lose_on_jobber(world, JOBBER_UPDATE, Effect::LostAnswer),
    }
    world.clear_requests();
    let report = sync(&engine).await;
    assert_told(&report, to);
    assert_eq!(world.writes().len(), 1, "a write without an answer is not sent again");
    (engine, contact, client)
}

#[tokio::test]
async fn an_update_whose_answer_is_lost_is_settled_and_not_written_again() {
    for to in [Side::Source, Side::Target] {
        let world = World::start().await;
        let (engine, contact, client) = edited(&world, to).await;
        let again = settle(&world, &engine).await;
        assert_eq!(again, 0, "to the {to}");
        let phone = "2565931400".to_owned();
        assert_eq!(world.phones(&contact, &client), (phone.clone(), phone), "to the {to}");
        assert!(Memory::of(&engine).conflicts().await.is_empty());
        nothing_is_open(&engine).await;
    }
}

/// P3: the edit comes after the write that nobody heard of, and is newer than it.
#[tokio::test]
async fn an_edit_of_what_a_lost_update_wrote_flows_back() {
    for to in [Side::Source, Side::Target] {
        let world = World::start().await;
        let (engine, contact, client) = edited(&world, to).await;
        world.time("14:20");
        match to {
            Side::Source => world.edit_contact(&contact, "phone", "256 593 1420"),
            Side::Target => world.edit_client_phone(&client, "256 593 1420"),
        }
        settle(&world, &engine).await;
        let phone = "2565931420".to_owned();
        assert_eq!(world.phones(&contact, &client), (phone.clone(), phone), "to the {to}");
        nothing_is_open(&engine).await;
    }
}

#[tokio::test]
async fn an_update_that_was_lost_on_its_way_is_decided_anew_and_written() {
    for to in [Side::Source, Side::Target] {
        let world = World::start().await;
        let (contact, client) = world.ann();
        let engine = engine(&world).await;
        world.time("13:30");
        sync(&engine).await;
        match to {
            Side::Source => {
                world.edit_client_phone(&client, "256 593 1400");
                lose_on_hubspot(&world, HUBSPOT_UPDATE, Effect::LostRequest);
            }
            Side::Target => {
                world.edit_contact(&contact, "phone", "256 593 1400");
                lose_on_jobber(&world, JOBBER_UPDATE, Effect::LostRequest);
            }
        }
        world.time("14:15");
        assert_told(&sync(&engine).await, to);
        assert_eq!(settle(&world, &engine).await, 1, "to the {to}");
        let phone = "2565931400".to_owned();
        assert_eq!(world.phones(&contact, &client), (phone.clone(), phone), "to the {to}");
        nothing_is_open(&engine).await;
    }
}

/// P6: the new record is found by its key, linked, and none is made beside it.
#[tokio::test]
async fn a_create_in_jobber_whose_answer_is_lost_makes_one_client() {
    let world = World::start().await;
    let mail = "bob@marsh.example";
    let contact = [("email", mail), ("firstname", "Bob"), ("phone", "256 593 8310")];
    let contact = world.hubspot.seed_contact(contact).unwrap();
    let engine = engine(&world).await;
    world.time("14:00");
    lose_on_jobber(&world, JOBBER_CREATE, Effect::LostAnswer);
    let report = sync(&engine).await;
    assert_told(&report, Side::Target);
    assert_eq!(report.held[0].reason, HoldReason::UnknownOutcome, "{report}");

    // Bob is edited before it is known what became of the create.
    world.time("14:01");
    world.edit_contact(&contact, "phone", "256 593 1401");
    settle(&world, &engine).await;
    let client = only(&world.jobber);
    assert_eq!(client.primary_email().unwrap().address, mail);
    let phone = "2565931401".to_owned();
    assert_eq!(world.phones(&contact, &client.id), (phone.clone(), phone));
    assert_eq!(world.hubspot.contacts().len(), 1);
    assert_eq!(Memory::of(&engine).links().await.len(), 1);
    nothing_is_open(&engine).await;
}

/// The list shows the new client late. Until then nobody knows of it, and none is made.
#[tokio::test]
async fn a_lost_create_is_not_sent_again_while_the_list_does_not_show_its_client() {
    let lag = Lag::exactly(Duration::from_secs(230));
    let options = JobberOptions { list_lag: lag, ..JobberOptions::default() };
    let world = World::with(HubSpotOptions::default(), options).await;
    let bob = [("email", "bob@marsh.example"), ("firstname", "Bob"), ("phone", "256 593 8310")];
    let contact = world.hubspot.seed_contact(bob).unwrap();
    let engine = engine(&world).await;
    world.time("14:00");
    lose_on_jobber(&world, JOBBER_CREATE, Effect::LostAnswer);
    assert_told(&sync(&engine).await, Side::Target);
    assert_eq!(only(&world.jobber).first_name, "Bob", "it was carried out");
    world.clear_requests();
    for (minute, phone) in [("14:01", "256 593 1401"), ("14:02", "256 593 1402")] {
        world.edit_contact(&contact, "phone", phone);
        world.time(minute);
        world.clock.advance(Duration::from_secs(40)); // HubSpot's search is late too
        let report = sync(&engine).await;
        assert_eq!((report.writes(), report.sides.source.listed), (0, 1), "{report}");
        assert_eq!(report.held[0].reason, HoldReason::UnknownOutcome, "{report}");
    }
    assert_eq!(world.writes(), Vec::<String>::new());
    world.time("14:06");
    let report = sync(&engine).await;
    assert_eq!(report.linked, 1, "{report}");
    settle(&world, &engine).await;
    let phone = "2565931402".to_owned();
    assert_eq!(world.phones(&contact, &only(&world.jobber).id), (phone.clone(), phone));
    nothing_is_open(&engine).await;
}

#[tokio::test]
async fn a_create_in_hubspot_whose_answer_is_lost_makes_one_contact() {
    let world = World::start().await;
    let bob = JobberClient::person("Bob", "Marsh").with_email("bob@marsh.example");
    let client = world.jobber.seed_client(bob.with_phone("256 593 8310"));
    let engine = engine(&world).await;
    world.time("14:00");
    lose_on_hubspot(&world, HUBSPOT_CREATE, Effect::LostAnswer);
    assert_told(&sync(&engine).await, Side::Source);
    world.time("14:01");
    world.edit_client_phone(&client, "256 593 1401");
    settle(&world, &engine).await;
    let contacts = world.hubspot.contacts();
    assert_eq!(contacts.len(), 1);
    let phone = "2565931401".to_owned();
    assert_eq!(world.phones(&contacts[0].id, &client), (phone.clone(), phone));
    assert_eq!(only(&world.jobber).id, client);
    assert_eq!(Memory::of(&engine).links().await.len(), 1);
    nothing_is_open(&engine).await;
}

/// P17: the process that could have heard the answer is gone too.
#[tokio::test]
async fn a_create_whose_answer_is_lost_is_settled_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sync.db");
    let world = World::start().await;
    let bob = [("email", "bob@marsh.example"), ("firstname", "Bob")];
    world.hubspot.seed_contact(bob).unwrap();
    world.time("14:00");
    lose_on_jobber(&world, JOBBER_CREATE, Effect::LostAnswer);
    {
        let store = Arc::new(SqliteStore::open(&file).await.unwrap());
        let engine = world.engine(store, people().build().unwrap()).await;
        assert_told(&sync(&engine).await, Side::Target);
    }
    let store = Arc::new(SqliteStore::open(&file).await.unwrap());
    let engine = world.engine(store, people().build().unwrap()).await;
    assert_eq!(settle(&world, &engine).await, 0);
    assert_eq!(only(&world.jobber).first_name, "Bob");
    assert_eq!(Memory::of(&engine).links().await.len(), 1);
    nothing_is_open(&engine).await;
}

fn only(jobber: &JobberSim) -> JobberClient {
    let mut clients = jobber.clients();
    assert_eq!(clients.len(), 1, "{clients:?}");
    clients.remove(0)
}
