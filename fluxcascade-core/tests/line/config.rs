//! Bad configurations: everything that is wrong, at once, with where and what to do.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::connector::Cursor;
use fluxcascade_core::mapping::{ConfigError, Mapping, MappingBuilder, PairBuilder};
use fluxcascade_core::model::{FieldName, FieldSchema, FieldType};
use fluxcascade_core::store::{Feed, FeedKey, Intake, Sweep};
use fluxcascade_core::testkit::{CallKind, SimProfile, SimSystem};
use fluxcascade_core::transform::{phone_e164, value_map};
use fluxcascade_core::{Engine, Side, Strategy, SyncError};

use crate::world::{World, contacts};

fn places(error: &ConfigError) -> Vec<&str> {
    error.findings.iter().map(|finding| finding.place.as_str()).collect()
}

async fn refused(world: &World, mapping: Mapping) -> ConfigError {
    let result = Engine::builder()
        .connection("crm", world.crm.clone())
        .connection("field", world.field.clone())
        .store(Arc::clone(&world.store))
        .mapping(mapping)
        .build()
        .await;
    let Err(SyncError::Config(error)) = result else { panic!("{result:?}") };
    error
}

#[test]
fn a_mapping_with_no_match_rule_is_refused() {
    let error = Mapping::builder("m")
        .source("a", "x")
        .target("b", "y")
        .pair("name", "name")
        .build()
        .unwrap_err();
    assert_eq!(places(&error), ["match"]);
    assert!(error.to_string().contains("add .match_on("), "{error}");
}

#[test]
fn a_target_field_written_by_two_pairs_is_refused_by_name() {
    let error = contacts().pair("nickname", "name").build().unwrap_err();
    assert_eq!(places(&error), ["target field name"]);
    assert!(error.to_string().contains("nickname = name"), "{error}");
    // Read by two pairs and written by one is fine.
    contacts().pair_with("nickname", "name", PairBuilder::target_only).build().unwrap();
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let error = Mapping::builder("")
        .source("", "x")
        .pair_fields(["a", "b"], ["c"], |pair| pair)
        .build()
        .unwrap_err();
    assert_eq!(places(&error), ["source", "name", "target"]);
    let error = Mapping::builder("m")
        .source("a", "x")
        .target("a", "x")
        .conflicts(Strategy::PrimaryWins)
        .first_link(Strategy::NewestWins)
        .pair_fields(["a", "b"], ["c"], |pair| pair)
        .pair_with("p", "p", |pair| pair.transform(phone_e164("Narnia")))
        .pair_with("q", "q", |pair| pair.transform(value_map([("a", "x"), ("b", "x")])))
        .build()
        .unwrap_err();
    let expected =
        ["target", "match", "pair a+b = c", "pair p = p", "pair q = q", "conflicts", "first_link"];
    assert_eq!(places(&error), expected, "{error}");
}

/// A group's pairs are decided together: one that flows otherwise would be decided without them.
#[test]
fn a_group_of_pairs_that_flow_differently_is_refused() {
    let of = |first: fn(PairBuilder) -> PairBuilder, second: fn(PairBuilder) -> PairBuilder| {
        Mapping::builder("m")
            .source("a", "x")
            .target("b", "y")
            .match_on("email", "mail")
            .pair("email", "mail")
            .pair_with("phone", "phone", |p| first(p.group("place")))
            .pair_with("address", "street", |p| second(p.group("place")))
            .build()
    };
    let one_way = PairBuilder::source_only;
    let error = of(|p| p, one_way).unwrap_err();
    assert_eq!(places(&error), ["pair address = street"]);
    let text = error.to_string();
    assert!(text.contains("in the group place with phone = phone"), "{text}");
    assert!(text.contains("give both one direction"), "{text}");
    of(one_way, PairBuilder::target_only).unwrap_err();
    // Nothing conflicts in a group of one-way pairs, and both are bound alike.
    of(one_way, one_way).unwrap();
    of(|p| p, |p| p).unwrap();
}

