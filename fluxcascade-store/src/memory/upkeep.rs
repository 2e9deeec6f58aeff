//! Records are forgotten, old rows let go, and rows written anew in place.

use std::collections::BTreeSet;
use std::mem;

use fluxcascade_core::model::{
    ConnectionName, HoldKey, LinkId, MappingName, MatchKeys, ObjectType, Operation, OperationId,
    RecordId, Side, Timestamp, WorkKey,
};
use fluxcascade_core::store::{
    Hint, Intake, IntakeRow, Lease, MarkedRow, Prune, Pruned, Receipt, Removed, Retained, Rewrite,
    Row, RowMark, StoreError, Subject, Table, Taken,
};

use super::ledger::Ledger;
use super::tenant::Tenant;
use crate::rules;
use crate::upkeep::{self, ForgottenKey, Loose, Place};

impl Tenant {
    /// The key of forgotten records' fingerprints.
    fn forgotten_key(&mut self) -> Result<ForgottenKey, StoreError> {
        if let Some(key) = self.known_forgotten_key() {
            return Ok(key);
        }
        let key = self.fingerprint_key.insert(rules::draw_key()?);
        Ok(ForgottenKey::of(key))
    }

    fn known_forgotten_key(&self) -> Option<ForgottenKey> {
        let made = || self.fingerprint_key.as_ref().map(ForgottenKey::of);
        self.forgotten_key.map(ForgottenKey::kept).or_else(made)
    }

    /// Gives the tenant another fingerprint key; what is forgotten stays so.
    pub(super) fn renew_fingerprint_key(&mut self) -> Result<(), StoreError> {
        self.forgotten_key = Some(self.forgotten_key()?.to_keep());
        self.fingerprint_key = Some(rules::draw_key()?);
        Ok(())
    }

    fn is_forgotten(
        &self,
        connection: &ConnectionName,
        object: &ObjectType,
        record: &RecordId,
    ) -> bool {
        let Some(key) = self.known_forgotten_key().filter(|_| !self.forgotten.is_empty()) else {
            return false;
        };
        key.known_by(connection, object, record).any(|print| self.forgotten.contains(&print))
    }

