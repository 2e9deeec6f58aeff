//! Writing: the requests as they are sent, and each write's own outcome.

use fluxcascade_core::model::Slot;

use super::*;

const LATER: Duration = Duration::from_secs(120);

fn text(value: &str) -> Value {
    Value::from(value)
}

fn record(outcome: &WriteOutcome) -> &str {
    match outcome {
        WriteOutcome::Applied { record, .. } | WriteOutcome::Exists(record) => record.as_str(),
        WriteOutcome::Rejected { .. }
        | WriteOutcome::PreconditionFailed
        | WriteOutcome::NotSent(_)
        | WriteOutcome::Unknown(_) => panic!("{outcome:?}"),
    }
}

fn rejected(outcome: &WriteOutcome) -> (&[FieldName], &ConnectorError) {
    if let WriteOutcome::Rejected { fields, error } = outcome {
        (fields, error)
    } else {
        panic!("{outcome:?}")
    }
}

fn traced(trace: usize, mut contact: Json) -> Json {
    contact["objectWriteTraceId"] = json!(trace.to_string());
    contact
}

fn input_ids(body: &Json) -> Vec<&str> {
    body["inputs"].as_array().unwrap().iter().map(|input| input["id"].as_str().unwrap()).collect()
}

fn invalid(message: &str) -> Json {
    json!({ "status": "error", "category": "VALIDATION_ERROR", "message": message })
}

#[tokio::test]
async fn creates_and_updates_are_sent_as_hubspot_takes_them() {
    let bench = Bench::new().await;
    bench.say("POST", CREATE, status(201, rows(&[traced(0, contact(5, "a@x.io", "A"))]))).await;
    bench.answer("POST", UPDATE, rows(&[traced(1, contact(7, "b@x.io", "B"))])).await;
    let outcomes = bench
        .write(vec![
            create(&[("email", text("a@x.io")), ("firstname", Value::Null)]),
            update("7", &[("firstname", text("B")), ("phone", text(" "))]),
        ])
        .await;
    assert_eq!((record(&outcomes[0]), record(&outcomes[1])), ("5", "7"));
    let made = json!({ "inputs": [{
        "objectWriteTraceId": "0",
        "properties": { "email": "a@x.io", "firstname": "" },
        "associations": []
    }] });
    let changed = json!({ "inputs": [{
        "id": "7",
        "objectWriteTraceId": "1",
        "properties": { "firstname": "B", "phone": "" }
    }] });
    assert_eq!(bench.bodies(CREATE).await, [made]);
    assert_eq!(bench.bodies(UPDATE).await, [changed]);
}

#[tokio::test]
async fn answers_are_told_apart_by_trace_id_in_any_order() {
    let bench = Bench::new().await;
    let answer =
        rows(&[traced(2, contact(30, "c@x.io", "C")), traced(0, contact(10, "a@x.io", "A"))]);
    let mut answer = answer;
    answer["numErrors"] = json!(1);
    answer["errors"] = json!([{
        "status": "error", "category": "CONFLICT",
        "message": "Contact already exists. Existing ID: 171591000198",
        "context": { "objectWriteTraceId": ["1"], "existingId": ["171591000198"] }
    }]);
    bench.say("POST", CREATE, status(207, answer)).await;
    let row = |mail: &str| create(&[("email", text(mail))]);
    let outcomes = bench.write(vec![row("a@x.io"), row("b@x.io"), row("c@x.io")]).await;
    let ids: Vec<&str> = outcomes.iter().map(record).collect();
    assert_eq!(ids, ["10", "171591000198", "30"]);
    assert!(matches!(outcomes[1], WriteOutcome::Exists(_)));
}

