//! P16: what comes to the host's webhook endpoint is checked, and is a reason to read.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::Engine;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Delivery,
    DeliveryError, Extensions, FetchRequest, FindRequest, Found, Notice, Reader, WebhookSource,
    WriteOutcome, WriteRequest,
};
use fluxcascade_core::engine::{Heard, WebhookError};
use fluxcascade_core::model::{
    ObjectSchema, ObjectType, Observation, RecordId, SystemName, Timestamp,
};
use fluxcascade_core::testkit::SimSystem;

use crate::scenario::listing_late;
use crate::world::World;

/// A system whose deliveries name an account and a record in a line each, behind a word.
#[derive(Debug)]
struct Telling(SimSystem);

#[async_trait]
impl Reader for Telling {
    fn system(&self) -> &SystemName {
        self.0.system()
    }

    fn capabilities(&self, object: &ObjectType) -> Capabilities {
        self.0.capabilities(object)
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        self.0.account().await
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        self.0.schema(object).await
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        self.0.changes(request).await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        self.0.fetch(request).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        self.0.find(request).await
    }
}

#[async_trait]
impl Connector for Telling {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        self.0.write(request).await
    }

    fn extensions(&self) -> Extensions<'_> {
        Extensions::none().webhooks(self)
    }
}

impl WebhookSource for Telling {
    fn read(&self, delivery: &Delivery<'_>) -> Result<Vec<Notice>, DeliveryError> {
        let text = String::from_utf8_lossy(delivery.body).into_owned();
        let lines = text.strip_prefix("signed\n").ok_or(DeliveryError::Forged)?;
        let notice = |line: &str| {
            let (account, record) = line.split_once(' ').unwrap();
            let object = ObjectType::new("contacts").unwrap();
            Notice { account: account.to_owned(), object, record: RecordId::new(record).unwrap() }
        };
        Ok(lines.lines().map(notice).collect())
    }
}

fn delivery(body: &str) -> Delivery<'_> {
    let (url, received) = ("https://example.com/hook", Timestamp::from_secs(0));
    Delivery { method: "POST", url, headers: &[], body: body.as_bytes(), received }
}

async fn engine(world: &World) -> Engine {
    let builder = Engine::builder()
        .connection("crm", Telling(world.crm.clone()))
        .connection("field", world.field.clone())
        .store(Arc::clone(&world.store))
        .clock(world.shared_clock())
        .mapping(world.mapping.clone());
    builder.build().await.unwrap()
}

#[tokio::test]
async fn a_delivery_makes_its_records_be_read_and_a_forged_or_foreign_one_does_not() {
    // A page shows an edit late: before that only what is hinted at is read.
    let world = listing_late(Duration::from_secs(600));
    let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    world.minutes(15);
    world.sync().await;
    let target = world.field.records().remove(0);
    world.minutes(15);
    let engine = engine(&world).await;
    let account = world.crm.account().await.unwrap().id;
    world.crm.edit(&source, "name", "Ann B");
    world.minutes(1);

    let forged = engine.webhook("crm", &delivery(&format!("{account} {source}"))).await;
    let Err(error @ WebhookError::Refused { .. }) = forged else { panic!("{forged:?}") };
    assert_eq!((error.status(), error.to_string().starts_with("crm: ")), (401, true), "{error}");
    let foreign = engine.webhook("crm", &delivery(&format!("signed\nanother {source}"))).await;
    assert_eq!(foreign.unwrap(), Heard { records: 0, of_others: 1 });
    assert_eq!(engine.sync("contacts").await.unwrap().writes(), 0);

    let body = format!("signed\n{account} {source}\n{account} {source}");
    let heard = engine.webhook("crm", &delivery(&body)).await.unwrap();
    assert_eq!(heard, Heard { records: 2, of_others: 0 });
    assert_eq!(engine.sync("contacts").await.unwrap().writes(), 1);
    assert_eq!(world.field.text(&target, "name"), "Ann B");
}

#[tokio::test]
async fn a_connection_that_takes_no_webhooks_and_one_that_is_not_there_say_so() {
    let engine = engine(&World::new()).await;
    for (connection, told) in [("field", "takes no webhooks"), ("crn", "the engine has crm, field")]
    {
        let error = engine.webhook(connection, &delivery("signed\n")).await.unwrap_err();
        assert_eq!(error.status(), 404);
        assert!(error.to_string().contains(told), "{error}");
    }
}
