//! Clients as Jobber sends them, hidden in part or strange, and writes as inputs.

use fluxcascade_core::model::{FieldName, Modified};
use serde_json::{Value as Json, json};

use super::input::{Change, Current};
use super::*;
use crate::jobber::custom::Fields;

fn fields(names: &[&str]) -> Vec<Of> {
    let names: Vec<FieldName> = names.iter().map(|name| FieldName::new(name).unwrap()).collect();
    Fields::plain(Object::Clients).all_named(&names).unwrap()
}

fn of_clients(raw: &RawValue, hidden: &Hidden, names: &[&str]) -> Result<Seen, ConnectorError> {
    seen(raw, hidden, Object::Clients, &fields(names))
}

fn raw(client: &Json) -> Box<RawValue> {
    RawValue::from_string(client.to_string()).unwrap()
}

fn read(client: &Json, hidden: &Hidden, names: &[&str]) -> State {
    of_clients(&raw(client), hidden, names).unwrap().state
}

fn slots(client: &Json, hidden: &Hidden, names: &[&str]) -> Vec<Slot> {
    let state = read(client, hidden, names);
    let State::Known { values, .. } = state else { panic!("{state:?}") };
    values.slots().to_vec()
}

fn errors(errors: Json) -> Vec<GraphError> {
    serde_json::from_value(errors).unwrap()
}

fn path(alias: &str) -> Vec<Segment> {
    vec![Segment::Key(alias.to_owned())]
}

#[test]
fn every_field_of_a_client_is_read() {
    let client = json!({
        "id": "Z2lk", "isArchived": false, "updatedAt": "2026-07-02T04:00:00-06:00",
        "firstName": "Ann", "companyName": null, "isCompany": false, "title": "Mr.",
        "balance": 12.50, "createdAt": "2026-07-01T10:00:00.5Z",
        "billingAddress": { "street1": "1 Main", "city": "Reno", "province": null },
        "emails": [
            { "id": "1", "address": "a@x.io", "description": "Main", "primary": true },
            { "id": "2", "address": "w@x.io", "description": "Work", "primary": false },
        ],
        "phones": [],
    });
    let names = [
        "firstName",
        "companyName",
        "isCompany",
        "title",
        "balance",
        "createdAt",
        "billingAddress.city",
        "billingAddress.province",
        "billingAddress.country",
        "emails.primary",
        "emails.work",
        "emails.other",
        "phones.primary",
    ];
    let text = |text: &str| Slot::Present(Value::from(text));
    let null = Slot::Present(Value::Null);
    assert_eq!(
        slots(&client, &Hidden::default(), &names),
        [
            text("Ann"),
            null.clone(),
            Value::Bool(false).into(),
            Value::Choice("MR".into()).into(),
            Value::Decimal("12.5".parse().unwrap()).into(),
            Value::Instant("2026-07-01T10:00:00.5Z".parse().unwrap()).into(),
            text("Reno"),
            null.clone(),
            null.clone(),
            text("a@x.io"),
            text("w@x.io"),
            null.clone(),
            null,
        ]
    );
    let State::Known { version, .. } = read(&client, &Hidden::default(), &[]) else { panic!() };
    let at = "2026-07-02T10:00:00Z".parse().unwrap();
    assert_eq!(version.modified, Some(Modified { at, granularity: Duration::from_secs(1) }));
}

#[test]
fn a_balance_is_taken_from_its_digits() {
    for digits in ["0.10", "1234567890.12", "-3", "\"7.25\""] {
        let text = format!("{{\"id\":\"a\",\"balance\":{digits}}}");
        let raw = RawValue::from_string(text).unwrap();
        let seen = of_clients(&raw, &Hidden::default(), &["balance"]).unwrap();
        let State::Known { values, .. } = seen.state else { panic!("{:?}", seen.state) };
        let expected = Value::Decimal(digits.trim_matches('"').parse().unwrap());
        assert_eq!(values[0], Slot::Present(expected));
    }
}

#[test]
fn a_field_under_an_error_is_absent_and_never_blank() {
    let client = json!({ "id": "a", "emails": null, "companyName": null, "title": null });
    let names = ["emails.primary", "companyName", "title", "firstName"];
    let null = Slot::Present(Value::Null);

    let hidden = errors(json!([{
        "message": "An object of type Email was hidden due to permissions",
        "path": ["c0", "emails", 0, "address"],
    }]));
    assert_eq!(
        slots(&client, &Hidden::at(&hidden, &path("c0")), &names),
        [Slot::Absent, null.clone(), null.clone(), Slot::Absent],
        "what was not in the answer at all is absent too"
    );
    assert_eq!(
        slots(&client, &Hidden::at(&hidden, &path("c1")), &names)[..3],
        [null.clone(), null.clone(), null],
        "another client's error"
    );

    let somewhere = errors(json!([{ "message": "hidden due to permissions" }]));
    assert_eq!(
        slots(&client, &Hidden::at(&somewhere, &path("c0")), &names),
        [Slot::Absent, Slot::Absent, Slot::Absent, Slot::Absent],
        "an error without a path may be about any null"
    );
}

#[test]
fn an_archived_client_is_deleted_by_flag() {
    let state = read(&json!({ "id": "a", "isArchived": true }), &Hidden::default(), &[]);
    assert!(matches!(state, State::Archived(_)));
}

