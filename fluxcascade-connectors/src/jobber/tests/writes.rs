//! Writes: the documents as they are sent, and what became of each write.

use fluxcascade_core::connector::WriteOutcome;
use fluxcascade_core::model::value::Reference;

use super::*;

const LATER: Timestamp = Timestamp::from_secs(1_772_366_400 + 60);

fn update(record: &str, fields: &[(&str, &str)]) -> Write {
    Write { action: WriteAction::Update { record: id(record), if_tag: None }, ..create(fields) }
}

fn create(fields: &[(&str, &str)]) -> Write {
    let field = |(name, text): &(&str, &str)| (FieldName::new(name).unwrap(), Value::from(*text));
    Write {
        operation: OperationId([0; 16]),
        action: WriteAction::Create,
        fields: fields.iter().map(field).collect(),
    }
}

async fn write_until(stage: &Stage, writes: Vec<Write>, not_after: Timestamp) -> Vec<WriteOutcome> {
    let projection = projection(&["firstName", "emails.primary"]);
    let request = WriteRequest { object: clients(), projection, writes, not_after };
    stage.jobber.write(request).await
}

async fn write(stage: &Stage, writes: Vec<Write>) -> Vec<WriteOutcome> {
    write_until(stage, writes, LATER).await
}

async fn write_one(stage: &Stage, one: Write) -> WriteOutcome {
    write(stage, vec![one]).await.remove(0)
}

fn done(id: &str) -> Json {
    json!({ "client": { "id": id, "updatedAt": "2026-03-01T12:00:00Z" }, "userErrors": [] })
}

fn edits(ids: &[&str]) -> ResponseTemplate {
    let payloads = ids.iter().enumerate().map(|(n, id)| (format!("e{n}"), done(id)));
    data(&Json::Object(payloads.collect()))
}

fn kinds(outcomes: &[WriteOutcome]) -> Vec<&'static str> {
    let kind = |outcome: &WriteOutcome| match outcome {
        WriteOutcome::Applied { .. } => "applied",
        WriteOutcome::Exists(_) => "exists",
        WriteOutcome::Rejected { .. } => "rejected",
        WriteOutcome::PreconditionFailed => "precondition failed",
        WriteOutcome::NotSent(_) => "not sent",
        WriteOutcome::Unknown(_) => "unknown",
    };
    outcomes.iter().map(kind).collect()
}

#[tokio::test]
async fn edits_go_in_documents_of_several_with_an_alias_each() {
    let stage = Stage::built(vec![edits(&["a", "b"]), edits(&["c"])], |builder| {
        builder.edits_per_request(2)
    })
    .await;
    let names = [("a", "Ann"), ("b", "Bob"), ("c", "Cy")];
    let writes = names.map(|(id, name)| update(id, &[("firstName", name)])).to_vec();
    let outcomes = write(&stage, writes).await;
    assert_eq!(kinds(&outcomes), ["applied"; 3]);
    let WriteOutcome::Applied { record, version, values } = &outcomes[1] else { panic!() };
    assert_eq!(record, &id("b"));
    assert_eq!(version.modified.unwrap().at, "2026-03-01T12:00:00Z".parse().unwrap());
    assert_eq!(*values, None, "an answer is no proof of what was stored");
    let sent = stage.sent().await;
    assert_eq!(sent.len(), 2, "nothing was read first: a name depends on nothing");
    let variables = json!({
        "id0": "a", "input0": { "firstName": "Ann" }, "id1": "b", "input1": { "firstName": "Bob" },
    });
    assert_eq!(sent[0]["variables"], variables);
    let query = sent[0]["query"].as_str().unwrap();
    assert!(query.contains("e1: clientEdit(clientId: $id1, input: $input1)"), "{query}");
    assert!(query.contains("userErrors { message path }"), "{query}");
}

#[tokio::test]
async fn a_list_is_read_before_it_is_edited() {
    let mails = json!([
        { "id": "e1", "address": "a@x.io", "description": "Main", "primary": true },
        { "id": "e2", "address": "w@x.io", "description": "Work", "primary": false },
    ]);
    let current = data(&json!({ "c0": { "id": "b", "emails": mails } }));
    let stage = Stage::with(vec![current, edits(&["a", "b"])]).await;
    let writes = vec![
        update("a", &[("firstName", "Ann")]),
        update("b", &[("emails.primary", "b@x.io"), ("firstName", "Bob")]),
    ];
    assert_eq!(kinds(&write(&stage, writes).await), ["applied"; 2]);
    let sent = stage.sent().await;
    assert_eq!(sent[0]["variables"], json!({ "id0": "b" }), "only where the edit depends on it");
    assert_eq!(
        sent[1]["variables"]["input1"],
        json!({ "firstName": "Bob", "emailsToEdit": [{ "id": "e1", "address": "b@x.io" }] })
    );
}

