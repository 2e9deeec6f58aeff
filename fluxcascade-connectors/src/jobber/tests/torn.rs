//! Answers that are null whole for one record: Jobber's lists, and the references in them, are never null.

use fluxcascade_core::connector::{ChangesPage, ChangesRequest, Cursor};
use fluxcascade_core::model::{Slot, State};

use super::*;

const HIDDEN: &str = "An object of type Client was hidden due to permissions";
const NULL: &str = "Cannot return null for non-nullable field Job.client";

fn job(id: &str, whole: bool) -> Json {
    let mut job = json!({ "id": id, "updatedAt": "2026-03-01T11:00:00Z" });
    if whole {
        job["client"] = json!({ "id": "c" });
    }
    job
}

fn torn(data: &Json, message: &str, path: &Json) -> ResponseTemplate {
    json_answer(&json!({ "data": data, "errors": [{ "message": message, "path": path }] }))
}

/// Jobs `a`, `b` and `c` on the page, of which `b` has no client to be seen; then the last page.
fn jobs(data_of_list: Json, message: &'static str) -> impl Fn(&Request) -> ResponseTemplate {
    move |request| {
        let body: Json = request.body_json().unwrap();
        let query = body["query"].as_str().unwrap();
        let whole = query.contains("client {");
        let page = |ids: &[&str], next: Option<&str>| {
            let nodes: Vec<Json> = ids.iter().map(|id| job(id, whole)).collect();
            let info = json!({ "hasNextPage": next.is_some(), "endCursor": next });
            data(&json!({ "jobs": { "nodes": nodes, "pageInfo": info } }))
        };
        if query.contains("FetchJob") {
            let asked = body["variables"].as_object().unwrap();
            let found = asked.iter().map(|(name, id)| {
                let shown = if id == "b" { Json::Null } else { job(id.as_str().unwrap(), true) };
                (name.replace("id", "c"), shown)
            });
            let found = Json::Object(found.collect());
            return torn(&found, message, &json!(["c1", "client"]));
        }
        match (body["variables"]["after"].as_str(), whole) {
            (None, _) => page(&["z"], Some("MQ")),
            (Some("MQ"), true) => {
                torn(&data_of_list, message, &json!(["jobs", "nodes", 1, "client"]))
            }
            (Some("MQ"), false) => page(&["a", "b", "c"], Some("Mg")),
            (Some(_), _) => page(&["y"], None),
        }
    }
}

async fn changes(
    stage: &Stage,
    object: &str,
    fields: &[&str],
    position: Position,
) -> Result<ChangesPage, ConnectorError> {
    let (object, projection) = (ObjectType::new(object).unwrap(), projection(fields));
    stage.jobber.changes(ChangesRequest { object, projection, position, limit: 50 }).await
}

/// A record that is hidden, or that failed with these words.
fn is_told_of(state: &State, message: &str) {
    if message == HIDDEN {
        return assert_eq!(*state, State::OutOfScope);
    }
    let State::Unreadable(why) = state else { panic!("{state:?}") };
    assert!(why.contains(message), "{why}");
}

#[tokio::test]
async fn a_record_that_takes_its_page_away_is_that_records_own_affair() {
    let whole = [
        Json::Null,
        json!({ "jobs": null }),
        json!({ "jobs": { "nodes": [job("a", true), null, job("c", true)],
            "pageInfo": { "hasNextPage": true, "endCursor": "Mg" } } }),
    ];
    for (of_list, message) in
        whole.into_iter().flat_map(|of| [HIDDEN, NULL].map(|said| (of.clone(), said)))
    {
        let stage = Stage::answering(jobs(of_list.clone(), message)).await;
        let first = changes(&stage, "jobs", &["client"], Position::Start).await.unwrap();
        let next = Position::After(first.cursor);
        let page = changes(&stage, "jobs", &["client"], next).await.unwrap();
        let seen: Vec<&str> = page.observations.iter().map(|seen| seen.record.as_str()).collect();
        assert_eq!(seen, ["a", "b", "c"], "{of_list} {message}");
        for at in [0, 2] {
            let values = page.observations[at].values().unwrap();
            assert!(matches!(values[0], Slot::Present(Value::Ref(_))), "{of_list}");
        }
        is_told_of(&page.observations[1].state, message);
        assert_eq!(stage.jobber.requests().total(), 4, "the page, its ids, and they by id");
        let last = changes(&stage, "jobs", &["client"], Position::After(page.cursor)).await;
        assert!(!last.unwrap().more, "no cursor was refused");
    }
}

