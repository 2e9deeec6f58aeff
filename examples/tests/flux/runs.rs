//! The main job from the file that users begin with: checked, planned, applied, synced, looked up.

use fluxcascade_examples::flux::Exit;

use crate::Office;

fn ids(office: &Office) -> (usize, usize) {
    (office.world.hubspot.contacts().len(), office.world.jobber.clients().len())
}

/// Ann is on both sides and synced, and then called Anna in HubSpot; gives both ids.
async fn anna(office: &Office) -> (String, String) {
    let (contact, client) = office.world.ann();
    office.world.time("13:30");
    office.done(&["sync"]).await;
    office.world.time("14:00");
    office.world.edit_contact(&contact, "firstname", "Anna");
    office.world.time("14:15");
    (contact, client)
}

#[tokio::test]
async fn a_good_file_is_checked_without_a_write_and_without_a_record_being_read() {
    let office = Office::start().await;
    let out = office.done(&["check"]).await;
    for part in ["connection hubspot: hubspot account", "mapping contacts", "nothing is wrong"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!office.path("sync.db").exists(), "a store was made");
    let asked = office.world.hubspot.requests();
    let known = |path: &str| path.contains("/properties/") || path.contains("/account-info/");
    assert!(asked.iter().all(|request| known(&request.path)), "{asked:?}");
    let queries = office.world.jobber.requests();
    assert!(queries.iter().all(|query| !query.body.contains("clients")), "{queries:?}");
}

