//! Every document that the adapter can send, with variables: kept in a directory that
//! `FLUXCASCADE_JOBBER_DOCUMENTS` names, where `tests/clients/jobber_documents.py` checks them against
//! a schema of Jobber's.

use std::collections::BTreeMap;

use fluxcascade_core::model::value::Reference;

use super::super::convert::Hidden;
use super::super::convert::input::{Change, Current};
use super::super::custom::{CustomField, CustomFields, CustomKind, Fields, Unlisted, Whose};
use super::super::document::{Document, Listing, Search};
use super::super::fields::{Contact, Field, Known, Plain, Shape};
use super::super::mutation::{self, Mutation, Shelve};
use super::super::subscribe;
use super::super::wire::Record;
use super::*;

/// Documents by a name for each.
type Documents = BTreeMap<String, Json>;

fn add(documents: &mut Documents, name: impl Into<String>, document: &Document) {
    let body = serde_json::from_slice(&document.body()).unwrap();
    let before = documents.insert(name.into(), body);
    assert_eq!(before, None, "two documents of one name");
}

fn ids(of: &str) -> RecordId {
    RecordId::new(of).unwrap()
}

fn customs(object: Object) -> CustomFields {
    let kinds = [
        CustomKind::Text,
        CustomKind::Numeric,
        CustomKind::TrueFalse,
        CustomKind::Dropdown,
        CustomKind::Link,
        CustomKind::Area,
    ];
    let field = |kind: CustomKind| CustomField {
        name: FieldName::new(format!("customFields.{kind:?}")).unwrap(),
        id: format!("{kind:?}"),
        kind,
        options: vec!["Large".to_owned()],
        read_only: false,
        unlisted: Unlisted::Unknown,
    };
    CustomFields::made_of(kinds.into_iter().filter(|_| object.applies_to().is_some()).map(field))
}

fn value(field: &Field) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let number = |text: &str| Value::Decimal(text.parse().unwrap());
    let map = |parts: [(&str, Value); 2]| {
        Value::Map(parts.map(|(key, value)| (key.to_owned(), value)).into())
    };
    match field {
        Field::Known(Known { shape, .. }) => match shape {
            Shape::Plain(Plain::Text) | Shape::Part(_) => text("Roof"),
            Shape::Plain(Plain::Email) | Shape::Contact(Contact::Email, _) => text("ann@x.example"),
            Shape::Plain(Plain::Phone) | Shape::Contact(Contact::Phone, _) => text("555-0100"),
            Shape::Plain(Plain::Bool) => Value::Bool(true),
            Shape::Plain(Plain::Int) => Value::Int(42),
            Shape::Plain(Plain::Decimal) | Shape::Amount(_) => number("12.50"),
            Shape::Plain(Plain::Instant | Plain::Scheduled) => Value::Instant(NOON),
            Shape::Plain(Plain::Choice(options)) => Value::Choice(options[0].to_owned()),
            Shape::Plain(Plain::Title) => Value::Choice("DR".to_owned()),
            Shape::Ref(object) => {
                let object = ObjectType::new(object.many()).unwrap();
                Value::Ref(Reference { object, id: ids("other") })
            }
        },
        Field::Custom(custom) => match custom.kind {
            CustomKind::Text => text("FC-42"),
            CustomKind::Numeric => number("12.5"),
            CustomKind::TrueFalse => Value::Bool(true),
            CustomKind::Dropdown => Value::Choice("Large".to_owned()),
            CustomKind::Link => map([("text", text("Plan")), ("url", text("https://x.example"))]),
            CustomKind::Area => map([("length", number("2.25")), ("width", number("4"))]),
        },
        Field::Gone(_) => panic!("nothing is written to what is gone"),
    }
}

/// A record with a list of each sort and an address, all other than what is written.
fn current() -> Current {
    let raw = json!({
        "id": "a",
        "emails": [
            { "id": "e1", "address": "old@x.example", "description": "Main", "primary": true },
            { "id": "e2", "address": "work@x.example", "description": "Work", "primary": false },
        ],
        "phones": [
            { "id": "p1", "number": "555-0199", "description": "Main", "primary": true },
            { "id": "p2", "number": "555-0198", "description": "Work", "primary": false },
        ],
        "billingAddress": { "street1": "1 Main", "city": null },
        "address": { "street1": "1 Main" },
    });
    let raw = serde_json::value::to_raw_value(&raw).unwrap();
    Current { record: Record::read(&raw).unwrap(), hidden: Hidden::default() }
}

