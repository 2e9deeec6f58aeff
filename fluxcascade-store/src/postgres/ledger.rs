//! One mapping's part of the database, within a transaction: the lease, revisions, runs and feeds.
//!
//! A call that writes holds the lock of the mapping's row until it ends, so that calls of one
//! mapping come one after another, and the fencing number that was read stays the latest. A call
//! that reads sees one moment, at which its lease was the latest.
//!
//! The other files beside this one add what concerns links, the inbox and so on.

use std::sync::Arc;

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::connector::Cursor;
use fluxcascade_core::model::{
    LinkId, MappingKey, MappingName, RecordId, Revision, RunNumber, RunRow, Side, TenantId,
    Timestamp,
};
use fluxcascade_core::store::{Feed, FeedKey, Lease, Page, RunStart};
use tokio_postgres::Row;

use super::fault::Fault;
use super::session::{Access, Session, Value};
use crate::columns::{self, int, natural, side_number, size};
use crate::rules::{self, Standing};

/// A mapping's row, and its lock.
const LOCKED: &str = "SELECT number, fence, lease_until, sequence, places FROM mappings
     WHERE tenant = $1 AND name = $2 FOR UPDATE";

/// The same for a call that reads.
const SEEN: &str = "SELECT number, fence, lease_until, sequence, places FROM mappings
     WHERE tenant = $1 AND name = $2";

/// What calls of several mappings of a tenant wait at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Holds that wait for links, and links that wake holds; and the numbers of mappings.
    Waits,
    /// What creates claim.
    Claims,
}

/// How a gate is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Beside others of the same sort.
    Shared,
    /// Alone.
    Alone,
}

/// One mapping within a transaction.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) session: Arc<Session>,
    pub(super) tenant: String,
    pub(super) name: MappingName,
    /// The mapping's number within its tenant.
    pub(super) mapping: i32,
    pub(super) standing: Standing,
    /// The last sequence number that an inbox entry got.
    pub(super) sequence: u64,
    /// The last place that a log or conflict row got.
    pub(super) places: i64,
}

impl Ledger {
    /// A mapping, if anything was ever stored for it.
    pub(super) async fn find(
        session: &Arc<Session>,
        key: &MappingKey,
    ) -> Result<Option<Self>, Fault> {
        let sql = match session.access() {
            Access::Read => SEEN,
            Access::Write | Access::Intake => LOCKED,
        };
        let rows = session.rows(sql, &[&key.tenant.as_str(), &key.mapping.as_str()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Self {
            session: Arc::clone(session),
            tenant: key.tenant.as_str().to_owned(),
            name: key.mapping.clone(),
            mapping: row.try_get(0)?,
            standing: Standing { fence: natural(row.try_get(1)?)?, until: time(row, 2)? },
            sequence: natural(row.try_get(3)?)?,
            places: row.try_get(4)?,
        }))
    }

    /// A mapping, with a number for it if it has none.
    pub(super) async fn make(session: &Arc<Session>, key: &MappingKey) -> Result<Self, Fault> {
        if let Some(found) = Self::find(session, key).await? {
            return Ok(found);
        }
        begin_alone(session, &key.tenant).await?;
        let tenant = key.tenant.as_str();
        session
            .run(
                "INSERT INTO mappings (tenant, number, name)
                 SELECT $1, coalesce(max(number), 0) + 1, $2 FROM mappings WHERE tenant = $1
                 ON CONFLICT (tenant, name) DO NOTHING",
                &[&tenant, &key.mapping.as_str()],
            )
            .await?;
        Self::find(session, key).await?.ok_or_else(|| Fault::damaged("number of the mapping"))
    }

    /// The lease's mapping, if the lease is the latest.
    pub(super) async fn under(session: &Arc<Session>, lease: &Lease) -> Result<Self, Fault> {
        let ledger = Self::find(session, &lease.mapping).await?;
        let ledger = ledger.ok_or_else(|| rules::lease_lost(lease))?;
        ledger.standing.admit(lease)?;
        Ok(ledger)
    }

    pub(super) async fn pass_gate(&self, gate: Gate, pass: Pass) -> Result<(), Fault> {
        pass_gate(&self.session, &self.tenant, gate, pass).await
    }

    /// A statement about this mapping: its first values are the tenant and the number.
    pub(super) async fn rows(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        self.session.rows(sql, &self.with_place(values)).await
    }

    /// The same for one that changes something; how many rows it changed.
    pub(super) async fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault> {
        self.session.run(sql, &self.with_place(values)).await
    }

