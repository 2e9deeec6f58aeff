//! Mappings that cannot work: by themselves, and against what the systems have.

use std::sync::Arc;

use fluxcascade_core::mapping::{ConfigError, Mapping};
use fluxcascade_core::{Engine, SyncError};
use fluxcascade_store::MemoryStore;

use crate::assert_says;
use crate::world::{TOKEN, World, people};

/// The only finding of a configuration that cannot be used: its place and its words.
fn only(error: ConfigError) -> (String, String) {
    let [finding] = error.findings.try_into().unwrap();
    (finding.place, finding.message)
}

async fn build(world: &World, mapping: Mapping) -> Result<Engine, SyncError> {
    Engine::builder()
        .connection("hubspot", world.hubspot_at(&world.hubspot.base_url(), TOKEN))
        .connection("jobber", world.jobber_at(&world.jobber.base_url(), TOKEN))
        .store(Arc::new(MemoryStore::new()))
        .clock(world.shared_clock())
        .mapping(mapping)
        .build()
        .await
}

fn config_error(result: Result<Engine, SyncError>) -> ConfigError {
    match result {
        Err(SyncError::Config(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was built"),
    }
}

/// Only the account and the fields were asked for.
fn assert_untouched(world: &World, contact: &str, client: &str) {
    assert_eq!(world.writes(), Vec::<String>::new());
    let listed = world.hubspot.requests().iter().any(|r| r.path.contains("/objects/"));
    assert!(!listed, "no record was read either");
    let phone = "2565938310".to_owned();
    assert_eq!(world.phones(contact, client), (phone.clone(), phone));
}

#[tokio::test]
async fn a_field_that_a_system_does_not_have_is_found_with_the_nearest_name() {
    let world = World::start().await;
    let (contact, client) = world.ann();
    for (pair, end, hint) in [
        (("frist_name", "title"), "hubspot contacts", None),
        (("jobtitle", "companyNam"), "jobber clients", Some("companyName")),
        (("compani", "companyName"), "hubspot contacts", Some("company")),
    ] {
        let mapping = people().pair(pair.0, pair.1).build().unwrap();
        let (place, message) = only(config_error(build(&world, mapping).await));
        assert_eq!(place, format!("mapping contacts, pair {} = {}", pair.0, pair.1));
        assert_says(&message, &[end, "has no field"]);
        if let Some(hint) = hint {
            assert_says(&message, &["did you mean", hint]);
        }
    }
    assert_untouched(&world, &contact, &client);
}

#[tokio::test]
async fn all_unknown_fields_are_told_at_once_also_those_of_match_rules() {
    let world = World::start().await;
    let (contact, client) = world.ann();
    let mapping = people().match_on("emial", "emails.primary").pair("phne", "phones.work").build();
    let error = config_error(build(&world, mapping.unwrap()).await);
    assert_eq!(error.findings.len(), 2, "{error}");
    let text = error.to_string();
    assert_says(&text, &["2 findings", "match emial = emails.primary", "did you mean email"]);
    assert_says(&text, &["pair phne = phones.work", "did you mean phone"]);
    assert_untouched(&world, &contact, &client);
}

#[tokio::test]
async fn a_field_that_only_can_be_read_is_not_taken_for_one_that_is_written() {
    let world = World::start().await;
    let (contact, client) = world.ann();
    let mapping = people().pair("website", "jobberWebUri").build().unwrap();
    let (place, message) = only(config_error(build(&world, mapping).await));
    assert_eq!(place, "mapping contacts, pair website = jobberWebUri");
    assert_says(&message, &["jobberWebUri", "cannot be written", "make the pair"]);
    assert_untouched(&world, &contact, &client);
}

#[test]
fn a_target_field_that_two_pairs_write_is_told_with_both_pairs() {
    let error = people().pair("mobilephone", "phones.primary").build().unwrap_err();
    let (place, message) = only(error);
    assert_eq!(place, "target field phones.primary");
    assert_says(&message, &["written by several pairs", "let one pair alone write it"]);
    assert_says(&message, &["phone = phones.primary", "mobilephone = phones.primary"]);
}

#[test]
fn a_mapping_without_a_match_rule_is_refused_because_it_would_double_everybody() {
    let mapping = Mapping::builder("contacts")
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .pair("firstname", "firstName");
    let (place, message) = only(mapping.build().unwrap_err());
    assert_eq!(place, "match");
    assert_says(&message, &["no match rule", "created again", "add .match_on("]);
}
