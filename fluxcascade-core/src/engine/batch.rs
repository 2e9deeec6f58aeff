//! A batch on its way through the engine: its work, what was fetched for it, what is stored of it.

use std::collections::HashMap;

use crate::model::{
    Choice, Conflict, Ending, Hold, HoldKey, Link, LinkId, Observation, Operation, PairId,
    RecordId, Side, State, Work, WorkKey,
};
use crate::plan::Entry;
use crate::store::{CommitBatch, LinkChange};

/// Work that is decided together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) works: Vec<Work>,
    pub(super) fetched: HashMap<(Side, RecordId), Observation>,
}

impl Batch {
    pub(super) fn new(works: Vec<Work>) -> Self {
        Self { works, fetched: HashMap::new() }
    }

    /// Forgets what was read of the records that are to be written: other requests have been sent
    /// since, and each is read again directly before its write.
    pub(super) fn forget(&mut self, side: Side) {
        let works = std::mem::take(&mut self.works);
        for work in &works {
            if let Some(link) = &work.link {
                self.forget_chain(side, link.records[side].clone());
                continue;
            }
            for tombstone in &work.tombstones {
                self.forget_chain(side, tombstone.records[side].clone());
            }
            for (_, record) in work.holds.iter().flat_map(|hold| &hold.candidates) {
                self.fetched.remove(&(side, record.clone()));
            }
            if let WorkKey::Record(own, record) = &work.key
                && *own == side
            {
                self.fetched.remove(&(side, record.clone()));
            }
            for holder in work.candidates.iter().flat_map(|found| &found.holders[side]) {
                self.fetched.remove(&(side, holder.record.clone()));
            }
        }
        self.works = works;
    }

    /// Forgets a record, and where it lives on if it was merged into another.
    fn forget_chain(&mut self, side: Side, record: RecordId) {
        let mut next = Some(record);
        while let Some(record) = next {
            let seen = self.fetched.remove(&(side, record)).map(|seen| seen.state);
            next = match seen {
                Some(State::MergedInto(survivor)) => Some(survivor),
                Some(
                    State::Known { .. }
                    | State::Archived(_)
                    | State::Deleted(_)
                    | State::Missing
                    | State::OutOfScope
                    | State::Unreadable(_),
                )
                | None => None,
            };
        }
    }
}

/// What is known of a work's record now: fetched, else as its entry has it for this revision.
pub(super) fn seen<'a>(
    work: &'a Work,
    side: Side,
    fetched: &'a HashMap<(Side, RecordId), Observation>,
    revision: u32,
) -> Option<&'a Observation> {
    let entry = work.entries[side].as_ref();
    let record = match (&work.link, &work.key) {
        (Some(link), _) => &link.records[side],
        (None, WorkKey::Record(own, record)) if *own == side => record,
        (None, _) => &entry?.record,
    };
    fetched.get(&(side, record.clone())).or_else(|| {
        let entry = entry.filter(|e| e.revision == revision && e.record == *record);
        entry?.observation.as_ref()
    })
}

/// Puts a link into what is stored; a link stands in it once.
pub(super) fn put_link(commit: &mut CommitBatch, link: &Link) {
    match commit.links.iter_mut().find(|change| change.link.id == link.id) {
        Some(change) => change.link = link.clone(),
        None => commit.links.push(LinkChange { link: link.clone() }),
    }
}

/// The ended link that is in use again under the same id.
pub(super) fn remade_by<'w>(work: &'w Work, link: &Link) -> Option<&'w Link> {
    work.tombstones.iter().find(|tombstone| tombstone.id == link.id)
}

/// A link that is made again with another record lets go of the one that was gone: that one keeps a
/// tombstone of its own, so that nothing is made for it if it is back (P8), and for it no more.
pub(super) fn keep_former(commit: &mut CommitBatch, former: Option<&Link>, link: &Link) {
    let Some((former, Some(Ending::Remade(gone)))) = former.map(|t| (t, t.ending)) else { return };
    let record = &former.records[gone];
    if *record == link.records[gone] {
        return;
    }
    let id = if former.id == link.id {
        LinkId::of(&[&former.id.0, record.as_str().as_bytes()])
    } else {
        former.id
    };
    put_link(commit, &Link { id, ending: Some(Ending::Deleted(gone)), ..former.clone() });
}

/// Ends the holds of the pairs that a write has decided, before the other side is looked at: an
/// answer is carried out once, also where the system wrote down what stood there before. Says whether
/// these were the last.
pub(super) fn release_written(
    commit: &mut CommitBatch,
    work: &mut Work,
    entry: &Entry,
    operation: &Operation,
) -> bool {
    let is_done = |hold: &Hold| {
        let of_pair = |pair: &PairId| operation.pairs.iter().any(|written| written.pair == *pair);
        hold.key.pair().is_some_and(of_pair) && entry.released.contains(&hold.key)
    };
    let (done, open): (Vec<Hold>, Vec<Hold>) =
        std::mem::take(&mut work.holds).into_iter().partition(is_done);
    work.holds = open;
    commit.conflicts.extend(record_row(&work.holds, entry, operation).cloned());
    let rows: Vec<_> = done.iter().filter_map(|hold| hold.conflict).collect();
    let judged = entry.judged.iter().filter(|(row, _)| rows.contains(row));
    commit.judged.extend(judged.copied());
    let is_last = !done.is_empty() && work.holds.is_empty() && entry.holds.is_empty();
    commit.released.extend(done.into_iter().map(|hold| hold.key));
    is_last
}

/// The row of what a whole record waited for, with who has won, if the write has carried it out: once
/// the other side is looked at, nothing is in conflict any more.
fn record_row<'e>(holds: &[Hold], entry: &'e Entry, operation: &Operation) -> Option<&'e Conflict> {
    let of_record = |hold: &&Hold| matches!(hold.key, HoldKey::Link(_));
    let hold = holds.iter().find(of_record)?;
    let is_written = match hold.choice()? {
        Choice::Take(winner) => winner.other() == operation.side,
        Choice::Set(_) => true,
        Choice::Leave
        | Choice::LinkTo(_)
        | Choice::Create
        | Choice::Never
        | Choice::NotMade
        | Choice::Allow
        | Choice::Retry
        | Choice::Recreate => false,
    };
    let carried_out = entry.told.or(hold.conflict);
    let told = |row: &&Conflict| Some(row.id) == carried_out && row.winner.is_some();
    entry.conflicts.iter().find(told).filter(|_| is_written)
}
