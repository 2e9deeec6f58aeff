//! What stands before and around a query: credentials, versions, costs, limits, faults, the log.

use std::time::Duration;

use fluxcascade_connectors::sim::jobber::JobberClient;
use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use serde_json::{Value as Json, json};

use super::Jobber;

const ACCOUNT: &str = "{ account { id name } }";

#[tokio::test]
async fn without_a_token_nothing_is_answered_and_with_a_wrong_one_neither() {
    let any = Jobber::start().await;
    let url = any.sim.graphql_url();
    let body = json!({ "query": ACCOUNT });
    let version = ("X-JOBBER-GRAPHQL-VERSION", super::VERSION);
    let without = any.http.post(&url).header(version.0, version.1).json(&body);
    let answer = without.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<Json>().await.unwrap(), json!({ "message": "Token not recognized" }));

    let one = Jobber::with_token(Some("secret"), |_| {}).await;
    let wrong = one.post(ACCOUNT, &json!({})).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let right = one.http.post(one.sim.graphql_url()).header(version.0, version.1).json(&body);
    assert_eq!(right.bearer_auth("secret").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_version_must_be_named_must_exist_and_is_told_back() {
    let jobber = Jobber::start().await;
    let asked = async |version: Option<&str>| {
        let mut request = jobber.http.post(jobber.sim.graphql_url()).bearer_auth("t");
        if let Some(version) = version {
            request = request.header("X-JOBBER-GRAPHQL-VERSION", version);
        }
        let answer = request.json(&json!({ "query": ACCOUNT })).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    let (status, body) = asked(Some("1999-01-01")).await;
    let message = "GraphQL API version '1999-01-01' does not exist";
    assert_eq!((status, body), (404, json!({ "message": message })));
    assert_eq!(asked(None).await.0, 404);
    let (_, body) = asked(Some(super::VERSION)).await;
    assert_eq!(body["extensions"]["versioning"], json!({ "version": super::VERSION }));
    let (_, body) = asked(Some("2022-03-10")).await;
    assert_eq!(body["extensions"]["versioning"]["version"], "2025-04-16");
    assert!(body["extensions"]["versioning"]["warning"].is_string());
}

#[tokio::test]
async fn every_answer_says_what_it_cost_and_points_come_back_with_time() {
    let jobber = Jobber::start().await;
    jobber.sim.seed_client(JobberClient::person("Ann", "Lee"));
    let query = "{ clients(first: 50) { nodes { id firstName lastName } pageInfo { endCursor } } }";
    let cost = jobber.ask(query, json!({})).await["extensions"]["cost"].take();
    assert_eq!(cost["requestedQueryCost"], 152);
    assert_eq!(cost["actualQueryCost"], 5);
    let status = json!({
        "maximumAvailable": 10_000, "currentlyAvailable": 9_995, "restoreRate": 500,
    });
    assert_eq!(cost["throttleStatus"], status);
    jobber.clock.advance(Duration::from_millis(6));
    let cost = jobber.ask(ACCOUNT, json!({})).await["extensions"]["cost"].take();
    assert_eq!(cost["throttleStatus"]["currentlyAvailable"], 9_995);
}

#[tokio::test]
async fn a_query_over_the_points_that_are_there_is_throttled_until_they_are_back() {
    let jobber = Jobber::configured(|config| config.maximum_available = 300).await;
    let seeded = jobber.sim.seed_people(100);
    assert_eq!(seeded.len(), 100);
    let query = "{ clients(first: 100) { nodes { id firstName } } }";
    assert_eq!(jobber.ask(query, json!({})).await["errors"], Json::Null);
    let throttled = jobber.ask(query, json!({})).await;
    assert_eq!(throttled.get("data"), None);
    let error = &throttled["errors"][0];
    assert_eq!(
        (&error["message"], &error["extensions"]["code"]),
        (&json!("Throttled"), &json!("THROTTLED"))
    );
    assert!(error["extensions"]["documentation"].is_string());
    let cost = &throttled["extensions"]["cost"];
    assert_eq!((&cost["requestedQueryCost"], &cost["actualQueryCost"]), (&json!(200), &json!(0)));
    assert_eq!(cost["throttleStatus"]["currentlyAvailable"], 100);
    jobber.clock.advance(Duration::from_millis(200));
    assert_eq!(jobber.ask(query, json!({})).await["errors"], Json::Null);
}

#[tokio::test]
async fn a_query_over_the_maximum_never_runs() {
    let jobber = Jobber::start().await;
    let query = "{ clients { nodes { tags { nodes { id label } } } } }";
    for _ in 0..2 {
        let answer = jobber.ask(query, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "THROTTLED");
        assert_eq!(answer["extensions"]["cost"]["requestedQueryCost"], 20_000);
        jobber.advance(3600);
    }
}

#[tokio::test]
async fn too_many_requests_in_five_minutes_are_refused_whatever_they_cost() {
    let jobber = Jobber::configured(|config| config.requests_per_window = 3).await;
    for _ in 0..3 {
        jobber.ask(ACCOUNT, json!({})).await;
    }
    assert_eq!(jobber.post(ACCOUNT, &json!({})).send().await.unwrap().status(), 429);
    jobber.advance(300);
    jobber.ask(ACCOUNT, json!({})).await;
}

#[tokio::test]
async fn faults_speak_the_vendors_words() {
    let jobber = Jobber::start().await;
    let met = async |effect: Effect| {
        jobber.sim.add_fault(FaultRule::new(When::Next(1), effect));
        let answer = jobber.post(ACCOUNT, &json!({})).send().await.unwrap();
        jobber.sim.clear_faults();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    let (status, kind, body) = met(Effect::Status(200)).await;
    assert_eq!((status, kind.starts_with("text/html")), (200, true));
    assert!(body.starts_with("<!DOCTYPE html>"));
    let (status, _, body) = met(Effect::Status(401)).await;
    assert_eq!((status, body.as_str()), (401, "{\"message\":\"Access token expired\"}"));
    let (status, _, body) = met(Effect::Status(503)).await;
    assert_eq!((status, body.as_str()), (503, "{\"message\":\"Service temporarily unavailable\"}"));
    assert_eq!(met(Effect::Status(429)).await.0, 429);
    let (status, _, body) = met(Effect::Limit).await;
    let body: Json = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (200, &json!("THROTTLED")));
}

#[tokio::test]
async fn a_hidden_field_is_null_beside_an_error_and_takes_along_what_can_not_be_without_it() {
    let jobber = Jobber::start().await;
    let ann = JobberClient::person("Ann", "Lee").with_email("a@x.io");
    let id = jobber.sim.seed_client(ann);
    let query = "query($id: EncodedId!) { client(id: $id) { id billingAddress { city } } }";
    jobber.sim.hide_field("Client", "billingAddress");
    let answer = jobber.ask(query, json!({ "id": id })).await;
    assert_eq!(answer["data"]["client"], json!({ "id": id, "billingAddress": null }));
    let error = &answer["errors"][0];
    let message = "An object of type ClientAddress was hidden due to permissions";
    assert_eq!(error["message"], message);
    assert_eq!(error["path"], json!(["client", "billingAddress"]));

    jobber.sim.hide_field("Client", "emails");
    let query = "{ clients { nodes { id emails { address } } } other: account { name } }";
    let answer = jobber.ask(query, json!({})).await;
    assert_eq!(answer["data"], Json::Null);
    assert_eq!(answer["errors"][0]["path"], json!(["clients", "nodes", 0, "emails"]));

    let query = "query($id: EncodedId!) { gone: client(id: $id) { emails { id } } account { id } }";
    let answer = jobber.ask(query, json!({ "id": id })).await;
    assert_eq!(answer["data"]["gone"], Json::Null);
    assert!(answer["data"]["account"]["id"].is_string());

    jobber.sim.show_all_fields();
    jobber.data(query, json!({ "id": id })).await;
}

#[tokio::test]
async fn what_is_no_query_is_refused_before_it_runs() {
    let jobber = Jobber::start().await;
    let url = jobber.sim.graphql_url();
    let post = |body: String| {
        let request = jobber.http.post(&url).bearer_auth("t");
        request.header("X-JOBBER-GRAPHQL-VERSION", super::VERSION).body(body)
    };
    let deep = json!({ "query": "{a".repeat(5_000) }).to_string();
    for body in ["{}".to_owned(), "not JSON".to_owned(), deep] {
        let answer = post(body).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.json::<Json>().await.unwrap(), json!({ "message": "Invalid query" }));
    }
    let answer = jobber.ask("{ account { ", json!({})).await;
    assert!(answer["errors"][0]["message"].is_string());
    assert_eq!(jobber.http.get(&url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_log_has_every_request_and_no_token() {
    let jobber = Jobber::start().await;
    jobber.ask(ACCOUNT, json!({ "x": 1 })).await;
    jobber.sim.throttle(1);
    jobber.ask(ACCOUNT, json!({})).await;
    let log = jobber.sim.requests();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].path.as_str(), log[0].status), ("/api/graphql", Some(200)));
    assert_eq!(log[0].json(), json!({ "query": ACCOUNT, "variables": { "x": 1 } }));
    assert_eq!(log[1].fault.as_deref(), Some("Limit"));
    assert!(!format!("{log:?}").contains("any token"));
    jobber.sim.clear_requests();
    assert_eq!(jobber.sim.requests(), []);
}