#[tokio::test]
async fn an_edit_that_is_done_already_is_not_sent_again() {
    let mails = json!([{ "id": "1", "address": "a@x.io", "description": "Main", "primary": true }]);
    let stage = Stage::with(vec![data(&json!({ "c0": { "id": "a", "emails": mails } }))]).await;
    let outcome = write_one(&stage, update("a", &[("emails.primary", "a@x.io")])).await;
    assert_eq!(kinds(&[outcome]), ["applied"]);
    assert_eq!(stage.jobber.requests().of("edit"), 0);
}

#[tokio::test]
async fn two_edits_of_one_client_go_one_after_the_other() {
    let stage = Stage::with(vec![edits(&["a"])]).await;
    let writes = vec![update("a", &[("firstName", "A")]), update("a", &[("lastName", "B")])];
    assert_eq!(kinds(&write(&stage, writes).await), ["applied"; 2]);
    assert_eq!(stage.jobber.requests().of("edit"), 2);
}

#[tokio::test]
async fn creates_go_one_by_one_and_outcomes_keep_their_order() {
    let answers = vec![edits(&["b"]), edits(&["new1"]), edits(&["new2"])];
    let stage = Stage::with(answers).await;
    let writes = vec![
        create(&[("firstName", "Ann"), ("emails.primary", "a@x.io")]),
        update("b", &[("firstName", "Bob")]),
        create(&[("balance", "1")]),
        create(&[("firstName", "Cy")]),
    ];
    let outcomes = write(&stage, writes).await;
    assert_eq!(kinds(&outcomes), ["applied", "applied", "rejected", "applied"]);
    let WriteOutcome::Applied { record, .. } = &outcomes[3] else { panic!() };
    assert_eq!(record, &id("new2"));
    assert_eq!(
        stage.variables().await[1]["input0"],
        json!({
            "firstName": "Ann",
            "emails": [{ "address": "a@x.io", "description": "MAIN", "primary": true }],
        })
    );
}

#[tokio::test]
async fn a_refused_edit_names_its_fields_and_stops_no_other() {
    let refused = json!({ "client": null, "userErrors": [{
        "message": "ann@@x.io is not an e-mail", "path": ["input", "emailsToAdd", "0", "address"],
    }] });
    let current = data(&json!({ "c0": { "id": "a", "emails": [] } }));
    let answer = data(&json!({ "e0": refused, "e1": done("b") }));
    let stage = Stage::with(vec![current, answer]).await;
    let writes = vec![
        update("a", &[("firstName", "Ann"), ("emails.primary", "ann@@x.io")]),
        update("b", &[("firstName", "Bob")]),
    ];
    let outcomes = write(&stage, writes).await;
    assert_eq!(kinds(&outcomes), ["rejected", "applied"]);
    let WriteOutcome::Rejected { fields, error } = &outcomes[0] else { panic!() };
    assert_eq!(fields, &[FieldName::new("emails.primary").unwrap()]);
    assert_eq!(error.kind, ErrorKind::Validation);
    assert_eq!(error.message, "jobber refused the client: [address] is not an e-mail");
}

