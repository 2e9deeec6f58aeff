//! One mapping's part of the file, within a transaction: the lease, revisions, runs and feeds.
//!
//! The other files beside this one add what concerns links, the inbox and so on.

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::connector::Cursor;
use fluxcascade_core::model::{
    LinkId, MappingKey, MappingName, RecordId, Revision, RunNumber, RunRow, Side, Timestamp,
};
use fluxcascade_core::store::{Feed, FeedKey, Lease, Page, RunStart};
use rusqlite::{CachedStatement, OptionalExtension, Params, Row, Transaction, params};

use super::fault::Fault;
use crate::columns::{self, int, natural, size};
use crate::rules::{self, Standing};

/// One mapping within a transaction.
pub(super) struct Ledger<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    /// The mapping's number in this file.
    pub(super) mapping: i64,
}

impl<'a> Ledger<'a> {
    /// A mapping, if anything was ever stored for it.
    pub(super) fn find(
        transaction: &'a Transaction<'a>,
        key: &MappingKey,
    ) -> Result<Option<Self>, Fault> {
        let number = transaction
            .prepare_cached("SELECT number FROM mappings WHERE tenant = ?1 AND name = ?2")?
            .query_row(params![key.tenant.as_str(), key.mapping.as_str()], |row| row.get(0))
            .optional()?;
        Ok(number.map(|mapping| Self { transaction, mapping }))
    }

    /// A mapping, with a number for it if it has none.
    pub(super) fn make(transaction: &'a Transaction<'a>, key: &MappingKey) -> Result<Self, Fault> {
        if let Some(found) = Self::find(transaction, key)? {
            return Ok(found);
        }
        transaction
            .prepare_cached("INSERT INTO mappings (tenant, name) VALUES (?1, ?2)")?
            .execute(params![key.tenant.as_str(), key.mapping.as_str()])?;
        Ok(Self { transaction, mapping: transaction.last_insert_rowid() })
    }

    /// The lease's mapping, if the lease is the latest.
    pub(super) fn under(transaction: &'a Transaction<'a>, lease: &Lease) -> Result<Self, Fault> {
        let ledger = Self::find(transaction, &lease.mapping)?;
        let ledger = ledger.ok_or_else(|| rules::lease_lost(lease))?;
        ledger.standing()?.admit(lease)?;
        Ok(ledger)
    }

    /// The number of a mapping of the same tenant, with one for it if it has none.
    pub(super) fn sibling(&self, name: &MappingName) -> Result<i64, Fault> {
        let found = self.one(
            "SELECT number FROM mappings
             WHERE tenant = (SELECT tenant FROM mappings WHERE number = ?1) AND name = ?2",
            params![self.mapping, name.as_str()],
            |row| Ok(row.get(0)?),
        )?;
        if let Some(number) = found {
            return Ok(number);
        }
        self.run(
            "INSERT INTO mappings (tenant, name) SELECT tenant, ?2 FROM mappings WHERE number = ?1",
            params![self.mapping, name.as_str()],
        )?;
        Ok(self.transaction.last_insert_rowid())
    }

    pub(super) fn run(&self, sql: &str, params: impl Params) -> Result<usize, Fault> {
        Ok(self.transaction.prepare_cached(sql)?.execute(params)?)
    }

