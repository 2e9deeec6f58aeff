//! Which mappings are due, and what connections may still be asked.
//!
//! One process has the file, so that its workers are tasks, and are woken by a bell in memory.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{ConnectionName, MappingKey, MappingName, TenantId, Timestamp};
use fluxcascade_core::store::{
    Budgets, ClaimRequest, Claimed, Draw, Drawn, Lease, Schedule, Scheduled, StoreError,
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::SqliteStore;
use super::fault::Fault;
use super::ledger::Ledger;
use super::worker::Access;
use crate::budget::Purse;
use crate::columns::{int, natural};
use crate::rules::Standing;
use crate::turns::{self, Standby, WOKEN};

#[async_trait]
impl Schedule for SqliteStore {
    async fn schedule(&self, scheduled: &Scheduled) -> Result<(), StoreError> {
        let scheduled = scheduled.clone();
        let call = move |transaction: &Transaction<'_>| {
            Ledger::make(transaction, &scheduled.mapping)?.schedule(&scheduled)
        };
        self.worker.call(Access::Write, call).await?;
        self.bell.ring();
        Ok(())
    }

    async fn unschedule(&self, mapping: &MappingKey) -> Result<(), StoreError> {
        let mapping = mapping.clone();
        let call = move |transaction: &Transaction<'_>| {
            let Some(ledger) = Ledger::find(transaction, &mapping)? else { return Ok(()) };
            ledger.run("DELETE FROM turns WHERE mapping = ?1", [ledger.mapping]).map(drop)
        };
        self.worker.call(Access::Write, call).await
    }

    async fn wake(&self, mappings: &[MappingKey]) -> Result<(), StoreError> {
        let mappings = mappings.to_vec();
        let call = move |transaction: &Transaction<'_>| {
            for mapping in &mappings {
                if let Some(ledger) = Ledger::find(transaction, mapping)? {
                    ledger.make_due()?;
                }
            }
            Ok(())
        };
        self.worker.call(Access::Write, call).await?;
        self.bell.ring();
        Ok(())
    }

    async fn claim(&self, claim: &ClaimRequest) -> Result<Claimed, StoreError> {
        let rings = self.bell.rings();
        let limit = claim.limit;
        let claim = claim.clone();
        let call = move |transaction: &Transaction<'_>| self::claim(transaction, &claim);
        let claimed = self.worker.call(Access::Write, call).await?;
        if claimed.leases.len() < limit {
            self.bell.answer(rings);
        }
        Ok(claimed)
    }

    async fn woken(&self) -> Result<(), StoreError> {
        self.bell.rung().await;
        Ok(())
    }
}

#[async_trait]
impl Budgets for SqliteStore {
    async fn draw(&self, draw: &Draw) -> Result<Drawn, StoreError> {
        let draw = draw.clone();
        let call = move |transaction: &Transaction<'_>| self::draw(transaction, &draw);
        self.worker.call(Access::Intake, call).await
    }
}

impl Ledger<'_> {
    fn schedule(&self, scheduled: &Scheduled) -> Result<(), Fault> {
        let sql = "SELECT due FROM turns WHERE mapping = ?1";
        let due = self.one(sql, [self.mapping], |row| Ok(Timestamp::from_micros(row.get(0)?)))?;
        self.run(
            "INSERT INTO turns (mapping, due, every) VALUES (?1, ?2, ?3)
             ON CONFLICT (mapping) DO UPDATE SET due = ?2, every = ?3",
            params![
                self.mapping,
                turns::scheduled(due, scheduled).micros(),
                micros(scheduled.every)
            ],
        )?;
        Ok(())
    }

    /// Makes it due at once, if it is scheduled.
    pub(super) fn make_due(&self) -> Result<(), Fault> {
        self.make_other_due(self.mapping).map(drop)
    }

    /// The same for another mapping, by its number; whether it is scheduled.
    pub(super) fn make_other_due(&self, mapping: i64) -> Result<bool, Fault> {
        let sql = "UPDATE turns SET due = ?2 WHERE mapping = ?1";
        Ok(self.run(sql, params![mapping, WOKEN.micros()])? > 0)
    }

    /// Whether it is due once its lease is over.
    pub(super) fn is_woken(&self) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM turns WHERE mapping = ?1 AND due = ?2";
        let found = self.one(sql, params![self.mapping, WOKEN.micros()], |_| Ok(()))?;
        Ok(found.is_some())
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn claim(transaction: &Transaction<'_>, claim: &ClaimRequest) -> Result<Claimed, Fault> {
    let mut all = standing(transaction)?;
    if let Some(among) = &claim.among {
        all.retain(|one| among.contains(&one.mapping));
    }
    let (taken, next) = turns::choose(all, claim.now, claim.limit);
    let leases = taken.into_iter().map(|one| take(transaction, claim, one));
    Ok(Claimed { leases: leases.collect::<Result<_, _>>()?, next })
}

