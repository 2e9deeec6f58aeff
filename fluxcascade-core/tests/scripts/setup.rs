//! What a script's world is like: how each system behaves, what the mapping says, where the store
//! is. All of it is drawn. What happens in that world is in `step`.

use std::time::Duration;

use fluxcascade_core::Strategy as Conflicts;
use fluxcascade_core::connector::{Consistency, DeleteSignal};
use fluxcascade_core::mapping::{Drift, FieldPair, Mapping, MappingBuilder, PairBuilder};
use fluxcascade_core::model::{Side, Sides};
use fluxcascade_core::testkit::{FaultPlan, SimProfile};
use fluxcascade_core::transform::trim;
use proptest::prelude::*;
use proptest::sample::select;

use crate::values::{Hand, normaliser};

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
pub(crate) const FORTH: usize = 3;
/// The pair that flows from the target to the source alone.
pub(crate) const BACK: usize = 4;
/// The pair of whole numbers.
pub(crate) const SCORE: usize = 5;

pub(crate) const PAIRS: [Pair; 6] = [
    pair("who", &["name"], &["name"]),
    pair("phone = phone", &["phone"], &["phone"]),
    pair("address+city = street+town", &["address", "city"], &["street", "town"]),
    pair("note = memo", &["note"], &["memo"]),
    pair("grade = rank", &["grade"], &["rank"]),
    pair("score = points", &["score"], &["points"]),
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

/// Where the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Memory,
    Sqlite,
}

/// Which system it is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Like {
    Drawn,
    HubSpot,
    Salesforce,
    Pipedrive,
    Jobber,
}

/// What a system can do beyond the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Powers {
    answers_with_values: bool,
    conditional_writes: bool,
    refuses_duplicates: bool,
    upserts: bool,
    order_numbers: bool,
    field_times: bool,
}

/// How one system behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) like: Like,
    /// How late its listing and its look-up show a write, in seconds.
    lag: u64,
    /// How finely it tells times, in milliseconds.
    granularity: u64,
    /// How far its clock is ahead, in seconds.
    pub(crate) offset: i64,
    powers: Powers,
    deletes: DeleteSignal,
    pub(crate) hand: Hand,
    /// Calls that go wrong by a seed: so many of a thousand for each fault that can strike.
    faults: Option<(u64, u32)>,
}

/// What stays the same through a script.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) systems: Sides<Manner>,
    /// The systems' pages and batches.
    pub(crate) batch: usize,
    pub(crate) engine_batch: usize,
    /// How conflicts of most pairs are decided.
    pub(crate) conflicts: Vec<Conflicts>,
    /// How records are linked that differ, if the mapping says so.
    pub(crate) first_link: Option<Conflicts>,
    /// The source is the primary side.
    pub(crate) primary: bool,
    /// An edit against a one-way pair's direction is undone.
    pub(crate) restore: bool,
    /// Systems send webhooks.
    pub(crate) webhooks: bool,
    pub(crate) storage: Storage,
}

fn powers() -> impl Strategy<Value = Powers> {
    any::<[bool; 6]>().prop_map(|[a, b, c, d, e, f]| Powers {
        answers_with_values: a,
        conditional_writes: b,
        refuses_duplicates: c,
        upserts: d && c,
        order_numbers: e,
        field_times: f,
    })
}

fn manners(hands: &'static [Hand]) -> impl Strategy<Value = Manner> {
    let like = prop_oneof![
        4 => Just(Like::Drawn),
        1 => Just(Like::HubSpot),
        1 => Just(Like::Salesforce),
        1 => Just(Like::Pipedrive),
        1 => Just(Like::Jobber),
    ];
    let deletes = select(vec![DeleteSignal::Absence, DeleteSignal::Flag, DeleteSignal::Feed]);
    let faults = prop_oneof![
        1 => Just(None),
        1 => any::<u64>().prop_map(|seed| Some((seed, 6))),
        1 => any::<u64>().prop_map(|seed| Some((seed, 20))),
    ];
    (
        like,
        select(vec![0_u64, 20, 240]),
        select(vec![1_u64, 1000, 60_000]),
        select(vec![0_i64, -500, 7000]),
        powers(),
        deletes,
        select(hands),
        faults,
    )
        .prop_map(|(like, lag, granularity, offset, powers, deletes, hand, faults)| Manner {
            like,
            lag,
            granularity,
            offset,
            powers,
            deletes,
            hand,
            faults,
        })
}

