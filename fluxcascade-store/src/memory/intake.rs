//! Pages and hints into the inbox.

use std::collections::BTreeSet;

use fluxcascade_core::model::{InboxEntry, RecordId, Side};
use fluxcascade_core::store::{Hint, Intake, IntakeRow, Taken};

use super::ledger::{Ledger, live_records};
use crate::rules::{self, BaseMark, Ground, Held, Kept};

impl Ledger {
    pub(super) fn intake(&mut self, page: &Intake) -> Taken {
        let mut taken = Taken::default();
        if rules::begins(page.sweep) {
            self.begin_sweep(page.side);
        }
        for row in &page.rows {
            let record = &row.observation.record;
            if let Some(keys) = &row.keys {
                self.keys.replace(page.side, record, keys, Kept::of(row));
            }
            if self.take_in(page, row) {
                taken.entered += 1;
            }
            if let Some(seen) = self.seen[page.side].as_mut().filter(|_| rules::shows(page.sweep)) {
                seen.insert(record.clone());
            }
        }
        if rules::ends(page.sweep) {
            taken.missed = self.end_sweep(page.side);
        }
        let key = (page.feed_key.connection.clone(), page.feed_key.object.clone());
        let reading = self.feeds.entry(key).or_default();
        reading.feed = page.feed.clone();
        reading.sides.insert(page.side);
        taken
    }

    /// Forgets what earlier sweeps saw. What was not known before cannot be missed, so that the
    /// first read of a side marks nothing.
    fn begin_sweep(&mut self, side: Side) {
        let known =
            self.links.records(side).next().is_some() || self.keys.records(side).next().is_some();
        self.seen[side] = known.then(BTreeSet::new);
    }

    /// Gives each known record an entry that the sweep did not show.
    fn end_sweep(&mut self, side: Side) -> u64 {
        let Some(seen) = self.seen[side].take() else { return 0 };
        let known: BTreeSet<&RecordId> =
            self.links.records(side).chain(self.keys.records(side)).collect();
        let missing: Vec<RecordId> =
            known.into_iter().filter(|record| !seen.contains(*record)).cloned().collect();
        let mut missed = 0;
        for record in missing {
            let entry = self.inbox[side].get(&record);
            if let Some(entry) = rules::missed(entry, &record, self.sequence + 1) {
                self.enter(side, entry);
                missed += 1;
            }
        }
        missed
    }

    fn take_in(&mut self, page: &Intake, row: &IntakeRow) -> bool {
        let record = &row.observation.record;
        let entry = self.inbox[page.side].get(record);
        if entry.is_none() && self.knows(page.side, row, page.revision) {
            return false;
        }
        match rules::listed(entry, row, page.revision, self.sequence + 1) {
            Some(entry) => {
                self.enter(page.side, entry);
                true
            }
            None => false,
        }
    }

    fn knows(&self, side: Side, row: &IntakeRow, revision: u32) -> bool {
        let record = &row.observation.record;
        let link = self.links.of(side, record).and_then(|id| self.links.get(id));
        let held = link.is_some_and(|link| {
            self.holds.of_link(link.id).next().is_some()
                || live_records(link)
                    .any(|(side, record)| self.holds.of_record(side, record).is_some())
                || self.operations_of_link(link).next().is_some()
        });
        let mark = link.map(|link| BaseMark::of(link, side));
        let held = if held { Held::Yes } else { Held::No };
        rules::is_known(&Ground { link: mark.as_ref(), held }, row, revision)
    }

    /// Puts an entry that has the next sequence number in place of the record's old one.
    pub(super) fn enter(&mut self, side: Side, entry: InboxEntry) {
        self.sequence = entry.sequence;
        let record = entry.record.clone();
        self.inbox[side].insert(record.clone(), entry);
        self.review(self.work_key(side, &record));
    }

    pub(super) fn clear(&mut self, side: Side, record: &RecordId, sequence: u64) {
        if self.inbox[side].get(record).is_some_and(|entry| entry.sequence == sequence) {
            self.inbox[side].remove(record);
            self.review(self.work_key(side, record));
        }
    }

    pub(super) fn notify(&mut self, hint: &Hint) {
        let key = (hint.connection.clone(), hint.object.clone());
        let Some(reading) = self.feeds.get(&key) else { return };
        for side in reading.sides.clone() {
            self.enter(side, rules::hinted(hint, self.sequence + 1));
        }
        self.make_due();
    }
}
