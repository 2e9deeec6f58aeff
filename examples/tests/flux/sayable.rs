//! Everything that a mapping can say can be said in the file, in its serde form and in the shorter one.

use std::collections::BTreeMap;

use fluxcascade_core::mapping::{
    BaseKeeping, ConflictScope, Create, DeletePolicy, DeleteUpdate, Drift, FirstSync, Guards,
    IdWrites, KeyForm, Limit, OnChange, Test,
};
use fluxcascade_core::transform::{phone_e164, trim, value_map};
use fluxcascade_core::{Direction, Mapping, Side, Strategy, Value};

use crate::Office;

/// A mapping that says everything.
fn wordy() -> Mapping {
    Mapping::builder("everything")
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .direction(Direction::Bidirectional)
        .primary(Side::Target)
        .create(Create::ToTarget)
        .match_on("email", "emails.primary")
        .match_on_all(["firstname", "phone"], ["firstName", "phones.primary"], |rule| {
            rule.forms([KeyForm::Text, KeyForm::PhoneE164 { region: "US".into() }])
        })
        .pair_with("firstname", "firstName", |pair| {
            pair.id("first").transform(trim()).required().sensitive().group("name")
        })
        .pair_with("lastname", "lastName", |pair| {
            pair.id("last").transform(value_map([("a", "b"), ("c", "d")])).group("name")
        })
        .pair_with("phone", "phones.primary", |pair| {
            pair.transform(phone_e164("US"))
                .conflicts([Strategy::NonBlankWins, Strategy::Longest])
                .first_link(Strategy::SourceWins)
                .on_change(OnChange::RewriteTarget)
        })
        .pair_with("company", "companyName", |pair| {
            pair.source_only().drift(Drift::Restore).base(BaseKeeping::Fingerprints)
        })
        .pair_fields(["address", "city"], ["billingAddress.street1", "billingAddress.city"], |p| p)
        .conflicts([Strategy::NewestWins, Strategy::Manual])
        .first_link(Strategy::Manual)
        .on_delete(Side::Source, DeletePolicy::Recreate)
        .delete_update(DeleteUpdate::Manual)
        .conflict_scope(ConflictScope::Record)
        .first_sync(FirstSync::FillBlanks)
        .guards(Guards {
            deletes: Limit { count: 1, percent: 2 },
            match_from: 3,
            ..Guards::default()
        })
        .filter(Side::Source, "state", Test::OneOf(vec!["CO".into(), Value::Choice("UT".into())]))
        .filter(Side::Source, "zip", Test::IsNotBlank)
        .filter(Side::Target, "isLead", Test::Equals(Value::Bool(false)))
        .foreign_id(Side::Source, "jobtitle", IdWrites::Always)
        .build()
        .unwrap()
}

/// The mapping's words, between connections and a store.
fn file(mapping: &str) -> String {
    let base = include_str!("../../sync.toml");
    let (head, _) = base.split_once("[[mappings]]").unwrap();
    format!("{head}\n{mapping}")
}

#[tokio::test]
async fn whatever_serde_makes_of_a_mapping_is_read_back_from_the_file() {
    let all = BTreeMap::from([("mappings", vec![wordy()])]);
    let office = Office::with(&file(&toml::to_string(&all).unwrap())).await;
    let out = office.done(&["check"]).await;
    // What is checked is what was said: each of its parts changes what is shown or what is stored.
    let read = fluxcascade_examples::flux::mappings(
        &std::fs::read_to_string(office.path("sync.toml")).unwrap(),
    );
    assert_eq!(read.unwrap(), [wordy()], "{out}");
}

#[tokio::test]
async fn the_shorter_form_says_the_same() {
    let short = r#"
        [[mappings]]
        name = "short"
        source = { connection = "hubspot", object = "contacts" }
        target = { connection = "jobber", object = "clients" }
        on_delete = { target = "recreate" }
        filter = { source = [{ field = "state", test = { one_of = ["CO", 7, 1.50, true, 2026-03-01] } }] }
        foreign_ids = { source = { field = "jobtitle" } }
        match = { source = "email", target = "emails.primary" }
        pairs = [{ source = "city", target = "billingAddress.city", transform = { value_map = { a = "b" } } }]
    "#;
    let read = fluxcascade_examples::flux::mappings(&file(short)).unwrap();
    let decimal = serde_json::from_str::<Value>(r#"{"decimal":"1.50"}"#).unwrap();
    let day = serde_json::from_str::<Value>(r#"{"date":"2026-03-01"}"#).unwrap();
    let long = Mapping::builder("short")
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .on_delete(Side::Target, DeletePolicy::Recreate)
        .filter(
            Side::Source,
            "state",
            Test::OneOf(vec!["CO".into(), Value::Int(7), decimal, Value::Bool(true), day]),
        )
        .foreign_id(Side::Source, "jobtitle", IdWrites::OnCreate)
        .match_on("email", "emails.primary")
        .pair_with("city", "billingAddress.city", |pair| pair.transform(value_map([("a", "b")])))
        .build()
        .unwrap();
    assert_eq!(read, [long]);
}

#[tokio::test]
async fn a_value_that_no_field_can_hold_is_found() {
    let bad = r#"
        [[mappings]]
        name = "short"
        source = { connection = "hubspot", object = "contacts" }
        target = { connection = "jobber", object = "clients" }
        filter = { source = [{ field = "state", test = { equals = { colour = "red" } } }] }
        match = [{ source = "email", target = "emails.primary" }]
        pairs = [{ source = "city", target = "billingAddress.city" }]
    "#;
    let wrong = fluxcascade_examples::flux::mappings(&file(bad)).unwrap_err();
    assert_eq!(wrong.list.len(), 1, "{wrong}");
    assert!(wrong.list[0].message.contains("is no value that a field can hold"), "{wrong}");
}
