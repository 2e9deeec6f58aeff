//! Runs for named records: they are read by id, and only they are decided.

use std::collections::{HashMap, HashSet};

use super::SyncError;
use super::batch::Batch;
use super::run::{Run, Standing};
use crate::model::{HoldKey, Provenance, RecordId, Side, Sides, Work, WorkKey};
use crate::plan::{Creates, Gate};
use crate::store::{Intake, IntakeRow, Sweep};

impl Run<'_> {
    /// Takes the named records through the line.
    pub(super) async fn walk_named(&mut self, named: &[(Side, RecordId)]) -> Result<(), SyncError> {
        let keys = self.take_in_named(named).await?;
        self.weigh().await?;
        self.guard_named().await?;
        for works in self.gather(&keys).await? {
            let batch = self.read_named(works).await?;
            self.process_batch(batch).await?;
        }
        let only: HashSet<WorkKey> = keys.into_iter().collect();
        self.pass_guards(Some(&only)).await
    }

    /// Reads the named records into the inbox, and says which works they are.
    ///
    /// An unlinked record is matched, and its partner may be new: then both sides' changes are read
    /// first. They are read whole if the mapping never was, as before any match.
    pub(super) async fn take_in_named(
        &mut self,
        named: &[(Side, RecordId)],
    ) -> Result<Vec<WorkKey>, SyncError> {
        let mut keys = Vec::new();
        let mut unlinked = self.standing == Standing::Tried;
        for side in Side::BOTH {
            let records = of_side(named, side);
            let links = self.store().linked(&self.mapping.key, side, &records).await?;
            for (record, link) in records.iter().zip(links) {
                unlinked |= link.is_none();
                keys.push(match link {
                    Some(link) => WorkKey::Link(link.link),
                    None => WorkKey::Record(side, record.clone()),
                });
            }
            let feed = self.store().feed(&self.lease, &self.feed_key(side)).await?;
            unlinked |= feed.sweeping || feed.swept.is_none();
        }
        if unlinked {
            self.pull_both().await?;
        }
        for side in Side::BOTH {
            self.take_in(side, of_side(named, side)).await?;
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    async fn take_in(&mut self, side: Side, records: Vec<RecordId>) -> Result<(), SyncError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut seen = self.fetch(side, records).await?;
        for observation in &mut seen {
            // What lies in the inbox is not fresh when it is looked at.
            observation.provenance = Provenance::Listed;
        }
        let rows: Vec<IntakeRow> = seen.into_iter().map(|seen| self.row(side, seen)).collect();
        let feed_key = self.feed_key(side);
        let feed = self.store().feed(&self.lease, &feed_key).await?;
        let revision = self.mapping.revision;
        let page = Intake { side, revision, rows, feed_key, feed, sweep: Sweep::None };
        self.store().intake(&self.lease, &page).await?;
        Ok(())
    }

    /// A first sync that has not passed its guard creates nothing for named records either.
    pub(super) async fn guard_named(&mut self) -> Result<(), SyncError> {
        if self.guarding.creates == Creates::AfterMatching {
            let matched = self.matched().await?;
            if self.weighed(&[], matched).few_matched().is_none() {
                self.guarding.gate = Gate::Open([crate::model::Withheld::Create].into());
            }
        }
        Ok(())
    }

    /// Links of named records are looked at on both sides, whatever is known of them.
    pub(super) async fn read_named(&mut self, works: Vec<Work>) -> Result<Batch, SyncError> {
        let mut wanted: Sides<Vec<RecordId>> = Sides::default();
        for link in works.iter().filter_map(|work| work.link.as_ref()) {
            for side in Side::BOTH {
                wanted[side].push(link.records[side].clone());
            }
        }
        let mut fetched = HashMap::new();
        for (side, records) in [(Side::Source, wanted.source), (Side::Target, wanted.target)] {
            for seen in self.fetch(side, records).await? {
                fetched.insert((side, seen.record.clone()), seen);
            }
        }
        Ok(Batch { works, fetched })
    }
}

fn of_side(named: &[(Side, RecordId)], side: Side) -> Vec<RecordId> {
    let mut records: Vec<RecordId> =
        named.iter().filter(|(s, _)| *s == side).map(|(_, record)| record.clone()).collect();
    records.sort();
    records.dedup();
    records
}

/// The hold that keeps an unlinked record out.
pub(super) fn record_key(side: Side, record: &RecordId) -> HoldKey {
    HoldKey::Record(side, record.clone())
}
