//! Reading by id, finding by value, and the account.

use fluxcascade_core::connector::{FetchRequest, FindRequest, Found};
use fluxcascade_core::model::{Provenance, Slot, State};

use super::*;

async fn fetch(bench: &Bench, records: &[&str]) -> Result<Vec<Observation>, ConnectorError> {
    let records = records.iter().map(|record| id(record)).collect();
    let projection = projection(&["email", "firstname"]);
    bench.hubspot.fetch(FetchRequest { object: contacts(), projection, records }).await
}

async fn find(
    bench: &Bench,
    field: &str,
    values: Vec<Value>,
) -> Result<Vec<Found>, ConnectorError> {
    let projection = projection(&["firstname"]);
    let field = name(field);
    bench.hubspot.find(FindRequest { object: contacts(), projection, field, values }).await
}

fn found(found: &[Found]) -> Vec<(usize, &str)> {
    found.iter().map(|found| (found.value, found.observation.record.as_str())).collect()
}

#[tokio::test]
async fn the_account_is_the_portal() {
    let bench = Bench::new().await;
    let details = json!({ "portalId": 12_345_678, "accountType": "STANDARD", "timeZone": "x" });
    bench.answer("GET", ACCOUNT, details).await;
    let account = bench.hubspot.account().await.unwrap();
    assert_eq!(account.id, "12345678");
    assert_eq!(account.name, "HubSpot account 12345678 (STANDARD)");
}

#[tokio::test]
async fn records_are_fetched_in_the_order_asked_and_each_has_an_observation() {
    let bench = Bench::new().await;
    let answer = rows(&[contact(1, "a@x.io", "A"), contact(2, "b@x.io", "B")]);
    bench.answer("POST", READ, answer).await;
    let seen =
        fetch(&bench, &["2", "no number", "1", "2", "007", "18446744073709551615"]).await.unwrap();
    let words: Vec<_> = seen.iter().map(|o| (o.record.as_str(), o.state.word())).collect();
    assert_eq!(words[0], ("2", "known"));
    for at in [1, 4, 5] {
        assert_eq!(seen[at].state, State::Missing, "no id of HubSpot's, so it is not asked for");
    }
    assert_eq!((words[2], words[3]), (("1", "known"), ("2", "known")));
    assert!(seen.iter().all(|o| o.provenance == Provenance::Fetched));
    let body = &bench.bodies(READ).await[0];
    assert_eq!(body["inputs"], json!([{ "id": "2" }, { "id": "1" }]));
    assert_eq!(body["properties"], json!(["email", "firstname", "hs_merged_object_ids"]));
    assert_eq!(bench.requests().await.len(), 1);
}

#[tokio::test]
async fn many_records_are_read_a_hundred_at_a_time() {
    let bench = Bench::new().await;
    let all: Vec<String> = (1..=150_u64).map(|i| i.to_string()).collect();
    let records: Vec<Json> = (1..=150).map(|i| contact(i, "a@x.io", "A")).collect();
    bench.once("POST", READ, ok(rows(&records[..100]))).await;
    bench.once("POST", READ, ok(rows(&records[100..]))).await;
    let asked: Vec<&str> = all.iter().map(String::as_str).collect();
    let seen = fetch(&bench, &asked).await.unwrap();
    assert!(seen.iter().all(|o| o.values().is_some()));
    let sizes: Vec<usize> =
        bench.bodies(READ).await.iter().map(|b| b["inputs"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 50]);
}

