//! What a script's world is like: how each system behaves, what the mapping says, where the store
//! is. All of it is drawn. What happens in that world is in `step`.

#[path = "setup/wiring.rs"] // also where another crate's tests have this file
mod wiring;

use std::time::Duration;

use fluxcascade_core::Strategy as Conflicts;
use fluxcascade_core::connector::{Consistency, DeleteSignal};
use fluxcascade_core::mapping::{
    ConflictScope, DeletePolicy, DeleteUpdate, Drift, FieldPair, FirstSync, Guards, IdWrites,
    Limit, Mapping, MappingBuilder, PairBuilder,
};
use fluxcascade_core::model::{ObjectType, Side, Sides};
use fluxcascade_core::testkit::{CallKind, Fault, FaultPlan, SimProfile};
use fluxcascade_core::transform::trim;
use proptest::prelude::*;
use proptest::sample::select;

use crate::kept::Keeps;
use crate::storage::Storage;
use crate::values::{Hand, normaliser};

pub(crate) use wiring::same_ids;

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

/// The pair that goes to another field in one of the revisions.
pub(crate) const NAME: usize = 0;
/// The pair that flows from the source to the target alone.
pub(crate) const FORTH: usize = 3;
/// The pair that flows from the target to the source alone.
pub(crate) const BACK: usize = 4;
/// The pair of whole numbers.
pub(crate) const SCORE: usize = 5;

/// The pair of sets.
pub(crate) const TAGS: usize = 6;

pub(crate) const PAIRS: [Pair; 7] = [
    pair("who", &["name"], &["name"]),
    pair("phone = phone", &["phone"], &["phone"]),
    pair("address+city = street+town", &["address", "city"], &["street", "town"]),
    pair("note = memo", &["note"], &["memo"]),
    pair("grade = rank", &["grade"], &["rank"]),
    pair("score = points", &["score"], &["points"]),
    pair("tags = labels", &["tags"], &["labels"]),
];

/// The field of a system that names another record of it.
pub(crate) fn boss(side: Side) -> &'static str {
    match side {
        Side::Source => "boss",
        Side::Target => "lead",
    }
}

/// What records of a system are.
pub(crate) fn object(side: Side) -> ObjectType {
    let name = match side {
        Side::Source => "contacts",
        Side::Target => "clients",
    };
    ObjectType::new(name).unwrap()
}

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
    pub(crate) answers_with_values: bool,
    pub(crate) conditional_writes: bool,
    pub(crate) refuses_duplicates: bool,
    pub(crate) upserts: bool,
    pub(crate) order_numbers: bool,
    pub(crate) field_times: bool,
    /// Records are archived and brought back.
    pub(crate) archives: bool,
    /// Records are removed for good.
    pub(crate) deletes_for_good: bool,
}

/// How one system behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) like: Like,
    /// How late its listing and its look-up show a write, in seconds.
    pub(crate) lag: u64,
    /// How finely it tells times, in milliseconds.
    pub(crate) granularity: u64,
    /// How far its clock is ahead, in seconds.
    pub(crate) offset: i64,
    pub(crate) powers: Powers,
    pub(crate) deletes: DeleteSignal,
    pub(crate) hand: Hand,
    /// Calls that go wrong by a seed: so many of a thousand for each fault that can strike.
    pub(crate) faults: Option<(u64, u32)>,
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
    /// Records name other records of their system, which the mapping translates.
    pub(crate) refers: bool,
    pub(crate) storage: Storage,
    /// What the mapping keeps of its pairs.
    pub(crate) keeps: Keeps,
    pub(crate) policies: Policies,
    pub(crate) view: View,
}

/// What the mapping says of whole records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policies {
    /// By the system whose record was deleted.
    pub(crate) on_delete: Sides<DeletePolicy>,
    pub(crate) delete_update: DeleteUpdate,
    pub(crate) scope: ConflictScope,
    pub(crate) first_sync: FirstSync,
    pub(crate) guards: Guards,
    /// The ids of the other side are kept, in each system.
    pub(crate) ids: Option<IdWrites>,
}

impl Policies {
    pub(crate) const PLAIN: Policies = Policies {
        on_delete: Sides { source: DeletePolicy::Unlink, target: DeletePolicy::Unlink },
        delete_update: DeleteUpdate::Survive,
        scope: ConflictScope::Pair,
        first_sync: FirstSync::Merge,
        guards: LOOSE,
        ids: None,
    };
}

/// Guards that let everything through.
const LOOSE: Guards = guards(1000, 100);
/// Guards that let nothing through unasked.
pub(crate) const TIGHT: Guards = guards(0, 0);

const fn guards(count: u64, percent: u8) -> Guards {
    let limit = Limit { count, percent };
    // People delete all that there is now and then: an empty side is no reason to stop.
    let empty_from = u64::MAX;
    Guards { deletes: limit, overwrites: limit, match_from: 100, match_percent: 5, empty_from }
}

