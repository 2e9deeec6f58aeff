//! Which mappings are due, and what connections may still be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{ConnectionName, MappingKey, TenantId, Timestamp, WorkerName};
use fluxcascade_core::store::{
    Budgets, ClaimRequest, Claimed, Draw, Drawn, Schedule, Scheduled, StoreError,
};

use super::MemoryStore;
use super::ledger::Ledger;
use super::tenant::Tenant;
use crate::turns::{self, Standby, WOKEN};

/// A mapping's place on the schedule.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) due: Timestamp,
    every: Duration,
    /// Who claimed it last, under which fencing number.
    worker: Option<(WorkerName, u64)>,
}

impl Ledger {
    /// Makes it due at once, if it is scheduled. Says whether it is.
    pub(super) fn make_due(&mut self) -> bool {
        self.turn.as_mut().map(|turn| turn.due = WOKEN).is_some()
    }

    /// Whether it is due once its lease is over.
    pub(super) fn is_woken(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.due == WOKEN)
    }

    /// Who holds its lease at a time, if anybody does.
    fn worker_at(&self, name: &str, now: Timestamp) -> Option<String> {
        self.standing.until.filter(|until| *until > now)?;
        let worker = self.turn.as_ref().and_then(|turn| turn.worker.as_ref());
        let worker = worker.filter(|(_, fence)| *fence == self.standing.fence);
        Some(worker.map_or_else(|| name.to_owned(), |(worker, _)| worker.as_str().to_owned()))
    }
}

impl Tenant {
    /// Who holds leases of mappings that read a connection.
    fn holders(&self, connection: &ConnectionName, now: Timestamp) -> BTreeSet<String> {
        let reads = |ledger: &Ledger| ledger.feeds.keys().any(|(of, _)| of == connection);
        let reading = self.mappings.iter().filter(|(_, ledger)| reads(ledger));
        reading.filter_map(|(name, ledger)| ledger.worker_at(name.as_str(), now)).collect()
    }
}

/// The mappings that a claim may take.
fn standing(tenants: &BTreeMap<TenantId, Tenant>, among: Option<&[MappingKey]>) -> Vec<Standby> {
    let mut found = Vec::new();
    for (tenant, of) in tenants {
        for (mapping, ledger) in &of.mappings {
            let Some(turn) = &ledger.turn else { continue };
            let mapping = MappingKey { tenant: tenant.clone(), mapping: mapping.clone() };
            if among.is_none_or(|among| among.contains(&mapping)) {
                let standing = ledger.standing.clone();
                found.push(Standby { mapping, due: turn.due, every: turn.every, standing });
            }
        }
    }
    found
}

#[async_trait]
impl Schedule for MemoryStore {
    async fn schedule(&self, scheduled: &Scheduled) -> Result<(), StoreError> {
        self.write(&scheduled.mapping, |ledger| {
            let before = ledger.turn.take();
            let due = turns::scheduled(before.as_ref().map(|turn| turn.due), scheduled);
            let worker = before.and_then(|turn| turn.worker);
            ledger.turn = Some(Turn { due, every: scheduled.every, worker });
        });
        self.bell.ring();
        Ok(())
    }

    async fn unschedule(&self, mapping: &MappingKey) -> Result<(), StoreError> {
        self.write(mapping, |ledger| ledger.turn = None);
        Ok(())
    }

    async fn wake(&self, mappings: &[MappingKey]) -> Result<(), StoreError> {
        for mapping in mappings {
            self.write(mapping, Ledger::make_due);
        }
        self.bell.ring();
        Ok(())
    }

    async fn claim(&self, claim: &ClaimRequest) -> Result<Claimed, StoreError> {
        let rings = self.bell.rings();
        let mut tenants = self.tenants();
        let all = standing(&tenants, claim.among.as_deref());
        let (taken, next) = turns::choose(all, claim.now, claim.limit);
        let mut leases = Vec::with_capacity(taken.len());
        for one in taken {
            let of = tenants.get_mut(&one.mapping.tenant);
            let Some(ledger) = of.and_then(|of| of.mappings.get_mut(&one.mapping.mapping)) else {
                continue;
            };
            let lease = ledger.standing.grant(&one.mapping, claim.now, claim.ttl)?;
            let worker = Some((claim.worker.clone(), lease.fence));
            ledger.turn = Some(Turn { due: claim.now + one.every, every: one.every, worker });
            leases.push(lease);
        }
        if leases.len() < claim.limit {
            self.bell.answer(rings);
        }
        Ok(Claimed { leases, next })
    }

    async fn woken(&self) -> Result<(), StoreError> {
        self.bell.rung().await;
        Ok(())
    }
}

#[async_trait]
impl Budgets for MemoryStore {
    async fn draw(&self, draw: &Draw) -> Result<Drawn, StoreError> {
        let mut tenants = self.tenants();
        let tenant = tenants.entry(draw.tenant.clone()).or_default();
        let holders = tenant.holders(&draw.connection, draw.now);
        let key = (draw.connection.clone(), draw.limit.clone());
        Ok(tenant.purses.entry(key).or_default().draw(draw, &holders))
    }
}
