//! Mappings that keep fingerprints alone of some pairs (P30): which they are, that nothing else of them
//! is stored, and what the oracle is told of them: the values that have these fingerprints, which the
//! witness has seen.

use std::collections::HashMap;

use fluxcascade_core::mapping::{BaseKeeping, FieldPair, FingerprintKey, Mapping};
use fluxcascade_core::model::{FieldName, LogPair, Side, Slot, Value};
use fluxcascade_core::testkit::Remains;

use crate::setup::{NAME, PAIRS, Revision, Setup, mail};
use crate::world::World;

/// What a mapping keeps of its pairs, all through a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Their values.
    Values,
    /// Fingerprints of all of them.
    Fingerprints,
    /// Fingerprints of about every other one, whatever else a revision ties.
    Some,
    /// Fingerprints while the mapping is whole, and values while it is not.
    ByTurns,
}

impl Keeps {
    /// What the scripts of a set that keeps fingerprints keep, by their seeds.
    pub(crate) fn drawn(seed: u64) -> Self {
        match seed % 3 {
            0 => Keeps::Fingerprints,
            1 => Keeps::Some,
            _ => Keeps::ByTurns,
        }
    }

    pub(crate) fn values(_: u64) -> Self {
        Keeps::Values
    }

    /// Says so in a mapping.
    pub(crate) fn tell(self, mapping: &mut Mapping, revision: Revision) {
        for pair in &mut mapping.pairs {
            let id = FieldPair::id(pair);
            let is_kept = match self {
                Keeps::Values => false,
                Keeps::Fingerprints => true,
                Keeps::Some => id.as_str().bytes().map(u64::from).sum::<u64>() % 2 == 0,
                Keeps::ByTurns => revision == Revision::Whole,
            };
            if is_kept && pair.reference.is_none() {
                pair.base = BaseKeeping::Fingerprints;
            }
        }
    }
}

/// What remains, with the values whose fingerprints are kept.
pub(crate) async fn revealed(world: &World, mut remains: Remains) -> Remains {
    if world.setup.keeps == Keeps::Values {
        return remains;
    }
    let key = world.store().fingerprint_key(&world.key().await).await.unwrap();
    let key = FingerprintKey::new(key);
    check(&world.setup, &remains);
    let seen = seen(world, &key);
    let reveal = |value: &mut Value| {
        if let Some(known) = seen.get(value) {
            *value = known.clone();
        }
    };
    for link in &mut remains.links {
        for base in [&mut link.bases.source, &mut link.bases.target] {
            let values = base.slots.iter_mut().filter_map(|slot| match slot {
                Slot::Present(value) => Some(value),
                Slot::Absent => None,
            });
            values.for_each(reveal);
        }
    }
    for told in remains.log.iter_mut().flat_map(|row| &mut row.pairs) {
        told.before.iter_mut().chain(&mut told.after).for_each(reveal);
    }
    for row in &mut remains.conflicts {
        row.values.source.iter_mut().chain(&mut row.values.target).for_each(reveal);
    }
    remains
}

/// All that anybody wrote, or that was sent, on either side, by its fingerprint on each.
fn seen(world: &World, key: &FingerprintKey) -> HashMap<Value, Value> {
    let tied = tied(&world.setup);
    let mut seen = HashMap::new();
    let blanks = tied.iter().flatten().map(|(side, field)| (*side, field, Value::Null));
    let acts = world.witness.acts();
    let written = acts.iter().flat_map(|act| {
        let sent = act.sent.iter().map(|(field, value)| (act.side, field, value.clone()));
        let held = act.values.iter().map(|(field, value)| (act.side, field, value.clone()));
        sent.chain(held)
    });
    for (side, field, value) in written.chain(blanks) {
        let places = tied.iter().filter(|places| places.contains(&(side, field.clone())));
        for (on, name) in places.flatten() {
            let trimmed = value.as_text().map(|text| Value::from(text.trim()));
            for value in trimmed.iter().chain([&value]) {
                seen.insert(key.kept(*on, name, value), value.clone());
            }
        }
    }
    seen
}

/// Fields that are tied to each other, by the mapping's sides.
fn tied(setup: &Setup) -> Vec<Vec<(Side, FieldName)>> {
    let place = |system: Side, field: &str| (setup.side(system), FieldName::new(field).unwrap());
    let mut tied: Vec<Vec<(Side, FieldName)>> = Vec::new();
    for pair in &PAIRS {
        let both = pair.fields.source.iter().zip(pair.fields.target);
        tied.extend(both.map(|(s, t)| vec![place(Side::Source, s), place(Side::Target, t)]));
    }
    let (source, target) = (PAIRS[NAME].fields.source[0], PAIRS[NAME].fields.target[0]);
    tied.retain(|places| !places.contains(&place(Side::Source, source)));
    tied.push(vec![
        place(Side::Source, source),
        place(Side::Target, target),
        place(Side::Target, "nick"),
    ]);
    let mails = Side::BOTH.map(|system| place(system, mail(system)));
    tied.push(mails.to_vec());
    tied
}

/// Nothing but fingerprints is stored of pairs that always keep nothing else.
fn check(setup: &Setup, remains: &Remains) {
    if setup.keeps == Keeps::ByTurns {
        return;
    }
    let mapping = setup.mapping(Revision::Whole);
    let other = setup.mapping(Revision::Fewer);
    let is_kept = |mapping: &Mapping, id: &str| {
        let pair = mapping.pairs.iter().find(|pair| FieldPair::id(pair).as_str() == id);
        pair.is_none_or(|pair| pair.base == BaseKeeping::Fingerprints)
    };
    let always = |id: &str| {
        mapping.pairs.iter().any(|pair| FieldPair::id(pair).as_str() == id)
            && is_kept(&mapping, id)
            && is_kept(&other, id)
    };
    let all_kept = |values: &[Value]| values.iter().all(Value::is_kept);
    let of_log = |told: &LogPair| all_kept(&told.before) && all_kept(&told.after);
    for told in remains.log.iter().flat_map(|row| &row.pairs) {
        assert!(!always(told.pair.as_str()) || of_log(told), "a value is stored (P30): {told:?}");
    }
    for row in &remains.conflicts {
        let Some(pair) = &row.pair else { continue };
        let is_stored = all_kept(&row.values.source) && all_kept(&row.values.target);
        assert!(!always(pair.as_str()) || is_stored, "a value is stored (P30): {row:?}");
    }
    if setup.keeps == Keeps::Fingerprints {
        let bases = remains.links.iter().flat_map(|link| link.bases.iter());
        for value in bases.flat_map(|(_, base)| &base.slots).filter_map(Slot::value) {
            let is_reference = matches!(value, Value::Ref(_)) || value.is_blank();
            assert!(value.is_kept() || is_reference, "a value is stored (P30): {value:?}");
        }
    }
}
