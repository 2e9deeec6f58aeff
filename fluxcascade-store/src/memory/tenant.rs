//! What the mappings of a tenant share: claims of creates, and holds that wait for a link of
//! another mapping. What one mapping has alone is in `ledger`.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::model::{
    Awaited, ConnectionName, Fingerprint, LinkStatus, MappingName, Operation, OperationId,
    RecordId, Timestamp,
};
use fluxcascade_core::store::{Begun, CommitBatch, Lease, Made, StoreError, StoredToken};

use super::ledger::Ledger;
use crate::budget::Purse;
use crate::rules;
use crate::upkeep::Place;

/// All that is stored for one tenant.
#[derive(Default)]
pub(super) struct Tenant {
    pub(super) fingerprint_key: Option<[u8; 32]>,
    pub(super) mappings: BTreeMap<MappingName, Ledger>,
    pub(super) credentials: BTreeMap<ConnectionName, Credential>,
    /// The key of forgotten records, once the fingerprint key is another than it was made of.
    pub(super) forgotten_key: Option<[u8; 32]>,
    /// Keyed fingerprints of records that were forgotten.
    pub(super) forgotten: BTreeSet<[u8; 16]>,
    pub(super) claims: Claims,
    pub(super) purses: BTreeMap<(ConnectionName, String), Purse>,
}

/// A connection's credential, and who refreshes it.
#[derive(Default)]
pub(super) struct Credential {
    pub(super) token: Option<StoredToken>,
    pub(super) claimed_until: Option<Timestamp>,
}

impl Tenant {
    /// The lease's mapping, if the lease is the latest.
    pub(super) fn under(&mut self, lease: &Lease) -> Result<&mut Ledger, StoreError> {
        let ledger = self.mappings.get_mut(&lease.mapping.mapping);
        let ledger = ledger.ok_or_else(|| rules::lease_lost(lease))?;
        ledger.standing.admit(lease)?;
        Ok(ledger)
    }

    pub(super) fn begin(
        &mut self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError> {
        self.under(lease)?;
        operations.iter().map(|operation| self.begin_one(lease, operation)).collect()
    }

    fn begin_one(&mut self, lease: &Lease, operation: &Operation) -> Result<Begun, StoreError> {
        let mapping = &lease.mapping.mapping;
        let answer = self.claims.ask(mapping, operation);
        if answer != Begun::Yes {
            return Ok(answer);
        }
        let ledger = self.under(lease)?;
        let replaced = ledger.operations.remove(operation.id);
        ledger.operations.put(operation.clone());
        for operation in replaced.iter().chain([operation]) {
            ledger.review_operation(operation);
        }
        if let Some(replaced) = replaced {
            self.claims.give_up(mapping, &replaced, None);
        }
        self.claims.take(mapping, operation);
        Ok(answer)
    }

    /// Whether it woke another mapping, which is due now.
    pub(super) fn commit(
        &mut self,
        lease: &Lease,
        batch: &CommitBatch,
    ) -> Result<bool, StoreError> {
        let mapping = &lease.mapping.mapping;
        let done = self.under(lease)?.commit(batch)?;
        let mut woken = false;
        for operation in &done.closed {
            let made = batch.made.iter().find(|made| made.operation == operation.id);
            self.claims.give_up(mapping, operation, made);
        }
        for (side, record) in done.activated {
            woken |= self.wake(&Awaited { mapping: mapping.clone(), side, record }, mapping);
        }
        // A link that was made before the hold was put would wake it never.
        for awaited in batch.holds.iter().filter_map(|hold| hold.waits_for.as_ref()) {
            if self.is_active(awaited) {
                woken |= self.wake(awaited, mapping);
            }
        }
        Ok(woken)
    }

    /// Makes holds due that wait for a link, and the other mappings that have them. Whether one of those
    /// is due now.
    fn wake(&mut self, awaited: &Awaited, own: &MappingName) -> bool {
        let mut woken = false;
        for (name, ledger) in &mut self.mappings {
            let waiting = ledger.holds.waiting_for(awaited);
            for key in &waiting {
                ledger.wake(key);
            }
            woken |= !waiting.is_empty() && name != own && ledger.make_due();
        }
        woken
    }

    fn is_active(&self, awaited: &Awaited) -> bool {
        self.mappings
            .get(&awaited.mapping)
            .and_then(|ledger| ledger.linked(awaited.side, &awaited.record))
            .is_some_and(|linked| linked.status == LinkStatus::Active)
    }
}

/// Who claims what.
#[derive(Debug, Default)]
pub(super) struct Claims {
    holders: BTreeMap<Fingerprint, BTreeMap<Holder, Option<Kept>>>,
    /// When claims of made records end.
    ends: BTreeSet<(Timestamp, Fingerprint, Holder)>,
}

/// An operation of a mapping.
type Holder = (MappingName, OperationId);

/// A claim that outlives its operation.
#[derive(Debug)]
struct Kept {
    record: RecordId,
    until: Timestamp,
}

impl Claims {
    /// Whether an operation may begin; forgets what has ended by then.
    fn ask(&mut self, mapping: &MappingName, operation: &Operation) -> Begun {
        let claims = rules::claims(operation);
        if claims.is_empty() {
            return Begun::Yes;
        }
        self.expire(operation.begun);
        let holders = claims.iter().filter_map(|claim| self.holders.get(claim)).flatten();
        match holders.into_iter().find(|((other, _), _)| other != mapping) {
            None => Begun::Yes,
            Some(((other, _), None)) => Begun::ClaimedBy(other.clone()),
            Some(((other, _), Some(kept))) => Begun::MadeBy(other.clone(), kept.record.clone()),
        }
    }

