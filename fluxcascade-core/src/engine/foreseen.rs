//! What a plan will have stored by the time that it comes to later works: a dry run stores nothing, and
//! a run decides them on it (P19).

use std::collections::{HashMap, HashSet};

use crate::model::{LinkId, LinkStatus, RecordId, Side, Sides, Work, WorkKey};
use crate::plan::Entry;

/// Links and match keys as they will be.
#[derive(Debug, Default)]
pub(super) struct Foreseen {
    /// Links that end.
    ended: HashSet<LinkId>,
    /// Records that get a link.
    linked: HashMap<(Side, RecordId), LinkId>,
    /// Records that have no keys any more.
    dropped: HashSet<(Side, RecordId)>,
    /// Records that are archived.
    archived: HashSet<(Side, RecordId)>,
}

impl Foreseen {
    /// Takes in what an entry will store.
    pub(super) fn note(&mut self, entry: &Entry) {
        let records = |records: &Sides<RecordId>| {
            records.iter().map(|(side, record)| (side, record.clone())).collect::<Vec<_>>()
        };
        for update in entry.before.iter().chain(&entry.after) {
            match update.status {
                LinkStatus::Tombstone => {
                    self.ended.insert(update.link);
                }
                LinkStatus::Active | LinkStatus::Suspended => {
                    let linked = records(&update.records);
                    self.linked.extend(linked.into_iter().map(|place| (place, update.link)));
                }
            }
        }
        if let Some(link) = &entry.link {
            let linked = records(&link.records);
            self.linked.extend(linked.into_iter().map(|place| (place, link.id)));
        }
        self.dropped.extend(entry.drops.iter().cloned());
        self.archived.extend(entry.archived.iter().cloned());
    }

    /// Makes a work what it will be; says whether there will be one: a record that is linked by then
    /// has none of its own.
    pub(super) fn shows(&self, work: &mut Work) -> bool {
        if let WorkKey::Record(side, record) = &work.key
            && self.linked.contains_key(&(*side, record.clone()))
        {
            return false;
        }
        for found in &mut work.candidates {
            for side in Side::BOTH {
                found.holders[side].retain_mut(|holder| {
                    let place = (side, holder.record.clone());
                    holder.link = holder.link.filter(|link| !self.ended.contains(link));
                    holder.link = self.linked.get(&place).copied().or(holder.link);
                    holder.archived |= self.archived.contains(&place);
                    !self.dropped.contains(&place)
                });
            }
        }
        true
    }
}