/// Every strategy by itself, and lists of them.
pub(crate) fn strategies() -> Vec<Vec<Conflicts>> {
    let single = [
        Conflicts::NewestWins,
        Conflicts::OldestWins,
        Conflicts::SourceWins,
        Conflicts::TargetWins,
        Conflicts::PrimaryWins,
        Conflicts::NonBlankWins,
        Conflicts::PreferSourceUnlessBlank,
        Conflicts::PreferTargetUnlessBlank,
        Conflicts::Max,
        Conflicts::Min,
        Conflicts::Longest,
        Conflicts::Manual,
        Conflicts::Skip,
        Conflicts::Error,
    ];
    let mut all: Vec<Vec<Conflicts>> = single.into_iter().map(|one| vec![one]).collect();
    all.push(vec![Conflicts::Max, Conflicts::Longest, Conflicts::SourceWins]);
    all.push(vec![Conflicts::NonBlankWins, Conflicts::NewestWins, Conflicts::PrimaryWins]);
    all
}

pub(crate) fn setups(hands: &'static [Hand], storage: Storage) -> impl Strategy<Value = Setup> {
    let first = vec![
        None,
        Some(Conflicts::SourceWins),
        Some(Conflicts::TargetWins),
        Some(Conflicts::Manual),
        Some(Conflicts::Skip),
    ];
    (
        (manners(hands), manners(hands)),
        select(vec![1_usize, 2, 100]),
        select(vec![1_usize, 200]),
        select(strategies()),
        select(first),
        any::<[bool; 3]>(),
    )
        .prop_map(
            move |((source, target), batch, engine_batch, conflicts, first_link, policies)| {
                let [primary, restore, webhooks] = policies;
                let primary = primary || conflicts.contains(&Conflicts::PrimaryWins);
                let systems = Sides { source, target };
                Setup {
                    systems,
                    batch,
                    engine_batch,
                    conflicts,
                    first_link,
                    primary,
                    restore,
                    webhooks,
                    storage,
                }
            },
        )
}

impl Manner {
    fn profile(&self, batch: usize) -> SimProfile {
        let profile = match self.like {
            Like::Drawn => self.drawn(),
            Like::HubSpot => SimProfile::hubspot_like(),
            Like::Salesforce => SimProfile::salesforce_like(),
            Like::Pipedrive => SimProfile::pipedrive_like(),
            Like::Jobber => SimProfile::jobber_like(),
        };
        let mut capabilities = profile.capabilities.clone();
        capabilities.page = capabilities.page.min(batch);
        capabilities.read_batch = capabilities.read_batch.min(batch);
        capabilities.write_batch = capabilities.write_batch.min(batch);
        capabilities.create_batch = capabilities.create_batch.min(batch);
        SimProfile {
            capabilities,
            clock_offset: self.offset,
            normaliser: normaliser(self.hand),
            ..profile
        }
    }

    fn drawn(&self) -> SimProfile {
        let lag = Duration::from_secs(self.lag);
        let plain = SimProfile::default();
        let mut capabilities = plain.capabilities.clone();
        capabilities.list = Consistency::Lagging(lag);
        capabilities.find = Consistency::Lagging(lag);
        capabilities.deletes = self.deletes;
        capabilities.conditional_writes = self.powers.conditional_writes;
        capabilities.refuses_duplicates = self.powers.refuses_duplicates;
        capabilities.upserts = self.powers.upserts;
        SimProfile {
            list_lag: lag,
            find_lag: lag,
            granularity: Duration::from_millis(self.granularity),
            answers_with_values: self.powers.answers_with_values,
            order_numbers: self.powers.order_numbers,
            field_times: self.powers.field_times,
            capabilities,
            ..plain
        }
    }

    pub(crate) fn fault_plan(&self) -> Option<FaultPlan> {
        self.faults.map(|(seed, rate)| FaultPlan::all(seed, rate))
    }
}

impl Setup {
    pub(crate) fn profile(&self, side: Side) -> SimProfile {
        self.systems[side].profile(self.batch)
    }

    fn base(&self, target: &str) -> MappingBuilder {
        let mapping = Mapping::builder("contacts")
            .source("crm", "contacts")
            .target(target, "clients")
            .match_on("email", "mail")
            .conflicts(self.conflicts.clone());
        let mapping = match &self.first_link {
            Some(strategy) => mapping.first_link(strategy.clone()),
            None => mapping,
        };
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
            .pair_with("grade", "rank", |pair| pair.target_only().drift(drift))
            .pair("score", "points")
    }
}

/// The pairs by which the oracle is told what is tied are those of the mapping.
pub(crate) fn same_ids(mapping: &Mapping) -> bool {
    let ids: Vec<String> = mapping.pairs.iter().map(|p| FieldPair::id(p).to_string()).collect();
    PAIRS.iter().all(|pair| ids.iter().any(|id| id == pair.id))
}
