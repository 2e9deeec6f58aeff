//! What stays legible beside what is sealed, where only sensitive values are to be illegible: copies of
//! the values of pairs that are not sensitive, for those who look into the store with their own tools.
//!
//! The layer never reads them: what it believes is sealed, in the same row.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::mapping::{FieldPair, Mapping};
use fluxcascade_core::model::{
    Base, Cause, LayoutPair, LogPair, MappingName, PairId, Revision, Side, Sides, Slot,
};
use fluxcascade_core::store::Row;

use super::prints::Prints;

/// What a layer seals.
#[derive(Debug, Default)]
pub(super) enum Policy {
    /// Every value.
    #[default]
    Everything,
    /// Every value but those of pairs of these mappings that are not sensitive.
    OnlySensitive(BTreeMap<MappingName, Mapping>),
}

/// What may stay legible of a mapping's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Legible {
    pairs: BTreeSet<PairId>,
    /// By revision and side, the places in a base.
    places: BTreeMap<u32, Sides<Vec<bool>>>,
}

impl Legible {
    /// A pair stays legible if the mapping has it and it is not sensitive, if no sensitive pair has a
    /// field of it, and if it never tied other fields under its id: of an older row it is not known what
    /// they were.
    pub(super) fn of(mapping: &Mapping, revisions: &[Revision]) -> Self {
        let stays = |pair: &&FieldPair| {
            !pair.sensitive
                && !mapping.pairs.iter().any(|other| other.sensitive && shares(pair, other))
                && revisions.iter().flat_map(|revision| &revision.layout.pairs).all(|place| {
                    place.pair != pair.id()
                        || Side::BOTH.iter().all(|side| place.fields[*side] == pair.fields(*side))
                })
        };
        let pairs: BTreeSet<PairId> =
            mapping.pairs.iter().filter(stays).map(FieldPair::id).collect();
        let stays = |place: &LayoutPair| place.retired.is_none() && pairs.contains(&place.pair);
        let places = |revision: &Revision, side: Side| {
            let all = revision.layout.pairs.iter();
            all.flat_map(|place| vec![stays(place); place.fields[side].len()]).collect()
        };
        let places = revisions
            .iter()
            .map(|revision| (revision.number, Sides::from_fn(|side| places(revision, side))))
            .collect();
        Self { pairs, places }
    }

    pub(super) fn pair(&self, pair: &PairId) -> bool {
        self.pairs.contains(pair)
    }

    fn place(&self, revision: u32, side: Side, place: usize) -> bool {
        let places = self.places.get(&revision).map(|sides| &sides[side]);
        places.and_then(|places| places.get(place)).is_some_and(|stays| *stays)
    }

    /// The legible values of a base, each at its place.
    pub(super) fn slots(&self, side: Side, base: &Base) -> Vec<Slot> {
        let copied = base.slots.iter().enumerate().map(|(place, slot)| {
            if self.place(base.revision, side, place) { slot.clone() } else { Slot::Absent }
        });
        let mut copied: Vec<Slot> = copied.collect();
        let last = copied.iter().rposition(|slot| slot.value().is_some());
        copied.truncate(last.map_or(0, |last| last + 1));
        copied
    }

    /// The legible pairs of a log row, without words that may repeat a value.
    pub(super) fn log(&self, pairs: &[LogPair], prints: &Prints) -> Vec<LogPair> {
        let copied = pairs.iter().filter(|pair| self.pair(&pair.pair));
        let copy =
            |pair: &LogPair| LogPair { cause: wordless(&pair.cause, prints), ..pair.clone() };
        copied.map(copy).collect()
    }

    /// Whether something of a row is legible that may not be.
    pub(super) fn is_exceeded_by(&self, row: &Row) -> bool {
        match row {
            Row::Link(link) => link.bases.iter().any(|(side, base)| {
                let copies = base.slots.iter().skip(1).enumerate();
                let mut there = copies.filter(|(_, slot)| slot.value().is_some());
                there.any(|(place, _)| !self.place(base.revision, side, place))
            }),
            Row::Log(log) => log.pairs.iter().skip(1).any(|pair| !self.pair(&pair.pair)),
            Row::Conflict(conflict) => {
                let copied = conflict.values.source.len() > 1 || !conflict.values.target.is_empty();
                copied && !conflict.pair.as_ref().is_some_and(|pair| self.pair(pair))
            }
            Row::Entry(..) | Row::Operation(_) | Row::Hold(_) | Row::Run(_) => false,
        }
    }
}

fn shares(pair: &FieldPair, other: &FieldPair) -> bool {
    Side::BOTH
        .iter()
        .any(|side| pair.fields(*side).iter().any(|field| other.fields(*side).contains(field)))
}

fn wordless(cause: &Cause, prints: &Prints) -> Cause {
    match cause {
        Cause::Conflict { conflict, .. } => {
            Cause::Conflict { conflict: prints.conflict(*conflict), why: String::new() }
        }
        Cause::Answered { .. } => Cause::Answered { choice: String::new() },
        Cause::Edit
        | Cause::EditOverwrites
        | Cause::Fill
        | Cause::FirstLinkOverwrites
        | Cause::Create
        | Cause::DriftLeft
        | Cause::DriftRestored
        | Cause::LeftAsFound
        | Cause::Rewritten
        | Cause::OtherId
        | Cause::TransformChanged
        | Cause::TakenAsFound => cause.clone(),
    }
}
