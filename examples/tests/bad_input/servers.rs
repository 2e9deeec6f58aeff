//! Servers that do not take the credentials, are not there, or are not what they should be.

use std::net::TcpListener;
use std::sync::Arc;

use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::{Engine, SyncError};
use fluxcascade_store::MemoryStore;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::assert_says;
use crate::world::{Memory, NAME, TOKEN, World, people, sync};

const WRONG: &str = "pat-na1-a-wrong-one";

async fn build(world: &World, hubspot: HubSpot, jobber: Jobber) -> Result<Engine, SyncError> {
    Engine::builder()
        .connection("hubspot", hubspot)
        .connection("jobber", jobber)
        .store(Arc::new(MemoryStore::new()))
        .clock(world.shared_clock())
        .mapping(people().build().unwrap())
        .build()
        .await
}

/// An engine whose one system is at another address, or is asked with another token.
async fn build_with(
    world: &World,
    which: &str,
    base_url: Option<&str>,
    token: &str,
) -> Result<Engine, SyncError> {
    let (hubspot, jobber) = (world.hubspot.base_url(), world.jobber.base_url());
    let right = (world.hubspot_at(&hubspot, TOKEN), world.jobber_at(&jobber, TOKEN));
    if which == "hubspot" {
        let hubspot = world.hubspot_at(base_url.unwrap_or(&hubspot), token);
        build(world, hubspot, right.1).await
    } else {
        let jobber = world.jobber_at(base_url.unwrap_or(&jobber), token);
        build(world, right.0, jobber).await
    }
}

/// The error of a system, which names the connection and shows no token.
fn at_a_system<T>(result: Result<T, SyncError>, which: &str) -> ConnectorError {
    match result {
        Err(error @ SyncError::Connector { .. }) => {
            let text = error.to_string();
            assert!(text.starts_with(&format!("{which}: ")), "{text}");
            for secret in [TOKEN, WRONG] {
                assert!(!format!("{error:?}").contains(secret) && !text.contains(secret), "{text}");
            }
            let SyncError::Connector { error, .. } = error else { unreachable!() };
            *error
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("nothing was wrong"),
    }
}

#[tokio::test]
async fn a_wrong_token_is_an_error_of_credentials() {
    let world = World::start().await;
    world.ann();
    for which in ["hubspot", "jobber"] {
        let error = at_a_system(build_with(&world, which, None, WRONG).await, which);
        assert_eq!((error.kind, error.status), (ErrorKind::Auth, Some(401)), "{error}");
        assert_says(&error.to_string(), &["does not accept", "token", "reconnect"]);
    }
    assert_eq!(world.writes(), Vec::<String>::new());
    assert_eq!((world.hubspot.contacts().len(), world.jobber.clients().len()), (1, 1));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_by_its_connection() {
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for which in ["hubspot", "jobber"] {
        let error = at_a_system(build_with(&world, which, Some(&closed), TOKEN).await, which);
        assert_eq!((error.kind, error.status), (ErrorKind::Transient, None), "{error}");
        assert_says(&error.to_string(), &["no connection", "check network and base address"]);
    }
}

#[tokio::test]
async fn a_server_that_answers_with_a_page_is_not_taken_for_the_system() {
    let world = World::start().await;
    let page = "<html><body>Welcome to our new home page</body></html>";
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_raw(page, "text/html");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    for (which, kind, words) in [
        ("hubspot", ErrorKind::Protocol, ["is no JSON", "text/html", "check base address"]),
        ("jobber", ErrorKind::Transient, ["page", "try again later", "check `base_url`"]),
    ] {
        let error = at_a_system(build_with(&world, which, Some(&server.uri()), TOKEN).await, which);
        assert_eq!((error.kind, error.status), (kind, Some(200)), "{error}");
        assert_says(&error.to_string(), &words);
        assert!(!error.to_string().contains("Welcome"), "its text may hold anything: {error}");
    }
}

/// Ann is linked, then edited on both sides; gives the ids.
async fn edited(world: &World) -> (Engine, String, String) {
    let (contact, client) = world.ann();
    let engine = build_with(world, "hubspot", None, TOKEN).await.unwrap();
    world.time("13:30");
    assert_eq!(sync(&engine).await.linked, 1);
    world.time("14:00");
    world.edit_contact(&contact, "phone", "256 593 1400");
    world.jobber.edit_client(&client, |ann| ann.last_name = "Lee-Marsh".into()).unwrap();
    world.time("14:15");
    world.clear_requests();
    (engine, contact, client)
}

/// What was remembered before is remembered still, and the edits flow once the fault is over.
async fn nothing_is_lost(world: &World, engine: &Engine, contact: &str, client: &str) {
    world.hubspot.clear_faults();
    world.jobber.clear_faults();
    world.minutes(15);
    let report = sync(engine).await;
    assert_eq!((report.linked, report.writes(), report.failed.len()), (0, 2, 0), "{report}");
    let phone = "2565931400".to_owned();
    assert_eq!(world.phones(contact, client), (phone.clone(), phone));
    assert_eq!(world.contact_value(contact, "lastname"), "Lee-Marsh");
    assert!(Memory::of(engine).conflicts().await.is_empty());
    world.minutes(15);
    assert_eq!(sync(engine).await.writes(), 0);
}

#[tokio::test]
async fn a_proxys_page_in_the_middle_of_a_working_life_stops_the_run_and_nothing_is_lost() {
    for which in ["hubspot", "jobber"] {
        for (effect, kind) in [
            (Effect::BadGateway, ErrorKind::Transient),
            (Effect::Status(503), ErrorKind::Transient),
            (Effect::CutAnswer, ErrorKind::Protocol),
        ] {
            let world = World::start().await;
            let (engine, contact, client) = edited(&world).await;
            let remembered = Memory::of(&engine).links().await;
            let rule = FaultRule::new(When::Always, effect);
            match which {
                "hubspot" => world.hubspot.add_fault(rule),
                _ => world.jobber.add_fault(rule),
            }
            let error = at_a_system(engine.sync(NAME).await, which);
            assert_eq!(error.kind, kind, "{effect:?}: {error}");
            assert_eq!(world.writes(), Vec::<String>::new());
            assert_eq!(Memory::of(&engine).links().await, remembered);
            nothing_is_lost(&world, &engine, &contact, &client).await;
        }
    }
}

/// The token is taken back after the changes were read: the first write is refused, and no other
/// is tried.
#[tokio::test]
async fn a_token_that_is_taken_back_stops_the_run_before_anything_is_written() {
    for which in ["hubspot", "jobber"] {
        let world = World::start().await;
        let (engine, contact, client) = edited(&world).await;
        let revoked = FaultRule::new(When::Always, Effect::Status(401));
        match which {
            "hubspot" => world.hubspot.add_fault(revoked.path("*/batch/update")),
            _ => world.jobber.add_fault(revoked.body("clientEdit(")),
        }
        let error = at_a_system(engine.sync(NAME).await, which);
        assert_eq!(error.kind, ErrorKind::Auth, "{error}");
        assert_says(&error.to_string(), &["does not accept", "token", "reconnect"]);
        world.hubspot.clear_faults();
        world.jobber.clear_faults();
        world.minutes(15);
        sync(&engine).await;
        let phone = "2565931400".to_owned();
        assert_eq!(world.phones(&contact, &client), (phone.clone(), phone));
        assert_eq!(world.contact_value(&contact, "lastname"), "Lee-Marsh");
    }
}
