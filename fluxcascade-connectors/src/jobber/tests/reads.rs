//! Reads: changes, by id, by value, the account, and what goes wrong with them.

use fluxcascade_core::connector::{ChangesPage, ChangesRequest, FindRequest, Found};
use fluxcascade_core::model::{Slot, State};

use super::*;

async fn changes(
    stage: &Stage,
    position: Position,
    limit: usize,
) -> Result<ChangesPage, ConnectorError> {
    let object = clients();
    let projection = projection(&["firstName"]);
    stage.jobber.changes(ChangesRequest { object, projection, position, limit }).await
}

async fn find(stage: &Stage, field: &str, value: &str) -> Result<Vec<Found>, ConnectorError> {
    let field = FieldName::new(field).unwrap();
    let values = vec![Value::from(value)];
    let projection = projection(&["firstName"]);
    stage.jobber.find(FindRequest { object: clients(), projection, field, values }).await
}

#[tokio::test]
async fn a_request_carries_token_version_and_a_document_for_what_is_asked() {
    let stage = Stage::with(vec![data(&list(&[], None))]).await;
    changes(&stage, Position::Start, 500).await.unwrap();
    let requests = stage.server.received_requests().await.unwrap();
    let header = |name: &str| requests[0].headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(requests[0].url.path(), "/api/graphql");
    assert_eq!(header("authorization"), "Bearer s3cret");
    assert_eq!(header("x-jobber-graphql-version"), "2026-05-12");
    assert_eq!(header("content-type"), "application/json");
    let body: Json = requests[0].body_json().unwrap();
    let query = body["query"].as_str().unwrap();
    assert!(query.contains("sort: { key: UPDATED_AT, direction: ASCENDING }"), "{query}");
    assert!(query.contains("isArchived\n  updatedAt\n  firstName\n}"), "{query}");
    assert!(!query.contains("emails"), "only what is asked for costs points");
    assert_eq!(body["variables"], json!({ "first": 50 }));
    assert!(!format!("{:?}", stage.jobber).contains("s3cret"));
}

#[tokio::test]
async fn a_full_read_has_no_bounds_and_the_next_begins_before_it_by_jobbers_clock() {
    let first = list(&[client("a", "2020-01-01T00:00:00Z")], Some("MQ"));
    let second = list(&[client("b", "2020-01-01T00:00:00Z")], None);
    let later = ResponseTemplate::new(200)
        .insert_header("Date", "Sun, 01 Mar 2026 12:09:00 GMT")
        .set_body_json(json!({ "data": second }));
    let stage = Stage::with(vec![data(&first), later, data(&list(&[], None))]).await;
    stage.clock.set(Timestamp::from_secs(0)); // our own clock is not to be trusted

    let page = changes(&stage, Position::Start, 1).await.unwrap();
    assert!(page.more);
    assert_eq!(page.observations[0].record, id("a"));
    let page = changes(&stage, Position::After(page.cursor), 1).await.unwrap();
    assert!(!page.more);
    assert_eq!(page.observations[0].record, id("b"));
    changes(&stage, Position::After(page.cursor), 1).await.unwrap();
    assert_eq!(
        stage.variables().await,
        [
            json!({ "first": 1 }),
            json!({ "first": 1, "after": "MQ" }),
            json!({ "first": 1, "filter": { "updatedAt": { "after": "2026-03-01T11:55:00Z" } } }),
        ]
    );
}

#[tokio::test]
async fn a_window_ends_at_its_first_answer_and_can_be_resumed() {
    let page = |next| list(&[client("a", "2026-03-01T11:58:00Z")], next);
    let answers = vec![
        data(&list(&[], None)),
        data(&page(Some("MQ"))),
        data(&page(Some("Mg"))),
        data(&page(None)),
        data(&list(&[], None)),
    ];
    let stage = Stage::with(answers).await;
    let mut position = Position::Start;
    for _ in 0..2 {
        position = Position::After(changes(&stage, position, 1).await.unwrap().cursor);
    }
    let again = changes(&stage, position.clone(), 1).await.unwrap();
    let page = changes(&stage, position, 1).await.unwrap();
    assert!(again.more && !page.more, "the same cursor may be read again");
    changes(&stage, Position::After(page.cursor), 1).await.unwrap();

    let bounds = json!({ "updatedAt": {
        "after": "2026-03-01T11:55:00Z", "before": "2026-03-01T12:00:00Z",
    } });
    let sent = stage.variables().await;
    assert_eq!(sent[2], json!({ "first": 1, "after": "MQ", "filter": bounds }));
    assert_eq!(sent[3], sent[2]);
    let next = json!({ "updatedAt": { "after": "2026-03-01T11:55:00Z" } });
    assert_eq!(sent[4], json!({ "first": 1, "filter": next }), "a new window, open at its end");
}