#[tokio::test]
async fn a_client_that_is_not_there_is_rejected_and_stops_no_other() {
    let stage = Stage::with(vec![
        data(&json!({ "c0": null, "c1": { "id": "b", "emails": [] } })),
        edits(&["b"]),
    ])
    .await;
    let writes = ["a", "b"].map(|id| update(id, &[("emails.primary", "x@x.io")])).to_vec();
    let outcomes = write(&stage, writes).await;
    assert_eq!(kinds(&outcomes), ["rejected", "applied"]);
    let WriteOutcome::Rejected { error, .. } = &outcomes[0] else { panic!() };
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_document_that_is_refused_whole_is_sent_in_parts() {
    let bad = || bad_variable("input0", "ClientEditInput!", "x");
    let stage = Stage::with(vec![bad(), bad(), edits(&["b"])]).await;
    let writes = ["a", "b"].map(|id| update(id, &[("firstName", "Ann")])).to_vec();
    let outcomes = write(&stage, writes).await;
    assert_eq!(kinds(&outcomes), ["rejected", "applied"]);
}

#[tokio::test]
async fn when_one_edit_breaks_the_answer_the_others_are_unknown() {
    let body = json!({ "data": null, "errors": [{
        "message": "no", "path": ["e1"], "extensions": { "code": "BAD_USER_INPUT" },
    }] });
    let stage = Stage::with(vec![json_answer(&body)]).await;
    let writes = ["a", "b", "c"].map(|id| update(id, &[("firstName", "Ann")])).to_vec();
    assert_eq!(kinds(&write(&stage, writes).await), ["unknown", "rejected", "unknown"]);
    assert_eq!(stage.jobber.requests().total(), 1);
}

#[tokio::test]
async fn a_write_whose_answer_is_hidden_is_unknown() {
    let body = json!({
        "data": { "e0": { "client": null, "userErrors": [] } },
        "errors": [{ "message": "was hidden due to permissions", "path": ["e0", "client"] }],
    });
    let stage = Stage::with(vec![json_answer(&body)]).await;
    let outcomes = write(&stage, vec![update("a", &[("firstName", "A")])]).await;
    assert_eq!(kinds(&outcomes), ["unknown"]);
}

/// Sent again, a create would be there twice.
#[tokio::test]
async fn a_write_whose_answer_could_not_be_made_is_unknown_whatever_is_said_of_it() {
    let codes = ["NOT_FOUND", "BAD_USER_INPUT", "FORBIDDEN", "UNAUTHENTICATED", "x"];
    for (code, path) in codes.into_iter().flat_map(|code| {
        [json!(["e0", "client"]), json!(["e0", "client", "updatedAt"])].map(|path| (code, path))
    }) {
        let message = "Cannot return null for non-nullable field Client.updatedAt";
        let error = json!({ "message": message, "path": path, "extensions": { "code": code } });
        for data in [Json::Null, json!({ "e0": null })] {
            for one in [create(&[("firstName", "A")]), update("a", &[("firstName", "A")])] {
                let body = json!({ "data": data, "errors": [error] });
                let stage = Stage::with(vec![json_answer(&body)]).await;
                assert_eq!(kinds(&[write_one(&stage, one).await]), ["unknown"], "{body}");
                assert_eq!(stage.jobber.requests().total(), 1, "{body}");
            }
        }
    }
}

#[tokio::test]
async fn a_missing_write_scope_leaves_the_write_unsent_and_says_what_to_grant() {
    let error = |message: &str, path: Json, code: Json| json!({ "message": message, "path": path, "extensions": { "code": code } });
    let errors = [
        error("An object of type Client was hidden due to permissions", json!(["e0"]), Json::Null),
        error("no access", json!(["e0"]), json!("FORBIDDEN")),
        error("no access", Json::Null, json!("FORBIDDEN")),
    ];
    for error in errors {
        for data in [Json::Null, json!({ "e0": null })] {
            for one in [create(&[("firstName", "A")]), update("a", &[("firstName", "A")])] {
                let body = json!({ "data": data, "errors": [error] });
                if data.is_object() && error["path"].is_null() {
                    continue;
                }
                let stage = Stage::with(vec![json_answer(&body)]).await;
                let outcome = write_one(&stage, one).await;
                let WriteOutcome::NotSent(error) = outcome else { panic!("{body}: {outcome:?}") };
                assert_eq!(error.kind, ErrorKind::Permission);
                assert!(error.message.contains("scope to write"), "{error}");
                assert!(error.message.contains("clients"), "{error}");
                assert_eq!(stage.jobber.requests().total(), 1);
            }
        }
    }
    // What was done before it in the same document is not known.
    let second = error("no access", json!(["e1"]), json!("FORBIDDEN"));
    let stage = Stage::with(vec![json_answer(&json!({ "data": null, "errors": [second] }))]).await;
    let writes = ["a", "b"].map(|id| update(id, &[("firstName", "Ann")])).to_vec();
    assert_eq!(kinds(&write(&stage, writes).await), ["unknown", "not sent"]);
}

#[tokio::test]
async fn what_may_have_been_carried_out_is_unknown_and_sent_once() {
    let inner = json_answer(&json!({
        "data": null,
        "errors": [{ "message": "Oops", "extensions": { "code": "INTERNAL_SERVER_ERROR" } }],
    }));
    let cut = ResponseTemplate::new(200).set_body_raw("{\"data\": {\"e0", "application/json");
    for bad in [ResponseTemplate::new(502), waiting_page(), inner, cut] {
        for one in [create(&[("firstName", "A")]), update("a", &[("firstName", "A")])] {
            let stage = Stage::with(vec![bad.clone()]).await;
            assert_eq!(kinds(&[write_one(&stage, one).await]), ["unknown"]);
            assert_eq!(stage.jobber.requests().total(), 1);
        }
    }
}

#[tokio::test]
async fn a_create_without_an_answer_in_time_is_unknown() {
    let slow = edits(&["a"]).set_delay(Duration::from_secs(20));
    let settings = HttpSettings {
        request_timeout: Duration::from_millis(200),
        connect_timeout: Duration::from_millis(100),
        ..HttpSettings::default()
    };
    let stage = Stage::built(vec![slow], |builder| builder.http(settings)).await;
    let outcome = write_one(&stage, create(&[("firstName", "A")])).await;
    assert_eq!(kinds(&[outcome]), ["unknown"]);
    assert_eq!(stage.jobber.requests().of("create"), 1);
}

#[tokio::test]
async fn what_was_turned_away_waits_and_is_sent_again() {
    let busy = ResponseTemplate::new(429).insert_header("Retry-After", "7");
    for (bad, wait) in [(busy, 7), (throttled(600, 100, 10_000), 1)] {
        let stage = Stage::with(vec![bad, edits(&["a"])]).await;
        let outcome = write_one(&stage, create(&[("firstName", "A")])).await;
        assert_eq!(kinds(&[outcome]), ["applied"]);
        assert_eq!(stage.waited(), Duration::from_secs(wait));
    }
}

#[tokio::test]
async fn nothing_is_sent_or_waited_for_beyond_its_time() {
    let stage = Stage::with(vec![throttled(5600, 100, 10_000)]).await;
    let soon = NOON + Duration::from_secs(10);
    let outcome = write_until(&stage, vec![create(&[("firstName", "A")])], soon).await;
    assert_eq!(kinds(&outcome), ["not sent"]);
    let WriteOutcome::NotSent(error) = &outcome[0] else { panic!() };
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry_after, Some(Duration::from_secs(11)));
    assert_eq!((stage.waited(), stage.jobber.requests().total()), (Duration::ZERO, 1));

    let again = write_until(&stage, vec![create(&[("firstName", "A")])], soon).await;
    assert_eq!(kinds(&again), ["not sent"]);
    assert_eq!(stage.jobber.requests().total(), 1, "its cost is known now");

    let past = NOON - Duration::from_secs(1);
    let writes = vec![update("a", &[("emails.primary", "x@x.io")]), create(&[("lastName", "A")])];
    assert_eq!(kinds(&write_until(&stage, writes, past).await), ["not sent"; 2]);
    assert_eq!(stage.jobber.requests().total(), 1);
}

