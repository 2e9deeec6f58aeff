//! Where the values of pairs stand in bases, and how a base of another revision is laid out for this
//! one. Pairs that the mapping has no more stand behind the others: their values move from revision
//! to revision, and nothing is decided by them.

use std::ops::Range;

use super::compile::{CompiledMapping, CompiledPair};
use crate::model::link::Written;
use crate::model::{
    Base, FieldName, Layout, LayoutPair, PairId, Revision, Side, Sides, Slot, Timestamp,
};
use crate::seeded::{self, Bug};

impl CompiledMapping {
    /// Where pairs stand in bases.
    pub fn layout(&self) -> Layout {
        let living = self.pairs.iter().map(|pair| LayoutPair {
            pair: pair.id.clone(),
            fields: pair.fields(),
            transform: Some(pair.transform_print),
            retired: None,
            from: pair.from,
        });
        Layout { pairs: living.chain(self.retired.iter().cloned()).collect() }
    }

    /// Goes on from the places of the last revision: a pair that ties what it tied keeps its base,
    /// also if it was retired; those that are not in the mapping are retired, from now on or as
    /// before.
    pub(super) fn follow(&mut self, last: &[&LayoutPair], now: Timestamp) {
        for pair in &mut self.pairs {
            let before = last.iter().find(|place| pair.is_at(place));
            pair.from = before.map_or(self.revision, |place| place.from);
        }
        let is_gone = |place: &&&LayoutPair| !self.pairs.iter().any(|pair| pair.is_at(place));
        let retire = |place: &&LayoutPair| LayoutPair {
            retired: place.retired.or(Some(now)),
            ..LayoutPair::clone(place)
        };
        self.retired = last.iter().filter(is_gone).map(retire).collect();
        self.base_width = Sides::from_fn(|side| {
            let of_retired = self.retired.iter().map(|place| place.fields[side].len());
            self.base_places[side].len() + of_retired.sum::<usize>()
        });
    }

    /// Bases without a value for any pair.
    pub fn empty_bases(&self) -> Sides<Base> {
        self.base_width.map(|width| Base::empty(self.revision, width))
    }

    /// What a base has of the pairs that the mapping has: without those that are retired.
    pub fn living<'b>(&self, side: Side, base: &'b Base) -> &'b [Slot] {
        base.slots.get(..self.base_places[side].len()).unwrap_or(&base.slots)
    }

    /// Forgets what bases have of a pair, which is decided as a new one: at once, or if it is retired,
    /// when it comes back.
    pub(crate) fn forget(
        &self,
        bases: &mut Sides<Base>,
        pair: &PairId,
        fields: &Sides<Vec<FieldName>>,
    ) {
        let living = self.pairs.iter().find(|living| living.id == *pair && living.ties(fields));
        let is_it = |place: &&LayoutPair| place.pair == *pair && place.fields == *fields;
        let retired = self.retired.iter().find(is_it);
        for side in Side::BOTH {
            let range = match (living, retired) {
                (Some(living), _) => Some(living.ends[side].base.clone()),
                (None, Some(retired)) => self.range(side, retired, self.revision),
                (None, None) => None,
            };
            let Some(range) = range else { continue };
            let base = &mut bases[side];
            base.written.retain(|written| usize::try_from(written.position) != Ok(range.start));
            base.retransformed.retain(|&place| usize::try_from(place) != Ok(range.start));
            base.slots[range].fill(Slot::Absent);
        }
    }

    /// A base of another revision, laid out for this one: a pair keeps its values if it ties the
    /// same fields under the same id, and its base was kept since. One that ties others now is
    /// decided as a new one.
    pub fn relay(&self, side: Side, base: &Base, stored: &[Revision]) -> Base {
        let mut relaid = Base::empty(self.revision, self.base_width[side]);
        relaid.version = base.version.clone();
        let Some(old) = stored.iter().find(|revision| revision.number == base.revision) else {
            return relaid;
        };
        relaid
            .written
            .extend(base.written.iter().filter(|w| w.position == Written::STAMP).cloned());
        let changed = self.retransformed(base.revision, stored);
        let is_changed =
            |place: &LayoutPair| changed.iter().any(|&index| self.pairs[index].is_at(place));
        let mut end = 0;
        for place in &old.layout.pairs {
            let start = end;
            end += place.fields[side].len();
            let values = base.slots.get(start..end);
            if let (Some(values), Some(range)) = (values, self.range(side, place, base.revision)) {
                relaid.written.extend(moved(base, start, range.start));
                if base.is_retransformed(start) || is_changed(place) {
                    relaid.note_retransformed(range.start);
                }
                relaid.slots[range].clone_from_slice(values);
            }
        }
        relaid
    }

    /// Whether it is not yet decided what comes of a pair's changed transform.
    pub(crate) fn is_retransformed(&self, bases: &Sides<Base>, index: usize) -> bool {
        let ends = &self.pairs[index].ends;
        Side::BOTH.into_iter().any(|side| bases[side].is_retransformed(ends[side].base.start))
    }

    /// What comes of the changed transforms of these pairs is decided; says whether any was changed.
    pub(crate) fn end_retransformed(&self, bases: &mut Sides<Base>, indices: &[usize]) -> bool {
        let mut any = false;
        for side in Side::BOTH {
            let base = &mut bases[side];
            let starts = indices.iter().map(|&index| self.pairs[index].ends[side].base.start);
            let of: Vec<u32> = starts.filter_map(|start| u32::try_from(start).ok()).collect();
            let before = base.retransformed.len();
            base.retransformed.retain(|place| !of.contains(place));
            any |= base.retransformed.len() < before;
        }
        any
    }

    /// The pairs, by place, that tie what they tied in another revision and have another transform
    /// now.
    pub fn retransformed(&self, revision: u32, stored: &[Revision]) -> Vec<usize> {
        let Some(old) = stored.iter().find(|stored| stored.number == revision) else {
            return Vec::new();
        };
        let changed = |place: &LayoutPair| {
            let index = self.pairs.iter().position(|pair| pair.is_at(place))?;
            let pair = &self.pairs[index];
            let other = place.transform.is_some_and(|print| print != pair.transform_print);
            (other && pair.from <= revision).then_some(index)
        };
        old.layout.pairs.iter().filter_map(changed).collect()
    }

    /// Where what a base of that revision has at this place stands now; `None` if it is not kept.
    fn range(&self, side: Side, place: &LayoutPair, revision: u32) -> Option<Range<usize>> {
        if let Some(pair) = self.pairs.iter().find(|pair| pair.is_at(place)) {
            return (pair.from <= revision).then(|| pair.ends[side].base.clone());
        }
        if seeded::is(Bug::RetiredBaseForgotten) {
            return None;
        }
        let mut end = self.base_places[side].len();
        for retired in &self.retired {
            let start = end;
            end += retired.fields[side].len();
            if retired.pair == place.pair && retired.fields == place.fields {
                return (retired.from <= revision).then_some(start..end);
            }
        }
        None
    }
}

impl CompiledPair {
    /// Whether it ties, under the same id, what is tied at this place.
    pub(crate) fn is_at(&self, place: &LayoutPair) -> bool {
        self.id == place.pair && self.ties(&place.fields)
    }
}

/// A pair's last writes, at its new position.
fn moved(base: &Base, from: usize, to: usize) -> impl Iterator<Item = Written> {
    let of_pair = base.written.iter().filter(move |w| usize::try_from(w.position) == Ok(from));
    let position = u32::try_from(to).unwrap_or(u32::MAX);
    of_pair.map(move |written| Written { position, ..written.clone() })
}