    /// Takes in a page, but for the records that were forgotten.
    pub(super) fn intake(&mut self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError> {
        self.under(lease)?;
        if self.forgotten.is_empty() {
            return Ok(self.under(lease)?.intake(page));
        }
        let mapping = &lease.mapping.mapping;
        let kept = page.rows.iter().filter(|row| !self.keeps_out(mapping, page, row));
        let rows = kept.cloned().collect();
        let page = Intake { rows, ..page.clone() };
        Ok(self.under(lease)?.intake(&page))
    }

    /// Whether a row is of a record that was forgotten, or that is by now: the one that a forgotten
    /// record's create has made.
    fn keeps_out(&mut self, mapping: &MappingName, page: &Intake, row: &IntakeRow) -> bool {
        let (connection, object) = (&page.feed_key.connection, &page.feed_key.object);
        let record = &row.observation.record;
        if self.is_forgotten(connection, object, record) {
            return true;
        }
        let Some(key) = self.known_forgotten_key() else { return false };
        let keys = row.keys.iter().flat_map(|keys| &keys.valid);
        let prints = keys.map(|shown| key.created(mapping, page.side, *shown));
        let made: Vec<_> = prints.filter(|print| self.forgotten.contains(print)).collect();
        let Some(ledger) = self.mappings.get_mut(mapping).filter(|_| !made.is_empty()) else {
            return false;
        };
        if !ledger.is_new(page.side, record) {
            return false;
        }
        ledger.remove_new(page.side, record);
        for print in made {
            self.forgotten.remove(&print);
        }
        self.forgotten.insert(key.print(connection, object, record));
        true
    }

    pub(super) fn notify(&mut self, hint: &Hint) {
        if self.is_forgotten(&hint.connection, &hint.object, &hint.record) {
            return;
        }
        for ledger in self.mappings.values_mut() {
            ledger.notify(hint);
        }
    }

    pub(super) fn forget(
        &mut self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        let key = self.forgotten_key()?;
        self.forgotten.insert(key.print(&subject.connection, &subject.object, &subject.record));
        let reached = self.reach(subject, &key);
        let mut receipt =
            Receipt { subject: subject.clone(), at: now, records: Vec::new(), removed: [].into() };
        for (name, side, record) in &reached {
            let Some(ledger) = self.mappings.get(name) else { continue };
            for (connection, object) in ledger.ends(*side) {
                self.forgotten.insert(key.print(connection, object, record));
            }
            receipt.records.push((name.clone(), *side, record.clone()));
        }
        for name in self.mappings.keys().cloned().collect::<Vec<_>>() {
            let of = reached.iter().filter(|(mapping, ..)| *mapping == name);
            let forgotten: BTreeSet<Place> = of.map(|(_, side, id)| (*side, id.clone())).collect();
            if !forgotten.is_empty() {
                receipt.removed.insert(name.clone(), self.remove(&name, &forgotten));
            }
        }
        Ok(receipt)
    }

    /// The subject's records, and all that are linked with them, through all mappings.
    fn reach(
        &mut self,
        subject: &Subject,
        key: &ForgottenKey,
    ) -> BTreeSet<(MappingName, Side, RecordId)> {
        let mut reached = BTreeSet::new();
        let mut prints = Vec::new();
        let mut ahead = self.readers(&subject.connection, &subject.object, &subject.record);
        while let Some(place) = ahead.pop() {
            if !reached.insert(place.clone()) {
                continue;
            }
            let (name, side, record) = place;
            let Some(ledger) = self.mappings.get(&name) else { continue };
            for (connection, object) in ledger.ends(side) {
                ahead.extend(self.readers(connection, object, &record));
            }
            for link in ledger.links.naming(side, &record) {
                let partner = link.records[side.other()].clone();
                ahead.push((name.clone(), side.other(), partner));
            }
            for create in ledger.creates_of(side, &record) {
                match upkeep::loose(create, ledger.unlinked_holders(create)) {
                    Loose::Record(made) => ahead.push((name.clone(), create.side, made)),
                    Loose::Keys(keys) => {
                        let kept = keys.into_iter().map(|of| key.created(&name, create.side, of));
                        prints.extend(kept);
                    }
                    Loose::Unclear => {}
                }
            }
        }
        self.forgotten.extend(prints);
        reached
    }

    /// The places of a record in all mappings that read its object type.
    fn readers(
        &self,
        connection: &ConnectionName,
        object: &ObjectType,
        record: &RecordId,
    ) -> Vec<(MappingName, Side, RecordId)> {
        let place = (connection.clone(), object.clone());
        let mut found = Vec::new();
        for (name, ledger) in &self.mappings {
            let sides = ledger.feeds.get(&place).map(|reading| &reading.sides);
            let sides = sides.into_iter().flatten();
            found.extend(sides.map(|side| (name.clone(), *side, record.clone())));
        }
        found
    }

    fn remove(&mut self, name: &MappingName, forgotten: &BTreeSet<Place>) -> Removed {
        let Some(ledger) = self.mappings.get_mut(name) else { return Removed::default() };
        let (mut removed, operations) = ledger.remove(forgotten);
        for operation in operations {
            self.claims.give_up(name, &operation, None);
        }
        removed.claims = self.claims.forget(name, forgotten);
        // Holds of any mapping may wait for a link of this one.
        for (other, ledger) in &mut self.mappings {
            let here = if other == name { forgotten.clone() } else { BTreeSet::new() };
            ledger.reconsider(name, forgotten, &here);
        }
        removed
    }
}

impl Ledger {
    /// The object types that a side is read from.
    fn ends(&self, side: Side) -> impl Iterator<Item = (&ConnectionName, &ObjectType)> {
        let of_side = self.feeds.iter().filter(move |(_, reading)| reading.sides.contains(&side));
        of_side.map(|((connection, object), _)| (connection, object))
    }

    /// Open creates of a record's partner.
    fn creates_of(&self, side: Side, record: &RecordId) -> impl Iterator<Item = &Operation> {
        let named = self.operations.of_record(side, record);
        let record = record.clone();
        named.filter(move |operation| rules::creates_for(operation, side, &record))
    }

    /// Live records without a link that have a key of a create.
    fn unlinked_holders(&self, create: &Operation) -> BTreeSet<RecordId> {
        let holders = create.keys.iter().flat_map(|key| self.keys.holders(*key, create.side));
        let live = holders.filter(|(kept, _)| *kept == rules::Kept::Live);
        let unlinked = live.filter(|(_, record)| self.links.of(create.side, record).is_none());
        unlinked.map(|(_, record)| record.clone()).collect()
    }

    /// Whether a record was not taken in before: what else is known of it is a hint, or a hold.
    fn is_new(&self, side: Side, record: &RecordId) -> bool {
        self.links.naming(side, record).next().is_none()
            && self.keys.of(side, record).next().is_none()
            && self.operations.of_record(side, record).next().is_none()
    }

    /// Removes what is known of a record that is new.
    fn remove_new(&mut self, side: Side, record: &RecordId) {
        self.inbox[side].remove(record);
        self.holds.remove(&HoldKey::Record(side, record.clone()));
        self.review(WorkKey::Record(side, record.clone()));
    }

