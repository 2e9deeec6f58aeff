//! When mappings are due, and budgets: nothing in them is sealed.

use async_trait::async_trait;
use fluxcascade_core::model::MappingKey;
use fluxcascade_core::store::{
    Budgets, ClaimRequest, Claimed, Draw, Drawn, Schedule, Scheduled, StoreError, TokenStore,
};

use super::Sealed;

#[async_trait]
impl<S: Schedule + TokenStore> Schedule for Sealed<S> {
    async fn schedule(&self, scheduled: &Scheduled) -> Result<(), StoreError> {
        self.inner.schedule(scheduled).await
    }

    async fn unschedule(&self, mapping: &MappingKey) -> Result<(), StoreError> {
        self.inner.unschedule(mapping).await
    }

    async fn wake(&self, mappings: &[MappingKey]) -> Result<(), StoreError> {
        self.inner.wake(mappings).await
    }

    async fn claim(&self, claim: &ClaimRequest) -> Result<Claimed, StoreError> {
        self.inner.claim(claim).await
    }

    async fn woken(&self) -> Result<(), StoreError> {
        self.inner.woken().await
    }
}

#[async_trait]
impl<S: Budgets + TokenStore> Budgets for Sealed<S> {
    async fn draw(&self, draw: &Draw) -> Result<Drawn, StoreError> {
        self.inner.draw(draw).await
    }
}