#[tokio::test]
async fn a_property_that_takes_the_page_of_clients_away_is_its_own_affair() {
    let place = r#"{"format":1,"phase":"idle","mark":"2026-03-01T11:00:00Z","from":null,"to":null,"after":null,"newest":null}"#;
    let answer = |request: &Request| {
        let body: Json = request.body_json().unwrap();
        let query = body["query"].as_str().unwrap();
        if query.contains("FetchProperty") {
            let found = json!({ "c0": null, "c1": { "id": "q", "name": "Yard" } });
            return torn(&found, HIDDEN, &json!(["c0", "name"]));
        }
        if query.contains("name") {
            let path = json!(["clients", "nodes", 0, "clientProperties", "nodes", 0, "name"]);
            return torn(&Json::Null, HIDDEN, &path);
        }
        let info = json!({ "hasNextPage": false, "endCursor": null });
        let properties = json!({ "nodes": [{ "id": "p" }, { "id": "q" }], "pageInfo": info });
        let client = json!({ "id": "c", "clientProperties": properties });
        data(&json!({ "clients": { "nodes": [client], "pageInfo": info } }))
    };
    let stage = Stage::answering(answer).await;
    let position = Position::After(Cursor::new(place).unwrap());
    let page = changes(&stage, "properties", &["name"], position).await.unwrap();
    assert_eq!(page.observations[0].state, State::OutOfScope);
    assert!(page.observations[1].values().is_some());
    assert!(!page.more);
}

#[tokio::test]
async fn a_record_that_takes_a_read_by_id_away_is_its_own_affair() {
    for (message, code) in [
        (HIDDEN, Json::Null),
        (NULL, Json::Null),
        ("gone", json!("NOT_FOUND")),
        ("x", json!("BAD_USER_INPUT")),
    ] {
        let answer = move |request: &Request| {
            let body: Json = request.body_json().unwrap();
            let asked = body["variables"].as_object().unwrap();
            let error = |name: &str| {
                let path = json!([name.replace("id", "c"), "billingAddress", "city"]);
                json!({ "message": message, "path": path, "extensions": { "code": code } })
            };
            if let Some((name, _)) = asked.iter().find(|(_, id)| **id == "b") {
                return json_answer(&json!({ "data": null, "errors": [error(name)] }));
            }
            let found = asked.iter().map(|(name, id)| {
                let found = client(id.as_str().unwrap(), "2026-01-01T00:00:00Z");
                (name.replace("id", "c"), found)
            });
            data(&Json::Object(found.collect()))
        };
        let stage = Stage::answering(answer).await;
        let seen = fetch(&stage, &["a", "b", "c"], &["firstName"]).await;
        assert!(seen[0].values().is_some() && seen[2].values().is_some());
        // What was not found is below it.
        is_told_of(&seen[1].state, message);
        assert_eq!(stage.jobber.requests().total(), 3, "all, the others, and it alone");
    }
}

/// Where Jobber does not list what is not set.
#[tokio::test]
async fn a_custom_field_that_one_record_of_a_page_lists_is_there_for_the_others() {
    let field = json!({ "__typename": "CustomFieldConfigurationText", "id": "1", "name": "Gate" });
    let info = json!({ "hasNextPage": false, "endCursor": null });
    let fields =
        data(&json!({ "customFieldConfigurations": { "nodes": [field], "pageInfo": info } }));
    let value = json!({ "id": "v", "customFieldConfiguration": { "id": "1" }, "valueText": "7" });
    let with = |id: &str, values: Json| json!({ "id": id, "customFields": values });
    let page = |of: &[Json]| data(&list(of, None));
    let some = page(&[with("a", json!([value])), with("b", json!([]))]);
    let none = page(&[with("b", json!([]))]);
    let stage = Stage::with(vec![fields.clone(), some, none, fields]).await;
    for asked in [2, 4] {
        let page =
            changes(&stage, "clients", &["customFields.Gate"], Position::Start).await.unwrap();
        let seen = page.observations.last().unwrap();
        assert_eq!(seen.values().unwrap()[0], Slot::Present(Value::Null), "not unknown");
        assert_eq!(
            stage.jobber.requests().total(),
            asked,
            "nothing more is read where one lists it"
        );
    }
}
