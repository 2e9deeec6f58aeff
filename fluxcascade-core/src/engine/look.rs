//! Engines live long: accounts and schemas are read when one is built, and again once an hour, when
//! a run begins (P27).

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::{Engine, SyncError};
use crate::mapping::CompiledMapping;
use crate::model::{MappingName, Side, Timestamp};

/// How long what was read of an account and its schema is relied on.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// What was last read of a mapping's systems.
pub(super) struct Look {
    at: Timestamp,
    /// The mapping, compiled against their schemas.
    mapping: CompiledMapping,
}

impl Engine {
    /// The mapping as it stands against the systems' schemas. They and the accounts are read again if
    /// that was long ago.
    pub(super) async fn looked_at(&self, name: &str) -> Result<CompiledMapping, SyncError> {
        let built = self.mapping(name)?;
        let now = self.inner.clock.now();
        let (at, mapping) = match self.looks().get(&built.mapping.name) {
            Some(look) => (look.at, look.mapping.clone()),
            None => (self.inner.built, built.clone()),
        };
        if now.since(at) < LOOK_EVERY {
            return Ok(mapping);
        }
        for side in Side::BOTH {
            self.check_same_account(&mapping, side).await?;
        }
        let mapping = self.try_out(mapping.mapping).await?;
        let look = Look { at: now, mapping: mapping.clone() };
        self.looks().insert(mapping.mapping.name.clone(), look);
        Ok(mapping)
    }

    async fn check_same_account(
        &self,
        mapping: &CompiledMapping,
        side: Side,
    ) -> Result<(), SyncError> {
        let name = &mapping.endpoint(side).connection;
        // Engine::build has checked that each endpoint's connection exists.
        let connection = &self.inner.connections[name];
        let account = connection.connector.account().await.map_err(|error| {
            SyncError::Connector { connection: name.clone(), error: Box::new(error) }
        })?;
        if account.id == connection.account {
            return Ok(());
        }
        Err(SyncError::OtherAccount {
            connection: name.clone(),
            mapping: mapping.mapping.name.clone(),
            before: connection.account.clone(),
            now: account.id,
        })
    }

    fn looks(&self) -> MutexGuard<'_, BTreeMap<MappingName, Look>> {
        self.inner.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