#[tokio::test]
async fn answers_without_trace_ids_are_told_apart_by_mail_or_not_at_all() {
    let bench = Bench::new().await;
    let answer = rows(&[contact(20, "b@x.io", "B"), contact(10, "a@x.io", "A")]);
    bench.say("POST", CREATE, status(201, answer)).await;
    let outcomes = bench
        .write(vec![
            create(&[("email", text("A@x.io"))]),
            create(&[("email", text("b@x.io"))]),
            create(&[("firstname", text("C"))]),
        ])
        .await;
    assert_eq!((record(&outcomes[0]), record(&outcomes[1])), ("10", "20"));
    assert!(matches!(outcomes[2], WriteOutcome::Unknown(_)), "never guessed by position");
}

#[tokio::test]
async fn an_existing_record_is_also_known_by_the_text_of_a_conflict() {
    let bench = Bench::new().await;
    let body = json!({
        "status": "error", "category": "CONFLICT", "correlationId": "c-1",
        "message": "Contact already exists. Existing ID: 42"
    });
    bench.say("POST", CREATE, status(409, body)).await;
    let outcomes = bench.write(vec![create(&[("email", text("a@x.io"))])]).await;
    assert_eq!(outcomes, [WriteOutcome::Exists(id("42"))]);
    // An update cannot adopt it: the value is another record's.
    bench.say("POST", UPDATE, status(409, json!({ "category": "CONFLICT" }))).await;
    let outcomes = bench.write(vec![update("1", &[("email", text("a@x.io"))])]).await;
    assert_eq!(rejected(&outcomes[0]).1.kind, ErrorKind::Validation);
}

#[tokio::test]
async fn a_partial_answer_refuses_some_rows_and_leaves_none_out() {
    let bench = Bench::new().await;
    let mut answer = rows(&[contact(1, "a@x.io", "A")]);
    answer["errors"] = json!([
        { "category": "OBJECT_NOT_FOUND", "message": "no", "context": { "ids": ["2"] } },
        {
            "category": "VALIDATION_ERROR", "message": "b4d is no mail",
            "context": { "objectWriteTraceId": ["2"], "propertyName": ["email"] },
            "errors": [{ "code": "INVALID_EMAIL", "message": "b4d is no mail" }]
        },
        { "category": "INTERNAL_ERROR", "context": { "objectWriteTraceId": ["3"] } }
    ]);
    bench.say("POST", UPDATE, status(207, answer)).await;
    let row = |record: &str| update(record, &[("email", text("b4d"))]);
    let outcomes = bench.write(vec![row("1"), row("2"), row("3"), row("4"), row("5")]).await;
    assert_eq!(record(&outcomes[0]), "1");
    assert_eq!(rejected(&outcomes[1]).1.kind, ErrorKind::NotFound);
    let (fields, error) = rejected(&outcomes[2]);
    assert_eq!(fields, [name("email")]);
    assert_eq!(error.code.as_deref(), Some("INVALID_EMAIL"));
    assert!(error.message.contains("[value] is no mail"), "{error}");
    assert!(matches!(outcomes[3], WriteOutcome::Unknown(_)), "it failed, it may have been done");
    assert!(matches!(outcomes[4], WriteOutcome::Unknown(_)), "nothing was said of it");
}

#[tokio::test]
async fn an_updates_answer_is_proof_only_if_it_has_every_field_written() {
    let bench = Bench::new().await;
    let answered = |place: usize, properties: serde_json::Value| {
        let mut row = traced(place, contact(place as u64 + 1, "b@x.io", "B"));
        row["properties"] = properties;
        row
    };
    let (short, other) = (json!({ "email": "b@x.io" }), json!({ "firstname": "B" }));
    let whole = traced(0, contact(1, "a@x.io", "A"));
    bench.answer("POST", UPDATE, rows(&[whole, answered(1, short), answered(2, other)])).await;
    let row = |record: &str| update(record, &[("email", text("x@x.io"))]);
    let outcomes = bench.write(vec![row("1"), row("2"), row("3")]).await;
    let values = |outcome: &WriteOutcome| {
        if let WriteOutcome::Applied { values, .. } = outcome { values.clone() } else { None }
    };
    let whole = values(&outcomes[0]).unwrap();
    assert_eq!(whole.slots(), [Slot::from(text("a@x.io")), Slot::from(text("A"))]);
    let short = values(&outcomes[1]).unwrap();
    assert_eq!(short.slots(), [Slot::from(text("b@x.io")), Slot::Absent]);
    assert_eq!(values(&outcomes[2]), None);
}