#[tokio::test]
async fn an_id_without_a_live_record_is_archived_merged_or_missing() {
    let bench = Bench::new().await;
    let none =
        |ids: &[&str]| json!([{ "category": "OBJECT_NOT_FOUND", "context": { "ids": ids } }]);
    let mut live = rows(&[contact(1, "a@x.io", "A")]);
    live["errors"] = none(&["2", "3", "4"]);
    bench.once("POST", READ, status(207, live)).await;
    let mut archived =
        rows(&[json!({ "id": "2", "archived": true, "properties": { "email": "b@x.io" } })]);
    archived["errors"] = none(&["3", "4"]);
    bench.once("POST", READ, status(207, archived)).await;
    bench.answer("GET", "/crm/v3/objects/contacts/3", contact(1, "a@x.io", "A")).await;
    let unknown = json!({ "category": "OBJECT_NOT_FOUND", "message": "not found" });
    bench.say("GET", "/crm/v3/objects/contacts/4", status(404, unknown)).await;

    let seen = fetch(&bench, &["1", "2", "3", "4"]).await.unwrap();
    assert!(seen[0].values().is_some());
    let State::Archived(values) = &seen[1].state else { panic!("{:?}", seen[1]) };
    assert_eq!(values[0], Value::from("b@x.io").into());
    assert_eq!(seen[2].state, State::MergedInto(id("1")));
    assert_eq!(seen[3].state, State::Missing);
    let requests = bench.requests().await;
    assert_eq!(requests[1].url.query(), Some("archived=true"));
    let inputs = &requests[1].body_json::<Json>().unwrap()["inputs"];
    assert_eq!(*inputs, json!([{ "id": "2" }, { "id": "3" }, { "id": "4" }]));
}

#[tokio::test]
async fn an_old_id_that_answers_with_another_record_was_merged() {
    let bench = Bench::new().await;
    let mut survivor = contact(9, "a@x.io", "A");
    survivor["properties"]["hs_merged_object_ids"] = json!("3");
    bench.answer("POST", READ, rows(&[survivor])).await;
    let seen = fetch(&bench, &["3"]).await.unwrap();
    assert_eq!(seen[0].state, State::MergedInto(id("9")));
    assert_eq!(bench.requests().await.len(), 1);
}

#[tokio::test]
async fn a_row_that_could_not_be_read_is_an_error_and_not_missing() {
    let bench = Bench::new().await;
    let mut answer = rows(&[]);
    answer["errors"] = json!([{ "category": "INTERNAL_ERROR", "context": { "ids": ["1"] } }]);
    bench.say("POST", READ, status(207, answer)).await;
    assert_eq!(fetch(&bench, &["1"]).await.unwrap_err().kind, ErrorKind::Transient);
}

/// What a row's error says of itself where HubSpot refuses one record for good.
fn refused(at: &Json) -> Json {
    let mut row = json!({
        "status": "error",
        "category": "VALIDATION_ERROR",
        "correlationId": "c-123",
        "message": "ann@x.io has a broken association"
    });
    row.as_object_mut().unwrap().extend(at.as_object().unwrap().clone());
    row
}

const REFUSED: &str = "HubSpot refused the record; open the record in HubSpot, and ask their \
                       support if it looks right there; it says: [address] has a broken association";

#[tokio::test]
async fn a_record_that_hubspot_refuses_to_give_is_unreadable_and_the_others_are_read() {
    let places = [
        json!({ "context": { "ids": ["2"] } }),
        json!({ "context": { "id": "2" } }),
        json!({ "context": { "id": [2] } }),
        json!({ "context": { "objectWriteTraceId": ["2"] } }),
        json!({ "errors": [{ "message": "", "context": { "ids": ["2"] } }] }),
        json!({ "id": "2" }),
        json!({ "category": "SOMETHING_NEW", "context": { "ids": ["2", "elsewhere"] } }),
    ];
    for place in places {
        let bench = Bench::new().await;
        let mut answer = rows(&[contact(1, "a@x.io", "A"), contact(3, "c@x.io", "C")]);
        answer["errors"] = json!([refused(&place)]);
        bench.say("POST", READ, status(207, answer)).await;
        let seen = fetch(&bench, &["1", "2", "3"]).await.unwrap();
        assert!(seen[0].values().is_some() && seen[2].values().is_some());
        let State::Unreadable(why) = &seen[1].state else { panic!("{place}: {:?}", seen[1]) };
        if place.get("category").is_none() {
            assert_eq!(why, REFUSED);
        }
        assert_eq!(bench.requests().await.len(), 1, "nothing more is asked of it");
    }
}