/// A strategy that can never decide is warned of: its conflicts wait for a person.
#[tokio::test]
async fn union_and_append_are_warned_of_where_they_can_decide_nothing() {
    let warnings = async |strategies: fn(MappingBuilder) -> MappingBuilder| {
        let mut world = World::new();
        world.mapping = strategies(contacts()).build().unwrap();
        world.sync().await.warnings
    };
    let append = warnings(|m| m.conflicts(Strategy::Append)).await;
    assert_eq!(append.len(), 1, "{append:?}");
    assert!(append[0].starts_with("conflicts: append needs a text on both sides"), "{append:?}");
    assert!(append[0].contains("decides them: email = mail; phone = phone;"), "{append:?}");
    // In a list for all pairs it may be there for those that it fits.
    let list = warnings(|m| m.conflicts([Strategy::Append, Strategy::SourceWins])).await;
    assert!(list.is_empty(), "{list:?}");

    let own = |m: MappingBuilder| {
        m.pair_with("status", "crm_id", |p| {
            p.conflicts([Strategy::Union, Strategy::Append]).first_link(Strategy::Union)
        })
    };
    let own = warnings(own).await;
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(own[0].contains("union never decides here, as it needs a set"), "{own:?}");
    assert!(own[0].contains("the next one in the list does"), "{own:?}");
    assert!(own[1].contains("a person does"), "{own:?}");
    // What is decided together with a text has one; what flows one way never conflicts.
    let grouped = |m: MappingBuilder| {
        let group = |p: PairBuilder| p.group("g").conflicts(Strategy::Append);
        m.pair_with("status", "crm_id", group).pair_with("field_id", "number", group)
    };
    let mut world = World::new();
    world.field = world.field.typed_field("number", FieldType::Int);
    world.mapping = grouped(contacts()).build().unwrap();
    assert!(world.sync().await.warnings.is_empty());
    let one_way = |p: PairBuilder| p.source_only().conflicts(Strategy::Append);
    world.mapping = contacts().pair_with("field_id", "number", one_way).build().unwrap();
    assert!(world.sync().await.warnings.is_empty());
}

#[tokio::test]
async fn an_unknown_field_is_found_by_the_schema_with_the_nearest_name() {
    let world = World::new();
    let mapping = contacts().pair("nickname", "emial").pair("phnoe", "other").build().unwrap();
    let error = refused(&world, mapping).await;
    let text = error.to_string();
    assert_eq!(error.findings.len(), 4, "{text}");
    assert!(text.contains("crm contacts has no field phnoe; did you mean phone?"), "{text}");
    assert!(text.contains("field clients has no field emial; did you mean mail?"), "{text}");
    assert!(world.crm.ledger().is_empty() && world.field.ledger().is_empty());
}