    /// Removes all that is about records, and returns the operations that were open.
    fn remove(&mut self, forgotten: &BTreeSet<Place>) -> (Removed, Vec<Operation>) {
        // Whoever has the lease has read what is no more.
        self.standing.fence += 1;
        let mut removed = Removed::default();
        let (mut links, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for (side, record) in forgotten {
            links.extend(self.links.naming(*side, record).map(|link| link.id));
            ids.extend(self.operations.of_record(*side, record).map(|operation| operation.id));
            removed.entries += u64::from(self.inbox[*side].remove(record).is_some());
            removed.keys += self.keys.of(*side, record).count() as u64;
            self.keys.replace(*side, record, &MatchKeys::default(), rules::Kept::Live);
            if let Some(seen) = &mut self.seen[*side] {
                seen.remove(record);
            }
        }
        for link in &links {
            ids.extend(self.operations.of_link(*link).map(|operation| operation.id));
        }
        let operations = self.remove_operations(&ids);
        removed.operations = operations.len() as u64;
        removed.holds = self.remove_holds(&links, forgotten);
        removed.links = links.len() as u64;
        for link in &links {
            self.links.remove(*link);
        }
        let former: BTreeSet<(LinkId, Side, RecordId)> =
            self.former.iter().filter(|(link, ..)| links.contains(link)).cloned().collect();
        self.former.retain(|(link, ..)| !links.contains(link));
        let is_gone = |link: Option<LinkId>, side: Side, id: &RecordId| {
            forgotten.contains(&(side, id.clone()))
                || link.is_some_and(|link| former.contains(&(link, side, id.clone())))
        };
        removed.log = self.remove_log(is_gone);
        removed.conflicts = self.keep_conflicts(|row| {
            !row.records.iter().any(|(side, id)| is_gone(Some(row.link), side, id))
        });
        for id in links {
            self.review(WorkKey::Link(id));
        }
        for (side, record) in forgotten {
            self.review(WorkKey::Record(*side, record.clone()));
        }
        (removed, operations)
    }

    fn remove_operations(&mut self, ids: &BTreeSet<OperationId>) -> Vec<Operation> {
        let closed: Vec<_> = ids.iter().filter_map(|id| self.operations.remove(*id)).collect();
        for operation in &closed {
            self.review_operation(operation);
        }
        closed
    }

    fn remove_holds(&mut self, links: &BTreeSet<LinkId>, forgotten: &BTreeSet<Place>) -> u64 {
        let mut keys: Vec<_> = links
            .iter()
            .flat_map(|link| self.holds.of_link(*link))
            .map(|hold| hold.key.clone())
            .collect();
        let on_records = forgotten.iter().filter_map(|(side, id)| self.holds.of_record(*side, id));
        keys.extend(on_records.map(|hold| hold.key.clone()));
        for key in &keys {
            self.holds.remove(key);
        }
        keys.len() as u64
    }

    fn remove_log(&mut self, is_gone: impl Fn(Option<LinkId>, Side, &RecordId) -> bool) -> u64 {
        let before = self.log.len();
        self.log.retain(|_, row| {
            let mut records = row.records.iter();
            !records.any(|(side, id)| id.as_ref().is_some_and(|id| is_gone(row.link, side, id)))
        });
        (before - self.log.len()) as u64
    }

    /// Keeps some conflict rows, in their order; says how many are no more.
    fn keep_conflicts(
        &mut self,
        keep: impl FnMut(&fluxcascade_core::model::Conflict) -> bool,
    ) -> u64 {
        let before = self.conflicts.len();
        self.conflicts.retain(keep);
        let places = self.conflicts.iter().enumerate();
        self.conflict_places = places.map(|(place, row)| (row.id, place)).collect();
        (before - self.conflicts.len()) as u64
    }

    /// Makes holds due that name records which were forgotten in a mapping.
    fn reconsider(&mut self, of: &MappingName, awaited: &BTreeSet<Place>, here: &BTreeSet<Place>) {
        let changed: Vec<_> = self
            .holds
            .all()
            .filter_map(|hold| upkeep::reconsidered(hold, (of.as_str(), awaited), here))
            .collect();
        for hold in changed {
            self.put_hold(hold);
        }
    }

    pub(super) fn prune(&mut self, prune: &Prune) -> Pruned {
        let before = prune.before;
        match prune.what {
            Retained::Log => {
                let rows = self.log.range(prune.from..).take(prune.limit);
                let (looked, is_old): (Vec<u64>, Vec<bool>) =
                    rows.map(|(n, row)| (*n, upkeep::log_is_old(row, before))).unzip();
                let old = looked.iter().zip(is_old).filter(|(_, old)| *old).map(|(n, _)| n);
                let removed = old.filter(|place| self.log.remove(place).is_some()).count();
                upkeep::pruned_to(prune, &looked, removed)
            }
            Retained::Conflicts => {
                let kept = usize::try_from(prune.from).unwrap_or(usize::MAX);
                let rows = self.conflicts.iter().skip(kept).take(prune.limit);
                let looked = rows.len();
                let old: BTreeSet<_> = rows
                    .filter(|row| upkeep::conflict_is_old(row, before))
                    .map(|row| row.id)
                    .collect();
                self.keep_conflicts(|row| !old.contains(&row.id));
                upkeep::pruned(prune, looked, old.len())
            }
            Retained::DeadLetters => {
                let refused = self
                    .holds
                    .all()
                    .filter(|h| h.reason == fluxcascade_core::model::HoldReason::Rejected);
                let kept = usize::try_from(prune.from).unwrap_or(usize::MAX);
                let looked: Vec<_> = refused.skip(kept).take(prune.limit).collect();
                let letters = looked.iter().filter(|hold| upkeep::letter_is_old(hold, before));
                let old: Vec<_> = letters.map(|hold| hold.key.clone()).collect();
                let looked = looked.len();
                for key in &old {
                    self.holds.remove(key);
                    self.review_hold(key);
                }
                upkeep::pruned(prune, looked, old.len())
            }
        }
    }

    pub(super) fn rows(
        &self,
        table: Table,
        after: Option<&RowMark>,
        limit: usize,
    ) -> Vec<MarkedRow> {
        let marked = self
            .all_rows(table)
            .into_iter()
            .map(|(place, row)| MarkedRow { mark: RowMark(upkeep::mark(&row, place)), row });
        marked.filter(|row| after.is_none_or(|after| row.mark > *after)).take(limit).collect()
    }

    fn all_rows(&self, table: Table) -> Vec<(u64, Row)> {
        let unplaced = |rows: Vec<Row>| rows.into_iter().map(|row| (0, row)).collect();
        match table {
            Table::Inbox => unplaced(
                Side::BOTH
                    .iter()
                    .flat_map(|side| {
                        self.inbox[*side].values().map(|e| Row::Entry(*side, e.clone()))
                    })
                    .collect(),
            ),
            Table::Links => unplaced(self.links.by_id().values().cloned().map(Row::Link).collect()),
            Table::Operations => {
                unplaced(self.operations.all_by_id().cloned().map(Row::Operation).collect())
            }
            Table::Holds => unplaced(self.holds.all().cloned().map(Row::Hold).collect()),
            Table::Conflicts => unplaced(
                self.conflict_places
                    .values()
                    .filter_map(|place| self.conflicts.get(*place).cloned().map(Row::Conflict))
                    .collect(),
            ),
            Table::Log => self.log.iter().map(|(n, row)| (*n, Row::Log(row.clone()))).collect(),
            Table::Runs => unplaced(self.runs.values().cloned().map(Row::Run).collect()),
        }
    }

    pub(super) fn rewrite(&mut self, rewrites: &[Rewrite]) -> Result<u64, StoreError> {
        upkeep::check_same(rewrites)?;
        Ok(rewrites.iter().filter(|rewrite| self.rewrite_one(rewrite)).count() as u64)
    }

    fn rewrite_one(&mut self, rewrite: &Rewrite) -> bool {
        fn swap<T: PartialEq + Clone>(there: Option<&mut T>, from: &T, to: &T) -> bool {
            let Some(there) = there.filter(|there| *there == from) else { return false };
            drop(mem::replace(there, to.clone()));
            true
        }
        match (&rewrite.from.row, &rewrite.to) {
            (Row::Entry(side, from), Row::Entry(_, to)) => {
                swap(self.inbox[*side].get_mut(&from.record), from, to)
            }
            (Row::Link(from), Row::Link(to)) => swap(self.links.get_mut(from.id), from, to),
            (Row::Operation(from), Row::Operation(to)) => {
                swap(self.operations.get_mut(from.id), from, to)
            }
            (Row::Hold(from), Row::Hold(to)) => swap(self.holds.get_mut(&from.key), from, to),
            (Row::Conflict(from), Row::Conflict(to)) => {
                let place = self.conflict_places.get(&from.id).copied().unwrap_or(usize::MAX);
                let written = swap(self.conflicts.get_mut(place), from, to);
                if written {
                    self.conflict_places.remove(&from.id);
                    self.conflict_places.insert(to.id, place);
                }
                written
            }
            (Row::Log(from), Row::Log(to)) => {
                let place = rewrite.from.mark.0.as_slice().try_into().map_or(0, u64::from_be_bytes);
                swap(self.log.get_mut(&place), from, to)
            }
            (Row::Run(from), Row::Run(to)) => swap(self.runs.get_mut(&from.number), from, to),
            (
                Row::Entry(..)
                | Row::Link(_)
                | Row::Operation(_)
                | Row::Hold(_)
                | Row::Conflict(_)
                | Row::Log(_)
                | Row::Run(_),
                _,
            ) => false,
        }
    }
}