#[tokio::test]
async fn an_archived_record_that_hubspot_refuses_to_give_is_unreadable() {
    let bench = Bench::new().await;
    bench.once("POST", READ, ok(rows(&[contact(1, "a@x.io", "A")]))).await;
    let mut archived = rows(&[json!({ "id": "3", "archived": true })]);
    archived["errors"] = json!([refused(&json!({ "context": { "ids": ["2"] } }))]);
    bench.once("POST", READ, status(207, archived)).await;
    let seen = fetch(&bench, &["1", "2", "3"]).await.unwrap();
    assert!(seen[0].values().is_some());
    assert_eq!(seen[1].state, State::Unreadable(REFUSED.to_owned()));
    assert!(matches!(seen[2].state, State::Archived(_)), "{:?}", seen[2]);
}

#[tokio::test]
async fn a_refused_row_that_names_no_record_asked_for_is_an_error_of_the_read() {
    for place in [json!({}), json!({ "context": { "ids": ["77"], "id": { "is": "odd" } } })] {
        let bench = Bench::new().await;
        let mut answer = rows(&[contact(1, "a@x.io", "A")]);
        answer["errors"] = json!([refused(&place)]);
        bench.say("POST", READ, status(207, answer)).await;
        let error = fetch(&bench, &["1", "2"]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Validation, "{place}");
    }
}

#[tokio::test]
async fn a_row_that_may_be_read_later_or_that_no_token_may_read_is_an_error_of_the_read() {
    let table = [
        ("RATE_LIMITS", ErrorKind::RateLimited),
        ("INTERNAL_ERROR", ErrorKind::Transient),
        ("SERVICE_UNAVAILABLE", ErrorKind::Transient),
        ("MISSING_SCOPES", ErrorKind::Permission),
    ];
    for (category, kind) in table {
        let bench = Bench::new().await;
        let mut answer = rows(&[contact(1, "a@x.io", "A")]);
        let row = |at: &str, category: &str| {
            refused(&json!({ "category": category, "context": { "ids": [at] } }))
        };
        answer["errors"] = json!([row("2", "VALIDATION_ERROR"), row("3", category)]);
        bench.say("POST", READ, status(207, answer)).await;
        let error = fetch(&bench, &["1", "2", "3"]).await.unwrap_err();
        assert_eq!(error.kind, kind, "{category}");
    }
}

