//! Custom objects: by number or by name, with what their schema needs, and associations of their own.

use fluxcascade_core::Reader;
use fluxcascade_core::connector::{ErrorKind, Position, WriteOutcome};
use fluxcascade_core::model::{FieldType, ObjectType, SeenBy, Value};
use serde_json::json;

use super::bench::{Bench, applied, change, create, known, name, texts, to, to_all, write};

/// Pets, and their number.
async fn pets() -> (Bench, String) {
    let bench = Bench::of("pets", &["call_name", "associations.contacts"]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let property =
        |name: &str| json!({ "name": name, "label": name, "type": "string", "fieldType": "text" });
    let properties = ["call_name", "breed"].map(property);
    let schema = json!({
        "name": "pets", "labels": { "singular": "Pet", "plural": "Pets" },
        "requiredProperties": ["call_name"], "properties": properties,
        "associatedObjects": ["CONTACT"],
    });
    let url = bench.sim.base_url() + "/crm-object-schemas/v3/schemas";
    let made = http.post(url).bearer_auth("t").json(&schema).send().await.unwrap();
    let made: serde_json::Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    (bench, made["objectTypeId"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_custom_object_is_the_same_by_its_number_and_by_its_name() {
    let (mut bench, number) = pets().await;
    let rex = bench.sim.seed("pets", [("call_name", "Rex")]).unwrap();
    for object in [number.as_str(), "pets", "p62515_pets"] {
        bench.look_at(object, &["call_name"]);
        let schema = bench.hubspot.schema(&bench.object).await.unwrap();
        assert_eq!(schema.object.as_str(), object);
        assert!(schema.field(&name("call_name")).unwrap().required);
        assert!(!schema.field(&name("breed")).unwrap().required);
        assert_eq!(known(&bench.follow(Position::Start).await.0), [rex.clone()].into());
    }
    let error = bench.hubspot.schema(&ObjectType::new("2-99").unwrap()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
}

#[tokio::test]
async fn its_associations_are_those_of_its_schema_and_are_made_after_it() {
    let (bench, _) = pets().await;
    let ann = bench.sim.seed_contact([("email", "ann@x.io")]).unwrap();
    let schema = bench.hubspot.schema(&bench.object).await.unwrap();
    let field = schema.field(&name("associations.contacts")).unwrap();
    let item = Box::new(FieldType::Ref { object: ObjectType::new("contacts").unwrap() });
    assert_eq!((&field.field_type, field.seen_by), (&FieldType::Set { item }, SeenBy::Webhook));
    assert_eq!(schema.field(&name("associations.companies")), None, "its schema has none");

    let set = ("associations.contacts", to_all("contacts", &[&ann]));
    let mut fields = texts(&[("call_name", "Rex")]);
    fields.push(set.clone());
    let action = fluxcascade_core::connector::WriteAction::Create;
    let rex = applied(&bench.write_one(write(action.clone(), &fields)).await);
    assert_eq!(bench.sim.associated(("pets", &rex), "contacts"), [(ann.clone(), false)]);
    assert_eq!(bench.slot(&rex, set.0).await, set.1.into());
    applied(&bench.write_one(change(&rex, &[("association.contacts", Value::Null)])).await);
    assert_eq!(bench.sim.associated(("pets", &rex), "contacts"), []);
    let one = ("association.contacts", to("contacts", &ann));
    applied(&bench.write_one(change(&rex, &[one])).await);
    assert_eq!(bench.sim.associated(("pets", &rex), "contacts"), [(ann.clone(), false)]);

    // What is made and then not associated is read back: its id must not be lost.
    bench.sim.archive_contact(&ann).unwrap();
    let outcome = bench.write_one(write(action, &fields)).await;
    let WriteOutcome::Applied { record, values: None, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    assert_ne!(record.as_str(), rex);
}

#[tokio::test]
async fn a_new_one_without_what_it_needs_is_refused_with_the_property() {
    let (bench, _) = pets().await;
    let outcome = bench.write_one(create(&[("breed", "Collie")])).await;
    let WriteOutcome::Rejected { fields, error } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(
        (fields.as_slice(), error.kind),
        ([name("call_name")].as_slice(), ErrorKind::Validation)
    );
    assert!(bench.sim.records("pets").is_empty());
}
