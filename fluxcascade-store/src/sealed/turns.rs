//! When mappings are due, and budgets: nothing in them is sealed.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fluxcascade_core::model::MappingKey;
use fluxcascade_core::store::{
    Budgets, ClaimRequest, Claimed, Draw, Drawn, Rows, Schedule, Scheduled, StoreError,
    StoreErrorKind, TokenStore,
};

use super::Sealed;

#[async_trait]
impl<S: Schedule + Rows + TokenStore> Schedule for Sealed<S> {
    async fn schedule(&self, scheduled: &Scheduled) -> Result<(), StoreError> {
        self.inner.schedule(scheduled).await
    }

    async fn unschedule(&self, mapping: &MappingKey) -> Result<(), StoreError> {
        self.inner.unschedule(mapping).await
    }

    async fn wake(&self, mappings: &[MappingKey]) -> Result<(), StoreError> {
        self.inner.wake(mappings).await
    }

    /// A worker whose ring opens none of the tenants takes no turn: what it claimed would wait a whole
    /// period for one that can do it. A tenant whose own secret is damaged is told by the run that it is
    /// claimed for.
    async fn claim(&self, claim: &ClaimRequest) -> Result<Claimed, StoreError> {
        if let Some(named) = &claim.among {
            self.opens_one_of(named.iter()).await?;
            return self.inner.claim(claim).await;
        }
        let claimed = self.inner.claim(claim).await?;
        let mappings: Vec<MappingKey> =
            claimed.leases.iter().map(|lease| lease.mapping.clone()).collect();
        if let Err(error) = self.opens_one_of(mappings.iter()).await {
            self.inner.wake(&mappings).await?;
            for lease in &claimed.leases {
                self.inner.release(lease).await?;
            }
            return Err(error);
        }
        Ok(claimed)
    }

    async fn woken(&self) -> Result<(), StoreError> {
        self.inner.woken().await
    }
}

impl<S: Rows + TokenStore> Sealed<S> {
    /// Fails if there are tenants, and the ring opens the secret of none. What else may be wrong is told
    /// by the run.
    async fn opens_one_of(
        &self,
        mappings: impl Iterator<Item = &MappingKey>,
    ) -> Result<(), StoreError> {
        let mut refused = Ok(());
        for tenant in mappings.map(|mapping| &mapping.tenant).collect::<BTreeSet<_>>() {
            match self.known(tenant).await {
                Err(error) if error.kind == StoreErrorKind::Locked => refused = Err(error),
                Ok(_) | Err(_) => return Ok(()),
            }
        }
        refused
    }
}

#[async_trait]
impl<S: Budgets + Rows + TokenStore> Budgets for Sealed<S> {
    async fn draw(&self, draw: &Draw) -> Result<Drawn, StoreError> {
        self.inner.draw(draw).await
    }
}