#[tokio::test]
async fn a_record_is_in_one_request_once_and_its_writes_keep_their_order() {
    let bench = Bench::new().await;
    bench.answer("POST", UPDATE, rows(&[])).await;
    let row = |record: &str, first: &str| update(record, &[("firstname", text(first))]);
    bench.write(vec![row("1", "a"), row("2", "b"), row("1", "c"), row("3", "d")]).await;
    let bodies = bench.bodies(UPDATE).await;
    assert_eq!(input_ids(&bodies[0]), ["1", "2", "3"]);
    assert_eq!(input_ids(&bodies[1]), ["1"]);
    assert_eq!(bodies[1]["inputs"][0]["properties"]["firstname"], "c");
}

#[tokio::test]
async fn a_request_has_at_most_a_hundred_rows() {
    let bench = Bench::new().await;
    bench.say("POST", CREATE, status(201, rows(&[]))).await;
    let writes = (0..101).map(|i| create(&[("email", text(&format!("{i}@x.io")))])).collect();
    assert_eq!(bench.write(writes).await.len(), 101);
    let sizes: Vec<usize> =
        bench.bodies(CREATE).await.iter().map(|b| b["inputs"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 1]);
}

#[tokio::test]
async fn one_bad_row_is_found_and_the_others_are_written() {
    let bench = Bench::new().await;
    // Refuses every batch with record 3 in it, as HubSpot does without an answer per row.
    let refuse = |request: &Request| {
        let body: Json = request.body_json().unwrap();
        if input_ids(&body).contains(&"3") {
            return status(
                400,
                invalid(
                    "Property values were not valid: [{\"isValid\":false,\
                \"message\":\"s3same is no number\",\"error\":\"INVALID_INTEGER\",\"name\":\"revenue\"}]",
                ),
            );
        }
        let done: Vec<Json> =
            input_ids(&body).iter().map(|id| contact(id.parse().unwrap(), "a@x.io", "A")).collect();
        ok(rows(&done))
    };
    let mock = Mock::given(method("POST")).and(path(UPDATE)).respond_with(refuse);
    mock.mount(&bench.server).await;
    let row =
        |record: &str| update(record, &[("firstname", text("s3same")), ("revenue", Value::Int(1))]);
    let outcomes = bench.write((1..=8).map(|i| row(&i.to_string())).collect()).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        if at == 2 {
            let (fields, error) = rejected(outcome);
            assert_eq!(fields, [name("revenue")]);
            assert_eq!(error.code.as_deref(), Some("INVALID_INTEGER"));
            assert!(!error.message.contains("s3same"), "{error}");
        } else {
            assert_eq!(record(outcome), (at + 1).to_string());
        }
    }
    assert_eq!(bench.hubspot.requests().of("update"), 7, "halves, not one by one");
}

