//! A batch on its way through the engine: its work, what was fetched for it, what is stored of it.

use std::collections::HashMap;

use crate::model::{Link, Observation, RecordId, Side, Work, WorkKey};
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
        for work in &self.works {
            if let Some(link) = &work.link {
                self.fetched.remove(&(side, link.records[side].clone()));
                continue;
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
    fetched
        .get(&(side, record.clone()))
        .or_else(|| entry.filter(|e| e.revision == revision)?.observation.as_ref())
}

/// Puts a link into what is stored; a link stands in it once.
pub(super) fn put_link(commit: &mut CommitBatch, link: &Link) {
    match commit.links.iter_mut().find(|change| change.link.id == link.id) {
        Some(change) => change.link = link.clone(),
        None => commit.links.push(LinkChange { link: link.clone() }),
    }
}
