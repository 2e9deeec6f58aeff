//! Pages and hints into the inbox, and entries out of it.

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::model::{InboxEntry, Observation, RecordId, Side, Timestamp};
use fluxcascade_core::store::{Hint, InboxMark, Intake, IntakeRow, Lease, Requeue, Taken};
use rusqlite::{Row, Transaction, params};

use super::fault::Fault;
use super::forgotten::Forgotten;
use super::ledger::{Ledger, record, time_or_none};
use super::sweep::Marks;
use crate::columns::{int, natural};
use crate::rules::{self, Ground, Held, Kept};

impl Ledger<'_> {
    pub(super) fn intake(&self, page: &Intake) -> Result<Taken, Fault> {
        if rules::begins(page.sweep) {
            self.begin_sweep(page.side)?;
        }
        let marks = if rules::shows(page.sweep) { self.marks(page.side)? } else { Marks::None };
        let mut taken = Taken::default();
        let mut sequence = self.sequence()?;
        for row in &page.rows {
            if self.take_in(page, row, sequence + 1)? {
                sequence += 1;
                taken.entered += 1;
            }
            if marks == Marks::Kept {
                self.mark(page.side, &row.observation.record)?;
            }
        }
        if rules::ends(page.sweep) && marks == Marks::Kept {
            taken.missed = self.end_sweep(page.side, sequence)?;
        }
        self.set_sequence(sequence + taken.missed)?;
        self.set_feed(&page.feed_key, page.side, &page.feed)?;
        Ok(taken)
    }

    /// Takes a row in; says whether it made or replaced an entry.
    fn take_in(&self, page: &Intake, row: &IntakeRow, sequence: u64) -> Result<bool, Fault> {
        let record = &row.observation.record;
        if let Some(keys) = &row.keys {
            self.replace_keys(page.side, record, keys, Kept::of(row))?;
        }
        let entry = self.entry(page.side, record)?;
        if entry.is_none() && self.knows(page.side, row, page.revision)? {
            return Ok(false);
        }
        let Some(entry) = rules::listed(entry.as_ref(), row, page.revision, sequence) else {
            return Ok(false);
        };
        self.enter(page.side, &entry)?;
        Ok(true)
    }

    /// Whether a row tells nothing new; asks for the least first, most rows tell nothing.
    fn knows(&self, side: Side, row: &IntakeRow, revision: u32) -> Result<bool, Fault> {
        let record = &row.observation.record;
        let Some(id) = self.linked(side, record)? else { return Ok(false) };
        let Some(mark) = self.base_mark(id, side)? else { return Ok(false) };
        let known = |held| rules::is_known(&Ground { link: Some(&mark), held }, row, revision);
        if !known(Held::No) {
            return Ok(false);
        }
        Ok(known(self.held(id)?))
    }

    fn sequence(&self) -> Result<u64, Fault> {
        let sequence =
            self.one("SELECT sequence FROM mappings WHERE number = ?1", [self.mapping], |row| {
                Ok(natural(row.get(0)?)?)
            })?;
        Ok(sequence.unwrap_or(0))
    }

    fn set_sequence(&self, sequence: u64) -> Result<(), Fault> {
        self.run(
            "UPDATE mappings SET sequence = ?2 WHERE number = ?1 AND sequence <> ?2",
            params![self.mapping, int(sequence)],
        )?;
        Ok(())
    }

    /// A record's entry.
    pub(super) fn entry(&self, side: Side, record: &RecordId) -> Result<Option<InboxEntry>, Fault> {
        self.one(
            "SELECT record, sequence, revision, not_before, attempts, observation FROM inbox
             WHERE mapping = ?1 AND side = ?2 AND record = ?3",
            params![self.mapping, side.number(), record.as_str()],
            read_entry,
        )
    }

    pub(super) fn enter(&self, side: Side, entry: &InboxEntry) -> Result<(), Fault> {
        self.run(
            "INSERT INTO inbox (mapping, side, record, sequence, revision, not_before, attempts, observation, link)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                 (SELECT link FROM linked WHERE mapping = ?1 AND side = ?2 AND record = ?3))
             ON CONFLICT (mapping, side, record) DO UPDATE SET sequence = excluded.sequence,
             revision = excluded.revision, not_before = excluded.not_before,
             attempts = excluded.attempts, observation = excluded.observation",
            params![
                self.mapping,
                side.number(),
                entry.record.as_str(),
                int(entry.sequence),
                entry.revision,
                entry.not_before.map(Timestamp::micros),
                entry.attempts,
                entry.observation.as_ref().map(encode::<Observation>),
            ],
        )?;
        Ok(())
    }

    pub(super) fn clear(&self, marks: &[InboxMark]) -> Result<(), Fault> {
        if marks.is_empty() {
            return Ok(());
        }
        let mut delete = self.statement(
            "DELETE FROM inbox WHERE mapping = ?1 AND side = ?2 AND record = ?3 AND sequence = ?4",
        )?;
        for mark in marks {
            delete.execute(params![
                self.mapping,
                mark.side.number(),
                mark.record.as_str(),
                int(mark.sequence)
            ])?;
        }
        Ok(())
    }

    pub(super) fn requeue(&self, requeued: &[Requeue]) -> Result<(), Fault> {
        if requeued.is_empty() {
            return Ok(());
        }
        let mut sequence = self.sequence()?;
        for requeue in requeued {
            sequence += 1;
            let entry = self.entry(requeue.side, &requeue.record)?;
            self.enter(requeue.side, &rules::requeued(entry.as_ref(), requeue, sequence))?;
        }
        self.set_sequence(sequence)
    }

    fn hint(&self, side: Side, hint: &Hint) -> Result<(), Fault> {
        let sequence = self.sequence()? + 1;
        self.enter(side, &rules::hinted(hint, sequence))?;
        self.set_sequence(sequence)
    }
}

