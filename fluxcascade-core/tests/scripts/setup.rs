//! What a script's world is like: how each system behaves, what the mapping says, where the store
//! is. All of it is drawn. What happens in that world is in `step`.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Strategy as Conflicts;
use fluxcascade_core::connector::{Capabilities, Consistency};
use fluxcascade_core::mapping::{Drift, Mapping, MappingBuilder, PairBuilder};
use fluxcascade_core::model::{FieldName, Side, Sides, Value};
use fluxcascade_core::testkit::{Normaliser, SimProfile};
use fluxcascade_core::transform::trim;
use proptest::prelude::*;

/// A pair of the mapping that scripts edit. Next to these there is the e-mail, which is the key.
pub(crate) struct Pair {
    pub(crate) id: &'static str,
    pub(crate) fields: Sides<&'static [&'static str]>,
}

const fn pair(
    id: &'static str,
    source: &'static [&'static str],
    target: &'static [&'static str],
) -> Pair {
    Pair { id, fields: Sides { source, target } }
}

/// The pair that flows from the source to the target alone.
pub(crate) const ONE_WAY: usize = 3;

pub(crate) const PAIRS: [Pair; 4] = [
    pair("who", &["name"], &["name"]),
    pair("phone = phone", &["phone"], &["phone"]),
    pair("address+city = street+town", &["address", "city"], &["street", "town"]),
    pair("note = memo", &["note"], &["memo"]),
];

/// The key's field on a side.
pub(crate) fn mail(side: Side) -> &'static str {
    match side {
        Side::Source => "email",
        Side::Target => "mail",
    }
}

/// Which mapping the engine has. Scripts end with `Whole`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revision {
    Whole,
    /// Without two of the pairs, the others in another order, one with a transform.
    Fewer,
    /// The name goes to another field of the target, under the same id.
    Redirected,
}

/// How a system writes text down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    AsSent,
    Upper,
    Lower,
}

/// Where the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Memory,
    Sqlite,
}

/// How one system behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// How late its listing and its look-up show a write, in seconds.
    lag: u64,
    /// How finely it tells times, in milliseconds.
    granularity: u64,
    /// How far its clock is ahead, in seconds.
    offset: i64,
    answers_with_values: bool,
    conditional_writes: bool,
    pub(crate) refuses_duplicates: bool,
    case: Case,
}

/// What stays the same through a script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) systems: Sides<Manner>,
    /// The systems' pages and batches.
    batch: usize,
    pub(crate) engine_batch: usize,
    /// A person decides conflicts.
    manual: bool,
    /// The source is the primary side.
    primary: bool,
    /// An edit of the one-way pair's target is undone.
    pub(crate) restore: bool,
    pub(crate) storage: Storage,
}

fn manners(cases: &'static [Case]) -> impl Strategy<Value = Manner> {
    (
        prop_oneof![Just(0_u64), Just(20), Just(240)],
        prop_oneof![Just(1_u64), Just(1000), Just(60_000)],
        prop_oneof![Just(0_i64), Just(-500), Just(7000)],
        any::<[bool; 3]>(),
        proptest::sample::select(cases),
    )
        .prop_map(|(lag, granularity, offset, powers, case)| {
            let [answers_with_values, conditional_writes, refuses_duplicates] = powers;
            Manner {
                lag,
                granularity,
                offset,
                answers_with_values,
                conditional_writes,
                refuses_duplicates,
                case,
            }
        })
}

pub(crate) fn setups(cases: &'static [Case], storage: Storage) -> impl Strategy<Value = Setup> {
    (
        (manners(cases), manners(cases)),
        prop_oneof![Just(1_usize), Just(2), Just(100)],
        prop_oneof![Just(1_usize), Just(200)],
        any::<[bool; 3]>(),
    )
        .prop_map(move |((source, target), batch, engine_batch, policies)| {
            let [manual, primary, restore] = policies;
            let systems = Sides { source, target };
            Setup { systems, batch, engine_batch, manual, primary, restore, storage }
        })
}

impl Setup {
    pub(crate) fn profile(&self, side: Side) -> SimProfile {
        let manner = self.systems[side];
        let lag = Duration::from_secs(manner.lag);
        SimProfile {
            list_lag: lag,
            find_lag: lag,
            granularity: Duration::from_millis(manner.granularity),
            clock_offset: manner.offset,
            answers_with_values: manner.answers_with_values,
            normaliser: manner.case.normaliser(),
            capabilities: Capabilities {
                list: Consistency::Lagging(lag),
                find: Consistency::Lagging(lag),
                page: self.batch,
                read_batch: self.batch,
                write_batch: self.batch,
                create_batch: self.batch,
                conditional_writes: manner.conditional_writes,
                refuses_duplicates: manner.refuses_duplicates,
                ..SimProfile::default().capabilities
            },
            ..SimProfile::default()
        }
    }

    fn base(&self, target: &str) -> MappingBuilder {
        let mapping = Mapping::builder("contacts")
            .source("crm", "contacts")
            .target(target, "clients")
            .match_on("email", "mail");
        let mapping = if self.manual { mapping.conflicts(Conflicts::Manual) } else { mapping };
        if self.primary { mapping.primary(Side::Source) } else { mapping }
    }

    pub(crate) fn mapping(&self, revision: Revision) -> Mapping {
        let mapping = self.base("field");
        let name = |pair: PairBuilder| pair.id(PAIRS[0].id);
        let mapping = match revision {
            Revision::Whole => self.unnamed(mapping.pair_with("name", "name", name)),
            Revision::Redirected => self.unnamed(mapping.pair_with("name", "nick", name)),
            Revision::Fewer => mapping
                .pair_fields(["address", "city"], ["street", "town"], |pair| pair)
                .pair_with("name", "name", |pair| name(pair).transform(trim()))
                .pair("email", "mail"),
        };
        mapping.build().unwrap()
    }

    /// A mapping by the same name, to an endpoint that the links are not of.
    pub(crate) fn misled(&self) -> Mapping {
        self.base("elsewhere").pair("email", "mail").pair("name", "name").build().unwrap()
    }

    /// All pairs but the name's.
    fn unnamed(&self, mapping: MappingBuilder) -> MappingBuilder {
        let drift = if self.restore { Drift::Restore } else { Drift::Leave };
        mapping
            .pair("email", "mail")
            .pair("phone", "phone")
            .pair_fields(["address", "city"], ["street", "town"], |pair| pair)
            .pair_with("note", "memo", |pair| pair.source_only().drift(drift))
    }
}

impl Case {
    /// Keys are left as they are, so that records are told apart by them.
    fn normaliser(self) -> Option<Normaliser> {
        let change = match self {
            Case::AsSent => return None,
            Case::Upper => str::to_uppercase,
            Case::Lower => str::to_lowercase,
        };
        Some(Arc::new(move |field: &FieldName, value: &Value| {
            let is_key = Side::BOTH.iter().any(|&side| mail(side) == field.as_str());
            value.as_text().filter(|_| !is_key).map(|text| Value::from(change(text)))
        }))
    }
}
