//! Pages and hints into the inbox.

use fluxcascade_core::model::{InboxEntry, RecordId, Side};
use fluxcascade_core::store::{Hint, Intake, IntakeRow};

use super::ledger::{Ledger, live_records};
use crate::rules::{self, BaseMark, Ground, Held};

impl Ledger {
    pub(super) fn intake(&mut self, page: &Intake) -> u64 {
        let mut entered = 0;
        for row in &page.rows {
            let record = &row.observation.record;
            if let Some(keys) = &row.keys {
                self.keys.replace(page.side, record, keys);
            }
            if self.take_in(page, row) {
                entered += 1;
            }
        }
        let key = (page.feed_key.connection.clone(), page.feed_key.object.clone());
        let reading = self.feeds.entry(key).or_default();
        reading.feed = page.feed.clone();
        reading.sides.insert(page.side);
        entered
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
    }
}
