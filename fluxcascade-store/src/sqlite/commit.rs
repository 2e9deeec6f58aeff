//! What became of a batch: conflicts and log rows here, the rest where its nouns are.

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::model::{Conflict, ConflictId, ConflictStatus, RecordId};
use rusqlite::params;

use super::encoded::{EncodedBatch, EncodedLog};
use super::fault::Fault;
use super::ledger::{Ledger, blob};
use crate::columns::int;
use crate::rules::Kept;

impl Ledger<'_> {
    /// Whether it woke another mapping, which is due now.
    pub(super) fn commit(&self, batch: &EncodedBatch) -> Result<bool, Fault> {
        let EncodedBatch { links, log, rest } = batch;
        // First, though nothing of it is read before the end: what is cleared need not be told
        // whose work it is.
        self.clear(&rest.cleared)?;
        let woken = self.change_links(links)?;
        for keys in &rest.keys {
            self.replace_keys(keys.side, &keys.record, &keys.keys, Kept::Live)?;
        }
        for (side, record) in &rest.archived {
            self.keep_as(*side, record, Kept::Archived)?;
        }
        for id in &rest.closed {
            self.close(*id, rest.made.iter().find(|made| made.operation == *id))?;
        }
        for key in &rest.released {
            self.release_hold(key)?;
        }
        for hold in &rest.holds {
            self.put_hold(hold)?;
        }
        for conflict in &rest.conflicts {
            self.put_conflict(conflict)?;
        }
        for (id, status) in &rest.judged {
            self.judge(*id, *status)?;
        }
        self.add_log(log)?;
        self.requeue(&rest.requeued)?;
        Ok(woken)
    }

    /// A changed row keeps its place.
    fn put_conflict(&self, conflict: &Conflict) -> Result<(), Fault> {
        self.run(
            "INSERT INTO conflicts (mapping, id, run, source, target, open, conflict)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (mapping, id) DO UPDATE SET run = excluded.run, source = excluded.source,
             target = excluded.target, open = excluded.open, conflict = excluded.conflict",
            params![
                self.mapping,
                conflict.id.0,
                int(conflict.run.0),
                conflict.records.source.as_str(),
                conflict.records.target.as_str(),
                conflict.status == ConflictStatus::Open,
                encode(conflict)
            ],
        )?;
        Ok(())
    }

    /// A row that is not there has been forgotten, and has no status to change.
    fn judge(&self, id: ConflictId, status: ConflictStatus) -> Result<(), Fault> {
        match self.conflict_row(id)? {
            Some(row) => self.put_conflict(&Conflict { status, ..row }),
            None => Ok(()),
        }
    }

    pub(super) fn conflict_row(&self, id: ConflictId) -> Result<Option<Conflict>, Fault> {
        self.one(
            "SELECT conflict FROM conflicts WHERE mapping = ?1 AND id = ?2",
            params![self.mapping, id.0],
            |row| Ok(decode("conflict", &blob(row, 0)?)?),
        )
    }

    fn add_log(&self, rows: &[EncodedLog]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut insert = self.statement(
            "INSERT INTO log (mapping, run, source, target, entry) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for row in rows {
            let records = row.records.as_ref().map(|record| record.as_ref().map(RecordId::as_str));
            let run = int(row.run.0);
            insert.execute(params![
                self.mapping,
                run,
                records.source,
                records.target,
                row.entry
            ])?;
        }
        Ok(())
    }
}
