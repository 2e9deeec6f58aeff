//! The property of a new job or quote that has a client, too.

use fluxcascade_core::connector::WriteOutcome;
use fluxcascade_core::model::value::Reference;

use super::*;

/// A create of one with a property and a client.
async fn create(stage: &Stage, object: &str, client: &str) -> WriteOutcome {
    let of = |name: &str, object: &str, record: &str| {
        let object = ObjectType::new(object).unwrap();
        let of = Value::Ref(Reference { object, id: id(record) });
        (FieldName::new(name).unwrap(), of)
    };
    let fields = [of("client", "clients", client), of("property", "properties", "p")];
    let write = Write {
        operation: OperationId([0; 16]),
        action: WriteAction::Create,
        fields: fields.into_iter().collect(),
    };
    let request = WriteRequest {
        object: ObjectType::new(object).unwrap(),
        projection: projection(&["client", "property"]),
        writes: vec![write],
        not_after: NOON + Duration::from_secs(60),
    };
    stage.jobber.write(request).await.remove(0)
}

fn of_client(client: &str) -> ResponseTemplate {
    data(&json!({ "c0": { "id": "p", "client": { "id": client } } }))
}

/// Jobber would make it for the property's client.
#[tokio::test]
async fn a_job_at_another_clients_property_is_not_made() {
    for (object, one) in [("jobs", "job"), ("quotes", "quote")] {
        let made = data(&json!({ "e0": { one: { "id": "new" }, "userErrors": [] } }));
        let stage = Stage::with(vec![of_client("c"), made]).await;
        let outcome = create(&stage, object, "c").await;
        assert!(matches!(outcome, WriteOutcome::Applied { .. }), "{outcome:?}");
        assert_eq!(stage.variables().await[0], json!({ "id0": "p" }));

        let stage = Stage::with(vec![of_client("another")]).await;
        let outcome = create(&stage, object, "c").await;
        let WriteOutcome::Rejected { fields, error } = outcome else { panic!("{outcome:?}") };
        assert_eq!(fields, ["client", "property"].map(|name| FieldName::new(name).unwrap()));
        assert_eq!(error.kind, ErrorKind::Validation);
        assert_eq!(stage.jobber.requests().of("create"), 0);
    }
}

#[tokio::test]
async fn a_job_whose_property_is_not_known_to_be_the_clients_is_not_made() {
    let hidden = json!({
        "data": { "c0": { "id": "p", "client": null } },
        "errors": [{ "message": "hidden due to permissions", "path": ["c0", "client"] }],
    });
    let rows = [
        (data(&json!({ "c0": null })), ErrorKind::NotFound),
        (json_answer(&hidden), ErrorKind::Permission),
        (bad_variable("id0", "EncodedId!", "p"), ErrorKind::Validation),
    ];
    for (answer, kind) in rows {
        let stage = Stage::with(vec![answer]).await;
        let outcome = create(&stage, "jobs", "c").await;
        let WriteOutcome::Rejected { fields, error } = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind, kind, "{error}");
        assert!(fields.contains(&FieldName::new("property").unwrap()), "{error}");
        assert_eq!(stage.jobber.requests().of("create"), 0);
    }
    let stage = Stage::with(vec![ResponseTemplate::new(503)]).await;
    let outcome = create(&stage, "jobs", "c").await;
    assert!(matches!(outcome, WriteOutcome::NotSent(_)), "{outcome:?}");
}
