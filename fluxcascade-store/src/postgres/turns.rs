//! Which mappings are due, and what connections may still be asked.
//!
//! A mapping's turn is changed under the lock of the mapping's row, but for being woken, which a link
//! of another mapping does. A claim passes over rows that are locked, so that it waits for nobody, and of
//! two claims at once each takes others. Claims of all tenants read all turns: a database that is
//! distributed by tenant takes claims that name mappings of one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{MappingKey, MappingName, TenantId, Timestamp};
use fluxcascade_core::store::{
    Budgets, ClaimRequest, Claimed, Draw, Drawn, Lease, Schedule, Scheduled, StoreError,
};
use tokio_postgres::Row;

use super::PostgresStore;
use super::fault::Fault;
use super::ledger::{Ledger, time};
use super::listen::{CHANNEL, Since};
use super::session::{Access, Session, Value};
use crate::budget::Purse;
use crate::columns::{int, natural, size};
use crate::rules::Standing;
use crate::turns::{self, Standby, WOKEN};

/// Those of the named mappings that are on the schedule.
const NAMED: &str = "SELECT m.tenant, m.name, t.due, t.every, m.fence, m.lease_until
     FROM unnest($1::text[], $2::text[]) p (tenant, name)
     CROSS JOIN LATERAL (SELECT m.tenant, m.name, m.fence, m.lease_until, m.number FROM mappings m
         WHERE m.tenant = p.tenant AND m.name = p.name OFFSET 0) m
     CROSS JOIN LATERAL (SELECT t.due, t.every FROM turns t
         WHERE t.tenant = m.tenant AND t.mapping = m.number OFFSET 0) t";

/// One mapping, if it is still due and nobody's at this moment.
const ONE: &str = "SELECT t.tenant, m.name, t.due, t.every, m.fence, m.lease_until, t.mapping
     FROM turns t JOIN mappings m ON m.tenant = t.tenant AND m.number = t.mapping
     WHERE m.tenant = $1 AND m.name = $2 AND coalesce(m.lease_until, t.due) <= $3
     FOR UPDATE SKIP LOCKED";

/// What is due and nobody's at this moment, of all tenants.
const DUE: &str = "SELECT t.tenant, m.name, t.due, t.every, m.fence, m.lease_until, t.mapping
     FROM turns t JOIN mappings m ON m.tenant = t.tenant AND m.number = t.mapping
     WHERE coalesce(m.lease_until, t.due) <= $1
     ORDER BY t.due, t.tenant, m.name LIMIT $2 FOR UPDATE SKIP LOCKED";

/// How much is due of all tenants, and when the next one is that is not.
const NEXT: &str = "SELECT count(*) FILTER (WHERE coalesce(m.lease_until, t.due) <= $1),
         min(CASE WHEN m.lease_until IS NULL THEN t.due
             WHEN t.due > $1 THEN least(t.due, m.lease_until) ELSE m.lease_until END)
             FILTER (WHERE coalesce(m.lease_until, t.due) > $1)
     FROM turns t JOIN mappings m ON m.tenant = t.tenant AND m.number = t.mapping";

/// Who holds leases of mappings that read a connection: the worker, or the mapping itself where its
/// lease was not claimed.
const HOLDERS: &str = "SELECT DISTINCT CASE WHEN t.fence = m.fence AND t.worker IS NOT NULL
         THEN t.worker ELSE m.name END
     FROM feeds f
     CROSS JOIN LATERAL (SELECT m.name, m.fence, m.lease_until FROM mappings m
         WHERE m.tenant = $1 AND m.number = f.mapping OFFSET 0) m
     LEFT JOIN turns t ON t.tenant = $1 AND t.mapping = f.mapping
     WHERE f.tenant = $1 AND f.connection = $2 AND f.object <> '' AND m.lease_until > $3";

#[async_trait]
impl Schedule for PostgresStore {
    async fn schedule(&self, scheduled: &Scheduled) -> Result<(), StoreError> {
        let call = |session: Arc<Session>| async move {
            Ledger::make(&session, &scheduled.mapping).await?.schedule(scheduled).await
        };
        self.sessions.call(Access::Write, call).await
    }

    async fn unschedule(&self, mapping: &MappingKey) -> Result<(), StoreError> {
        let call = |session: Arc<Session>| async move {
            if let Some(ledger) = Ledger::find(&session, mapping).await? {
                ledger.run("DELETE FROM turns WHERE tenant = $1 AND mapping = $2", &[]).await?;
            }
            Ok(())
        };
        self.sessions.call(Access::Write, call).await
    }

