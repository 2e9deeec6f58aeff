//! Reading calls: counts, links, log, conflicts, holds and runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use fluxcascade_core::model::{
    Conflict, ConflictId, ConflictStatus, Hold, HoldReason, Link, LinkId, LinkStatus, Linked,
    LogRow, RecordId, RunRow, Side, Withheld,
};
use fluxcascade_core::store::{Counts, Page};

use super::ledger::Ledger;
use crate::rules;

impl Ledger {
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts {
            inbox: (self.inbox.source.len() + self.inbox.target.len()) as u64,
            operations: self.operations.len() as u64,
            ..Counts::default()
        };
        for link in self.links.by_id().values() {
            match link.status {
                LinkStatus::Active => counts.active_links += 1,
                LinkStatus::Suspended => counts.suspended_links += 1,
                LinkStatus::Tombstone => counts.tombstones += 1,
            }
        }
        let mut holds: BTreeMap<HoldReason, u64> = BTreeMap::new();
        for hold in self.holds.all() {
            *holds.entry(hold.reason).or_default() += 1;
        }
        counts.holds = holds.into_iter().collect();
        let mut withheld: BTreeMap<Withheld, u64> = BTreeMap::new();
        for what in self.holds.all().filter_map(Hold::held_back) {
            *withheld.entry(what).or_default() += 1;
        }
        counts.withheld = withheld.into_iter().collect();
        let open = self.conflicts.iter().filter(|row| row.status == ConflictStatus::Open);
        counts.open_conflicts = open.count() as u64;
        counts
    }

    pub(super) fn links_after(&self, after: Option<LinkId>, limit: usize) -> Vec<Link> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let links = self.links.by_id().range((after, Bound::Unbounded));
        links.map(|(_, link)| link.clone()).take(limit).collect()
    }

    pub(super) fn log_page(&self, page: &Page) -> Vec<LogRow> {
        cut(page, self.log.values().rev(), |row| {
            page.is_of(row.run)
                && page
                    .record
                    .as_ref()
                    .is_none_or(|(side, record)| row.records[*side].as_ref() == Some(record))
        })
    }

    pub(super) fn conflict_page(&self, page: &Page) -> Vec<Conflict> {
        cut(page, self.conflicts.iter().rev(), |row| {
            page.is_of(row.run)
                && page.record.as_ref().is_none_or(|(side, record)| row.records[*side] == *record)
        })
    }

    pub(super) fn hold_page(&self, page: &Page) -> Vec<Hold> {
        if let Some(keys) = &page.holds {
            let keys: BTreeSet<_> = keys.iter().collect();
            return rules::page_of(
                page,
                keys.into_iter().filter_map(|k| self.holds.get(k)).cloned(),
            );
        }
        cut(page, self.holds.all(), |hold| page.reason.is_none_or(|reason| hold.reason == reason))
    }

    pub(super) fn conflict_row(&self, id: ConflictId) -> Option<Conflict> {
        let place = self.conflict_places.get(&id)?;
        self.conflicts.get(*place).cloned()
    }

    pub(super) fn linked(&self, side: Side, record: &RecordId) -> Option<Linked> {
        let link = self.links.get(self.links.of(side, record)?)?;
        let partner = link.records[side.other()].clone();
        Some(Linked { link: link.id, status: link.status, partner })
    }

    pub(super) fn run_page(&self, page: &Page) -> Vec<RunRow> {
        cut(page, self.runs.values().rev(), |row| page.is_of(row.number))
    }
}

fn cut<'a, T: Clone + 'a>(
    page: &Page,
    rows: impl Iterator<Item = &'a T>,
    wanted: impl Fn(&T) -> bool,
) -> Vec<T> {
    rows.filter(|row| wanted(row)).skip(page.skip).take(page.limit).cloned().collect()
}
