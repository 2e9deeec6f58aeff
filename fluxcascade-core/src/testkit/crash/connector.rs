//! Connectors and clocks whose calls are points.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{CrashPoints, Wall};
use crate::clock::Clock;
use crate::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, ErrorKind,
    Extensions, FetchRequest, FieldHistory, FieldTime, FieldTimesRequest, FindRequest, Found,
    Reader, WriteOutcome, WriteRequest,
};
use crate::model::{ObjectSchema, ObjectType, Observation, SystemName, Timestamp};

/// A connector whose calls are points; see [`CrashPoints`].
#[derive(Debug, Clone)]
pub struct CrashingConnector<C> {
    points: CrashPoints,
    inner: C,
}

impl<C: Connector> CrashingConnector<C> {
    pub(super) fn new(points: CrashPoints, inner: C) -> Self {
        Self { points, inner }
    }
}

#[async_trait]
impl<C: Connector> Reader for CrashingConnector<C> {
    fn system(&self) -> &SystemName {
        self.inner.system()
    }

    fn capabilities(&self, object: &ObjectType) -> Capabilities {
        self.inner.capabilities(object)
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        self.points.around(Wall::Connector, "account", self.inner.account()).await
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        self.points.around(Wall::Connector, "schema", self.inner.schema(object)).await
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        self.points.around(Wall::Connector, "changes", self.inner.changes(request)).await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        self.points.around(Wall::Connector, "fetch", self.inner.fetch(request)).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        self.points.around(Wall::Connector, "find", self.inner.find(request)).await
    }
}

#[async_trait]
impl<C: Connector> Connector for CrashingConnector<C> {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        self.points.around(Wall::Connector, "write", self.inner.write(request)).await
    }

    fn extensions(&self) -> Extensions<'_> {
        let mut extensions = self.inner.extensions();
        if extensions.field_history.is_some() {
            extensions.field_history = Some(self);
        }
        extensions
    }
}

#[async_trait]
impl<C: Connector> FieldHistory for CrashingConnector<C> {
    async fn field_times(
        &self,
        request: FieldTimesRequest,
    ) -> Result<Vec<Vec<FieldTime>>, ConnectorError> {
        let Some(history) = self.inner.extensions().field_history else {
            let message = "this system does not know when fields were changed";
            return Err(ConnectorError::new(ErrorKind::Permanent, message));
        };
        let call = history.field_times(request);
        self.points.around(Wall::Connector, "field_times", call).await
    }
}

/// A clock whose sleeps are points; see [`CrashPoints`].
#[derive(Debug, Clone)]
pub struct CrashingClock {
    points: CrashPoints,
    inner: Arc<dyn Clock>,
}

impl CrashingClock {
    pub(super) fn new(points: CrashPoints, inner: Arc<dyn Clock>) -> Self {
        Self { points, inner }
    }
}

#[async_trait]
impl Clock for CrashingClock {
    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.points.around(Wall::Clock, "sleep", self.inner.sleep(duration)).await;
    }
}
