//! What there is to do now, gathered for the planner. Changes nothing.
//!
//! The keys of a page come from a few indexes, each asked for one page at most; then all that
//! belongs to them is read together, by one statement for each sort of row.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::model::{
    Candidates, Hold, KeyHolder, Link, LinkId, LinkStatus, Operation, OperationId, RecordId, Side,
    Sides, Work, WorkKey,
};
use fluxcascade_core::store::WorkRequest;

use super::fault::Fault;
use super::inbox::Entries;
use super::keys::{Holders, Key};
use super::ledger::{Ledger, Places, link_id, place};
use super::links::after_bytes;
use super::pending::{Named, Naming};
use crate::columns::{side_number, size};
use crate::rules::{self, Kept};

/// Links that have work, each query in order of their ids: by due entries, due holds, own
/// operations, and operations that name a record of theirs for a link that does not exist or has
/// ended.
pub(super) const DUE_LINKS: [&str; 4] = [
    "SELECT DISTINCT link FROM inbox
     WHERE tenant = $1 AND mapping = $2 AND link > $3 AND coalesce(not_before, $4::bigint) <= $4
     ORDER BY link LIMIT $5",
    "SELECT DISTINCT h.link FROM holds h
     WHERE h.tenant = $1 AND h.mapping = $2 AND h.link > $3 AND h.not_before <= $4::bigint
     AND EXISTS (SELECT 1 FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = h.link OFFSET 0)
     ORDER BY h.link LIMIT $5",
    "SELECT DISTINCT o.link FROM operations o
     WHERE o.tenant = $1 AND o.mapping = $2 AND o.link > $3 AND o.link <> ''
     AND $4::bigint IS NOT NULL
     AND EXISTS (SELECT 1 FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = o.link AND l.status < 2 OFFSET 0)
     ORDER BY o.link LIMIT $5",
    // Few operations are open at any time, so these may be sorted.
    "SELECT DISTINCT d.link FROM operation_records r
     CROSS JOIN LATERAL (SELECT o.link FROM operations o
         WHERE o.tenant = $1 AND o.mapping = $2 AND o.id = r.operation OFFSET 0) o
     CROSS JOIN LATERAL (SELECT d.link FROM linked d WHERE d.tenant = $1 AND d.mapping = $2
         AND d.side = r.side AND d.record = r.record OFFSET 0) d
     WHERE r.tenant = $1 AND r.mapping = $2 AND d.link > $3 AND $4::bigint IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = o.link AND l.status < 2 OFFSET 0)
     ORDER BY d.link LIMIT $5",
];

/// Unlinked records that have work, each query in order: by due entries, and by due holds.
pub(super) const DUE_RECORDS: [&str; 2] = [
    "SELECT side, record FROM inbox
     WHERE tenant = $1 AND mapping = $2 AND link IS NULL AND (side, record) > ($3, $4)
     AND coalesce(not_before, $5::bigint) <= $5 ORDER BY side, record LIMIT $6",
    "SELECT side, name FROM holds
     WHERE tenant = $1 AND mapping = $2 AND link IS NULL AND kind = 2
     AND (side, name) > ($3, $4) AND not_before <= $5::bigint ORDER BY side, name LIMIT $6",
];

/// A record on its side.
type Place = (Side, RecordId);

/// What is stored about the keys of a page.
struct Gathered {
    links: BTreeMap<LinkId, Link>,
    entries: Entries,
    naming: Naming,
    operations: BTreeMap<LinkId, Vec<Operation>>,
    link_holds: BTreeMap<LinkId, Vec<Hold>>,
    record_holds: BTreeMap<Place, Hold>,
    ended: Sides<BTreeMap<RecordId, Vec<Link>>>,
    candidates: Gleaned,
}

/// What is stored about the match keys of unlinked records, and about those who share them.
#[derive(Default)]
struct Gleaned {
    keys: BTreeMap<Place, Vec<Key>>,
    holders: Holders,
    claiming: BTreeMap<Key, Vec<Place>>,
    links: BTreeMap<Place, LinkId>,
    entries: Entries,
    naming: Naming,
    holds: BTreeMap<Place, Hold>,
    shared: BTreeMap<Place, u16>,
}

impl Ledger {
    pub(super) async fn work(&self, request: &WorkRequest) -> Result<Vec<Work>, Fault> {
        let keys = self.due(request).await?;
        let mut gathered = self.gather_all(&keys).await?;
        Ok(keys.into_iter().filter_map(|key| gathered.work_of(key)).collect())
    }