    fn take(&mut self, mapping: &MappingName, operation: &Operation) {
        for claim in rules::claims(operation) {
            self.set(*claim, (mapping.clone(), operation.id), None);
        }
    }

    /// Frees the claims of an operation, or keeps them for the record that it has made.
    pub(super) fn give_up(
        &mut self,
        mapping: &MappingName,
        operation: &Operation,
        made: Option<&Made>,
    ) {
        for claim in rules::claims(operation) {
            let holder = (mapping.clone(), operation.id);
            match made {
                None => self.remove(*claim, &holder),
                Some(made) => {
                    let kept = Kept { record: made.record.clone(), until: made.until };
                    self.set(*claim, holder, Some(kept));
                }
            }
        }
    }

    fn set(&mut self, claim: Fingerprint, holder: Holder, kept: Option<Kept>) {
        self.remove(claim, &holder);
        if let Some(kept) = &kept {
            self.ends.insert((kept.until, claim, holder.clone()));
        }
        self.holders.entry(claim).or_default().insert(holder, kept);
    }

    fn remove(&mut self, claim: Fingerprint, holder: &Holder) {
        let Some(holders) = self.holders.get_mut(&claim) else { return };
        if let Some(Some(kept)) = holders.remove(holder) {
            self.ends.remove(&(kept.until, claim, holder.clone()));
        }
        if holders.is_empty() {
            self.holders.remove(&claim);
        }
    }

    /// Drops what is claimed for records that creates of a mapping have made.
    pub(super) fn forget(&mut self, mapping: &MappingName, records: &BTreeSet<Place>) -> u64 {
        let of_records = |holder: &Holder, kept: &Option<Kept>| {
            let made = kept.as_ref().map(|kept| &kept.record);
            holder.0 == *mapping && records.iter().any(|(_, record)| made == Some(record))
        };
        let held: Vec<(Fingerprint, Holder)> = self
            .holders
            .iter()
            .flat_map(|(claim, holders)| holders.iter().map(move |holder| (claim, holder)))
            .filter(|(_, (holder, kept))| of_records(holder, kept))
            .map(|(claim, (holder, _))| (*claim, holder.clone()))
            .collect();
        for (claim, holder) in &held {
            self.remove(*claim, holder);
        }
        held.len() as u64
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((_, claim, holder)) =
            self.ends.first().filter(|(until, ..)| *until <= now).cloned()
        {
            self.remove(claim, &holder);
        }
    }
}