fn reads(documents: &mut Documents, object: Object, all: &[Field]) {
    let many = object.many();
    let listing = |from: Option<Timestamp>| Listing {
        first: 50,
        after: from.map(|_| "MQ"),
        from,
        to: from.map(|from| from + Duration::from_secs(60)),
    };
    add(documents, format!("{many}-fields"), &Document::type_fields(object));
    for (name, from) in [("first", None), ("window", Some(NOON))] {
        let document = Document::list(object, all, listing(from));
        add(documents, format!("{many}-list-{name}"), &document);
    }
    let document = Document::fetch(object, all, &[ids("a"), ids("b")]);
    add(documents, format!("{many}-fetch"), &document);
    add(documents, format!("{many}-look"), &Document::fetch(object, &[], &[ids("a")]));
    let within: &[Option<&'static str>] = match object {
        Object::Clients => &[Some("EMAILS"), Some("PHONES"), Some("NAMES"), Some("CUSTOM_FIELDS")],
        Object::Visits => &[],
        Object::Properties
        | Object::Requests
        | Object::Jobs
        | Object::Quotes
        | Object::Invoices => &[None],
    };
    for within in within {
        let search = Search { first: 50, after: Some("MQ"), term: "Lee", within: *within };
        let name = format!("{many}-search-{}", within.unwrap_or("ANYWHERE"));
        add(documents, name, &Document::search(object, all, search));
    }
    if let Some(applies_to) = object.applies_to() {
        for whose in [Whose::Everyones, Whose::Own] {
            let document = Document::configurations(applies_to, whose, Some("MQ"));
            add(documents, format!("{many}-configurations-{whose:?}"), &document);
        }
        let document = Document::external_id_field(applies_to, "FluxCascade ID");
        add(documents, format!("{many}-external-id"), &document);
    }
    if object == Object::Properties {
        let document = Document::properties_of_clients(all, listing(Some(NOON)), 5);
        add(documents, "properties-of-clients", &document);
        for after in [None, Some("MQ")] {
            let document = Document::properties_of(all, "a", 5, after);
            add(documents, format!("properties-of-client-{}", after.is_some()), &document);
        }
    }
}

fn writes(documents: &mut Documents, known: &Fields, all: &[Field]) {
    let (object, many) = (known.object, known.object.many());
    let of = |fields: &[(FieldName, Value)]| Change::of(known, fields).unwrap();
    let named = |field: &Field| FieldName::new(field.name()).unwrap();
    let document = |kind, parts: &[Mutation]| {
        let parts: Vec<&Mutation> = parts.iter().collect();
        Document::mutations(kind, &parts)
    };
    let made: Vec<(FieldName, Value)> = all
        .iter()
        .filter(|field| match field {
            Field::Known(known) => known.create.is_some(),
            Field::Custom(_) => true,
            Field::Gone(_) => false,
        })
        .map(|field| (named(field), value(field)))
        .collect();
    let property = ids("p");
    let input = of(&made).create_input(&[]);
    let create =
        mutation::create(object, input, Some(&property).filter(|_| object == Object::Jobs));
    add(documents, format!("{many}-create"), &document("create", &[create.unwrap()]));
    // With nothing but what Jobber insists on.
    let needed = made.iter().filter(|(_, value)| matches!(value, Value::Ref(_))).cloned();
    let input = of(&needed.collect::<Vec<_>>()).create_input(&[]);
    let create = mutation::create(object, input, None);
    add(documents, format!("{many}-create-bare"), &document("create", &[create.unwrap()]));

    let edited = all.iter().filter(|field| !field.is_read_only() && !field.is_create_only());
    let set: Vec<(FieldName, Value)> =
        edited.clone().map(|field| (named(field), value(field))).collect();
    // What can be cleared.
    let clears = |field: &&Field| Change::of(known, &[(named(field), Value::Null)]).is_ok();
    let cleared: Vec<(FieldName, Value)> =
        edited.filter(clears).map(|field| (named(field), Value::Null)).collect();
    for (name, fields) in [("edit", set), ("clear", cleared)] {
        let input = of(&fields).edit_input(Some(&current()), all).unwrap();
        let parts = mutation::edit(object, &ids("a"), input);
        add(documents, format!("{many}-{name}"), &document("edit", &parts));
    }
    for how in [Shelve::Archive, Shelve::Restore] {
        if let Some(part) = mutation::shelve(object, &ids("a"), how) {
            add(documents, format!("{many}-{how:?}"), &document("edit", &[part]));
        }
    }
    let delete = match object {
        Object::Visits => Some(mutation::delete_visit(&ids("a"))),
        Object::Properties => Some(mutation::delete_property(&ids("a"), "c")),
        Object::Clients | Object::Requests | Object::Jobs | Object::Quotes | Object::Invoices => {
            None
        }
    };
    if let Some(part) = delete {
        add(documents, format!("{many}-delete"), &document("edit", &[part]));
    }
}

fn all() -> Documents {
    let mut documents = Documents::new();
    add(&mut documents, "account", &Document::account());
    for object in Object::ALL {
        let customs = customs(object);
        let all: Vec<Field> = Field::all_known(object).chain(customs.all()).collect();
        reads(&mut documents, object, &all);
        writes(&mut documents, &Fields::with(object, customs), &all);
        for topic in subscribe::topics(object) {
            let document = Document::webhook_endpoint(topic, "https://x.example/hook");
            add(&mut documents, format!("webhook-{topic}"), &document);
        }
    }
    add(&mut documents, "disconnect", &Document::app_disconnect());
    add(&mut documents, "webhook-end", &Document::no_webhook_endpoint("w"));
    documents
}

#[test]
fn every_document_that_can_be_sent_is_kept_where_somebody_wants_to_check_it() {
    let documents = all();
    assert!(documents.len() > 100, "{}", documents.len());
    let Some(directory) = std::env::var_os("FLUXCASCADE_JOBBER_DOCUMENTS") else { return };
    for (name, document) in documents {
        let path = std::path::Path::new(&directory).join(format!("{name}.json"));
        std::fs::write(path, document.to_string()).unwrap();
    }
}
