//! The adapter against a server that says what Jobber says: the requests as they are sent, and
//! what each answer is taken for. Reads are in `reads`, `finding` and `paging`, writes in `writes` and `places`, webhooks in
//! `subscribing`, answers of another form than Jobber's in `strange`, those that one record takes away in
//! `torn`, all documents in `documents`.

mod documents;
mod finding;
mod ids;
mod leaving;
mod paging;
mod places;
mod reads;
mod strange;
mod subscribing;
mod torn;
mod writes;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use fluxcascade_core::Clock;
use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::connector::{
    ConnectorError, ErrorKind, FetchRequest, Position, Reader, Write, WriteAction,
};
use fluxcascade_core::model::{
    FieldName, ObjectType, Observation, OperationId, Projection, RecordId, Timestamp, Value,
};
use serde_json::{Value as Json, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::http::HttpSettings;

const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);

/// A Jobber that answers by a script, and a connector to it.
struct Stage {
    server: MockServer,
    jobber: Jobber,
    clock: Arc<ManualClock>,
}

/// Answers one after the other; the last for ever.
struct Script(Mutex<VecDeque<ResponseTemplate>>);

impl Respond for Script {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut answers = self.0.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }
}

impl Stage {
    async fn with(answers: Vec<ResponseTemplate>) -> Self {
        Self::built(answers, |builder| builder).await
    }

    async fn built(
        answers: Vec<ResponseTemplate>,
        set: impl FnOnce(JobberBuilder) -> JobberBuilder,
    ) -> Self {
        Self::built_on(Script(Mutex::new(answers.into())), set).await
    }

    /// Answers each request by what it asks.
    async fn answering(
        answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
    ) -> Self {
        Self::built_on(answer, |builder| builder).await
    }

    async fn built_on(
        answers: impl Respond + 'static,
        set: impl FnOnce(JobberBuilder) -> JobberBuilder,
    ) -> Self {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answers).mount(&server).await;
        let clock = Arc::new(ManualClock::starting(NOON));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let builder = Jobber::builder().token("s3cret").base_url(server.uri()).clock(shared);
        Self { jobber: set(builder).build().unwrap(), server, clock }
    }

    /// The bodies of the requests so far.
    async fn sent(&self) -> Vec<Json> {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().map(|request| request.body_json().unwrap()).collect()
    }

    /// The variables of the requests so far.
    async fn variables(&self) -> Vec<Json> {
        self.sent().await.into_iter().map(|mut body| body["variables"].take()).collect()
    }

    fn waited(&self) -> Duration {
        self.clock.now().since(NOON)
    }
}

/// Clients by id.
async fn fetch(stage: &Stage, ids: &[&str], fields: &[&str]) -> Vec<Observation> {
    let records = ids.iter().map(|text| id(text)).collect();
    let request = FetchRequest { object: clients(), projection: projection(fields), records };
    stage.jobber.fetch(request).await.unwrap()
}

/// An answer at 12:00 by Jobber's clock.
fn json_answer(body: &Json) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .insert_header("Date", "Sun, 01 Mar 2026 12:00:00 GMT")
        .set_body_json(body)
}

fn data(data: &Json) -> ResponseTemplate {
    json_answer(&json!({ "data": data }))
}

/// An answer with one error of GraphQL and no data.
fn refusal(code: &str, message: &str) -> ResponseTemplate {
    json_answer(&json!({ "errors": [{ "message": message, "extensions": { "code": code } }] }))
}

/// Jobber's refusal of a variable, as its page "Handling API errors" shows it.
fn bad_variable(name: &str, of: &str, value: &str) -> ResponseTemplate {
    json_answer(&json!({ "errors": [{
        "message": format!("Variable ${name} of type {of} was provided invalid value"),
        "locations": [{ "line": 1, "column": 7 }],
        "extensions": {
            "value": value,
            "problems": [{ "path": [], "explanation": format!("'{value}' is not valid") }],
        },
    }] }))
}

/// Jobber's page for people.
fn waiting_page() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw("<!DOCTYPE html><title>Wait</title>", "text/html")
}

/// Refused for its cost.
fn throttled(requested: u32, available: u32, maximum: u32) -> ResponseTemplate {
    json_answer(&json!({
        "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
        "extensions": { "cost": cost(requested, available, maximum) },
    }))
}

fn cost(requested: u32, available: u32, maximum: u32) -> Json {
    json!({
        "requestedQueryCost": requested,
        "actualQueryCost": 0,
        "throttleStatus": {
            "maximumAvailable": maximum, "currentlyAvailable": available, "restoreRate": 500,
        },
    })
}

fn clients() -> ObjectType {
    ObjectType::new("clients").unwrap()
}

fn projection(fields: &[&str]) -> Projection {
    Projection::new(fields.iter().map(|field| FieldName::new(field).unwrap()))
}

fn id(id: &str) -> RecordId {
    RecordId::new(id).unwrap()
}

fn client(id: &str, at: &str) -> Json {
    json!({ "id": id, "isArchived": false, "updatedAt": at, "firstName": "Ann" })
}

fn list(nodes: &[Json], next: Option<&str>) -> Json {
    json!({ "clients": {
        "nodes": nodes,
        "pageInfo": { "hasNextPage": next.is_some(), "endCursor": next },
    } })
}

#[tokio::test]
async fn settings_are_checked_all_at_once() {
    let error = Jobber::builder()
        .token("two words")
        .version("yesterday!")
        .base_url("http://api.example.com")
        .page_size(101)
        .edits_per_request(11)
        .look_back(Duration::ZERO)
        .http(HttpSettings { max_attempts: 0, ..HttpSettings::default() })
        .build()
        .unwrap_err();
    assert_eq!(error.problems().len(), 7, "{error}");
    assert!(!error.to_string().contains("two words"));
}