#[tokio::test]
async fn two_systems_are_synced_once_and_the_second_time_nothing_is_written() {
    let office = Office::start().await;
    office.world.hubspot.seed_people(12).unwrap();
    office.world.jobber.seed_people(16);
    office.world.time("13:30");
    let out = office.done(&["sync"]).await;
    assert!(out.contains("4 writes, 12 linked"), "{out}");
    assert_eq!(ids(&office), (16, 16));
    office.world.time("14:30");
    office.world.clear_requests();
    let out = office.done(&["sync", "contacts"]).await;
    assert!(out.contains("0 writes, 0 linked"), "{out}");
    assert_eq!(office.world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_writes_nothing_and_is_applied_as_it_was_approved() {
    let office = Office::start().await;
    let (contact, client) = anna(&office).await;
    office.world.clear_requests();
    let plan = office.path("plan.json");
    let plan = plan.to_str().unwrap();
    let out = office.done(&["plan", "-o", plan]).await;
    assert!(out.contains("\"Ann\" becomes \"Anna\""), "{out}");
    assert_eq!(office.world.writes(), Vec::<String>::new());

    // What has come since was not approved, and stays.
    office.world.edit_contact(&contact, "lastname", "Leeds");
    office.world.time("14:30");
    let told = office.flux(&["apply", plan]).await;
    assert_eq!(told.exit, Exit::Waits, "{told:?}");
    assert!(told.out.contains("1 moved since the plan"), "{told:?}");
    assert_eq!(office.world.jobber.client(&client).unwrap().first_name, "Ann");

    office.done(&["plan", "-o", plan]).await;
    let out = office.done(&["apply", plan]).await;
    assert!(out.contains("1 write,"), "{out}");
    let client = office.world.jobber.client(&client).unwrap();
    assert_eq!((client.first_name.as_str(), client.last_name.as_str()), ("Anna", "Leeds"));
}

#[tokio::test]
async fn a_file_that_is_no_plan_is_refused_and_nothing_is_done() {
    let office = Office::start().await;
    office.world.ann();
    std::fs::write(office.path("plan.json"), "{\"flux_plan\": 1, \"made\": \"x\"}").unwrap();
    let told = office.flux(&["apply", office.path("plan.json").to_str().unwrap()]).await;
    assert_eq!(told.exit, Exit::Failed);
    assert!(told.err.contains("is no plan that flux plan -o has kept"), "{told:?}");
    assert_eq!(office.world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_sealed_store_seals_its_plans_too_and_needs_its_key() {
    let seal = "[store.seal]\nid = \"2026-11\"\nkey_env = \"SYNC_KEY\"\n\n[engine]";
    let file = include_str!("../../sync.toml").replace("[engine]", seal);
    let mut office =
        Office::with(&file.replace("id = \"phone\"", "id = \"phone\"\nsensitive = true")).await;
    let told = office.flux(&["check"]).await;
    assert_eq!(told.exit, Exit::Mistaken);
    assert!(told.err.contains("SYNC_KEY is not set"), "{told:?}");

    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let token = crate::world::TOKEN;
    office.vars = fluxcascade_examples::flux::Vars::new([
        ("HUBSPOT_TOKEN", token),
        ("JOBBER_TOKEN", token),
        ("SYNC_KEY", key),
    ]);
    office.world.hubspot.seed_people(2).unwrap();
    office.world.time("13:30");
    let plan = office.path("plan.json");
    let out = office.done(&["plan", "-o", plan.to_str().unwrap()]).await;
    let email = office.world.hubspot.contacts()[0].value("email").to_owned();
    assert!(out.contains(&email), "{out}");
    let kept = String::from_utf8_lossy(&std::fs::read(&plan).unwrap()).into_owned();
    assert!(!kept.contains(&email));
    office.done(&["apply", plan.to_str().unwrap()]).await;
    assert_eq!(office.world.jobber.clients().len(), 2);
    let log = office.done(&["log"]).await;
    assert!(log.contains(&email) && log.contains("phone: [sensitive]"), "{log}");
}

#[tokio::test]
async fn a_plan_with_sensitive_values_is_not_kept_in_clear() {
    let file = include_str!("../../sync.toml");
    let office =
        Office::with(&file.replace("id = \"phone\"", "id = \"phone\"\nsensitive = true")).await;
    let plan = office.path("plan.json");
    let told = office.flux(&["plan", "-o", plan.to_str().unwrap()]).await;
    assert_eq!(told.exit, Exit::Failed);
    assert!(told.err.contains("seal the store with [store.seal]"), "{told:?}");
    assert!(!plan.exists());
}

#[tokio::test]
async fn the_log_tells_before_after_and_why_and_asks_no_system() {
    let office = Office::start().await;
    let (contact, client) = anna(&office).await;
    office.done(&["sync"]).await;
    office.world.clear_requests();
    for words in [
        vec!["log"],
        vec!["log", "contacts", "--record", &client],
        vec!["log", "--record", &contact, "--limit", "1"],
        vec!["log", "--run", "2"],
    ] {
        let out = office.done(&words).await;
        assert!(
            out.contains("firstname = firstName: \"Ann\" → \"Anna\"  (edited on the other side)"),
            "{out}"
        );
    }
    for words in [vec!["log", "--record", "nobody"], vec!["log", "--run", "1"]] {
        let out = office.done(&words).await;
        assert!(!out.contains("Anna"), "{out}");
    }
    assert!(
        office.world.hubspot.requests().is_empty() && office.world.jobber.requests().is_empty()
    );
}

#[tokio::test]
async fn a_system_that_is_down_is_no_mistake_in_the_file() {
    let office = Office::start().await;
    let file = std::fs::read_to_string(office.path("sync.toml")).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    office.write(&file.replace(&office.world.jobber.base_url(), &closed));
    let told = office.flux(&["sync"]).await;
    assert_eq!(told.exit, Exit::Failed, "{told:?}");
    assert!(told.err.contains("connection `jobber`: "), "{told:?}");
    assert_eq!(office.world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mapping_that_is_not_there_is_told_with_the_nearest() {
    let office = Office::start().await;
    let told = office.flux(&["sync", "contact"]).await;
    assert_eq!(told.exit, Exit::Failed);
    assert!(
        told.err.contains("there is no mapping `contact`: did you mean `contacts`?"),
        "{told:?}"
    );
}