    /// The work of keys, each once.
    pub(super) async fn gather(&self, keys: &[WorkKey]) -> Result<Vec<Work>, Fault> {
        let records = keys.iter().filter_map(|key| match key {
            WorkKey::Record(side, record) => Some((*side, record)),
            WorkKey::Link(_) => None,
        });
        let links = self.links_of(&Places::from_refs(records.collect::<BTreeSet<_>>())).await?;
        let (mut seen, mut asked) = (BTreeSet::new(), Vec::new());
        for key in keys {
            let key = match key {
                WorkKey::Link(_) => key.clone(),
                WorkKey::Record(side, record) => links
                    .get(&(*side, record.clone()))
                    .map_or_else(|| key.clone(), |link| WorkKey::Link(*link)),
            };
            if seen.insert(key.clone()) {
                asked.push(key);
            }
        }
        let mut gathered = self.gather_all(&asked).await?;
        let work = asked.into_iter().filter_map(|key| gathered.work_of(key));
        Ok(work.filter(rules::tells_something).collect())
    }

    async fn due(&self, request: &WorkRequest) -> Result<Vec<WorkKey>, Fault> {
        let (after_link, after_record) = match &request.after {
            None => (Some(None), None),
            Some(WorkKey::Link(id)) => (Some(Some(*id)), None),
            Some(WorkKey::Record(side, record)) => (None, Some((*side, record))),
        };
        let mut keys = Vec::new();
        if let Some(after) = after_link {
            keys = self.due_links(after, request).await?;
        }
        if keys.len() < request.limit {
            keys.extend(self.due_records(after_record, request).await?);
        }
        keys.truncate(request.limit);
        Ok(keys)
    }

    async fn due_links(
        &self,
        after: Option<LinkId>,
        request: &WorkRequest,
    ) -> Result<Vec<WorkKey>, Fault> {
        let (after, now) = (after_bytes(after), request.now.micros());
        let mut due = BTreeSet::new();
        for sql in DUE_LINKS {
            for row in self.rows(sql, &[&after, &now, &size(request.limit)]).await? {
                due.insert(link_id(&row, 0)?);
            }
        }
        Ok(due.into_iter().map(WorkKey::Link).collect())
    }

    async fn due_records(
        &self,
        after: Option<(Side, &RecordId)>,
        request: &WorkRequest,
    ) -> Result<Vec<WorkKey>, Fault> {
        let (side, record) =
            after.map_or((-1, ""), |(side, record)| (side_number(side), record.as_str()));
        let now = request.now.micros();
        let mut due = BTreeSet::new();
        for sql in DUE_RECORDS {
            for row in self.rows(sql, &[&side, &record, &now, &size(request.limit)]).await? {
                due.insert(place(&row, 0)?);
            }
        }
        Ok(due.into_iter().map(|(side, record)| WorkKey::Record(side, record)).collect())
    }

    async fn gather_all(&self, keys: &[WorkKey]) -> Result<Gathered, Fault> {
        let (mut ids, mut unlinked): (Vec<LinkId>, BTreeSet<(Side, &RecordId)>) =
            Default::default();
        for key in keys {
            match key {
                WorkKey::Link(id) => ids.push(*id),
                WorkKey::Record(side, record) => {
                    unlinked.insert((*side, record));
                }
            }
        }
        let links = self.links_by_id(&ids).await?;
        let alive = links.values().filter(|link| link.status != LinkStatus::Tombstone);
        let spoken: BTreeSet<(Side, &RecordId)> =
            alive.flat_map(|link| link.records.iter()).chain(unlinked.iter().copied()).collect();
        let spoken = Places::from_refs(spoken);
        let mut ended = Sides::default();
        for side in Side::BOTH {
            let records = unlinked.iter().filter(|(of, _)| *of == side);
            let records: Vec<&str> = records.map(|(_, record)| record.as_str()).collect();
            ended[side] = self.ended(side, &records).await?;
        }
        let unlinked = Places::from_refs(unlinked);
        Ok(Gathered {
            entries: self.entries(&spoken).await?,
            naming: self.naming(&spoken).await?,
            operations: self.operations_of_links(&ids).await?,
            link_holds: self.holds_of_links(&ids).await?,
            record_holds: self.holds_of_records(&unlinked).await?,
            candidates: self.glean(&unlinked).await?,
            ended,
            links,
        })
    }