    /// A statement that is run for row after row: looking it up each time would cost as much as
    /// many of them do.
    pub(super) fn statement(&self, sql: &str) -> Result<CachedStatement<'a>, Fault> {
        Ok(self.transaction.prepare_cached(sql)?)
    }

    /// Whether a statement about this mapping finds anything.
    pub(super) fn any(&self, sql: &str) -> Result<bool, Fault> {
        Ok(self.one(sql, [self.mapping], |_| Ok(()))?.is_some())
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(read).transpose()
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(read(row)?);
        }
        Ok(out)
    }

    pub(super) fn standing(&self) -> Result<Standing, Fault> {
        let standing = self.one(
            "SELECT fence, lease_until FROM mappings WHERE number = ?1",
            [self.mapping],
            |row| Ok(Standing { fence: natural(row.get(0)?)?, until: time_or_none(row.get(1)?) }),
        )?;
        Ok(standing.unwrap_or_default())
    }

    pub(super) fn set_standing(&self, standing: &Standing) -> Result<(), Fault> {
        self.run(
            "UPDATE mappings SET fence = ?2, lease_until = ?3 WHERE number = ?1",
            params![self.mapping, int(standing.fence), standing.until.map(Timestamp::micros)],
        )?;
        Ok(())
    }

    pub(super) fn revisions(&self) -> Result<Vec<Revision>, Fault> {
        self.all(
            "SELECT revision FROM revisions WHERE mapping = ?1 ORDER BY number",
            [self.mapping],
            |row| Ok(decode("revision", &blob(row, 0)?)?),
        )
    }

    pub(super) fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), Fault> {
        let last = self.one(
            "SELECT number FROM revisions WHERE mapping = ?1 ORDER BY number DESC LIMIT 1",
            [self.mapping],
            |row| Ok(row.get::<_, u32>(0)?),
        )?;
        rules::next_revision(lease, last, revision)?;
        self.run(
            "INSERT INTO revisions (mapping, number, revision) VALUES (?1, ?2, ?3)",
            params![self.mapping, revision.number, encode(revision)],
        )?;
        Ok(())
    }

    pub(super) fn start_run(&self, start: &RunStart) -> Result<RunNumber, Fault> {
        let last = self.one(
            "SELECT number FROM runs WHERE mapping = ?1 ORDER BY number DESC LIMIT 1",
            [self.mapping],
            |row| Ok(natural(row.get(0)?)?),
        )?;
        let number = RunNumber(last.unwrap_or(0).max(start.after.0) + 1);
        self.run(
            "INSERT INTO runs (mapping, number, run) VALUES (?1, ?2, ?3)",
            params![self.mapping, int(number.0), encode(&rules::running(number, start))],
        )?;
        Ok(number)
    }

    pub(super) fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), Fault> {
        let changed = self.run(
            "UPDATE runs SET run = ?3 WHERE mapping = ?1 AND number = ?2",
            params![self.mapping, int(run.number.0), encode(run)],
        )?;
        if changed == 0 {
            return Err(rules::unknown_run(lease, run.number).into());
        }
        Ok(())
    }

    pub(super) fn runs(&self, page: &Page) -> Result<Vec<RunRow>, Fault> {
        self.all(
            "SELECT run FROM runs WHERE mapping = ?1 AND number BETWEEN ?2 AND ?3
             ORDER BY number DESC LIMIT ?4 OFFSET ?5",
            params![
                self.mapping,
                page.runs.map_or(0, |(first, _)| int(first.0)),
                page.runs.map_or(i64::MAX, |(_, last)| int(last.0)),
                size(page.limit),
                size(page.skip)
            ],
            |row| Ok(decode("run", &blob(row, 0)?)?),
        )
    }

    pub(super) fn feed(&self, key: &FeedKey) -> Result<Feed, Fault> {
        let feed = self.one(
            "SELECT cursor, sweeping, swept, sweep_began, account, sweep_rows FROM feeds
             WHERE mapping = ?1 AND connection = ?2 AND object = ?3",
            params![self.mapping, key.connection.as_str(), key.object.as_str()],
            |row| {
                let cursor: Option<String> = row.get(0)?;
                let cursor = cursor.map(Cursor::new).transpose();
                Ok(Feed {
                    cursor: cursor.map_err(|_| Fault::damaged("cursor"))?,
                    sweeping: row.get(1)?,
                    swept: time_or_none(row.get(2)?),
                    sweep_began: time_or_none(row.get(3)?),
                    account: row.get(4)?,
                    sweep_rows: natural(row.get(5)?)?,
                })
            },
        )?;
        Ok(feed.unwrap_or_default())
    }

    pub(super) fn set_feed(&self, key: &FeedKey, side: Side, feed: &Feed) -> Result<(), Fault> {
        self.run(
            "INSERT INTO feeds (mapping, connection, object, sides, cursor, sweeping, swept, sweep_began, account, sweep_rows)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (mapping, connection, object) DO UPDATE SET sides = sides | excluded.sides,
             cursor = excluded.cursor, sweeping = excluded.sweeping, swept = excluded.swept,
             sweep_began = excluded.sweep_began, account = excluded.account,
             sweep_rows = excluded.sweep_rows",
            params![
                self.mapping,
                key.connection.as_str(),
                key.object.as_str(),
                1_u8 << side.number(),
                feed.cursor.as_ref().map(Cursor::as_str),
                feed.sweeping,
                feed.swept.map(Timestamp::micros),
                feed.sweep_began.map(Timestamp::micros),
                feed.account,
                int(feed.sweep_rows),
            ],
        )?;
        Ok(())
    }
}

pub(super) fn time_or_none(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}

pub(super) fn blob(row: &Row<'_>, column: usize) -> Result<Vec<u8>, Fault> {
    Ok(row.get(column)?)
}

pub(super) fn record(row: &Row<'_>, column: usize) -> Result<RecordId, Fault> {
    let text = row.get_ref(column)?.as_str().map_err(|_| Fault::damaged("record id"))?;
    Ok(columns::record_id(text)?)
}

pub(super) fn side(row: &Row<'_>, column: usize) -> Result<Side, Fault> {
    Ok(columns::side(row.get(column)?)?)
}

pub(super) fn link_id(row: &Row<'_>, column: usize) -> Result<LinkId, Fault> {
    Ok(LinkId(row.get(column)?))
}
