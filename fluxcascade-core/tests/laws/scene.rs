//! Linked records drawn at random: any mapping, any bases, any values, seen in any way.
//!
//! A scene is plain data, so that a law can change one thing in it (swap the sides, shift a clock,
//! leave a pair out) and look at what the plan makes of that.

use std::time::Duration;

use fluxcascade_core::mapping::{
    BaseKeeping, CompiledMapping, Drift, Mapping, PairBuilder, PairDirection,
};
use fluxcascade_core::model::{
    FieldType, Modified, ObjectSchema, Observation, Provenance, Side, Sides, Slot, State,
    Timestamp, Value, Values, Version,
};
use fluxcascade_core::resolver::{ConflictCase, ConflictResolver, Resolution, Strategy};
use fluxcascade_core::transform::{TransformSpec, lowercase, phone_e164, trim, value_map};

use crate::given::{Linked, compiled, schema};

/// What stands between the two sides of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Carried {
    AsItIs,
    Trimmed,
    Lower,
    TrimmedThenLower,
    Phone,
    ByTable,
    TrimmedThenByTable,
}

/// The table of [`Carried::ByTable`], as the source and as the target has it.
pub(crate) const TABLE: [(&str, &str); 3] =
    [("lead", "LEAD"), ("customer", "ACTIVE"), ("churned", "ARCHIVED")];

#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// The number in its fields' names: it stays when other pairs are left out.
    pub(crate) number: usize,
    pub(crate) direction: PairDirection,
    pub(crate) carried: Carried,
    pub(crate) types: Sides<FieldType>,
    pub(crate) conflicts: Vec<Strategy>,
    pub(crate) first_link: Vec<Strategy>,
    pub(crate) drift: Drift,
    pub(crate) required: bool,
    pub(crate) base: Option<Sides<Vec<Value>>>,
    pub(crate) seen: Sides<Vec<Slot>>,
}

/// When a side's record was confirmed and when it was changed, as its system says; in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) confirmed: Option<i64>,
    pub(crate) changed: Option<i64>,
    pub(crate) granularity: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) primary: Option<Side>,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) times: Sides<Times>,
    /// The transforms of each pair are written the other way round.
    pub(crate) turned: bool,
    pub(crate) number: u8,
    pub(crate) now: i64,
}

pub(crate) fn turned(direction: PairDirection) -> PairDirection {
    match direction {
        PairDirection::Bidirectional => PairDirection::Bidirectional,
        PairDirection::SourceOnly => PairDirection::TargetOnly,
        PairDirection::TargetOnly => PairDirection::SourceOnly,
    }
}

fn turned_strategy(strategy: &Strategy) -> Strategy {
    let mirrored = [
        (Strategy::SourceWins, Strategy::TargetWins),
        (Strategy::PreferSourceUnlessBlank, Strategy::PreferTargetUnlessBlank),
    ];
    for (one, other) in mirrored {
        if *strategy == one {
            return other;
        }
        if *strategy == other {
            return one;
        }
    }
    strategy.clone()
}

/// A resolver of a host's: the value that reads shorter wins.
#[derive(Debug)]
pub(crate) struct Shortest;

impl ConflictResolver for Shortest {
    fn name(&self) -> &'static str {
        "shortest"
    }

    fn resolve(&self, case: &ConflictCase<'_>) -> Resolution {
        let length = |side: Side| -> usize {
            case.values[side].iter().map(|value| value.to_string().len()).sum()
        };
        match length(Side::Source).cmp(&length(Side::Target)) {
            std::cmp::Ordering::Less => Resolution::Wins(Side::Source, "shorter".into()),
            std::cmp::Ordering::Greater => Resolution::Wins(Side::Target, "shorter".into()),
            std::cmp::Ordering::Equal => Resolution::Declines("as short".into()),
        }
    }
}

impl Pair {
    pub(crate) fn width(&self) -> usize {
        self.seen.source.len()
    }

    fn names(&self) -> Vec<String> {
        (0..self.width()).map(|field| format!("f{}_{field}", self.number)).collect()
    }

    fn transforms(&self, turned: bool) -> Vec<TransformSpec> {
        let table = || {
            if turned {
                value_map(TABLE.map(|(source, target)| (target, source)))
            } else {
                value_map(TABLE)
            }
        };
        let mut transforms = match self.carried {
            Carried::AsItIs => vec![],
            Carried::Trimmed => vec![trim()],
            Carried::Lower => vec![lowercase()],
            Carried::TrimmedThenLower => vec![trim(), lowercase()],
            Carried::Phone => vec![phone_e164("US")],
            Carried::ByTable => vec![table()],
            Carried::TrimmedThenByTable => vec![trim(), table()],
        };
        if turned {
            transforms.reverse();
        }
        transforms
    }

    fn build(&self, pair: PairBuilder, turned: bool) -> PairBuilder {
        let mut pair = match self.direction {
            PairDirection::Bidirectional => pair,
            PairDirection::SourceOnly => pair.source_only(),
            PairDirection::TargetOnly => pair.target_only(),
        };
        pair = pair.id(format!("p{}", self.number)).drift(self.drift);
        pair = pair.conflicts(self.conflicts.clone()).first_link(self.first_link.clone());
        if self.required {
            pair = pair.required();
        }
        self.transforms(turned).into_iter().fold(pair, PairBuilder::transform)
    }

