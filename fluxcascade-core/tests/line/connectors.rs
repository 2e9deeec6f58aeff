//! Connectors that break their contract: no panic, and nothing is lost.

use async_trait::async_trait;
use fluxcascade_core::Engine;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Extensions,
    FetchRequest, FindRequest, Found, Reader, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{ObjectSchema, ObjectType, Observation, SystemName, Values};
use fluxcascade_core::testkit::SimSystem;

use crate::world::World;

/// Its answers to writes have fewer values than fields were asked for.
#[derive(Debug)]
struct Short(SimSystem);

#[async_trait]
impl Reader for Short {
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
impl Connector for Short {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        let mut outcomes = self.0.write(request).await;
        for outcome in &mut outcomes {
            if let WriteOutcome::Applied { values, .. } = outcome {
                *values = Some(Values::default());
            }
        }
        outcomes
    }

    fn extensions(&self) -> Extensions<'_> {
        self.0.extensions()
    }
}

#[tokio::test]
async fn an_answer_with_too_few_values_is_read_back() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    let engine = Engine::builder()
        .connection("crm", world.crm.clone())
        .connection("field", Short(world.field.clone()))
        .store(std::sync::Arc::clone(&world.store))
        .clock(world.shared_clock())
        .mapping(world.mapping.clone())
        .build()
        .await
        .unwrap();
    let report = engine.sync("contacts").await.unwrap();
    assert_eq!((report.sides.target.updated, report.sides.target.created), (1, 1), "{report}");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
    world.settle().await;
}
