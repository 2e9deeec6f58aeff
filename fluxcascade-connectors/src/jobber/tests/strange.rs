//! Answers of another form than Jobber's schema says: a typed error, or a record that cannot be read
//! and keeps its id; never a panic, never a field that is blank for it, never a read without end.

use fluxcascade_core::connector::{ChangesRequest, Cursor};
use fluxcascade_core::model::State;

use super::*;

const OBJECTS: [&str; 7] =
    ["clients", "properties", "requests", "quotes", "jobs", "visits", "invoices"];

fn object(name: &str) -> ObjectType {
    ObjectType::new(name).unwrap()
}

fn page(of: &str, nodes: &Json, next: Option<&str>) -> ResponseTemplate {
    let info = json!({ "hasNextPage": next.is_some(), "endCursor": next });
    data(&json!({ of: { "nodes": nodes, "pageInfo": info } }))
}

async fn changes(
    stage: &Stage,
    of: &str,
    fields: &[&str],
    position: Position,
) -> Result<ChangesPage, ConnectorError> {
    let (object, projection) = (object(of), projection(fields));
    stage.jobber.changes(ChangesRequest { object, projection, position, limit: 50 }).await
}

/// Every field of an object that every account has.
fn names(of: &str) -> Vec<String> {
    let object = Object::named(&object(of)).unwrap();
    fields::Field::all_known(object).map(|field| field.name().to_owned()).collect()
}

#[tokio::test]
async fn a_value_of_another_type_makes_its_record_unreadable_and_no_other() {
    for of in OBJECTS {
        for name in names(of) {
            let key = name.split('.').next().unwrap();
            let odd = [json!(7.5), json!("x"), json!([[]]), json!({ "id": 1 }), json!([{}])];
            let mut nodes: Vec<Json> =
                odd.iter().map(|odd| json!({ "id": format!("odd {odd}"), key: odd })).collect();
            nodes.push(json!({ "id": "even" }));
            let stage = Stage::with(vec![page(of, &json!(nodes), None)]).await;
            let read = changes(&stage, of, &[&name], Position::Start).await.unwrap();
            assert_eq!(read.observations.len(), 6, "{of} {name}");
            let unreadable =
                read.observations.iter().filter(|o| matches!(o.state, State::Unreadable(_)));
            assert!(unreadable.count() > 1, "{of} {name}: {:?}", read.observations);
            let even = &read.observations[5];
            assert_eq!(even.record.as_str(), "even");
            assert!(matches!(even.state, State::Known { .. }), "{of} {name}: {even:?}");
        }
    }
}

#[tokio::test]
async fn a_list_of_another_form_is_an_error_and_no_end_of_the_read() {
    for of in OBJECTS {
        for body in [
            json!({}),
            json!({ of: null }),
            json!({ of: [] }),
            json!({ of: { "nodes": null } }),
            json!({ of: { "nodes": [] } }),
            json!({ of: { "nodes": [{}], "pageInfo": { "hasNextPage": false } } }),
            json!({ of: { "nodes": [{ "id": "" }], "pageInfo": { "hasNextPage": false } } }),
            json!({ of: { "nodes": [], "pageInfo": { "hasNextPage": true } } }),
        ] {
            let stage = Stage::with(vec![data(&body)]).await;
            let error = changes(&stage, of, &[], Position::Start).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Protocol, "{of}: {body}");
        }
    }
}

#[tokio::test]
async fn a_cursor_that_repeats_is_an_error() {
    for of in OBJECTS {
        let nodes = json!([{ "id": "a" }]);
        let stage = Stage::with(vec![page(of, &nodes, Some("MQ"))]).await;
        let first = changes(&stage, of, &[], Position::Start).await.unwrap();
        let again = changes(&stage, of, &[], Position::After(first.cursor)).await.unwrap_err();
        assert_eq!(again.kind, ErrorKind::Protocol, "{of}");
    }
}

/// Where a window of properties begins.
fn window() -> Position {
    let place = r#"{"format":1,"phase":"idle","mark":"2026-03-01T11:00:00Z","from":null,"to":null,"after":null,"newest":null}"#;
    Position::After(Cursor::new(place).unwrap())
}

#[tokio::test]
async fn a_clients_list_of_properties_in_another_form_is_an_error() {
    let with =
        |list: &Json| page("clients", &json!([{ "id": "c", "clientProperties": list }]), None);
    for list in [json!(null), json!([]), json!({ "nodes": [{}] }), json!({ "nodes": "x" })] {
        let stage = Stage::with(vec![with(&list)]).await;
        let error = changes(&stage, "properties", &[], window()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{list}");
    }
    let more = json!({
        "nodes": [{ "id": "p" }], "pageInfo": { "hasNextPage": true, "endCursor": "MQ" },
    });
    let rest = data(&json!({ "client": { "clientProperties": more } }));
    let stage = Stage::with(vec![with(&more), rest]).await;
    let first = changes(&stage, "properties", &[], window()).await.unwrap();
    assert!(first.more && first.observations.len() == 1);
    let next = Position::After(first.cursor);
    let again = changes(&stage, "properties", &[], next).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Protocol, "a cursor that repeats");
}

/// Its properties would be missed until the next full read.
#[tokio::test]
async fn a_client_that_failed_is_not_a_client_that_is_gone() {
    let more = json!({
        "nodes": [{ "id": "p" }], "pageInfo": { "hasNextPage": true, "endCursor": "MQ" },
    });
    let clients = || page("clients", &json!([{ "id": "c", "clientProperties": more }]), None);
    let oops = |path: Json| json!({ "message": "Oops", "path": path });
    for (errors, is_gone) in [
        (json!([]), true),
        (json!([oops(json!(["client"]))]), false),
        (json!([oops(Json::Null)]), false),
    ] {
        let rest = json_answer(&json!({ "data": { "client": null }, "errors": errors }));
        let stage = Stage::with(vec![clients(), rest]).await;
        let first = changes(&stage, "properties", &[], window()).await.unwrap();
        let rest = changes(&stage, "properties", &[], Position::After(first.cursor)).await;
        match rest {
            Ok(page) => assert!(is_gone && !page.more && page.observations.is_empty(), "{errors}"),
            Err(error) => assert!(!is_gone && error.message.contains("Oops"), "{errors}: {error}"),
        }
    }
}

#[tokio::test]
async fn custom_fields_without_end_are_an_error() {
    let fields = json!({ "object": { "fields": [{ "name": "firstName" }] } });
    let info = json!({ "hasNextPage": true, "endCursor": "MQ" });
    let page = json!({ "customFieldConfigurations": { "nodes": [], "pageInfo": info } });
    let stage = Stage::with(vec![data(&fields), data(&page)]).await;
    let error = stage.jobber.schema(&object("clients")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert_eq!(stage.jobber.requests().total(), 3);
}

#[tokio::test]
async fn the_schema_leaves_out_what_the_served_version_does_not_have() {
    let fields = json!({ "object": { "fields": [{ "name": "title" }, { "name": "client" }] } });
    let stage = Stage::with(vec![data(&fields)]).await;
    let schema = stage.jobber.schema(&object("requests")).await.unwrap();
    let names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["client", "title"]);

    let silent = Stage::with(vec![data(&json!({ "object": null }))]).await;
    let schema = silent.jobber.schema(&object("requests")).await.unwrap();
    assert!(schema.fields.len() > 10, "nobody says what there is");
    let refused = Stage::with(vec![refusal("FORBIDDEN", "no introspection")]).await;
    let schema = refused.jobber.schema(&object("visits")).await.unwrap();
    assert!(schema.fields.len() > 10);
}