/// Puts hints into the inboxes of all mappings that read their object types.
pub(super) fn notify(transaction: &Transaction<'_>, hints: &[Hint]) -> Result<(), Fault> {
    let mut readers = transaction.prepare_cached(
        "SELECT m.number, f.sides FROM mappings m JOIN feeds f ON f.mapping = m.number
         WHERE m.tenant = ?1 AND f.connection = ?2 AND f.object = ?3",
    )?;
    for hint in hints {
        let forgotten = Forgotten::of(transaction, &hint.tenant)?;
        if forgotten.has(&hint.connection, &hint.object, &hint.record)? {
            continue;
        }
        let key = params![hint.tenant.as_str(), hint.connection.as_str(), hint.object.as_str()];
        let found = readers
            .query_map(key, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u8>(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        for (mapping, sides) in found {
            let ledger = Ledger { transaction, mapping };
            for side in Side::BOTH {
                if sides & (1 << side.number()) != 0 {
                    ledger.hint(side, hint)?;
                }
            }
            ledger.make_due()?;
        }
    }
    Ok(())
}

/// The page but for the records that were forgotten.
pub(super) fn without_forgotten(
    ledger: &Ledger<'_>,
    lease: &Lease,
    mut page: Intake,
) -> Result<Intake, Fault> {
    let forgotten = Forgotten::of(ledger.transaction, &lease.mapping.tenant)?;
    if !forgotten.are_any() {
        return Ok(page);
    }
    let (connection, object) = (&page.feed_key.connection, &page.feed_key.object);
    let mut rows = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        let record = &row.observation.record;
        if forgotten.has(connection, object, record)? {
            continue;
        }
        let keys = row.keys.iter().flat_map(|keys| &keys.valid);
        let made = forgotten.creates(&lease.mapping.mapping, page.side, keys)?;
        if made.is_empty() || !ledger.is_new(page.side, record)? {
            rows.push(row);
            continue;
        }
        // It is what a forgotten record's create has made.
        ledger.remove_new(page.side, record)?;
        forgotten.replace(&made, (connection, object), record)?;
    }
    page.rows = rows;
    Ok(page)
}

fn read_entry(row: &Row<'_>) -> Result<InboxEntry, Fault> {
    read_entry_at(row, 0)
}

/// The same where the entry's columns begin elsewhere.
pub(super) fn read_entry_at(row: &Row<'_>, first: usize) -> Result<InboxEntry, Fault> {
    let observation: Option<Vec<u8>> = row.get(first + 5)?;
    Ok(InboxEntry {
        record: record(row, first)?,
        sequence: natural(row.get(first + 1)?)?,
        revision: row.get(first + 2)?,
        not_before: time_or_none(row.get(first + 3)?),
        attempts: row.get(first + 4)?,
        observation: observation.map(|bytes| decode("observation", &bytes)).transpose()?,
    })
}