#[test]
fn a_client_that_cannot_be_read_keeps_its_id() {
    let odd = json!({ "id": "a", "firstName": 7 });
    let seen = of_clients(&raw(&odd), &Hidden::default(), &["firstName"]).unwrap();
    assert_eq!(seen.id.as_str(), "a");
    assert!(matches!(seen.state, State::Unreadable(_)));
    for odd in [json!({ "id": "a", "updatedAt": "yesterday" }), json!({ "id": "a", "balance": {} })]
    {
        let state = read(&odd, &Hidden::default(), &["balance"]);
        assert!(matches!(state, State::Unreadable(_)), "{state:?}");
    }
    assert!(of_clients(&raw(&json!({ "firstName": "x" })), &Hidden::default(), &[]).is_err());
}

#[test]
fn a_null_client_is_missing_unless_an_error_says_otherwise() {
    let state = |found: Json| state_of_null(&errors(found), &path("c0"));
    assert_eq!(state(json!([])), State::Missing);
    let other = json!([{ "message": "no", "path": ["c1"], "extensions": { "code": "FORBIDDEN" } }]);
    assert_eq!(state(other), State::Missing);
    let coded = |code: &str, path: Json| {
        state(json!([{ "message": "no", "path": path, "extensions": { "code": code } }]))
    };
    assert_eq!(coded("NOT_FOUND", json!(["c0"])), State::Missing);
    assert_eq!(coded("BAD_USER_INPUT", json!(["c0"])), State::Missing);
    assert_eq!(coded("FORBIDDEN", json!(["c0"])), State::OutOfScope);
    assert_eq!(coded("FORBIDDEN", json!(["c0", "firstName"])), State::OutOfScope);
    assert!(matches!(coded("INTERNAL_SERVER_ERROR", json!(["c0"])), State::Unreadable(_)));
}

fn change(fields: &[(&str, Value)]) -> Result<Change, ConnectorError> {
    let fields: Vec<(FieldName, Value)> =
        fields.iter().map(|(name, value)| (FieldName::new(name).unwrap(), value.clone())).collect();
    Change::of(&Fields::plain(Object::Clients), &fields)
}

fn current(client: &Json) -> Current {
    Current { record: Record::read(&raw(client)).unwrap(), hidden: Hidden::default() }
}

#[test]
fn a_create_has_what_is_written_and_no_blanks_it_was_not_given() {
    let change = change(&[
        ("firstName", "Ann".into()),
        ("isCompany", Value::Bool(false)),
        ("title", Value::Choice("Mrs.".into())),
        ("billingAddress.city", "Reno".into()),
        ("billingAddress.country", Value::Null),
        ("emails.work", "w@x.io".into()),
        ("emails.primary", "a@x.io".into()),
        ("phones.mobile", " ".into()),
    ])
    .unwrap();
    assert_eq!(
        Json::Object(change.create_input(&change.fields)),
        json!({
            "firstName": "Ann", "isCompany": false, "title": "MRS",
            "billingAddress": { "city": "Reno" },
            "emails": [
                { "address": "a@x.io", "description": "MAIN", "primary": true },
                { "address": "w@x.io", "description": "WORK", "primary": false },
            ],
        })
    );
    assert_eq!(change.reads().count(), 5);
}

#[test]
fn an_edit_has_only_what_is_written_an_address_whole_and_lists_as_three() {
    let client = json!({
        "id": "a",
        "billingAddress": { "street1": "1 Main", "street2": "", "city": "Reno", "province": "NV",
                            "postalCode": "89501", "country": null },
        "emails": [
            { "id": "e1", "address": "a@x.io", "description": "Main", "primary": true },
            { "id": "e2", "address": "w@x.io", "description": "Work", "primary": false },
            { "id": "e3", "address": "o@x.io", "description": "Billing", "primary": false },
        ],
        "phones": [],
    });
    let change = change(&[
        ("lastName", Value::Null),
        ("title", Value::Null),
        ("billingAddress.city", "Elko".into()),
        ("emails.primary", "b@x.io".into()),
        ("emails.work", Value::Null),
        ("phones.primary", "555-0100".into()),
    ])
    .unwrap();
    let input = change.edit_input(Some(&current(&client)), &change.fields).unwrap();
    assert_eq!(
        Json::Object(input),
        json!({
            "lastName": "", "title": null,
            "billingAddress": { "street1": "1 Main", "street2": "", "city": "Elko",
                                "province": "NV", "postalCode": "89501", "country": "" },
            "emailsToEdit": [{ "id": "e1", "address": "b@x.io" }],
            "emailsToDelete": ["e2"],
            "phonesToAdd": [{ "number": "555-0100", "description": "MAIN", "primary": true }],
        })
    );
}

#[test]
fn an_edit_of_what_is_hidden_is_refused_with_its_fields() {
    let change = change(&[("firstName", "A".into()), ("emails.primary", "b@x.io".into())]).unwrap();
    let hidden = errors(json!([{
        "message": "An object of type Email was hidden due to permissions",
        "path": ["c0", "emails"],
    }]));
    let hidden = Hidden::at(&hidden, &path("c0"));
    let current = Current { hidden, ..current(&json!({ "id": "a", "emails": null })) };
    let error = change.edit_input(Some(&current), &[]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permission);
    assert_eq!(error.fields, names(&fields(&["emails.primary"])));
}

#[test]
fn what_cannot_be_written_is_refused_before_it_is_sent() {
    for (name, value) in [
        ("balance", Value::Int(1)),
        ("isArchived", Value::Bool(true)),
        ("isCompany", Value::Null),
        ("firstName", Value::Int(1)),
        ("title", Value::from("Professor")),
        ("shoeSize", Value::from("44")),
    ] {
        let error = change(&[("lastName", "x".into()), (name, value)]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Validation, "{name}");
        assert_eq!(error.fields, [FieldName::new(name).unwrap()]);
        assert!(!error.message.contains("Professor"), "{error}");
    }
}