    async fn glean(&self, unlinked: &Places<'_>) -> Result<Gleaned, Fault> {
        let keys = self.keys_of(unlinked).await?;
        let prints: BTreeSet<Key> = keys.values().flatten().copied().collect();
        if prints.is_empty() {
            return Ok(Gleaned::default());
        }
        let holders = self.holders(&prints).await?;
        let places: BTreeSet<(Side, &RecordId)> = holders
            .iter()
            .flat_map(|((_, side), holders)| holders.iter().map(|(record, _)| (*side, record)))
            .collect();
        let places = Places::from_refs(places);
        Ok(Gleaned {
            claiming: self.claiming(&prints).await?,
            links: self.links_of(&places).await?,
            entries: self.entries(&places).await?,
            naming: self.naming(&places).await?,
            holds: self.holds_of_records(&places).await?,
            shared: self.first_shared_rules(&places).await?,
            keys,
            holders,
        })
    }
}

impl Gathered {
    /// The work of a key, of which there is none for a link that is not there.
    fn work_of(&mut self, key: WorkKey) -> Option<Work> {
        match key {
            WorkKey::Link(id) => self.links.remove(&id).map(|link| self.link_work(link)),
            WorkKey::Record(side, record) => Some(self.record_work(side, record)),
        }
    }

    fn link_work(&mut self, link: Link) -> Work {
        let mut entries = Sides::default();
        let mut operations = self.operations.remove(&link.id).unwrap_or_default();
        if link.status != LinkStatus::Tombstone {
            for (side, record) in link.records.iter() {
                let place = (side, record.clone());
                entries[side] = self.entries.get(&place).cloned();
                operations.extend(strays(&self.naming, &place));
            }
        }
        let operations: BTreeMap<OperationId, Operation> =
            operations.into_iter().map(|operation| (operation.id, operation)).collect();
        Work {
            key: WorkKey::Link(link.id),
            holds: self.link_holds.remove(&link.id).unwrap_or_default(),
            link: Some(link),
            entries,
            operations: operations.into_values().collect(),
            candidates: Vec::new(),
            tombstones: Vec::new(),
        }
    }

    fn record_work(&mut self, side: Side, record: RecordId) -> Work {
        let place = (side, record);
        let mut entries = Sides::default();
        entries[side] = self.entries.get(&place).cloned();
        Work {
            link: None,
            entries,
            holds: self.record_holds.remove(&place).into_iter().collect(),
            operations: strays(&self.naming, &place).collect(),
            candidates: self.candidates.of(&place),
            tombstones: self.ended[side].remove(&place.1).unwrap_or_default(),
            key: WorkKey::Record(side, place.1),
        }
    }
}

impl Gleaned {
    fn of(&self, place: &Place) -> Vec<Candidates> {
        let keys = self.keys.get(place).map(Vec::as_slice).unwrap_or_default();
        keys.iter().map(|key| self.candidates(*key, place)).collect()
    }

    fn candidates(&self, key: Key, (side, record): &Place) -> Candidates {
        let mut pending = Sides::new(0, 0);
        for (creates_on, origin) in self.claiming.get(&key).into_iter().flatten() {
            // The record's own are not counted.
            if (*creates_on, origin) != (side.other(), record) {
                pending[*creates_on] += 1;
            }
        }
        let holders = Sides::from_fn(|side| {
            let holders = self.holders.get(&(key, side)).into_iter().flatten();
            holders
                .map(|(record, kept)| self.holder(key.0, (side, record.clone()), *kept))
                .collect()
        });
        Candidates { rule: key.0, key: key.1, holders, pending }
    }

    fn holder(&self, rule: u16, place: Place, kept: Kept) -> KeyHolder {
        let named = self.naming.get(&place).into_iter().flatten();
        let mut creates = named
            .map(|named| &named.operation)
            .filter(|operation| rules::creates_for(operation, place.0, &place.1));
        KeyHolder {
            link: self.links.get(&place).copied(),
            entry: self.entries.get(&place).cloned(),
            pending: creates.next().cloned(),
            decided_earlier: self.shared.get(&place).is_some_and(|first| *first < rule),
            hold: self.holds.get(&place).map(|hold| hold.reason),
            archived: kept == Kept::Archived,
            record: place.1,
        }
    }
}

/// Operations that name a record and serve a link that does not exist, or has ended.
fn strays<'a>(naming: &'a Naming, place: &Place) -> impl Iterator<Item = Operation> + use<'a> {
    let named = naming.get(place).into_iter().flatten();
    named.filter(|named| named.strays).map(|Named { operation, .. }| operation.clone())
}