    fn turn(&self) -> Pair {
        let flip = |strategies: &[Strategy]| strategies.iter().map(turned_strategy).collect();
        Pair {
            direction: turned(self.direction),
            types: swap(&self.types),
            conflicts: flip(&self.conflicts),
            first_link: flip(&self.first_link),
            base: self.base.as_ref().map(swap),
            seen: swap(&self.seen),
            ..self.clone()
        }
    }

    /// Whether a field of it is not in an answer.
    pub(crate) fn is_absent(&self) -> bool {
        self.seen.iter().any(|(_, slots)| slots.iter().any(Slot::is_absent))
    }
}

pub(crate) fn swap<T: Clone>(sides: &Sides<T>) -> Sides<T> {
    Sides::new(sides.target.clone(), sides.source.clone())
}

impl Scene {
    pub(crate) fn mapping(&self) -> CompiledMapping {
        self.mapping_keeping(|_| BaseKeeping::Values)
    }

    /// The same, which keeps this of each pair.
    pub(crate) fn mapping_keeping(&self, of: impl Fn(usize) -> BaseKeeping) -> CompiledMapping {
        let mut mapping = Mapping::builder("scene")
            .source("a", "things")
            .target("b", "things")
            .match_on("k", "k");
        if let Some(primary) = self.primary {
            mapping = mapping.primary(primary);
        }
        for pair in &self.pairs {
            mapping = mapping.pair_fields(pair.names(), pair.names(), |built| {
                pair.build(built, self.turned).base(of(pair.number))
            });
        }
        compiled(mapping.build().unwrap(), &self.schemas())
    }

    fn schemas(&self) -> Sides<ObjectSchema> {
        Sides::from_fn(|side| {
            let names: Vec<(String, FieldType)> = self
                .pairs
                .iter()
                .flat_map(|pair| pair.names().into_iter().map(|n| (n, pair.types[side].clone())))
                .collect();
            let key = [("k", FieldType::Text)];
            schema(names.iter().map(|(name, t)| (name.as_str(), t.clone())).chain(key))
        })
    }

    fn version(&self, side: Side, at: Option<i64>) -> Version {
        let granularity = Duration::from_secs(self.times[side].granularity);
        let modified = at.map(|at| Modified { at: Timestamp::from_secs(at), granularity });
        Version { modified, ..Version::default() }
    }

    /// What a side's record holds.
    pub(crate) fn held(&self, mapping: &CompiledMapping, side: Side) -> Values {
        let all: Vec<(String, Slot)> = self
            .pairs
            .iter()
            .flat_map(|pair| pair.names().into_iter().zip(pair.seen[side].iter().cloned()))
            .collect();
        mapping.projections[side].values(|field| {
            let known = all.iter().find(|(name, _)| name == field.as_str());
            known.map_or(Slot::Present("key".into()), |(_, slot)| slot.clone())
        })
    }

    fn observed(&self, mapping: &CompiledMapping, side: Side) -> State {
        State::Known {
            values: self.held(mapping, side),
            version: self.version(side, self.times[side].changed),
        }
    }

    /// The link, with both of its records seen in this way.
    pub(crate) fn linked(&self, mapping: &CompiledMapping, how: Sides<Provenance>) -> Linked {
        let bases = Sides::from_fn(|side| {
            let of_pair = |pair: &Pair| match &pair.base {
                Some(base) => base[side].iter().cloned().map(Slot::Present).collect(),
                None => vec![Slot::Absent; pair.width()],
            };
            self.pairs.iter().flat_map(of_pair).collect()
        });
        let mut linked = Linked {
            number: self.number,
            bases,
            confirmed: Sides::from_fn(|side| self.version(side, self.times[side].confirmed)),
            seen: Sides::default(),
            holds: Vec::new(),
        };
        linked.seen = Sides::from_fn(|side| {
            let state = self.observed(mapping, side);
            Some(Observation { record: linked.record(side), state, provenance: how[side] })
        });
        linked
    }

    pub(crate) fn fetched(&self, mapping: &CompiledMapping) -> Linked {
        self.linked(mapping, Sides::new(Provenance::Fetched, Provenance::Fetched))
    }

    /// The same with the sides swapped, and everything that names a side mirrored.
    pub(crate) fn turn(&self) -> Scene {
        Scene {
            primary: self.primary.map(Side::other),
            pairs: self.pairs.iter().map(Pair::turn).collect(),
            times: swap(&self.times),
            turned: !self.turned,
            ..self.clone()
        }
    }

    /// The same with one pair alone.
    pub(crate) fn only(&self, index: usize) -> Scene {
        Scene { pairs: vec![self.pairs[index].clone()], ..self.clone() }
    }

    /// The same with one system's clock, or the engine's (`None`), set elsewhere.
    pub(crate) fn shift(&self, clock: Option<Side>, by: i64) -> Scene {
        let mut shifted = self.clone();
        match clock {
            None => shifted.now += by,
            Some(side) => {
                let times = &mut shifted.times[side];
                times.confirmed = times.confirmed.map(|at| at + by);
                times.changed = times.changed.map(|at| at + by);
            }
        }
        shifted
    }
}