#[tokio::test]
async fn an_archived_client_is_listed_as_deleted_and_a_hidden_one_is_left_out() {
    let archived = json!({ "id": "a", "isArchived": true });
    let body = json!({
        "data": list(&[archived, Json::Null, client("c", "2026-01-01T00:00:00Z")], None),
        "errors": [{
            "message": "An object of type Client was hidden due to permissions",
            "path": ["clients", "nodes", 1],
        }],
    });
    let stage = Stage::with(vec![json_answer(&body)]).await;
    let page = changes(&stage, Position::Start, 50).await.unwrap();
    let seen: Vec<_> = page.observations.iter().map(|o| (o.record.as_str(), &o.state)).collect();
    assert_eq!(seen.len(), 2);
    assert!(matches!(seen[0], ("a", State::Archived(_))));
    assert!(matches!(seen[1], ("c", State::Known { .. })));
}

#[tokio::test]
async fn a_list_that_is_null_is_an_error_and_never_empty() {
    let hidden = json!({
        "data": { "clients": null },
        "errors": [{ "message": "hidden due to permissions", "path": ["clients"] }],
    });
    for (body, kind) in [
        (hidden, ErrorKind::Permission),
        (json!({ "data": { "clients": null } }), ErrorKind::Protocol),
        (json!({ "data": list(&[Json::Null], None) }), ErrorKind::Protocol),
    ] {
        let stage = Stage::with(vec![json_answer(&body)]).await;
        assert_eq!(changes(&stage, Position::Start, 50).await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn a_cursor_that_jobber_no_longer_takes_is_replaced_by_the_lower_bound() {
    let page = list(&[client("a", "2026-01-01T00:00:00Z")], Some("MQ"));
    let gone = refusal("BAD_USER_INPUT", "invalid cursor");
    let stage = Stage::with(vec![data(&page), gone, data(&list(&[], None))]).await;
    let first = changes(&stage, Position::Start, 1).await.unwrap();
    changes(&stage, Position::After(first.cursor), 1).await.unwrap();
    assert_eq!(stage.variables().await[2], json!({ "first": 1 }));
}

#[tokio::test]
async fn cursors_among_clients_that_are_refused_again_and_again_end_the_read_of_properties() {
    let info = json!({ "hasNextPage": true, "endCursor": "x" });
    let ends = json!({ "hasNextPage": false, "endCursor": null });
    let nothing = data(&json!({ "properties": { "nodes": [], "pageInfo": ends } }));
    let of = |id: &str| {
        let properties = json!({ "nodes": [], "pageInfo": ends });
        json!({ "id": id, "updatedAt": "2026-03-01T11:58:00Z", "clientProperties": properties })
    };
    let page = || data(&json!({ "clients": { "nodes": [of("a"), of("b")], "pageInfo": info } }));
    let gone = || refusal("BAD_USER_INPUT", "invalid cursor");
    let mut answers = vec![nothing, page()];
    answers.extend((0..3).flat_map(|_| [gone(), page()]));
    answers.push(gone());
    let stage = Stage::with(answers).await;
    let read = async |position| {
        let object = ObjectType::new("properties").unwrap();
        let request = ChangesRequest { object, projection: projection(&[]), position, limit: 50 };
        stage.jobber.changes(request).await
    };
    let mut position = Position::Start;
    for _ in 0..5 {
        position = Position::After(read(position).await.unwrap().cursor);
    }
    let lost = read(position.clone()).await.unwrap_err();
    assert_eq!(lost.kind, ErrorKind::PositionLost, "everything is read anew");
    assert!(lost.message.contains("refuses its own cursors"), "{lost}");
    // Not without end.
    let again = read(position.clone()).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Protocol);
    assert!(again.message.contains("within the last hour"), "{again}");
    stage.clock.advance(Duration::from_secs(3600));
    assert_eq!(read(position).await.unwrap_err().kind, ErrorKind::PositionLost);
}

#[tokio::test]
async fn a_read_whose_cursors_were_refused_too_often_goes_on_from_its_start() {
    let page = || data(&list(&[client("a", "2026-01-01T00:00:00Z")], Some("MQ")));
    let gone = || refusal("BAD_USER_INPUT", "invalid cursor");
    let mut answers = vec![page()];
    answers.extend((0..3).flat_map(|_| [gone(), page()]));
    answers.extend([gone(), page(), gone(), data(&list(&[], None))]);
    let stage = Stage::with(answers).await;
    let mut position = Position::Start;
    for _ in 0..4 {
        position = Position::After(changes(&stage, position, 1).await.unwrap().cursor);
    }
    let lost = changes(&stage, position, 1).await.unwrap_err();
    assert_eq!(lost.kind, ErrorKind::PositionLost, "{lost}");
    let first = changes(&stage, Position::Start, 1).await.unwrap();
    let ended = changes(&stage, Position::After(first.cursor), 1).await.unwrap();
    assert!(!ended.more, "a refusal is forgiven anew");
}

#[tokio::test]
async fn reads_by_id_are_cut_into_batches_and_answered_in_the_order_asked() {
    let answer = |ids: std::ops::Range<usize>| {
        let start = ids.start;
        let clients = ids.map(|n| {
            let client = client(&format!("{n:02}"), "2026-01-01T00:00:00Z");
            (format!("c{}", n - start), client)
        });
        data(&Json::Object(clients.collect()))
    };
    let stage = Stage::with(vec![answer(0..20), answer(20..25)]).await;
    let mut ids: Vec<String> = (0..25).map(|n| format!("{n:02}")).collect();
    ids.reverse();
    ids.push("03".to_owned());
    let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
    let seen = fetch(&stage, &asked, &["firstName"]).await;
    let records: Vec<&str> = seen.iter().map(|o| o.record.as_str()).collect();
    assert_eq!(records, asked);
    assert!(seen.iter().all(|o| o.values().unwrap()[0] == Slot::Present("Ann".into())));
    assert_eq!(stage.jobber.requests().of("fetch"), 2);
    assert_eq!(stage.variables().await[0]["id19"], "19");
}

#[tokio::test]
async fn a_null_client_is_missing_and_a_hidden_one_is_out_of_scope() {
    let hidden = |path: Json| json!({ "message": "was hidden due to permissions", "path": path });
    let body = json!({
        "data": { "c0": null, "c1": null, "c2": { "id": "c", "firstName": "Ann", "title": null } },
        "errors": [hidden(json!(["c1"])), hidden(json!(["c2", "title"]))],
    });
    let stage = Stage::with(vec![json_answer(&body)]).await;
    let seen = fetch(&stage, &["a", "b", "c"], &["firstName", "title"]).await;
    assert_eq!(seen[0].state, State::Missing);
    assert_eq!(seen[1].state, State::OutOfScope);
    let values = seen[2].values().unwrap().slots();
    assert_eq!(values, [Slot::Present("Ann".into()), Slot::Absent]);
}

#[tokio::test]
async fn an_error_that_names_no_record_may_be_about_each_that_is_null() {
    for (message, code) in [
        ("Oops", "INTERNAL_SERVER_ERROR"),
        ("not found", "NOT_FOUND"),
        ("was hidden due to permissions", "x"),
    ] {
        let body = json!({
            "data": { "c0": null, "c1": { "id": "b", "firstName": "Ann" } },
            "errors": [{ "message": message, "extensions": { "code": code } }],
        });
        let stage = Stage::with(vec![json_answer(&body)]).await;
        let seen = fetch(&stage, &["a", "b"], &["firstName"]).await;
        let State::Unreadable(why) = &seen[0].state else { panic!("{:?}", seen[0].state) };
        assert!(why.contains(message), "{why}");
        assert!(seen[1].values().is_some());
    }
}

#[tokio::test]
async fn a_document_that_is_refused_whole_says_nothing_of_its_records() {
    let bad = || refusal("BAD_USER_INPUT", "the request is not valid");
    for ids in [&["a", "b"][..], &["a"][..]] {
        let stage = Stage::with(vec![bad()]).await;
        for seen in fetch(&stage, ids, &["firstName"]).await {
            let State::Unreadable(why) = seen.state else { panic!("{:?}", seen.state) };
            assert!(why.contains("the request is not valid"), "{why}");
        }
    }
}

#[tokio::test]
async fn a_refused_query_is_an_error_and_no_client_is_missing_for_it() {
    let stage =
        Stage::with(vec![refusal("undefinedField", "Field 'firstName' doesn't exist")]).await;
    let request = FetchRequest {
        object: clients(),
        projection: projection(&["firstName"]),
        records: vec![id("a"), id("b")],
    };
    let error = stage.jobber.fetch(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.contains("Field 'firstName' doesn't exist"), "{error}");
}

#[tokio::test]
async fn a_search_only_gives_candidates() {
    let with_mail = |id: &str, mail: &str| {
        let mails = [json!({ "id": "1", "address": mail, "description": "Main", "primary": true })];
        json!({ "id": id, "firstName": "Ann", "emails": mails })
    };
    let first = list(&[with_mail("a", "ann@x.iom"), with_mail("b", "Ann@x.io")], Some("MQ"));
    let second = list(&[with_mail("c", "ann@x.io"), with_mail("b", "Ann@x.io")], None);
    let stage = Stage::with(vec![data(&first), data(&second)]).await;
    let found = find(&stage, "emails.primary", " ann@x.io").await.unwrap();
    let records: Vec<_> = found.iter().map(|f| (f.value, f.observation.record.as_str())).collect();
    assert_eq!(records, [(0, "b"), (0, "c")]);
    let term = json!({ "first": 50, "term": "ann@x.io", "fields": ["EMAILS"] });
    assert_eq!(stage.variables().await[0], term);
}

#[tokio::test]
async fn a_phone_is_searched_by_its_digits_too_and_names_by_name() {
    let phone = json!({ "id": "1", "number": "555-0100", "description": "Main", "primary": true });
    let nodes = [json!({ "id": "a", "phones": [phone] })];
    let stage = Stage::with(vec![data(&list(&[], None)), data(&list(&nodes, None))]).await;
    assert_eq!(find(&stage, "phones.primary", "(555) 0100").await.unwrap().len(), 1);
    let sent = stage.variables().await;
    assert_eq!(sent[1]["term"], "5550100");
    assert_eq!(sent[1]["fields"], json!(["PHONES"]));

    let stage = Stage::with(vec![data(&list(&[], None))]).await;
    assert!(find(&stage, "companyName", "Lee Ltd").await.unwrap().is_empty());
    assert_eq!(stage.variables().await[0]["fields"], json!(["NAMES"]));
    assert_eq!(find(&stage, "balance", "1").await.unwrap_err().kind, ErrorKind::Permanent);
}

#[tokio::test]
async fn the_account_is_named() {
    let stage = Stage::with(vec![data(&json!({ "account": { "id": "x", "name": "Lee" } }))]).await;
    let account = stage.jobber.account().await.unwrap();
    assert_eq!((account.id.as_str(), account.name.as_str()), ("x", "Lee"));
}

#[tokio::test]
async fn what_ails_jobber_is_waited_out_by_a_read() {
    let good = || data(&json!({ "account": { "id": "x", "name": "Lee" } }));
    let inner = json_answer(&json!({
        "data": null,
        "errors": [{ "message": "Oops", "extensions": { "code": "INTERNAL_SERVER_ERROR" } }],
    }));
    let unavailable = ResponseTemplate::new(503)
        .set_body_json(json!({ "message": "Service temporarily unavailable" }));
    for bad in [waiting_page(), unavailable, inner] {
        let stage = Stage::with(vec![bad, good()]).await;
        stage.jobber.account().await.unwrap();
        assert_eq!(stage.waited(), Duration::from_millis(500));
    }
    let busy = ResponseTemplate::new(429).insert_header("Retry-After", "9");
    let stage = Stage::with(vec![busy, good()]).await;
    stage.jobber.account().await.unwrap();
    assert_eq!(stage.waited(), Duration::from_secs(9));
}

#[tokio::test]
async fn what_a_person_must_set_right_is_said_at_once() {
    let message = |status, text: &str| {
        ResponseTemplate::new(status).set_body_json(json!({ "message": text }))
    };
    let of_error = |status, text: &str| {
        ResponseTemplate::new(status).set_body_json(json!({ "error": { "message": text } }))
    };
    let left = "User has disconnected this app from their account";
    let rows = [
        (of_error(200, "This account is not active"), ErrorKind::Auth, "subscription"),
        (of_error(401, "This account is not active"), ErrorKind::Auth, "subscription"),
        (of_error(403, "This account is not active"), ErrorKind::Auth, "subscription"),
        (message(401, left), ErrorKind::Auth, "connect the account anew"),
        (of_error(200, left), ErrorKind::Auth, "connect the account anew"),
        (
            ResponseTemplate::new(403).set_body_raw(left, "text/plain"),
            ErrorKind::Auth,
            "connect the account anew",
        ),
        (message(401, "Access token expired"), ErrorKind::Auth, "reconnect"),
        (
            ResponseTemplate::new(401).set_body_raw("Token not recognized", "text/plain"),
            ErrorKind::Auth,
            "reconnect",
        ),
        (refusal("UNAUTHENTICATED", "no"), ErrorKind::Auth, "reconnect"),
        (
            message(404, "GraphQL API version '2026-05-12' does not exist"),
            ErrorKind::Permanent,
            "`version`",
        ),
        (refusal("FORBIDDEN", "no"), ErrorKind::Permission, "scopes"),
        (message(200, "Invalid query"), ErrorKind::Protocol, "Invalid query"),
    ];
    for (answer, kind, word) in rows {
        let stage = Stage::with(vec![answer]).await;
        let error = stage.jobber.account().await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(word), "{error}");
        assert_eq!(stage.jobber.requests().total(), 1, "{error}");
    }
}

/// A trap of Jobber's.
#[tokio::test]
async fn throttled_under_200_waits_until_its_points_are_there() {
    let answer = data(&json!({ "account": { "id": "x", "name": "Lee" } }));
    let stage = Stage::with(vec![throttled(2142, 100, 10_000), answer]).await;
    stage.jobber.account().await.unwrap();
    assert_eq!(stage.waited(), Duration::from_secs(5));
    assert_eq!(stage.jobber.requests().total(), 2);
}

#[tokio::test]
async fn a_read_that_is_known_to_cost_more_than_there_is_waits_before_it_is_sent() {
    let answer = json_answer(&json!({
        "data": { "account": { "id": "x", "name": "Lee" } },
        "extensions": { "cost": cost(1000, 400, 10_000) },
    }));
    let stage = Stage::with(vec![answer]).await;
    stage.jobber.account().await.unwrap();
    assert_eq!(stage.waited(), Duration::ZERO);
    stage.jobber.account().await.unwrap();
    // A tenth of the points is left to others.
    assert_eq!(stage.waited(), Duration::from_secs(4));
    assert_eq!(stage.jobber.requests().total(), 2, "none was refused");
}

/// A trap of Jobber's.
#[tokio::test]
async fn a_query_whose_cost_exceeds_the_bucket_shrinks_its_page_and_is_not_repeated_as_it_was() {
    let too_much = || throttled(10_001, 10_000, 10_000);
    let page = list(&[client("a", "2026-01-01T00:00:00Z")], None);
    let stage = Stage::with(vec![too_much(), too_much(), data(&page)]).await;
    for _ in 0..2 {
        let page = changes(&stage, Position::Start, 50).await.unwrap();
        assert_eq!(page.observations.len(), 1);
    }
    let first: Vec<Json> = stage.variables().await.iter().map(|of| of["first"].clone()).collect();
    assert_eq!(first, [50, 25, 12, 12], "what never fits is known, and not asked again");
    assert_eq!(stage.waited(), Duration::ZERO);
}

#[tokio::test]
async fn a_single_row_that_costs_more_than_the_account_ever_has_is_an_error() {
    let stage = Stage::with(vec![throttled(10_001, 10_000, 10_000)]).await;
    for _ in 0..2 {
        let error = changes(&stage, Position::Start, 1).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permanent);
        assert!(error.message.contains("map fewer fields"), "{error}");
    }
    assert_eq!(stage.jobber.requests().total(), 1);
}