#[tokio::test]
async fn rows_with_a_property_that_is_gone_are_refused_without_asking_for_each() {
    let bench = Bench::new().await;
    let body = json!({
        "category": "VALIDATION_ERROR", "message": "no such property",
        "errors": [{
            "message": "Property \"phone\" does not exist", "code": "PROPERTY_DOESNT_EXIST",
            "context": { "propertyName": ["phone"] }
        }]
    });
    bench.once("POST", UPDATE, status(400, body)).await;
    bench.answer("POST", UPDATE, rows(&[contact(2, "a@x.io", "A")])).await;
    let outcomes = bench
        .write(vec![
            update("1", &[("phone", text("1"))]),
            update("2", &[("firstname", text("A"))]),
            update("3", &[("phone", text("3"))]),
        ])
        .await;
    assert_eq!(rejected(&outcomes[0]).0, [name("phone")]);
    assert_eq!(record(&outcomes[1]), "2");
    assert_eq!(rejected(&outcomes[2]).0, [name("phone")]);
    assert_eq!(bench.hubspot.requests().of("update"), 2);
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_without_a_request() {
    let bench = Bench::new().await;
    let outcomes = bench
        .write(vec![
            update("1", &[("lastmodifieddate", text("2026-01-01"))]),
            update("1", &[("not_there", text("x"))]),
            update("1", &[("revenue", text("s3same"))]),
            update("one", &[("firstname", text("A"))]),
            a_write(
                WriteAction::Update { record: id("1"), if_tag: Some("t".into()) },
                &[("firstname", text("A"))],
            ),
        ])
        .await;
    assert_eq!(rejected(&outcomes[0]).0, [name("lastmodifieddate")]);
    assert_eq!(rejected(&outcomes[1]).0, [name("not_there")]);
    assert_eq!(rejected(&outcomes[2]).0, [name("revenue")]);
    assert!(!rejected(&outcomes[2]).1.message.contains("s3same"));
    assert_eq!(rejected(&outcomes[3]).1.kind, ErrorKind::NotFound);
    assert_eq!(rejected(&outcomes[4]).1.kind, ErrorKind::Permanent);
    assert!(bench.requests().await.is_empty());
}

#[tokio::test]
async fn nothing_is_sent_after_not_after() {
    let bench = Bench::new().await;
    bench.hubspot.schema(&contacts()).await.unwrap();
    let late = NOON - Duration::from_micros(1);
    let archive = WriteAction::Archive { record: id("1"), if_tag: None };
    let writes = vec![
        create(&[("email", text("a@x.io"))]),
        update("1", &[("associations.companies", Value::Null)]),
        a_write(archive, &[]),
    ];
    for outcome in bench.write_before(writes, late).await {
        assert!(matches!(outcome, WriteOutcome::NotSent(_)), "{outcome:?}");
    }
    assert!(bench.requests().await.is_empty());
}

#[tokio::test]
async fn a_write_that_was_turned_away_is_sent_again_while_there_is_time() {
    let bench = Bench::new().await;
    let body = json!({ "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING" });
    bench.once("POST", CREATE, status(429, body.clone())).await;
    bench.say("POST", CREATE, status(201, rows(&[traced(0, contact(5, "a@x.io", "A"))]))).await;
    let row = || vec![create(&[("email", text("a@x.io"))])];
    assert_eq!(record(&bench.write(row()).await[0]), "5");
    assert_eq!(bench.clock.now().since(NOON), Duration::from_secs(10));

    bench.once("POST", CREATE, status(429, body)).await;
    let soon = bench.clock.now() + Duration::from_secs(9);
    let outcomes = bench.write_before(row(), soon).await;
    let WriteOutcome::NotSent(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(
        (error.kind, error.retry_after),
        (ErrorKind::RateLimited, Some(Duration::from_secs(10)))
    );
}

#[tokio::test]
async fn a_write_without_an_answer_is_unknown_for_each_row_and_is_not_repeated() {
    let slow = HttpSettings {
        request_timeout: Duration::from_millis(300),
        connect_timeout: Duration::from_millis(200),
        ..HttpSettings::default()
    };
    let bench = Bench::with(slow).await;
    let never = status(201, rows(&[])).set_delay(Duration::from_secs(30));
    bench.say("POST", CREATE, never).await;
    let row = |mail: &str| create(&[("email", text(mail))]);
    let outcomes = bench.write(vec![row("a@x.io"), row("b@x.io")]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, WriteOutcome::Unknown(_))));
    assert_eq!(bench.hubspot.requests().of("create"), 1);
}

