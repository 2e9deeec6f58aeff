//! A connector whose account and schemas were read already: an engine that is only tried out asks the
//! system nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Extensions,
    FetchRequest, FindRequest, Found, Reader, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{ObjectSchema, ObjectType, Observation, SystemName};

/// The connector, and what is known of its system.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) account: Account,
    pub(super) schemas: BTreeMap<ObjectType, ObjectSchema>,
}

#[async_trait]
impl Reader for Known {
    fn system(&self) -> &SystemName {
        self.connector.system()
    }

    fn capabilities(&self, object: &ObjectType) -> Capabilities {
        self.connector.capabilities(object)
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        Ok(self.account.clone())
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        match self.schemas.get(object) {
            Some(schema) => Ok(schema.clone()),
            None => self.connector.schema(object).await,
        }
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        self.connector.changes(request).await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        self.connector.fetch(request).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        self.connector.find(request).await
    }
}

#[async_trait]
impl Connector for Known {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        self.connector.write(request).await
    }

    fn extensions(&self) -> Extensions<'_> {
        self.connector.extensions()
    }
}