fn policies() -> impl Strategy<Value = Policies> {
    let on_delete = || {
        select(vec![
            DeletePolicy::Unlink,
            DeletePolicy::Archive,
            DeletePolicy::Delete,
            DeletePolicy::Recreate,
        ])
    };
    let delete_update =
        select(vec![DeleteUpdate::Survive, DeleteUpdate::Recreate, DeleteUpdate::Manual]);
    let scope = prop_oneof![4 => Just(ConflictScope::Pair), 1 => Just(ConflictScope::Record)];
    let first_sync = prop_oneof![
        6 => Just(FirstSync::Merge),
        1 => Just(FirstSync::LinkOnly),
        1 => Just(FirstSync::FillBlanks),
        1 => Just(FirstSync::UpdateExisting),
        1 => Just(FirstSync::Rebuild),
    ];
    let guards = prop_oneof![3 => Just(LOOSE), 1 => Just(TIGHT)];
    let ids = prop_oneof![
        2 => Just(None),
        1 => Just(Some(IdWrites::OnCreate)),
        1 => Just(Some(IdWrites::Always)),
    ];
    (on_delete(), on_delete(), delete_update, scope, first_sync, guards, ids).prop_map(
        |(source, target, delete_update, scope, first_sync, guards, ids)| Policies {
            on_delete: Sides { source, target },
            delete_update,
            scope,
            first_sync,
            guards,
            ids,
        },
    )
}

/// From which end the same script is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    AsDrawn,
    /// The mapping's source is its target, and everything that it says of a side is mirrored.
    Swapped,
    /// The first persons get the last ids.
    IdsPermuted,
}

fn powers() -> impl Strategy<Value = Powers> {
    any::<[bool; 8]>().prop_map(|[a, b, c, d, e, f, g, h]| Powers {
        answers_with_values: a,
        conditional_writes: b,
        refuses_duplicates: c,
        upserts: d && c,
        order_numbers: e,
        field_times: f,
        archives: g,
        deletes_for_good: h,
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
        Conflicts::Union,
        Conflicts::Append,
        Conflicts::Manual,
        Conflicts::Skip,
        Conflicts::Error,
    ];
    let mut all: Vec<Vec<Conflicts>> = single.into_iter().map(|one| vec![one]).collect();
    all.push(vec![Conflicts::Max, Conflicts::Longest, Conflicts::SourceWins]);
    all.push(vec![Conflicts::Union, Conflicts::Longest]);
    all.push(vec![Conflicts::Append, Conflicts::Min]);
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
        any::<[bool; 4]>(),
        policies(),
    )
        .prop_map(
            move |(systems, batch, engine_batch, conflicts, first_link, more, policies)| {
                let (source, target) = systems;
                let [primary, restore, webhooks, refers] = more;
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
                    refers,
                    storage,
                    keeps: Keeps::Values,
                    policies,
                    view: View::AsDrawn,
                }
            },
        )
}

impl Manner {
    /// An easy system.
    pub(crate) const PLAIN: Manner = Manner {
        like: Like::Drawn,
        lag: 0,
        granularity: 1,
        offset: 0,
        powers: Powers {
            answers_with_values: true,
            conditional_writes: false,
            refuses_duplicates: false,
            upserts: false,
            order_numbers: false,
            field_times: false,
            archives: true,
            deletes_for_good: true,
        },
        deletes: DeleteSignal::Absence,
        hand: Hand::AsSent,
        faults: None,
    };

    pub(crate) fn without_faults(self) -> Self {
        Self { faults: None, ..self }
    }

    pub(crate) fn lagging(self, seconds: u64) -> Self {
        Self { lag: seconds, ..self }
    }

    pub(crate) fn deleting(self, deletes: DeleteSignal) -> Self {
        Self { deletes, ..self }
    }

    /// Answers that are no proof: what was written is read back.
    pub(crate) fn bare(mut self) -> Self {
        self.powers.answers_with_values = false;
        self
    }

    pub(crate) fn conditional(mut self) -> Self {
        self.powers.conditional_writes = true;
        self
    }

    pub(crate) fn unique_keys(mut self) -> Self {
        self.powers.refuses_duplicates = true;
        self
    }

    pub(crate) fn upserting(mut self) -> Self {
        self.powers.refuses_duplicates = true;
        self.powers.upserts = true;
        self
    }

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
        capabilities.archives = self.powers.archives;
        capabilities.restores = self.powers.archives;
        capabilities.deletes_for_good = self.powers.deletes_for_good;
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

    /// Faults by seed: each that can strike, but for those that a host has to answer for.
    pub(crate) fn fault_plan(&self) -> Option<FaultPlan> {
        let (seed, rate) = self.faults?;
        let mut plan = FaultPlan::new(seed);
        for kind in CallKind::ALL {
            for fault in Fault::EXAMPLES.into_iter().filter(|fault| fault.strikes(kind)) {
                let is_left_out = matches!(fault, Fault::Unauthorised)
                    || matches!(fault, Fault::ClockJump(_))
                    || self.cannot_tell_its_own_echo(fault);
                if !is_left_out {
                    plan = plan.per_thousand(kind, fault, rate);
                }
            }
        }
        Some(plan)
    }

    /// Left out: a write on condition that is done twice is answered as overtaken by itself, and
    /// where the system has rewritten the value nobody can tell that it was ours.
    pub(crate) fn cannot_tell_its_own_echo(&self, fault: Fault) -> bool {
        let conditional = self.profile(1).capabilities.conditional_writes;
        fault == Fault::DoneTwice && conditional && self.hand != Hand::AsSent
    }
}