    fn with_place<'a>(&'a self, values: &[Value<'a>]) -> Vec<Value<'a>> {
        let mut all: Vec<Value<'a>> = vec![&self.tenant, &self.mapping];
        all.extend_from_slice(values);
        all
    }

    pub(super) async fn set_standing(&self, standing: &Standing) -> Result<(), Fault> {
        self.run(
            "UPDATE mappings SET fence = $3, lease_until = $4 WHERE tenant = $1 AND number = $2",
            &[&int(standing.fence), &standing.until.map(Timestamp::micros)],
        )
        .await?;
        Ok(())
    }

    /// Stores the last numbers that were given, if any were.
    pub(super) async fn set_numbers(&self, sequence: u64, places: i64) -> Result<(), Fault> {
        if (sequence, places) != (self.sequence, self.places) {
            self.run(
                "UPDATE mappings SET sequence = $3, places = $4 WHERE tenant = $1 AND number = $2",
                &[&int(sequence), &places],
            )
            .await?;
        }
        Ok(())
    }

    pub(super) async fn revisions(&self) -> Result<Vec<Revision>, Fault> {
        let sql =
            "SELECT revision FROM revisions WHERE tenant = $1 AND mapping = $2 ORDER BY number";
        let rows = self.rows(sql, &[]).await?;
        rows.iter().map(|row| Ok(decode("revision", row.try_get(0)?)?)).collect()
    }

    pub(super) async fn add_revision(
        &self,
        lease: &Lease,
        revision: &Revision,
    ) -> Result<(), Fault> {
        let sql = "SELECT number FROM revisions WHERE tenant = $1 AND mapping = $2
             ORDER BY number DESC LIMIT 1";
        let last = self.rows(sql, &[]).await?.first().map(|row| small(row, 0)).transpose()?;
        rules::next_revision(lease, last, revision)?;
        self.run(
            "INSERT INTO revisions (tenant, mapping, number, revision) VALUES ($1, $2, $3, $4)",
            &[&i64::from(revision.number), &encode(revision)],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn start_run(&self, start: &RunStart) -> Result<RunNumber, Fault> {
        let sql = "SELECT number FROM runs WHERE tenant = $1 AND mapping = $2
             ORDER BY number DESC LIMIT 1";
        let rows = self.rows(sql, &[]).await?;
        let last = rows.first().map(|row| Ok::<_, Fault>(natural(row.try_get(0)?)?)).transpose()?;
        let number = RunNumber(last.unwrap_or(0).max(start.after.0) + 1);
        self.run(
            "INSERT INTO runs (tenant, mapping, number, run) VALUES ($1, $2, $3, $4)",
            &[&int(number.0), &encode(&rules::running(number, start))],
        )
        .await?;
        Ok(number)
    }

    pub(super) async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), Fault> {
        let changed = self
            .run(
                "UPDATE runs SET run = $4 WHERE tenant = $1 AND mapping = $2 AND number = $3",
                &[&int(run.number.0), &encode(run)],
            )
            .await?;
        if changed == 0 {
            return Err(rules::unknown_run(lease, run.number).into());
        }
        Ok(())
    }

    pub(super) async fn runs(&self, page: &Page) -> Result<Vec<RunRow>, Fault> {
        let rows = self
            .rows(
                "SELECT run FROM runs WHERE tenant = $1 AND mapping = $2
                 AND number BETWEEN $3 AND $4 ORDER BY number DESC LIMIT $5 OFFSET $6",
                &[
                    &page.runs.map_or(0, |(first, _)| int(first.0)),
                    &page.runs.map_or(i64::MAX, |(_, last)| int(last.0)),
                    &size(page.limit),
                    &size(page.skip),
                ],
            )
            .await?;
        rows.iter().map(|row| Ok(decode("run", row.try_get(0)?)?)).collect()
    }

    pub(super) async fn feed(&self, key: &FeedKey) -> Result<Feed, Fault> {
        let rows = self
            .rows(
                "SELECT cursor, sweeping, swept, sweep_began, account, sweep_rows FROM feeds
                 WHERE tenant = $1 AND mapping = $2 AND connection = $3 AND object = $4",
                &[&key.connection.as_str(), &key.object.as_str()],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(Feed::default()) };
        let cursor = row.try_get::<_, Option<&str>>(0)?.map(Cursor::new).transpose();
        Ok(Feed {
            cursor: cursor.map_err(|_| Fault::damaged("cursor"))?,
            sweeping: row.try_get(1)?,
            swept: time(row, 2)?,
            sweep_began: time(row, 3)?,
            account: row.try_get(4)?,
            sweep_rows: natural(row.try_get(5)?)?,
        })
    }

    pub(super) async fn set_feed(
        &self,
        key: &FeedKey,
        side: Side,
        feed: &Feed,
    ) -> Result<(), Fault> {
        self.run(
            "INSERT INTO feeds AS f (tenant, mapping, connection, object, sides, cursor, sweeping,
             swept, sweep_began, account, sweep_rows)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (tenant, mapping, connection, object) DO UPDATE
             SET sides = f.sides | excluded.sides, cursor = excluded.cursor,
             sweeping = excluded.sweeping, swept = excluded.swept,
             sweep_began = excluded.sweep_began, account = excluded.account,
             sweep_rows = excluded.sweep_rows",
            &[
                &key.connection.as_str(),
                &key.object.as_str(),
                &(1_i16 << side.number()),
                &feed.cursor.as_ref().map(Cursor::as_str),
                &feed.sweeping,
                &feed.swept.map(Timestamp::micros),
                &feed.sweep_began.map(Timestamp::micros),
                &feed.account,
                &int(feed.sweep_rows),
            ],
        )
        .await?;
        Ok(())
    }
}

/// No other call begins a mapping of the tenant until this one ends.
pub(super) async fn begin_alone(session: &Session, tenant: &TenantId) -> Result<(), Fault> {
    let tenant = tenant.as_str();
    let sql = "INSERT INTO gates (tenant, gate) VALUES ($1, 0), ($1, 1) ON CONFLICT DO NOTHING";
    session.run(sql, &[&tenant]).await?;
    pass_gate(session, tenant, Gate::Waits, Pass::Alone).await
}

async fn pass_gate(session: &Session, tenant: &str, gate: Gate, pass: Pass) -> Result<(), Fault> {
    let gate: i16 = match gate {
        Gate::Waits => 0,
        Gate::Claims => 1,
    };
    let sql = match pass {
        Pass::Shared => "SELECT 1 FROM gates WHERE tenant = $1 AND gate = $2 FOR SHARE",
        Pass::Alone => "SELECT 1 FROM gates WHERE tenant = $1 AND gate = $2 FOR UPDATE",
    };
    session.rows(sql, &[&tenant, &gate]).await?;
    Ok(())
}

/// A number that is no greater than a revision's.
pub(super) fn small(row: &Row, column: usize) -> Result<u32, Fault> {
    u32::try_from(row.try_get::<_, i64>(column)?).map_err(|_| Fault::damaged("number"))
}

pub(super) fn time(row: &Row, column: usize) -> Result<Option<Timestamp>, Fault> {
    Ok(row.try_get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
}

pub(super) fn record(row: &Row, column: usize) -> Result<RecordId, Fault> {
    Ok(columns::record_id(row.try_get(column)?)?)
}

pub(super) fn side(row: &Row, column: usize) -> Result<Side, Fault> {
    Ok(columns::side(row.try_get(column)?)?)
}

/// Sixteen bytes: an id or a fingerprint.
pub(super) fn hash(row: &Row, column: usize) -> Result<[u8; 16], Fault> {
    row.try_get::<_, &[u8]>(column)?.try_into().map_err(|_| Fault::damaged("id"))
}

pub(super) fn hash_or_none(row: &Row, column: usize) -> Result<Option<[u8; 16]>, Fault> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    bytes.map(|bytes| bytes.try_into().map_err(|_| Fault::damaged("id"))).transpose()
}

pub(super) fn link_id(row: &Row, column: usize) -> Result<LinkId, Fault> {
    hash(row, column).map(LinkId)
}

/// Records of either side, each once, as statements are given them.
#[derive(Debug)]
pub(super) struct Places<'a> {
    pub(super) sides: Vec<i16>,
    pub(super) records: Vec<&'a str>,
}

impl<'a> Places<'a> {
    pub(super) fn of(places: impl IntoIterator<Item = &'a (Side, RecordId)>) -> Self {
        Self::from_refs(places.into_iter().map(|(side, record)| (*side, record)))
    }

    pub(super) fn from_refs(places: impl IntoIterator<Item = (Side, &'a RecordId)>) -> Self {
        let (sides, records) =
            places.into_iter().map(|(side, id)| (side_number(side), id.as_str())).unzip();
        Self { sides, records }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sides.is_empty()
    }
}

/// A record's place.
pub(super) fn place(row: &Row, column: usize) -> Result<(Side, RecordId), Fault> {
    Ok((side(row, column)?, record(row, column + 1)?))
}