    async fn wake(&self, mappings: &[MappingKey]) -> Result<(), StoreError> {
        // In one order, so that two that wake the same ones do not wait for each other.
        let mappings: BTreeSet<&MappingKey> = mappings.iter().collect();
        let mappings = &mappings;
        let call = |session: Arc<Session>| async move {
            for mapping in mappings {
                if let Some(ledger) = Ledger::find(&session, mapping).await? {
                    ledger.make_due().await?;
                }
            }
            Ok(())
        };
        self.sessions.call(Access::Write, call).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, StoreError> {
        let rings = self.ears.bell.rings();
        let call = |session: Arc<Session>| claim(session, request);
        let claimed = self.sessions.call(Access::Write, call).await?;
        if claimed.leases.len() < request.limit {
            self.ears.bell.answer(rings);
        }
        Ok(claimed)
    }

    async fn woken(&self) -> Result<(), StoreError> {
        match self.ears.listen().await? {
            // What was said before the first wait was not heard.
            Since::Now => Ok(()),
            Since::Before => {
                self.ears.bell.rung().await;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Budgets for PostgresStore {
    async fn draw(&self, request: &Draw) -> Result<Drawn, StoreError> {
        // Whoever draws waits for it before each few requests, and nothing is lost with it.
        self.sessions.call(Access::Intake, |session| draw(session, request)).await
    }
}

impl Ledger {
    async fn schedule(&self, scheduled: &Scheduled) -> Result<(), Fault> {
        // In one statement: a link of another mapping may wake this one meanwhile.
        self.run(
            "INSERT INTO turns (tenant, mapping, due, every) VALUES ($1, $2, $3, $5)
             ON CONFLICT (tenant, mapping) DO UPDATE SET due = least(turns.due, $4), every = $5",
            &[
                &scheduled.first.micros(),
                &turns::latest(scheduled).micros(),
                &micros(scheduled.every),
            ],
        )
        .await?;
        self.session.ring().await
    }

    /// Makes it due at once, if it is scheduled.
    pub(super) async fn make_due(&self) -> Result<(), Fault> {
        self.make_others_due(&BTreeSet::from([self.mapping])).await
    }

    /// The same for other mappings of the tenant, by their numbers: in one order, so that two that wake
    /// the same ones do not wait for each other.
    pub(super) async fn make_others_due(&self, mappings: &BTreeSet<i32>) -> Result<(), Fault> {
        let sql = "UPDATE turns SET due = $3 WHERE tenant = $1 AND mapping = $2";
        let mut woken = 0;
        for mapping in mappings {
            woken += self.session.run(sql, &[&self.tenant, mapping, &WOKEN.micros()]).await?;
        }
        if woken > 0 {
            self.session.ring().await?;
        }
        Ok(())
    }

    /// Says it if it is due now that its lease is over.
    pub(super) async fn ring_if_woken(&self) -> Result<(), Fault> {
        let sql = "SELECT 1 FROM turns WHERE tenant = $1 AND mapping = $2 AND due = $3";
        if !self.rows(sql, &[&WOKEN.micros()]).await?.is_empty() {
            self.session.ring().await?;
        }
        Ok(())
    }
}

impl Session {
    /// Says to all who listen that something may be due, once this is committed.
    async fn ring(&self) -> Result<(), Fault> {
        self.rows("SELECT pg_notify($1, current_schema()::text)", &[&CHANNEL]).await.map(drop)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

async fn claim(session: Arc<Session>, claim: &ClaimRequest) -> Result<Claimed, Fault> {
    match &claim.among {
        Some(named) => claim_named(&session, claim, named).await,
        None => claim_any(&session, claim).await,
    }
}

/// Looks the mappings up by their names, and locks those that it takes one by one: what others have on
/// the schedule is neither read nor locked.
async fn claim_named(
    session: &Session,
    claim: &ClaimRequest,
    named: &[MappingKey],
) -> Result<Claimed, Fault> {
    let named: BTreeSet<&MappingKey> = named.iter().collect();
    let tenants: Vec<&str> = named.iter().map(|key| key.tenant.as_str()).collect();
    let of: Vec<&str> = named.iter().map(|key| key.mapping.as_str()).collect();
    let rows = session.rows(NAMED, &[&tenants, &of]).await?;
    let all = rows.iter().map(standby).collect::<Result<_, _>>()?;
    let (due, next) = turns::choose(all, claim.now, usize::MAX);
    let mut leases = Vec::new();
    let mut left = 0;
    for Standby { mapping, .. } in &due {
        let values: [Value<'_>; 3] =
            [&mapping.tenant.as_str(), &mapping.mapping.as_str(), &claim.now.micros()];
        let found =
            if leases.len() < claim.limit { session.rows(ONE, &values).await? } else { Vec::new() };
        match found.first() {
            Some(row) => leases.push(take(session, claim, row).await?),
            None => left += 1,
        }
    }
    Ok(Claimed { leases, next: if left > 0 { Some(turns::soon(claim.now)) } else { next } })
}

async fn claim_any(session: &Session, claim: &ClaimRequest) -> Result<Claimed, Fault> {
    let now = claim.now.micros();
    let found = session.rows(DUE, &[&now, &size(claim.limit)]).await?;
    let next = session.rows(NEXT, &[&now]).await?;
    let next = next.first().ok_or_else(|| Fault::damaged("schedule"))?;
    let due: i64 = next.try_get(0)?;
    let next = if due > size(found.len()) { Some(turns::soon(claim.now)) } else { time(next, 1)? };
    let mut leases = Vec::with_capacity(found.len());
    for row in &found {
        leases.push(take(session, claim, row).await?);
    }
    Ok(Claimed { leases, next })
}

async fn take(session: &Session, claim: &ClaimRequest, row: &Row) -> Result<Lease, Fault> {
    let mut one = standby(row)?;
    let number: i32 = row.try_get(6)?;
    let lease = one.standing.grant(&one.mapping, claim.now, claim.ttl)?;
    let (tenant, fence) = (one.mapping.tenant.as_str(), int(lease.fence));
    session
        .run(
            "UPDATE mappings SET fence = $3, lease_until = $4 WHERE tenant = $1 AND number = $2",
            &[&tenant, &number, &fence, &lease.until.micros()],
        )
        .await?;
    session
        .run(
            "UPDATE turns SET due = $3, worker = $4, fence = $5
             WHERE tenant = $1 AND mapping = $2",
            &[&tenant, &number, &(claim.now + one.every).micros(), &claim.worker.as_str(), &fence],
        )
        .await?;
    Ok(lease)
}

fn standby(row: &Row) -> Result<Standby, Fault> {
    let tenant = TenantId::new(row.try_get::<_, &str>(0)?);
    let mapping = MappingName::new(row.try_get::<_, &str>(1)?);
    Ok(Standby {
        mapping: MappingKey {
            tenant: tenant.map_err(|_| Fault::damaged("tenant"))?,
            mapping: mapping.map_err(|_| Fault::damaged("mapping name"))?,
        },
        due: Timestamp::from_micros(row.try_get(2)?),
        every: Duration::from_micros(natural(row.try_get(3)?)?),
        standing: Standing { fence: natural(row.try_get(4)?)?, until: time(row, 5)? },
    })
}

async fn draw(session: Arc<Session>, draw: &Draw) -> Result<Drawn, Fault> {
    let (tenant, connection) = (draw.tenant.as_str(), draw.connection.as_str());
    let key: [Value<'_>; 3] = [&tenant, &connection, &draw.limit];
    // All workers wait here for one that stands still.
    session.script("SET LOCAL idle_in_transaction_session_timeout TO 1000").await?;
    session
        .run(
            "INSERT INTO budgets (tenant, connection, kind, drawn) VALUES ($1, $2, $3, '')
             ON CONFLICT (tenant, connection, kind) DO NOTHING",
            &key,
        )
        .await?;
    // Who draws of it at the same time waits here.
    let sql = "SELECT drawn FROM budgets
         WHERE tenant = $1 AND connection = $2 AND kind = $3 FOR UPDATE";
    let rows = session.rows(sql, &key).await?;
    let row = rows.first().ok_or_else(|| Fault::damaged("budget"))?;
    let mut purse = Purse::read(row.try_get(0)?)?;
    let rows = session.rows(HOLDERS, &[&tenant, &connection, &draw.now.micros()]).await?;
    let holders = rows.iter().map(|row| row.try_get(0)).collect::<Result<BTreeSet<String>, _>>()?;
    let drawn = purse.draw(draw, &holders);
    session
        .run(
            "UPDATE budgets SET drawn = $4 WHERE tenant = $1 AND connection = $2 AND kind = $3",
            &[&tenant, &connection, &draw.limit, &purse.told()],
        )
        .await?;
    Ok(drawn)
}
