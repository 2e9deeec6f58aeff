//! The adapter against a HubSpot of canned answers on this machine: what it asks, and what it
//! makes of what it is told.

mod changing;
mod converting;
mod failing;
mod knowing;
mod reading;
mod relating;
mod subscribing;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{ErrorKind, Write, WriteAction};
use fluxcascade_core::model::{FieldName, OperationId, Projection, RecordId, Timestamp, Value};
use serde_json::{Value as Json, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::http::HttpSettings;

const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);
const DATE: &str = "Sun, 01 Mar 2026 11:59:30 GMT";
const DATE_MILLIS: i64 = 1_772_366_370_000;

const ACCOUNT: &str = "/account-info/v3/details";
const PROPERTIES: &str = "/crm/v3/properties/contacts";
const LIST: &str = "/crm/v3/objects/contacts";
const SEARCH: &str = "/crm/v3/objects/contacts/search";
const READ: &str = "/crm/v3/objects/contacts/batch/read";
const CREATE: &str = "/crm/v3/objects/contacts/batch/create";
const UPDATE: &str = "/crm/v3/objects/contacts/batch/update";

/// A HubSpot that answers as it is told, and the adapter that speaks to it.
struct Bench {
    server: MockServer,
    hubspot: HubSpot,
    clock: Arc<ManualClock>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(HttpSettings::default()).await
    }

    async fn with(http: HttpSettings) -> Self {
        let server = MockServer::start().await;
        let clock = Arc::new(ManualClock::starting(NOON));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let builder = HubSpot::builder().token("pat-na1-s3cret").base_url(server.uri());
        let hubspot = builder.clock(shared).http(http).build().unwrap();
        let bench = Self { server, hubspot, clock };
        bench.answer("GET", PROPERTIES, properties()).await;
        bench
    }

    /// Answers every such request so.
    async fn answer(&self, verb: &str, at: &str, body: Json) {
        self.say(verb, at, ok(body)).await;
    }

    async fn say(&self, verb: &str, at: &str, template: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(template).mount(&self.server).await;
    }

    /// Answers the next such request so, before what was said before.
    async fn once(&self, verb: &str, at: &str, template: ResponseTemplate) {
        Mock::given(method(verb))
            .and(path(at))
            .respond_with(template)
            .up_to_n_times(1)
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    /// The requests so far, those for the schema left out.
    async fn requests(&self) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|request| request.url.path() != PROPERTIES).collect()
    }

    async fn bodies(&self, at: &str) -> Vec<Json> {
        let all = self.requests().await.into_iter();
        all.filter(|r| r.url.path() == at).map(|r| r.body_json().unwrap()).collect()
    }

    async fn write(&self, writes: Vec<Write>) -> Vec<WriteOutcome> {
        self.write_before(writes, NOON + Duration::from_secs(120)).await
    }

    async fn write_before(&self, writes: Vec<Write>, not_after: Timestamp) -> Vec<WriteOutcome> {
        let projection = projection(&["email", "firstname"]);
        let object = contacts();
        self.hubspot.write(WriteRequest { object, projection, writes, not_after }).await
    }
}

fn ok(body: Json) -> ResponseTemplate {
    status(200, body)
}

fn status(code: u16, body: Json) -> ResponseTemplate {
    ResponseTemplate::new(code).insert_header("Date", DATE).set_body_json(body)
}

fn contacts() -> ObjectType {
    ObjectType::new("contacts").unwrap()
}

fn name(text: &str) -> FieldName {
    FieldName::new(text).unwrap()
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

fn projection(fields: &[&str]) -> Projection {
    Projection::new(fields.iter().map(|field| name(field)))
}

fn create(fields: &[(&str, Value)]) -> Write {
    a_write(WriteAction::Create, fields)
}

fn update(record: &str, fields: &[(&str, Value)]) -> Write {
    a_write(WriteAction::Update { record: id(record), if_tag: None }, fields)
}

fn a_write(action: WriteAction, fields: &[(&str, Value)]) -> Write {
    let fields = fields.iter().map(|(field, value)| (name(field), value.clone())).collect();
    Write { operation: OperationId::of(&[b"test"]), action, fields }
}

/// A contact as HubSpot shows it.
fn contact(id: u64, email: &str, firstname: &str) -> Json {
    json!({
        "id": id.to_string(),
        "properties": { "email": email, "firstname": firstname, "hs_object_id": id.to_string() },
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-03-01T11:58:00.123Z",
        "archived": false
    })
}

fn rows(records: &[Json]) -> Json {
    json!({ "status": "COMPLETE", "results": records })
}

fn properties() -> Json {
    let property = |name: &str, kind: &str, field: &str| json!({ "name": name, "label": name, "type": kind, "fieldType": field, "options": [] });
    let mut list = vec![
        property("email", "string", "text"),
        property("firstname", "string", "text"),
        property("phone", "string", "phonenumber"),
        property("revenue", "number", "number"),
        property("birthday", "date", "date"),
        property("closed_at", "datetime", "date"),
        property("opted_out", "bool", "booleancheckbox"),
        property("hs_merged_object_ids", "enumeration", "checkbox"),
        property("place", "object_coordinates", "text"),
    ];
    let mut stage = property("stage", "enumeration", "select");
    stage["options"] = json!([{ "label": "Lead", "value": "lead" }, { "value": "customer" }]);
    let mut tags = property("tags", "enumeration", "checkbox");
    tags["options"] = json!([{ "value": "A" }, { "value": "B" }]);
    let mut score = property("score", "number", "calculation_equation");
    score["calculated"] = json!(true);
    let mut seen = property("lastmodifieddate", "datetime", "date");
    seen["modificationMetadata"] = json!({ "readOnlyValue": true, "archivable": false });
    let mut key = property("our_id", "string", "text");
    key["hasUniqueValue"] = json!(true);
    let mut gone = property("gone", "string", "text");
    gone["archived"] = json!(true);
    list.extend([stage, tags, score, seen, key, gone]);
    json!({ "results": list })
}