fn take(
    transaction: &Transaction<'_>,
    claim: &ClaimRequest,
    mut one: Standby,
) -> Result<Lease, Fault> {
    let lease = one.standing.grant(&one.mapping, claim.now, claim.ttl)?;
    let ledger = Ledger::make(transaction, &one.mapping)?;
    ledger.set_standing(&one.standing)?;
    let due = claim.now + one.every;
    ledger.run(
        "UPDATE turns SET due = ?2, worker = ?3, fence = ?4 WHERE mapping = ?1",
        params![ledger.mapping, due.micros(), claim.worker.as_str(), int(lease.fence)],
    )?;
    Ok(lease)
}

/// All that is scheduled: what one process syncs is not so much that it could not be looked through.
fn standing(transaction: &Transaction<'_>) -> Result<Vec<Standby>, Fault> {
    let mut statement = transaction.prepare_cached(
        "SELECT m.tenant, m.name, t.due, t.every, m.fence, m.lease_until
         FROM turns t JOIN mappings m ON m.number = t.mapping",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let tenant = TenantId::new(row.get::<_, String>(0)?);
        let mapping = MappingName::new(row.get::<_, String>(1)?);
        found.push(Standby {
            mapping: MappingKey {
                tenant: tenant.map_err(|_| Fault::damaged("tenant"))?,
                mapping: mapping.map_err(|_| Fault::damaged("mapping name"))?,
            },
            due: Timestamp::from_micros(row.get(2)?),
            every: Duration::from_micros(natural(row.get(3)?)?),
            standing: Standing {
                fence: natural(row.get(4)?)?,
                until: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_micros),
            },
        });
    }
    Ok(found)
}

fn draw(transaction: &Transaction<'_>, draw: &Draw) -> Result<Drawn, Fault> {
    let key = [draw.tenant.as_str(), draw.connection.as_str(), &draw.limit];
    let stored: Option<String> = transaction
        .prepare_cached(
            "SELECT drawn FROM budgets WHERE tenant = ?1 AND connection = ?2 AND kind = ?3",
        )?
        .query_row(key, |row| row.get(0))
        .optional()?;
    let mut purse = Purse::read(stored.as_deref().unwrap_or_default())?;
    let holders = holders(transaction, &draw.tenant, &draw.connection, draw.now)?;
    let drawn = purse.draw(draw, &holders);
    transaction
        .prepare_cached(
            "INSERT INTO budgets (tenant, connection, kind, drawn) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (tenant, connection, kind) DO UPDATE SET drawn = ?4",
        )?
        .execute([key[0], key[1], key[2], &purse.told()])?;
    Ok(drawn)
}

/// Who holds leases of mappings that read a connection: the worker, or the mapping itself where its
/// lease was not claimed.
fn holders(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    connection: &ConnectionName,
    now: Timestamp,
) -> Result<BTreeSet<String>, Fault> {
    let mut statement = transaction.prepare_cached(
        "SELECT CASE WHEN t.fence = m.fence AND t.worker IS NOT NULL THEN t.worker ELSE m.name END
         FROM mappings m LEFT JOIN turns t ON t.mapping = m.number
         WHERE m.tenant = ?1 AND m.lease_until > ?3 AND EXISTS
             (SELECT 1 FROM feeds f WHERE f.mapping = m.number AND f.connection = ?2)",
    )?;
    let key = params![tenant.as_str(), connection.as_str(), now.micros()];
    let names = statement.query_map(key, |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}
