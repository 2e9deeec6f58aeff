//! What a mapping is to its stored revisions: which one it is, where pairs stood in another, and
//! what still ties what it tied then.

use super::compile::CompiledMapping;
use crate::model::link::Written;
use crate::model::{Base, Fingerprint, Layout, LayoutPair, OperationPair, Revision, Side, Sides};

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

    /// Where pairs stand in bases.
    pub fn layout(&self) -> Layout {
        Layout {
            pairs: self
                .pairs
                .iter()
                .map(|pair| LayoutPair {
                    pair: pair.id.clone(),
                    fields: pair.fields(),
                    transform: Some(pair.transform_print),
                })
                .collect(),
        }
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
            parts.push(format!("{} {:?}", spec.label(), spec.transforms).into_bytes());
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
    pub fn adopt(&mut self, stored: &[Revision]) -> Adopted {
        let (fingerprint, policies) = (self.fingerprint(), Some(self.policies()));
        let last = stored.last();
        self.revision = last.map_or(0, |last| last.number);
        let is_laid_out_so = last.is_some_and(|last| last.fingerprint == fingerprint);
        if is_laid_out_so && last.is_some_and(|last| last.policies == policies) {
            return Adopted::Known;
        }
        self.revision += 1;
        let revision = Revision {
            number: self.revision,
            fingerprint,
            policies,
            ends: Sides::from_fn(|side| self.endpoint(side).clone()),
            layout: self.layout(),
        };
        if is_laid_out_so { Adopted::Redecides(revision) } else { Adopted::New(revision) }
    }

    /// Bases without a value for any pair.
    pub fn empty_bases(&self) -> Sides<Base> {
        self.base_width.map(|width| Base::empty(self.revision, width))
    }

    /// A base of another revision, laid out for this one: a pair keeps its values if it ties the
    /// same fields under the same id. One that ties others now is decided as a new one.
    pub fn relay(&self, side: Side, base: &Base, stored: &[Revision]) -> Base {
        let mut relaid = Base::empty(self.revision, self.base_width[side]);
        relaid.version = base.version.clone();
        let Some(old) = stored.iter().find(|revision| revision.number == base.revision) else {
            return relaid;
        };
        relaid
            .written
            .extend(base.written.iter().filter(|w| w.position == Written::STAMP).cloned());
        let mut end = 0;
        for place in &old.layout.pairs {
            let start = end;
            end += place.fields[side].len();
            let values = base.slots.get(start..end);
            let pair = self.pair_index(&place.pair).map(|index| &self.pairs[index]);
            if let (Some(values), Some(pair)) =
                (values, pair.filter(|pair| pair.ties(&place.fields)))
            {
                let range = pair.ends[side].base.clone();
                relaid.written.extend(moved(base, start, range.start));
                relaid.slots[range].clone_from_slice(values);
            }
        }
        relaid
    }

    /// The pairs, by place, that tie what they tied in another revision and have another transform
    /// now.
    pub fn retransformed(&self, revision: u32, stored: &[Revision]) -> Vec<usize> {
        let Some(old) = stored.iter().find(|stored| stored.number == revision) else {
            return Vec::new();
        };
        let changed = |place: &LayoutPair| {
            let index = self.pair_index(&place.pair)?;
            let pair = &self.pairs[index];
            let other = place.transform.is_some_and(|print| print != pair.transform_print);
            (other && pair.ties(&place.fields)).then_some(index)
        };
        old.layout.pairs.iter().filter_map(changed).collect()
    }
}

/// A pair's last writes, at its new position.
fn moved(base: &Base, from: usize, to: usize) -> impl Iterator<Item = Written> {
    let of_pair = base.written.iter().filter(move |w| usize::try_from(w.position) == Ok(from));
    let position = u32::try_from(to).unwrap_or(u32::MAX);
    of_pair.map(move |written| Written { position, ..written.clone() })
}
