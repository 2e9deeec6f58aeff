//! Connectors that break their contract: no panic, and nothing is lost.

use async_trait::async_trait;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, ErrorKind,
    Extensions, FetchRequest, FindRequest, Found, Reader, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{ObjectSchema, ObjectType, Observation, SystemName, Values};
use fluxcascade_core::testkit::SimSystem;

use crate::world::World;

/// A system whose answers to writes are changed on their way, and that does not take every look-up.
#[derive(Debug)]
pub(crate) struct Changed {
    system: SimSystem,
    change: fn(&mut WriteOutcome),
    refuses: fn(&FindRequest) -> Option<ConnectorError>,
}

impl Changed {
    fn answers(system: &SimSystem, change: fn(&mut WriteOutcome)) -> Self {
        Self { system: system.clone(), change, refuses: |_| None }
    }
}

/// It refuses some look-ups.
pub(crate) fn picky(
    system: &SimSystem,
    refuses: fn(&FindRequest) -> Option<ConnectorError>,
) -> Changed {
    Changed { refuses, ..Changed::answers(system, |_| {}) }
}

/// Its answers to writes have fewer values than fields were asked for.
fn short(system: &SimSystem) -> Changed {
    let change = |outcome: &mut WriteOutcome| {
        if let WriteOutcome::Applied { values, .. } = outcome {
            *values = Some(Values::default());
        }
    };
    Changed::answers(system, change)
}

/// It names the first field that it refuses, and no other.
pub(crate) fn names_one(system: &SimSystem) -> Changed {
    let change = |outcome: &mut WriteOutcome| {
        if let WriteOutcome::Rejected { fields, .. } = outcome {
            fields.truncate(1);
        }
    };
    Changed::answers(system, change)
}

/// It names no field that it refuses.
pub(crate) fn names_none(system: &SimSystem) -> Changed {
    let change = |outcome: &mut WriteOutcome| {
        if let WriteOutcome::Rejected { fields, .. } = outcome {
            fields.clear();
        }
    };
    Changed::answers(system, change)
}

/// It lets nobody write, and says of which value.
pub(crate) fn forbids(system: &SimSystem) -> Changed {
    let change = |outcome: &mut WriteOutcome| {
        let mut error = ConnectorError::new(ErrorKind::Permission, "may not set \"Planted Ann\"");
        error.status = Some(403);
        *outcome = WriteOutcome::Rejected { fields: Vec::new(), error };
    };
    Changed::answers(system, change)
}

#[async_trait]
impl Reader for Changed {
    fn system(&self) -> &SystemName {
        self.system.system()
    }

    fn capabilities(&self, object: &ObjectType) -> Capabilities {
        self.system.capabilities(object)
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        self.system.account().await
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        self.system.schema(object).await
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        self.system.changes(request).await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        self.system.fetch(request).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        match (self.refuses)(&request) {
            Some(error) => Err(error),
            None => self.system.find(request).await,
        }
    }
}

#[async_trait]
impl Connector for Changed {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        let mut outcomes = self.system.write(request).await;
        outcomes.iter_mut().for_each(self.change);
        outcomes
    }

    fn extensions(&self) -> Extensions<'_> {
        self.system.extensions()
    }
}

#[tokio::test]
async fn an_answer_with_too_few_values_is_read_back() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
    let engine = world.engine_with(short(&world.field)).await;
    let report = engine.sync("contacts").await.unwrap();
    assert_eq!((report.sides.target.updated, report.sides.target.created), (1, 1), "{report}");
    assert_eq!(world.field.text(&target, "phone"), "256 555 0199");
    world.settle().await;
}
