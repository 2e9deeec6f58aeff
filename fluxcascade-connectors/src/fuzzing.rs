//! What is fuzzed: an adapter with answers out of the fuzzer's bytes, and deliveries of webhooks that are
//! signed. Each function must come back, whatever it is given.
//!
//! The targets are in `fuzz/`; what was found to reach something new is in `fuzz/corpus`, and a test here
//! goes through all of it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxcascade_core::Connector;
use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::connector::{
    ChangesRequest, Delivery, FetchRequest, FindRequest, Position, Write, WriteAction, WriteRequest,
};
use fluxcascade_core::model::{
    FieldName, ObjectType, OperationId, Projection, RecordId, Timestamp, Value,
};
use futures::executor::block_on;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::http::HttpClient;
use crate::{HubSpot, Jobber};

const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);
const SECRET: &str = "s3cret";
/// Pages that are followed.
const PAGES: usize = 8;

const HUBSPOT_SCHEMA: &str = r#"{"results":[
    {"name":"email","type":"string","fieldType":"text","hasUniqueValue":true},
    {"name":"amount","type":"number","fieldType":"number"},
    {"name":"born","type":"date","fieldType":"date"},
    {"name":"seen","type":"datetime","fieldType":"date"},
    {"name":"likes","type":"enumeration","fieldType":"checkbox","options":[{"value":"a"},{"value":"b"}]},
    {"name":"vip","type":"bool","fieldType":"booleancheckbox"}]}"#;
const JOBBER_SCHEMA: &str = r#"{"data":{"object":{"fields":null},"customFieldConfigurations":
    {"nodes":[],"pageInfo":{"hasNextPage":false,"endCursor":null}}}}"#;

/// Everything that a HubSpot adapter reads and writes, with these answers.
pub fn hubspot(input: &[u8]) {
    let known: &[_] = if input.first() == Some(&0) { &[] } else { &[("schema", HUBSPOT_SCHEMA)] };
    let client = HttpClient::canned(known, input.get(1..).unwrap_or_default());
    let clock = Arc::new(ManualClock::starting(NOON));
    let builder = HubSpot::builder().token("t").http_client(client).clock(clock);
    let Ok(hubspot) = builder.build() else { return };
    let fields = ["email", "amount", "born", "seen", "likes", "vip", "associations.companies"];
    block_on(life(&hubspot, "contacts", &fields, "501"));
}

/// Everything that a Jobber adapter reads and writes, with these answers.
pub fn jobber(input: &[u8]) {
    let known: &[_] = if input.first() == Some(&0) { &[] } else { &[("schema", JOBBER_SCHEMA)] };
    let client = HttpClient::canned(known, input.get(1..).unwrap_or_default());
    let clock = Arc::new(ManualClock::starting(NOON));
    let builder = Jobber::builder().token("t").http_client(client).clock(clock);
    let Ok(jobber) = builder.build() else { return };
    let fields = ["emails.primary", "firstName", "billingAddress.city", "balance", "createdAt"];
    block_on(life(&jobber, "clients", &fields, "Z2lkOi8vSm9iYmVyL0NsaWVudC8x"));
    block_on(life(&jobber, "jobs", &["title", "client", "startAt", "total"], "Sm9iLzE="));
}

/// What an adapter does for an engine. What comes of each is not asked for.
async fn life(connector: &dyn Connector, object: &str, fields: &[&str], id: &str) {
    let (Ok(object), Ok(record)) = (ObjectType::new(object), RecordId::new(id)) else { return };
    let fields: Vec<FieldName> = fields.iter().filter_map(|f| FieldName::new(f).ok()).collect();
    let projection = Projection::new(fields.clone());
    let _ = connector.account().await;
    let _ = connector.schema(&object).await;
    let mut position = Position::Start;
    for _ in 0..PAGES {
        let (object, projection) = (object.clone(), projection.clone());
        let request = ChangesRequest { object, projection, position, limit: 100 };
        let Ok(page) = connector.changes(request).await else { break };
        position = Position::After(page.cursor);
    }
    let records = vec![record.clone(), record.clone()];
    let (of, shown) = (object.clone(), projection.clone());
    let _ = connector.fetch(FetchRequest { object: of, projection: shown, records }).await;
    let Some(key) = fields.first().cloned() else { return };
    let (of, shown) = (object.clone(), projection.clone());
    let values = vec![Value::from("ann@x.io")];
    let _ = connector
        .find(FindRequest { object: of, projection: shown, field: key.clone(), values })
        .await;
    let update = WriteAction::Update { record: record.clone(), if_tag: None };
    let actions = [update, WriteAction::Create, WriteAction::Archive { record, if_tag: None }];
    let writes = actions.into_iter().enumerate().map(|(at, action)| Write {
        operation: OperationId([u8::try_from(at).unwrap_or_default(); 16]),
        action,
        fields: vec![(key.clone(), Value::from("eve@x.io"))],
    });
    let not_after = NOON + Duration::from_secs(3600);
    let request = WriteRequest { object, projection, writes: writes.collect(), not_after };
    let _ = connector.write(request).await;
}

/// A delivery of HubSpot's with this body, signed as it signs.
pub fn hubspot_webhook(body: &[u8]) {
    let builder = HubSpot::builder().token("t").webhook_secret(SECRET);
    let Ok(hubspot) = builder.http_client(HttpClient::canned(&[], b"")).build() else { return };
    let hash = Sha256::new().chain_update(SECRET).chain_update(body).finalize();
    let mut signature = String::new();
    for byte in hash {
        // Writing to a text cannot fail.
        let _ = write!(signature, "{byte:02x}");
    }
    deliver(&hubspot, &[("X-HubSpot-Signature", &signature)], body);
}

/// A delivery of Jobber's with this body, signed as it signs.
pub fn jobber_webhook(body: &[u8]) {
    let builder = Jobber::builder().token("t").webhook_secret(SECRET);
    let Ok(jobber) = builder.http_client(HttpClient::canned(&[], b"")).build() else { return };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else { return };
    mac.update(body);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    deliver(&jobber, &[("X-Jobber-Hmac-SHA256", &signature)], body);
}

fn deliver(connector: &dyn Connector, headers: &[(&str, &str)], body: &[u8]) {
    let url = "https://acme.example/hook";
    let delivery = Delivery { method: "POST", url, headers, body, received: NOON };
    if let Some(source) = connector.extensions().webhooks {
        let _ = source.read(&delivery);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All inputs of a target's corpus; there must be some.
    fn each_of(target: &str, run: fn(&[u8])) {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");
        let files = std::fs::read_dir(format!("{corpus}/{target}")).unwrap();
        let mut inputs = 0;
        for file in files {
            run(&std::fs::read(file.unwrap().path()).unwrap());
            inputs += 1;
        }
        assert!(inputs > 10, "{target} has {inputs} inputs");
    }

    #[test]
    fn the_corpus_of_each_decoder_is_read_without_a_panic() {
        each_of("hubspot", hubspot);
        each_of("jobber", jobber);
    }

    #[test]
    fn the_corpus_of_each_webhook_is_read_without_a_panic() {
        each_of("hubspot_webhook", hubspot_webhook);
        each_of("jobber_webhook", jobber_webhook);
    }
}
