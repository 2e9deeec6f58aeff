//! The schema, and values in both directions.

use std::collections::BTreeSet;

use fluxcascade_core::model::{FieldSchema, FieldType, SeenBy};

use super::super::convert::{from_wire, to_wire};
use super::super::wire::Held;
use super::*;

async fn schema() -> ObjectSchema {
    Bench::new().await.hubspot.schema(&contacts()).await.unwrap()
}

fn read(schema: &ObjectSchema, field: &str, text: &str) -> Result<Value, String> {
    from_wire(schema.field(&name(field)).unwrap(), Some(&Held::Text(text.to_owned())))
}

fn write(schema: &ObjectSchema, field: &str, value: &Value) -> Result<String, String> {
    to_wire(schema.field(&name(field)).unwrap(), value)
}

fn set(codes: &[&str]) -> Value {
    Value::Set(codes.iter().map(|code| Value::Choice((*code).to_owned())).collect())
}

fn number(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

#[tokio::test]
async fn the_schema_has_types_choices_and_what_can_be_written() {
    let schema = schema().await;
    let field = |text: &str| schema.field(&name(text)).cloned().unwrap();
    let choice = |codes: &[&str]| FieldType::Choice {
        options: codes.iter().map(|code| (*code).to_owned()).collect(),
    };
    assert_eq!(field("email"), FieldSchema::new(name("email"), FieldType::Email).unique());
    assert_eq!(field("our_id"), FieldSchema::new(name("our_id"), FieldType::Text).unique());
    assert_eq!(field("phone").field_type, FieldType::Phone);
    assert_eq!(field("revenue").field_type, FieldType::Decimal);
    assert_eq!(field("birthday").field_type, FieldType::Date);
    assert_eq!(field("opted_out").field_type, FieldType::Bool);
    assert_eq!(field("stage").field_type, choice(&["lead", "customer"]));
    let item = Box::new(choice(&["A", "B"]));
    assert_eq!(field("tags").field_type, FieldType::Set { item });
    assert!(field("lastmodifieddate").read_only && field("place").read_only);
    assert_eq!((field("score").read_only, field("score").seen_by), (true, SeenBy::Sweep));
    assert!(!field("stage").read_only);
    assert_eq!(schema.field(&name("gone")), None);
}

#[tokio::test]
async fn values_are_read_as_their_types() {
    let schema = schema().await;
    let read = |field: &str, text: &str| read(&schema, field, text).unwrap();
    assert_eq!(read("firstname", " Ann "), Value::from(" Ann "));
    assert_eq!(read("revenue", "1500.00"), number("1500.00"));
    assert_eq!(read("revenue", "1.5E3"), number("1500"));
    assert_eq!(read("opted_out", "true"), Value::Bool(true));
    assert_eq!(read("birthday", "2020-02-29").to_string(), "2020-02-29");
    assert_eq!(read("birthday", "1582934400000").to_string(), "2020-02-29");
    // One answer may have both forms of a time.
    let at = Value::Instant(Timestamp::from_millis(1_762_212_973_632));
    assert_eq!(read("closed_at", "1762212973632"), at);
    assert_eq!(read("closed_at", "2025-11-03T23:36:13.632Z"), at);
    assert_eq!(read("stage", "lead"), Value::Choice("lead".to_owned()));
    assert_eq!(read("tags", "B;A;;B"), set(&["A", "B"]));
    for field in ["firstname", "revenue", "birthday", "opted_out", "stage", "tags"] {
        assert_eq!(read(field, ""), Value::Null, "{field}");
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_told_by_its_field_alone() {
    let schema = schema().await;
    for field in ["revenue", "birthday", "closed_at", "opted_out"] {
        let error = read(&schema, field, "sesame").unwrap_err();
        assert!(error.contains(field) && !error.contains("sesame"), "{error}");
    }
}

#[tokio::test]
async fn values_are_written_as_their_types_and_blanks_clear() {
    let schema = schema().await;
    let written = |field: &str, value: Value| write(&schema, field, &value).unwrap();
    assert_eq!(written("revenue", number("1500.50")), "1500.50");
    assert_eq!(written("revenue", Value::Int(7)), "7");
    assert_eq!(written("opted_out", Value::Bool(false)), "false");
    assert_eq!(written("birthday", Value::Date("2020-02-29".parse().unwrap())), "2020-02-29");
    let at = Value::Instant("2026-03-01T14:00:00.1239Z".parse().unwrap());
    assert_eq!(written("closed_at", at), "2026-03-01T14:00:00.123Z");
    assert_eq!(written("stage", Value::Choice("lead".to_owned())), "lead");
    assert_eq!(written("tags", set(&["B", "A"])), "A;B");
    assert_eq!(written("firstname", Value::Int(7)), "7");
    for field in ["firstname", "revenue", "birthday", "closed_at", "opted_out", "stage", "tags"] {
        assert_eq!(written(field, Value::Null), "", "{field}");
        assert_eq!(written(field, Value::from("  ")), "", "{field}");
    }
    assert_eq!(written("tags", Value::Set(BTreeSet::new())), "");
}

#[tokio::test]
async fn a_semicolon_never_reaches_a_choice() {
    let schema = schema().await;
    // A leading one would add to the choices instead of replacing them.
    for value in [Value::from(";A"), Value::from("A;B"), set(&["A", "B;C"])] {
        assert!(write(&schema, "tags", &value).is_err(), "{value:?}");
        assert!(write(&schema, "stage", &value).is_err(), "{value:?}");
    }
    for (field, value) in [
        ("revenue", Value::from("much")),
        ("birthday", Value::Bool(true)),
        ("opted_out", Value::Int(1)),
        ("firstname", set(&["A"])),
    ] {
        assert!(write(&schema, field, &value).is_err(), "{field}");
    }
}

#[tokio::test]
async fn what_is_written_reads_back_as_the_same() {
    let schema = schema().await;
    for (field, value) in [
        ("firstname", Value::from("Ünïcode \"quoted\"")),
        ("revenue", number("-0.000001")),
        ("birthday", Value::Date("1999-12-31".parse().unwrap())),
        ("closed_at", Value::Instant(Timestamp::from_millis(-1))),
        ("opted_out", Value::Bool(true)),
        ("stage", Value::Choice("customer".to_owned())),
        ("tags", set(&["A", "B"])),
    ] {
        let text = write(&schema, field, &value).unwrap();
        assert_eq!(read(&schema, field, &text).unwrap(), value, "{field}");
    }
}
