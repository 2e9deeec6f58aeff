//! What waits for a person is shown under a key, and answered by it.

use fluxcascade_connectors::sim::jobber::JobberClient;
use fluxcascade_examples::flux::Exit;

use crate::Office;

/// Ann's company was edited on both sides, and a person decides. Gives the ids, and the key on the desk.
async fn waiting(office: &Office) -> (String, String, String) {
    let (contact, client) = office.world.ann();
    office.world.time("13:30");
    office.done(&["sync"]).await;
    office.world.time("14:00");
    office.world.edit_contact(&contact, "company", "North Ltd");
    let edited =
        office.world.jobber.edit_client(&client, |ann| ann.company_name = Some("South Ltd".into()));
    assert!(edited.is_some());
    office.world.time("14:15");
    let told = office.flux(&["sync"]).await;
    assert_eq!(told.exit, Exit::Waits, "{told:?}");
    assert!(told.out.contains("flux desk contacts"), "{told:?}");
    (contact, client, key(office).await)
}

async fn key(office: &Office) -> String {
    let told = office.flux(&["desk"]).await;
    assert_eq!(told.exit, Exit::Waits, "{told:?}");
    for part in [
        "1 thing waits",
        "\"North Ltd\"",
        "\"South Ltd\"",
        "take-source, take-target, leave",
        "set VALUE",
    ] {
        assert!(told.out.contains(part), "{part}: {told:?}");
    }
    told.out.lines().nth(1).unwrap().split("  ").next().unwrap().to_owned()
}

fn companies(office: &Office, contact: &str, client: &str) -> [String; 2] {
    let client = office.world.jobber.client(client).unwrap();
    [office.world.contact_value(contact, "company"), client.company_name.unwrap_or_default()]
}

#[tokio::test]
async fn a_conflict_is_answered_and_the_next_sync_carries_it_out() {
    let office = Office::start().await;
    let (contact, client, key) = waiting(&office).await;
    let out = office.done(&["desk", "contacts", "answer", &key, "take-source"]).await;
    assert!(out.contains("stored"), "{out}");
    let told = office.flux(&["desk", "contacts"]).await;
    assert!(told.out.contains("answered: take-source"), "{told:?}");
    office.world.time("14:30");
    office.done(&["sync"]).await;
    assert_eq!(companies(&office, &contact, &client), ["North Ltd", "North Ltd"]);
    assert!(office.done(&["desk"]).await.contains("nothing waits"));
}

#[tokio::test]
async fn a_value_of_ones_own_is_set_on_both_sides() {
    let office = Office::start().await;
    let (contact, client, key) = waiting(&office).await;
    office.done(&["desk", "answer", &key, "set", "East & West Ltd"]).await;
    office.world.time("14:30");
    office.done(&["sync"]).await;
    assert_eq!(companies(&office, &contact, &client), ["East & West Ltd"; 2]);
}

#[tokio::test]
async fn what_is_no_answer_is_told_and_stores_nothing() {
    let office = Office::start().await;
    let (_, _, key) = waiting(&office).await;
    for (answer, says) in [
        ("take-sorce", "did you mean `take-source`?"),
        ("allow", "takes take-source, take-target, leave"),
        ("link-to", "link-to what?"),
        ("link-to 42", "takes take-source, take-target, leave"),
    ] {
        let told = office.flux(&["desk", "answer", &key, answer]).await;
        assert_eq!(told.exit, Exit::Failed, "{told:?}");
        assert!(told.err.contains(says), "{answer}: {told:?}");
    }
    let told = office.flux(&["desk", "answer", &key, "set", "--source", "One"]).await;
    assert!(told.err.contains("the target needs 1 values, and 0 were given"), "{told:?}");
    assert!(!office.flux(&["desk"]).await.out.contains("answered"));
}

#[tokio::test]
async fn an_answer_to_what_has_moved_since_is_refused() {
    let office = Office::start().await;
    let (contact, client, key) = waiting(&office).await;
    office.world.edit_contact(&contact, "company", "Far North Ltd");
    office.world.time("14:30");
    assert_eq!(office.flux(&["sync"]).await.exit, Exit::Waits);
    let told = office.flux(&["desk", "answer", &key, "take-source"]).await;
    assert_eq!(told.exit, Exit::Failed);
    assert!(told.err.contains("has moved since it was shown"), "{told:?}");
    assert_eq!(companies(&office, &contact, &client), ["Far North Ltd", "South Ltd"]);
}

/// Two clients have one contact's e-mail: who is meant is said by a person.
#[tokio::test]
async fn a_parked_match_is_answered_with_the_record_that_is_meant() {
    let office = Office::start().await;
    let (contact, client) = office.world.ann();
    let other = JobberClient::person("Ann", "Other").with_email("ann@lee.example");
    let other = office.world.jobber.seed_client(other);
    office.world.time("13:30");
    assert_eq!(office.flux(&["sync"]).await.exit, Exit::Waits);
    let told = office.flux(&["desk"]).await;
    let of_contact = told.out.lines().find(|line| line.contains(&contact)).unwrap();
    let key = of_contact.split("  ").next().unwrap();
    for id in [&client, &other] {
        assert!(told.out.contains(&format!("link-to {id}")), "{told:?}");
    }
    office.done(&["desk", "answer", key, "link-to", &client]).await;
    office.world.time("14:30");
    let told = office.flux(&["sync"]).await;
    assert!(told.out.contains("1 linked"), "{told:?}");
    let log = office.done(&["log", "--record", &client]).await;
    assert!(log.contains("link  hubspot contacts"), "{log}");
}
