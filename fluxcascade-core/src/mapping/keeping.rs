//! What is stored of values: they themselves, or fingerprints of those of pairs that keep no more.
//!
//! Everything that rests in a store is in its stored form, and so is what fingerprints at rest are
//! made of: what is stored twice is as it was stored once. How what is kept is known again is in
//! `plan::kept`.

use super::compile::{CompiledMapping, CompiledPair};
use super::key::FingerprintKey;
use super::pair::BaseKeeping;
use crate::model::record::fingerprint_values;
use crate::model::{
    Base, Choice, Conflict, FieldName, Fingerprint, Hold, Layout, Link, LogPair, Observation,
    Operation, PairId, Side, Slot, State, Value, Values,
};

impl CompiledPair {
    /// Whether nothing of its values is stored but fingerprints.
    pub fn is_kept(&self) -> bool {
        self.base == BaseKeeping::Fingerprints
    }

    /// A side's values as they are stored.
    pub fn stored(&self, side: Side, values: &[Value], key: &FingerprintKey) -> Vec<Value> {
        let mut stored = values.to_vec();
        self.store(side, &mut stored, key);
        stored
    }

    /// A fingerprint of a side's values, as it may be stored.
    pub(crate) fn print(&self, side: Side, values: &[Value], key: &FingerprintKey) -> Fingerprint {
        if self.is_kept() {
            fingerprint_values(&self.stored(side, values, key))
        } else {
            fingerprint_values(values)
        }
    }

    fn store(&self, side: Side, values: &mut [Value], key: &FingerprintKey) {
        if self.is_kept() {
            for (value, name) in values.iter_mut().zip(&self.ends[side].names) {
                *value = key.kept(side, name, value);
            }
        }
    }
}

impl CompiledMapping {
    /// Whether there are pairs of which only fingerprints are stored.
    pub(crate) fn keeps_prints(&self) -> bool {
        self.pairs.iter().any(CompiledPair::is_kept)
    }

    /// Whether values that were listed lack some that were not stored: they say which record it is,
    /// and of which version.
    pub(crate) fn is_stripped(&self, side: Side, values: &Values) -> bool {
        self.kept_slots[side].iter().any(|&slot| values[slot].value().is_some_and(Value::is_kept))
    }

    /// A fingerprint of a record's values, as it may be stored.
    pub(crate) fn record_print(
        &self,
        side: Side,
        values: &Values,
        key: &FingerprintKey,
    ) -> Fingerprint {
        if self.kept_slots[side].is_empty() {
            return values.fingerprint();
        }
        let mut stored = values.clone();
        self.strip(side, &mut stored, key);
        stored.fingerprint()
    }

    fn strip(&self, side: Side, values: &mut Values, key: &FingerprintKey) {
        let names = self.projections[side].fields();
        for &slot in &self.kept_slots[side] {
            if let Slot::Present(value) = &mut values.slots_mut()[slot] {
                *value = key.kept(side, &names[slot], value);
            }
        }
    }

    /// Brings what was listed into its stored form.
    pub(crate) fn store_seen(&self, side: Side, seen: &mut Observation, key: &FingerprintKey) {
        if let State::Known { values, .. } = &mut seen.state {
            self.strip(side, values, key);
        }
    }

    /// Brings bases of this revision into their stored form.
    pub(crate) fn store_link(&self, link: &mut Link, key: &FingerprintKey) {
        for side in Side::BOTH {
            let base = &mut link.bases[side];
            for pair in self.pairs.iter().filter(|pair| pair.is_kept()) {
                let end = &pair.ends[side];
                if base.revision == self.revision && end.base.end <= base.slots.len() {
                    keep(&mut base.slots[end.base.clone()], side, &end.names, key);
                }
            }
        }
    }

    /// Brings a base of another revision, laid out so, into the form in which this one stores it: all
    /// fields of which it keeps fingerprints, whatever tied them. Says whether there was anything.
    ///
    /// Fingerprints without a key that were made of these values go with them.
    pub(crate) fn store_base(
        &self,
        side: Side,
        base: &mut Base,
        layout: &Layout,
        key: &FingerprintKey,
    ) -> bool {
        let is_kept = |name: &FieldName| {
            self.pairs.iter().any(|pair| pair.is_kept() && pair.ends[side].names.contains(name))
        };
        let (mut end, mut changed) = (0, false);
        for place in &layout.pairs {
            let start = end;
            end += place.fields[side].len();
            let Some(slots) = base.slots.get_mut(start..end) else { break };
            let mut is_changed = false;
            for (slot, name) in slots.iter_mut().zip(&place.fields[side]) {
                let is_clear = slot.value().is_some_and(|value| !value.is_kept());
                if is_clear && is_kept(name) {
                    keep(std::slice::from_mut(slot), side, std::slice::from_ref(name), key);
                    is_changed = true;
                }
            }
            if is_changed {
                base.written.retain(|written| usize::try_from(written.position) != Ok(start));
            }
            changed |= is_changed;
        }
        if changed {
            base.fingerprint = None;
        }
        changed
    }

    /// Brings a row of the log into its stored form.
    pub(crate) fn store_told(&self, side: Side, told: &mut LogPair, key: &FingerprintKey) {
        if let Some(pair) = self.kept_pair(&told.pair) {
            pair.store(side, &mut told.before, key);
            pair.store(side, &mut told.after, key);
        }
    }

    /// Brings a conflict row into its stored form; one of a whole record is made in it.
    pub(crate) fn store_row(&self, row: &mut Conflict, key: &FingerprintKey) {
        let Some(pair) = row.pair.as_ref().and_then(|id| self.kept_pair(id)) else { return };
        for side in Side::BOTH {
            pair.store(side, &mut row.values[side], key);
            if let Some(base) = &mut row.base[side] {
                pair.store(side, base, key);
            }
        }
    }

    /// Brings an intent into its stored form: enough to tell what became of it.
    pub(crate) fn store_operation(&self, operation: &mut Operation, key: &FingerprintKey) {
        let side = operation.side;
        for written in &mut operation.pairs {
            if let Some(pair) = self.kept_pair(&written.pair) {
                pair.store(side.other(), &mut written.origin, key);
                pair.store(side, &mut written.planned, key);
                pair.store(side, &mut written.sent, key);
            }
        }
        for row in &mut operation.conflicts {
            self.store_row(row, key);
        }
    }

    /// Brings a hold into its stored form: values of a person's own, given before fingerprints alone
    /// were kept, are not an answer any more.
    pub(crate) fn store_hold(&self, hold: &mut Hold) {
        let is_kept = hold.key.pair().is_some_and(|id| self.kept_pair(id).is_some());
        if is_kept && matches!(hold.choice(), Some(Choice::Set(_))) {
            hold.answer = None;
        }
    }

    fn kept_pair(&self, id: &PairId) -> Option<&CompiledPair> {
        self.pairs.iter().find(|pair| pair.is_kept() && pair.id == *id)
    }
}

fn keep(slots: &mut [Slot], side: Side, names: &[FieldName], key: &FingerprintKey) {
    for (slot, name) in slots.iter_mut().zip(names) {
        if let Slot::Present(value) = slot {
            *value = key.kept(side, name, value);
        }
    }
}