#[tokio::test]
async fn another_version_than_was_asked_for_is_noticed() {
    let answer = |versioning: Json| {
        json_answer(&json!({
            "data": { "account": { "id": "x", "name": "Lee" } },
            "extensions": { "versioning": versioning },
        }))
    };
    let other = answer(json!({ "version": "2025-04-16", "warning": "goes on 2026-12-01" }));
    let same = answer(json!({ "version": "2026-05-12" }));
    let stage = Stage::with(vec![other, same]).await;
    stage.jobber.account().await.unwrap();
    let notice = stage.jobber.version_notice().unwrap();
    assert!(notice.is_mismatch());
    assert_eq!(notice.served.as_deref(), Some("2025-04-16"));
    assert_eq!(notice.warning.as_deref(), Some("goes on 2026-12-01"));
    stage.jobber.account().await.unwrap();
    assert_eq!(stage.jobber.version_notice(), None);
}

#[tokio::test]
async fn another_object_type_and_an_unknown_field_are_refused_without_a_request() {
    let stage = Stage::with(vec![waiting_page()]).await;
    let tasks = ObjectType::new("tasks").unwrap();
    assert_eq!(stage.jobber.schema(&tasks).await.unwrap_err().kind, ErrorKind::NotFound);
    let request = FetchRequest {
        object: clients(),
        projection: projection(&["shoeSize"]),
        records: vec![id("a")],
    };
    let error = stage.jobber.fetch(request).await.unwrap_err();
    assert_eq!(error.fields, [FieldName::new("shoeSize").unwrap()]);
    assert_eq!(stage.jobber.requests().total(), 0);
}