#[tokio::test]
async fn a_token_or_version_that_is_not_taken_leaves_every_write_to_be_sent_again() {
    for status in [401, 403, 404] {
        let stage = Stage::with(vec![ResponseTemplate::new(status)]).await;
        let writes = vec![
            update("a", &[("firstName", "A")]),
            update("b", &[("firstName", "B")]),
            create(&[("firstName", "C")]),
        ];
        assert_eq!(kinds(&write(&stage, writes).await), ["not sent"; 3]);
        assert_eq!(stage.jobber.requests().total(), 2, "no document was cut into parts");
    }
}

#[tokio::test]
async fn edits_that_cost_too_much_together_are_sent_alone() {
    let stage =
        Stage::with(vec![throttled(10_001, 10_000, 10_000), edits(&["a"]), edits(&["b"])]).await;
    let writes = ["a", "b"].map(|id| update(id, &[("firstName", "Ann")])).to_vec();
    assert_eq!(kinds(&write(&stage, writes).await), ["applied"; 2]);
}

#[tokio::test]
async fn when_a_list_cannot_be_read_its_edit_is_not_sent() {
    let stage = Stage::with(vec![ResponseTemplate::new(503)]).await;
    let outcome = write_one(&stage, update("a", &[("emails.primary", "x@x.io")])).await;
    assert_eq!(kinds(&[outcome]), ["not sent"]);
    assert_eq!(stage.jobber.requests().of("edit"), 0);
}

/// A client's properties of before may be among them: the new record would get an old one's id.
#[tokio::test]
async fn a_new_property_among_several_is_unknown_and_is_never_the_first_of_them() {
    for (ids, kind) in
        [(&["new"][..], "applied"), (&["old", "new"][..], "unknown"), (&[], "unknown")]
    {
        let properties: Vec<Json> = ids.iter().map(|id| json!({ "id": id })).collect();
        let payload = json!({ "e0": { "properties": properties, "userErrors": [] } });
        let stage = Stage::with(vec![data(&payload)]).await;
        let (object, of) = (ObjectType::new("properties").unwrap(), clients());
        let client = Value::Ref(Reference { object: of, id: id("c") });
        let fields = [(FieldName::new("client").unwrap(), client)].into_iter().collect();
        let writes = vec![Write { fields, ..create(&[]) }];
        let projection = projection(&["client"]);
        let request = WriteRequest { object, projection, writes, not_after: LATER };
        assert_eq!(kinds(&stage.jobber.write(request).await), [kind], "{ids:?}");
    }
}
