//! What became of a batch: conflicts and log rows here, the rest where its nouns are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::model::{Conflict, ConflictId, ConflictStatus, LogRow, RecordId, Side};
use fluxcascade_core::store::{CommitBatch, RecordKeys};

use super::fault::Fault;
use super::keys::Told;
use super::ledger::{Gate, Ledger, Pass, Places};
use crate::columns::{int, size};
use crate::rules::Kept;

impl Ledger {
    pub(super) async fn commit(&self, batch: &CommitBatch) -> Result<(), Fault> {
        if batch.holds.iter().any(|hold| hold.waits_for.is_some()) {
            // Before any link is read or changed: else a link and a hold that waits for it may
            // miss each other.
            self.pass_gate(Gate::Waits, Pass::Alone).await?;
        }
        self.change_links(&batch.links).await?;
        self.replace_keys(&told_keys(batch)).await?;
        let archived = batch.archived.iter().map(|(side, record)| (*side, record));
        self.keep_as(&Places::from_refs(archived), Kept::Archived).await?;
        self.close(&batch.closed, &batch.made).await?;
        self.change_holds(&batch.released, &batch.holds).await?;
        self.change_conflicts(batch).await?;
        let rows = self.places + size(batch.conflicts.len());
        self.add_log(rows, &batch.log).await?;
        self.clear(&batch.cleared).await?;
        let requeued = self.requeue(&batch.requeued).await?;
        self.set_numbers(self.sequence + requeued, rows + size(batch.log.len())).await
    }

    /// Stores rows, then judges some; a changed row keeps its place. A row that is not there has
    /// been forgotten, and has no status to change.
    async fn change_conflicts(&self, batch: &CommitBatch) -> Result<(), Fault> {
        let mut order = Vec::new();
        let mut rows: BTreeMap<ConflictId, Conflict> = BTreeMap::new();
        for conflict in &batch.conflicts {
            if rows.insert(conflict.id, conflict.clone()).is_none() {
                order.push(conflict.id);
            }
        }
        let judged: Vec<ConflictId> = batch.judged.iter().map(|(id, _)| *id).collect();
        for (id, row) in self.conflicts_by_id(&judged).await? {
            if let Entry::Vacant(place) = rows.entry(id) {
                order.push(id);
                place.insert(row);
            }
        }
        for (id, status) in &batch.judged {
            if let Some(row) = rows.get_mut(id) {
                row.status = *status;
            }
        }
        let rows: Vec<&Conflict> = order.iter().filter_map(|id| rows.get(id)).collect();
        self.put_conflicts(&rows).await
    }

    async fn put_conflicts(&self, rows: &[&Conflict]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let record = |side: Side| rows.iter().map(move |row| row.records[side].as_str());
        self.run(
            "INSERT INTO conflicts (tenant, mapping, id, run, source, target, open, conflict, place)
             SELECT $1, $2, p.id, p.run, p.source, p.target, p.open, p.conflict, $3 + p.place
             FROM unnest($4::bytea[], $5::bigint[], $6::text[], $7::text[], $8::boolean[],
                 $9::bytea[]) WITH ORDINALITY p (id, run, source, target, open, conflict, place)
             ON CONFLICT (tenant, mapping, id) DO UPDATE SET run = excluded.run,
             source = excluded.source, target = excluded.target, open = excluded.open,
             conflict = excluded.conflict",
            &[
                &self.places,
                &rows.iter().map(|row| &row.id.0[..]).collect::<Vec<_>>(),
                &rows.iter().map(|row| int(row.run.0)).collect::<Vec<_>>(),
                &record(Side::Source).collect::<Vec<_>>(),
                &record(Side::Target).collect::<Vec<_>>(),
                &rows.iter().map(|row| row.status == ConflictStatus::Open).collect::<Vec<_>>(),
                &rows.iter().map(|row| encode(*row)).collect::<Vec<_>>(),
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn conflicts_by_id(
        &self,
        ids: &[ConflictId],
    ) -> Result<BTreeMap<ConflictId, Conflict>, Fault> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids: Vec<&[u8]> = ids.iter().map(|id| &id.0[..]).collect();
        let rows = self
            .rows(
                "SELECT c.conflict FROM unnest($3::bytea[]) p (id)
                 CROSS JOIN LATERAL (SELECT c.conflict FROM conflicts c
                     WHERE c.tenant = $1 AND c.mapping = $2 AND c.id = p.id OFFSET 0) c",
                &[&ids],
            )
            .await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let conflict: Conflict = decode("conflict", row.try_get(0)?)?;
            found.insert(conflict.id, conflict);
        }
        Ok(found)
    }

    async fn add_log(&self, after: i64, rows: &[LogRow]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let record = |side: Side| {
            rows.iter().map(move |row| row.records[side].as_ref().map(RecordId::as_str))
        };
        self.run(
            "INSERT INTO log (tenant, mapping, place, run, source, target, entry)
             SELECT $1, $2, $3 + p.place, p.run, p.source, p.target, p.entry
             FROM unnest($4::bigint[], $5::text[], $6::text[], $7::bytea[]) WITH ORDINALITY
                 p (run, source, target, entry, place)",
            &[
                &after,
                &rows.iter().map(|row| int(row.run.0)).collect::<Vec<_>>(),
                &record(Side::Source).collect::<Vec<_>>(),
                &record(Side::Target).collect::<Vec<_>>(),
                &rows.iter().map(encode::<LogRow>).collect::<Vec<_>>(),
            ],
        )
        .await?;
        Ok(())
    }
}

/// What a batch tells of records' keys.
fn told_keys(batch: &CommitBatch) -> Told<'_> {
    let mut told = Told::default();
    for RecordKeys { side, record, keys } in &batch.keys {
        told.tell(*side, record, keys, Kept::Live);
    }
    told
}