#[tokio::test]
async fn a_field_that_cannot_be_written_and_one_that_must_be_are_found() {
    let mut world = World::new();
    let field = |name| FieldSchema::new(FieldName::new(name).unwrap(), FieldType::Text);
    world.field =
        world.field.schema_field(field("stamp").read_only()).schema_field(field("kind").required());
    let mapping = contacts().pair("stamp", "stamp").build().unwrap();
    world.crm = world.crm.field("stamp");
    let error = refused(&world, mapping).await;
    assert_eq!(
        places(&error),
        ["mapping contacts, pair stamp = stamp", "mapping contacts, target field kind"],
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_that_is_missing_is_named() {
    let world = World::new();
    let mapping = contacts().target("jober", "clients").build().unwrap();
    let error = refused(&world, mapping).await;
    assert!(error.to_string().contains("the connection jober"), "{error}");
}

#[tokio::test]
async fn an_unknown_mapping_names_those_there_are() {
    let world = World::new();
    let error = world.engine().await.sync("contact").await.unwrap_err().to_string();
    assert_eq!(error, "there is no mapping \"contact\"; the engine has: contacts");
}

#[tokio::test]
async fn another_account_behind_a_connection_stops_the_run() {
    let mut world = World::new();
    world.linked().await;
    let clock = world.shared_clock();
    world.crm = SimSystem::new("other", "contacts", SimProfile::default(), clock)
        .typed_field("email", FieldType::Email)
        .field("name")
        .typed_field("phone", FieldType::Phone)
        .field("address");
    let error = world.engine().await.sync("contacts").await.unwrap_err();
    assert!(matches!(error, SyncError::OtherAccount { .. }), "{error}");
    assert_eq!(world.field.calls(CallKind::Update), 0);
}

#[test]
fn a_mapping_is_read_as_it_was_written() {
    let mapping = contacts()
        .pair_with("zip", "zip", |pair| pair.sensitive().transform(value_map([("a", "b")])))
        .build()
        .unwrap();
    let text = serde_json::to_string(&mapping).unwrap();
    let read: Mapping = serde_json::from_str(&text).unwrap();
    assert_eq!(read, mapping);
    let unknown = text.replacen("\"source\"", "\"sorce\":1,\"source\"", 1);
    assert!(serde_json::from_str::<Mapping>(&unknown).is_err());
}

/// A pair that is added to a mapping is decided without a base, on records read whole again.
#[tokio::test]
async fn a_pair_that_is_added_is_decided_for_all_records() {
    let mut world = World::new();
    let (source, target) = world.linked().await;
    world.crm = world.crm.field("city");
    world.field = world.field.field("city");
    world.crm.edit(&source, "city", "Boaz");
    world.minutes(600); // long before the look-back of the next run
    world.settle().await;
    world.mapping = contacts().pair("city", "city").build().unwrap();
    world.settle().await;
    assert_eq!(world.field.text(&target, "city"), "Boaz");
    world.crm.edit(&source, "phone", "256 555 0199");
    world.settle().await;
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
}

/// Links are of the endpoints that they were made between.
#[tokio::test]
async fn a_mapping_with_links_that_names_other_endpoints_is_refused() {
    let world = World::new();
    let (source, _) = world.linked_with_name("Ann").await;
    let other = SimSystem::new("field", "clients", SimProfile::default(), world.shared_clock())
        .field("mail")
        .field("name")
        .field("phone")
        .field("street");
    let bob = other.insert([("mail", "bob@y.io"), ("name", "Bob")]);
    let engine = Engine::builder()
        .connection("crm", world.crm.clone())
        .connection("field2", other.clone())
        .store(Arc::clone(&world.store))
        .clock(world.shared_clock())
        .mapping(contacts().target("field2", "clients").build().unwrap())
        .build()
        .await
        .unwrap();
    let error = engine.sync("contacts").await.unwrap_err();
    assert!(matches!(error, SyncError::OtherEndpoints { .. }), "{error}");
    assert!(error.to_string().contains("use another mapping name"), "{error}");
    assert_eq!(world.crm.text(&source, "name"), "Ann");
    assert_eq!(other.text(&bob, "name"), "Bob");
    // The former mapping goes on.
    world.settle().await;
}

/// P20: what a pair's former fields held says nothing of those that it ties now.
#[tokio::test]
pub(crate) async fn a_pair_that_ties_other_fields_under_its_id_is_decided_as_a_new_one() {
    let who = |field: &'static str| {
        Mapping::builder("contacts")
            .source("crm", "contacts")
            .target("field", "clients")
            .match_on("email", "mail")
            .pair("email", "mail")
            .pair_with(field, "name", |pair| pair.id("who"))
            .build()
            .unwrap()
    };
    let mut world = World::new();
    world.mapping = who("name");
    let (source, target) = world.linked_with_name("Ann").await;
    world.minutes(15);
    world.mapping = who("address");
    world.settle().await;
    assert_eq!(world.field.text(&target, "name"), "Ann");
    assert_eq!(world.crm.text(&source, "address"), "Ann", "the blank one is filled");
}

/// A stored place that a connector does not take any more costs a full read, and no run.
#[tokio::test]
async fn a_place_in_the_changes_that_is_lost_is_read_anew() {
    let world = World::new();
    let (source, target) = world.linked().await;
    let engine = world.engine().await;
    let key = engine.mapping_key(&world.mapping.name);
    for sweeping in [false, true] {
        let feed_key = FeedKey {
            connection: world.mapping.source.connection.clone(),
            object: world.mapping.source.object.clone(),
            reader: world.mapping.name.clone(),
        };
        let now = world.shared_clock().now();
        let lease = world.store.lease(&key, now, Duration::from_secs(300)).await.unwrap();
        let feed = world.store.feed(&lease, &feed_key).await.unwrap();
        let feed = Feed { cursor: Some(Cursor::new("format 0").unwrap()), sweeping, ..feed };
        let page = Intake {
            side: Side::Source,
            revision: 1,
            rows: Vec::new(),
            feed_key,
            feed,
            sweep: Sweep::None,
        };
        world.store.intake(&lease, &page).await.unwrap();
        world.store.release(&lease).await.unwrap();
        world.minutes(60);
        let phone = if sweeping { "256 555 0198" } else { "256 555 0199" };
        world.crm.edit(&source, "phone", phone);
        assert_eq!(engine.sync("contacts").await.unwrap().writes(), 1);
        assert_eq!(world.field.text(&target, "phone"), phone);
    }
}

/// P27: an engine that lives long looks at accounts and schemas again once an hour.
#[tokio::test]
async fn a_long_lived_engine_sees_another_account_and_another_schema() {
    let world = World::new();
    let (source, target) = world.linked().await;
    let engine = world.engine().await;
    world.field.drop_field("street");
    world.minutes(59);
    engine.sync("contacts").await.unwrap();
    world.minutes(1);
    let error = engine.sync("contacts").await.unwrap_err();
    let SyncError::Config(error) = error else { panic!("{error}") };
    assert!(error.to_string().contains("street"), "{error}");

    // The field is back.
    let _ = world.field.clone().field("street");
    world.crm.edit(&source, "name", "Ann B");
    engine.sync("contacts").await.unwrap();
    assert_eq!(world.field.text(&target, "name"), "Ann B");
    engine.sync("contacts").await.unwrap();

    world.crm.switch_account("another");
    world.minutes(59);
    engine.sync("contacts").await.unwrap();
    world.minutes(1);
    let error = engine.sync("contacts").await.unwrap_err();
    assert!(matches!(error, SyncError::OtherAccount { .. }), "{error}");
    world.crm.switch_account("crm-account");
    engine.sync("contacts").await.unwrap();
}