#[tokio::test]
async fn a_server_error_an_unreadable_and_an_html_answer_leave_a_write_unknown() {
    let bench = Bench::new().await;
    let html = ResponseTemplate::new(200).set_body_raw("<html>", "text/html");
    let broken = ResponseTemplate::new(201).set_body_raw("{\"results\":", "application/json");
    for answer in [status(502, json!({})), html, broken] {
        bench.once("POST", CREATE, answer).await;
        let outcomes = bench.write(vec![create(&[("email", text("a@x.io"))])]).await;
        assert!(matches!(outcomes[0], WriteOutcome::Unknown(_)), "{outcomes:?}");
    }
    assert_eq!(bench.hubspot.requests().of("create"), 3);
}

#[tokio::test]
async fn refused_credentials_stop_the_whole_call_with_nothing_sent_behind() {
    let bench = Bench::new().await;
    let body = json!({ "category": "INVALID_AUTHENTICATION", "message": "not found" });
    bench.say("POST", UPDATE, status(401, body)).await;
    let row = |record: &str| update(record, &[("firstname", text("A"))]);
    let outcomes = bench.write(vec![row("1"), row("2"), row("1")]).await;
    for outcome in &outcomes {
        let WriteOutcome::NotSent(error) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind, ErrorKind::Auth);
    }
    assert_eq!(bench.hubspot.requests().of("update"), 1);
    let now = bench.clock.now();
    assert!(bench.write_before(Vec::new(), now + LATER).await.is_empty());
}

/// HubSpot refuses a value of a unique property that is taken with a 400, and may or may not say by whom.
#[tokio::test]
async fn a_taken_value_of_a_unique_property_is_the_record_that_has_it_whether_or_not_it_is_named() {
    for (who, reads) in [("77", 0), ("Another record", 1)] {
        let bench = Bench::new().await;
        let taken = invalid(&format!(
            "Property values were not valid: [{{\"isValid\":false,\"message\":\"{who} already has that \
             value.\",\"error\":\"CONFLICTING_UNIQUE_VALUE\",\"name\":\"our_id\"}}]"
        ));
        bench.say("POST", CREATE, status(400, taken)).await;
        bench.answer("POST", READ, rows(&[contact(77, "a@x.io", "A")])).await;
        let outcomes = bench.write(vec![create(&[("our_id", text("j-1"))])]).await;
        assert_eq!(outcomes, [WriteOutcome::Exists(id("77"))]);
        assert_eq!(bench.hubspot.requests().of("read"), reads);
        for body in bench.bodies(READ).await {
            assert_eq!(
                (&body["idProperty"], &body["inputs"]),
                (&json!("our_id"), &json!([{ "id": "j-1" }]))
            );
        }
    }
}

/// In a batch there may be a hundred such rows.
#[tokio::test]
async fn who_has_taken_values_is_asked_once_for_all_of_them() {
    let bench = Bench::new().await;
    let taken = invalid(
        "Property values were not valid: [{\"isValid\":false,\"message\":\"Taken.\",\
         \"error\":\"CONFLICTING_UNIQUE_VALUE\",\"name\":\"our_id\"}]",
    );
    bench.say("POST", CREATE, status(400, taken)).await;
    let held = |record: u64, value: &str| {
        let mut held = contact(record, "a@x.io", "A");
        held["properties"]["our_id"] = json!(value);
        held
    };
    bench.answer("POST", READ, rows(&[held(9, "J-3"), held(7, "j-1")])).await;
    let row = |value: &str| create(&[("our_id", text(value))]);
    let outcomes = bench.write(vec![row("j-1"), row("j-2"), row("j-3 "), row("J-1")]).await;
    assert_eq!(outcomes[0], WriteOutcome::Exists(id("7")));
    assert_eq!(rejected(&outcomes[1]).0, [name("our_id")], "nobody has it now");
    assert_eq!(outcomes[2], WriteOutcome::Exists(id("9")));
    assert_eq!(outcomes[3], WriteOutcome::Exists(id("7")));
    let asked: Vec<Json> = bench.bodies(READ).await.iter().map(|b| b["inputs"].clone()).collect();
    assert_eq!(asked, [json!([{ "id": "j-1" }, { "id": "j-2" }, { "id": "j-3 " }])]);
}