#[tokio::test]
async fn an_id_that_has_been_merged_too_often_is_unreadable_and_the_others_are_read() {
    for code in [414, 400] {
        let bench = Bench::new().await;
        bench.once("POST", READ, ok(rows(&[contact(1, "a@x.io", "A")]))).await;
        bench.once("POST", READ, ok(rows(&[]))).await;
        let limit = json!({ "message": "Cannot have more than 250 identities on a profile" });
        bench.say("GET", "/crm/v3/objects/contacts/2", status(code, limit)).await;
        bench.answer("GET", "/crm/v3/objects/contacts/3", contact(1, "a@x.io", "A")).await;
        let seen = fetch(&bench, &["1", "2", "3"]).await.unwrap();
        assert!(seen[0].values().is_some());
        let State::Unreadable(why) = &seen[1].state else { panic!("{:?}", seen[1]) };
        assert!(why.contains("open the record in HubSpot"), "{why}");
        assert!(why.ends_with(&format!("250 identities on a profile (HTTP {code})")), "{why}");
        assert_eq!(seen[2].state, State::MergedInto(id("1")));
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_for_the_one_id_is_an_error_of_the_read() {
    let table = [
        (401, ErrorKind::Auth),
        (403, ErrorKind::Permission),
        (405, ErrorKind::Protocol),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Transient),
        (525, ErrorKind::Transient),
    ];
    for (code, kind) in table {
        let bench = Bench::new().await;
        bench.answer("POST", READ, rows(&[])).await;
        let no = json!({ "message": "no" });
        bench.say("GET", "/crm/v3/objects/contacts/2", status(code, no)).await;
        assert_eq!(fetch(&bench, &["2"]).await.unwrap_err().kind, kind, "{code}");
    }
}

#[tokio::test]
async fn a_holder_of_a_value_that_cannot_be_read_is_not_left_out_of_a_look_up() {
    let mut answer = rows(&[contact(1, "a@x.io", "Ann")]);
    answer["errors"] = json!([refused(&json!({ "context": { "ids": ["2"] } }))]);
    for (field, value) in [("firstname", "Ann"), ("email", "a@x.io")] {
        let bench = Bench::new().await;
        bench.answer("POST", SEARCH, json!({ "results": [{ "id": "1" }, { "id": "2" }] })).await;
        bench.say("POST", READ, status(207, answer.clone())).await;
        let error = find(&bench, field, vec![Value::from(value)]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Validation, "{field}");
        assert!(!error.is_no_look_up(&name(field)), "it is looked for again: {error:?}");
    }
}

#[tokio::test]
async fn associations_are_blank_only_where_hubspot_says_that_there_are_none() {
    let bench = Bench::new().await;
    let companies = name("associations.companies");
    let three = [contact(1, "a@x.io", "A"), contact(2, "b@x.io", "B"), contact(3, "c@x.io", "C")];
    bench.answer("POST", READ, rows(&three)).await;
    let no = |id: &str, sub: Json| {
        json!({
            "status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": sub,
            "message": "no", "context": { "fromObjectId": [id] }
        })
    };
    let errors = [
        no("1", json!("crm.associations.NO_ASSOCIATIONS_FOUND")),
        // Archived since it was read.
        no("2", json!("crm.associations.FROM_OBJECT_NOT_FOUND")),
        no("3", Json::Null),
    ];
    let answer = json!({ "status": "COMPLETE", "results": [], "errors": errors });
    let at = "/crm/v4/associations/contacts/companies/batch/read";
    bench.say("POST", at, status(207, answer)).await;
    let request = FetchRequest {
        object: contacts(),
        projection: Projection::new([companies]),
        records: vec![id("1"), id("2"), id("3")],
    };
    let seen = bench.hubspot.fetch(request).await.unwrap();
    let shown: Vec<Slot> = seen.iter().map(|one| one.values().unwrap()[0].clone()).collect();
    assert_eq!(shown, [Slot::Present(Value::Null), Slot::Absent, Slot::Absent]);
}

/// HubSpot refuses a batch that names a record twice.
#[tokio::test]
async fn associations_of_a_record_that_is_asked_for_twice_are_read_once() {
    let bench = Bench::new().await;
    let both = [contact(1, "a@x.io", "A"), contact(2, "b@x.io", "B")];
    bench.answer("POST", READ, rows(&both)).await;
    let at = "/crm/v4/associations/contacts/companies/batch/read";
    bench.answer("POST", at, json!({ "results": [] })).await;
    let projection = Projection::new([name("associations.companies")]);
    let records = ["1", "2", "1"].map(id).to_vec();
    let request = FetchRequest { object: contacts(), projection, records };
    let seen = bench.hubspot.fetch(request).await.unwrap();
    assert!(seen.iter().all(|one| one.values().unwrap()[0] == Value::Null.into()));
    assert_eq!(bench.bodies(at).await, [json!({ "inputs": [{ "id": "1" }, { "id": "2" }] })]);
}

#[tokio::test]
async fn a_path_that_is_not_there_makes_no_record_missing() {
    let bench = Bench::new().await;
    bench.answer("POST", READ, rows(&[])).await;
    // wiremock answers an empty 404 to what it does not know, as a proxy might.
    let error = fetch(&bench, &["4"]).await.unwrap_err();
    assert_eq!((error.kind, error.status), (ErrorKind::Protocol, Some(404)));
}

#[tokio::test]
async fn a_phone_is_looked_for_in_two_spellings_and_matched_by_its_digits() {
    let bench = Bench::new().await;
    bench.answer("POST", SEARCH, json!({ "results": [{ "id": "1" }] })).await;
    let mut held = contact(1, "a@x.io", "A");
    held["properties"]["phone"] = json!("+1 256 593 8310");
    bench.answer("POST", READ, rows(&[held])).await;
    let seen = find(&bench, "phone", vec![Value::from("+1 (256) 593-8310")]).await.unwrap();
    assert_eq!(found(&seen), [(0, "1")]);
    let asked = &bench.bodies(SEARCH).await[0]["filterGroups"][0]["filters"][0]["values"];
    assert_eq!(*asked, json!(["+1 (256) 593-8310", "+12565938310"]));
}

#[tokio::test]
async fn contacts_are_found_by_mail_without_the_search() {
    let bench = Bench::new().await;
    // HubSpot also answers by a second address; that is no match of this field.
    let answer = rows(&[contact(2, "other@x.io", "O"), contact(1, "ann@x.io", "A")]);
    bench.answer("POST", READ, answer).await;
    let values = vec![Value::from("bob@x.io"), Value::from(" Ann@X.io"), Value::from("ann@x.io")];
    let seen = find(&bench, "email", values).await.unwrap();
    assert_eq!(found(&seen), [(1, "1"), (2, "1")]);
    assert_eq!(seen[0].observation.values().unwrap().slots().len(), 1);
    let body = &bench.bodies(READ).await[0];
    assert_eq!(body["idProperty"], "email");
    assert_eq!(body["inputs"], json!([{ "id": "bob@x.io" }, { "id": "ann@x.io" }]));
    assert_eq!(bench.hubspot.requests().of("search"), 0);
}

#[tokio::test]
async fn contacts_are_found_by_another_field_with_the_search() {
    let bench = Bench::new().await;
    bench.answer("POST", SEARCH, json!({ "results": [{ "id": "1" }, { "id": "2" }] })).await;
    // The index may be late: the second has another name by now.
    let answer = rows(&[contact(1, "a@x.io", "Ann"), contact(2, "b@x.io", "Bob")]);
    bench.answer("POST", READ, answer).await;
    let seen = find(&bench, "firstname", vec![Value::from("Ann"), Value::Null]).await.unwrap();
    assert_eq!(found(&seen), [(0, "1")]);
    let filters = bench.bodies(SEARCH).await[0]["filterGroups"][0]["filters"].clone();
    let by_name = json!({ "propertyName": "firstname", "operator": "IN", "values": ["ann"] });
    assert_eq!(filters[0], by_name);
    assert_eq!(filters[1]["propertyName"], "hs_object_id");
}

#[tokio::test]
async fn a_search_stays_within_hubspots_limit_on_its_size() {
    let bench = Bench::new().await;
    bench.answer("POST", SEARCH, json!({ "results": [] })).await;
    let values: Vec<Value> =
        (0..90).map(|i| Value::from(format!("{i}{}", "n".repeat(60)))).collect();
    find(&bench, "firstname", values).await.unwrap();
    let requests = bench.requests().await;
    assert!(requests.len() > 1 && requests.iter().all(|request| request.body.len() < 3000));
    let asked: usize = bench
        .bodies(SEARCH)
        .await
        .iter()
        .map(|b| b["filterGroups"][0]["filters"][0]["values"].as_array().unwrap().len())
        .sum();
    assert_eq!(asked, 90);
}

#[tokio::test]
async fn there_is_no_look_up_by_a_time_or_an_unknown_property() {
    let bench = Bench::new().await;
    for field in ["closed_at", "tags"] {
        let error = find(&bench, field, vec![Value::from("x")]).await.unwrap_err();
        assert!(error.is_no_look_up(&name(field)), "{error:?}");
    }
    // It may come back: that is not said of how HubSpot looks records up.
    let error = find(&bench, "not_there", vec![Value::from("x")]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Validation);
    assert!(!error.is_no_look_up(&name("not_there")), "{error:?}");
    assert!(bench.requests().await.is_empty());
}

#[tokio::test]
async fn object_types_that_are_not_known_are_named_with_those_that_are() {
    let bench = Bench::new().await;
    bench.answer("GET", "/crm-object-schemas/v3/schemas", json!({ "results": [] })).await;
    for unknown in ["unicorns", "0-99", "contacts/1", "2-123"] {
        let unknown = ObjectType::new(unknown).unwrap();
        let error = bench.hubspot.schema(&unknown).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permanent);
        assert!(error.message.contains(&format!("`{unknown}`")), "{error}");
        assert!(error.message.contains("contacts, companies, deals"), "{error}");
    }
    assert_eq!(bench.requests().await.len(), 2, "what cannot be a name is not asked for");
}
