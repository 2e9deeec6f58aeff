//! What a mapping is to its stored revisions: which one it is, and what still ties what it tied
//! then. Where pairs stand in bases is `layout`'s.

use std::time::Duration;

use super::compile::CompiledMapping;
use super::pair::BaseKeeping;
use crate::model::{Fingerprint, LayoutPair, OperationPair, Revision, Side, Sides, Timestamp};

/// How long the base of a pair that left the mapping is kept, unless said otherwise: 90 days.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a mapping is to the revisions of it that are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    /// The last one.
    Known,
    /// One that reads what the last one read, and decides otherwise: what waits is looked at again.
    Redecides(Revision),
    /// Another one: both sides are read whole.
    New(Revision),
}

impl Adopted {
    /// The revision that is to be stored, if any.
    pub fn revision(self) -> Option<Revision> {
        match self {
            Adopted::Known => None,
            Adopted::Redecides(revision) | Adopted::New(revision) => Some(revision),
        }
    }
}

impl CompiledMapping {
    /// The place of a pair that was written; `None` if no pair ties what it tied then.
    pub fn pair_written(&self, written: &OperationPair) -> Option<usize> {
        let index = self.pair_index(&written.pair)?;
        let is_told = Side::BOTH.iter().any(|&side| !written.fields[side].is_empty());
        (!is_told || self.pairs[index].ties(&written.fields)).then_some(index)
    }

    /// A fingerprint of all that bases, keys and listed observations depend on.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for side in Side::BOTH {
            parts.push(self.endpoint(side).to_string().into_bytes());
            parts.extend(self.projections[side].fields().iter().map(|f| f.as_str().into()));
        }
        for (pair, spec) in self.pairs.iter().zip(&self.mapping.pairs) {
            parts.push(pair.id.as_str().into());
            parts.push(format!("{} {}", spec.label(), spec.translation()).into_bytes());
        }
        for pair in self.pairs.iter().filter(|pair| pair.base == BaseKeeping::Fingerprints) {
            parts.push(format!("{} is kept as fingerprints", pair.id).into_bytes());
        }
        for rule in &self.rules {
            parts.push(format!("{} {:?}", rule.label, rule.forms).into_bytes());
        }
        for (side, conditions) in self.mapping.filter.iter().filter(|(_, all)| !all.is_empty()) {
            parts.push(format!("{side} {conditions:?}").into_bytes());
        }
        Fingerprint::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// A fingerprint of what decides and that nothing stored depends on but what waits.
    fn policies(&self) -> Fingerprint {
        let mut parts = vec![format!(
            "{} {:?} {:?} {:?}",
            self.mapping.conflicts.name(),
            self.mapping.delete_update,
            self.mapping.conflict_scope,
            self.mapping.primary
        )];
        parts.extend(self.pairs.iter().map(|pair| {
            format!(
                "{} {} {} {:?} {:?} {} {:?}",
                pair.id,
                pair.conflicts.name(),
                pair.first_link.name(),
                pair.direction,
                pair.drift,
                pair.required,
                pair.group
            )
        }));
        Fingerprint::of(&parts.iter().map(String::as_bytes).collect::<Vec<_>>())
    }

    /// Takes the number of the stored revision that this mapping is, or else the next one.
    ///
    /// Pairs of the last revision that this mapping has no more, or that tie other fields now, are
    /// retired: their bases are kept for the retention time. One that comes back within it has its
    /// base again.
    pub fn adopt(&mut self, stored: &[Revision], now: Timestamp, retention: Duration) -> Adopted {
        let (fingerprint, policies) = (self.fingerprint(), Some(self.policies()));
        let last = stored.last();
        self.revision = last.map_or(0, |last| last.number);
        let is_laid_out_so = last.is_some_and(|last| last.fingerprint == fingerprint);
        let is_known = is_laid_out_so && last.is_some_and(|last| last.policies == policies);
        if !is_known {
            self.revision += 1;
        }
        // What is laid out as before has the same places, however old they are.
        let is_over = |since: Timestamp| !is_laid_out_so && since + retention <= now;
        let is_kept = |place: &&LayoutPair| !place.retired.is_some_and(is_over);
        let places = last.into_iter().flat_map(|last| &last.layout.pairs);
        self.follow(&places.filter(is_kept).collect::<Vec<_>>(), now);
        if is_known {
            return Adopted::Known;
        }
        let revision = Revision {
            number: self.revision,
            fingerprint,
            policies,
            ends: Sides::from_fn(|side| self.endpoint(side).clone()),
            layout: self.layout(),
        };
        if is_laid_out_so { Adopted::Redecides(revision) } else { Adopted::New(revision) }
    }
}
