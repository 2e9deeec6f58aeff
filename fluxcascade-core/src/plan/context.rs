//! What a plan is made from besides the work itself: the time, the run, and what was fetched.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::mapping::FingerprintKey;
use crate::model::{
    Awaited, FieldName, Link, LinkId, Linked, Modified, Observation, Operation, OperationId,
    RecordId, RunNumber, Side, Sides, Timestamp, Version, Withheld,
};
use crate::seeded::{self, Bug};

/// How long a record may be missing before it counts as deleted, unless said otherwise.
pub(crate) const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 3600);

/// Which side's writes are made ready: theirs rest on fetched observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Neither yet: what can be decided from what is known.
    Neither,
    /// Both, for a dry run.
    Both,
    /// This one is written next.
    Only(Side),
}

impl Writing {
    /// Whether writes to this side are made ready.
    pub fn to(self, side: Side) -> bool {
        match self {
            Writing::Neither => false,
            Writing::Both => true,
            Writing::Only(only) => only == side,
        }
    }
}

/// When an operation without an answer may be settled: when no request for it can be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleRule {
    /// The fencing number of the lease that plans.
    pub fence: u64,
    /// When an earlier lease's holder was surely gone, if that is known.
    pub sole_since: Option<Timestamp>,
    /// How long a request may take.
    pub request_timeout: Duration,
}

impl SettleRule {
    /// From when on the operation may be settled.
    pub fn from(&self, operation: &Operation) -> Timestamp {
        let last_send = match self.sole_since {
            Some(since) if operation.fence < self.fence => operation.not_after.min(since),
            _ => operation.not_after,
        };
        last_send + self.request_timeout
    }
}

/// What a plan is made from besides the work itself.
#[derive(Debug, Clone)]
pub struct PlanContext {
    /// The run.
    pub run: RunNumber,
    /// The time.
    pub now: Timestamp,
    /// Which side is written next.
    pub writing: Writing,
    /// When operations may be settled.
    pub settle: SettleRule,
    /// Which of two unlinked records is decided, and makes the link.
    pub leads: Leads,
    /// The key of match-key fingerprints.
    pub key: FingerprintKey,
    /// How long after a write a look-up surely shows it.
    pub find_lag: Sides<Duration>,
    /// How long after a write the changes surely show it.
    pub list_lag: Sides<Duration>,
    /// How long after a write, or after the changes show it, a read by id surely shows it.
    pub fetch_lag: Sides<Duration>,
    /// Whether a create that would repeat a unique key is refused with the record that has it.
    pub refuses_duplicates: Sides<bool>,
    /// The answers to needs: what was fetched in this run. A need is asked once.
    pub fetched: HashMap<(Side, RecordId), Observation>,
    /// The answers to look-ups for creates; `None`: the system has no look-up by that field.
    pub found: HashMap<(OperationId, FieldName), Option<Vec<Observation>>>,
    /// The answers about links: of records of this mapping.
    pub linked: HashMap<(Side, RecordId), Option<Linked>>,
    /// The links that records of this mapping once had.
    pub former: HashMap<(Side, RecordId), Vec<Link>>,
    /// The answers about references: the record on the other side of another mapping's link.
    pub references: HashMap<Awaited, Option<RecordId>>,
    /// The answers about the times of fields, of records in conflict.
    pub field_times: HashMap<(Side, RecordId), Vec<(FieldName, Modified)>>,
    /// Whether a system knows when each field was changed.
    pub knows_field_times: Sides<bool>,
    /// What each system can do with whole records.
    pub powers: Sides<Powers>,
    /// What guards let through in this pass.
    pub gate: Gate,
    /// Records that a person says are the same.
    pub told: HashMap<(Side, RecordId), RecordId>,
    /// How long a record may be missing before it counts as deleted.
    pub grace: Duration,
    /// Links' pairs whose transform was changed since they were last looked at, by place.
    pub retransformed: HashMap<LinkId, Vec<usize>>,
    /// Operations of this run that were begun and surely not sent.
    pub unsent: HashSet<OperationId>,
    /// Origins of creates on each side that have no key and no answer: of what such a create made
    /// only a person can say whose it is.
    pub keyless_creates: Sides<Vec<RecordId>>,
    /// Records that this batch has written already, as people had left them: a time of ours
    /// decides no conflict.
    pub before_write: HashMap<(Side, RecordId), BeforeWrite>,
}

/// Which of two unlinked records that are one leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leads {
    /// The source's; the target's follows it in the same run.
    #[default]
    Source,
    /// Whichever is looked at: a run for named records does not see the other one.
    Named,
}

/// When a record had been changed before a write of ours, as far as its system says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BeforeWrite {
    /// The time of the version in the base.
    pub confirmed: Option<Modified>,
    /// The time of the version that was read before the write.
    pub shown: Option<Modified>,
    /// The version that the write left.
    pub left: Version,
}

/// What a system can do with whole records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a power that a system has or not")]
pub struct Powers {
    /// It puts them away so that they can be restored.
    pub archives: bool,
    /// It removes them for good.
    pub deletes_for_good: bool,
    /// It brings archived ones back.
    pub restores: bool,
    /// It makes one or changes the one with the same value in a unique field.
    pub upserts: bool,
}

/// What guards let through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Gate {
    /// Nothing that they are about: it is withheld, and counted.
    #[default]
    Closed,
    /// These kinds: all of the run was planned and the guards passed, or a person overrode them.
    Open(BTreeSet<Withheld>),
}

impl Gate {
    /// Whether this is let through.
    pub fn lets(&self, what: Withheld) -> bool {
        match self {
            Gate::Closed | Gate::Open(_)
                if seeded::is(Bug::GateOpen) && what != Withheld::Create =>
            {
                true
            }
            Gate::Closed => false,
            Gate::Open(kinds) => kinds.contains(&what),
        }
    }
}

impl PlanContext {
    /// From when on a write without an answer may be settled by what a read by id shows.
    pub fn settles_from(&self, operation: &Operation) -> Timestamp {
        self.settle.from(operation) + self.late(operation.side)
    }

    /// How late a read by id may be; zero where none is.
    pub(super) fn late(&self, side: Side) -> Duration {
        if seeded::is(Bug::LateReadBelieved) { Duration::ZERO } else { self.fetch_lag[side] }
    }

    /// A context in which nothing was fetched, of systems that promise nothing about creates. Of
    /// what guards are about, creates alone are let through.
    pub fn new(
        run: RunNumber,
        now: Timestamp,
        writing: Writing,
        settle: SettleRule,
        key: FingerprintKey,
    ) -> Self {
        Self {
            run,
            now,
            writing,
            settle,
            leads: Leads::default(),
            key,
            find_lag: Sides::new(Duration::MAX, Duration::MAX),
            list_lag: Sides::default(),
            fetch_lag: Sides::default(),
            refuses_duplicates: Sides::new(false, false),
            fetched: HashMap::new(),
            found: HashMap::new(),
            linked: HashMap::new(),
            former: HashMap::new(),
            references: HashMap::new(),
            field_times: HashMap::new(),
            knows_field_times: Sides::new(false, false),
            powers: Sides::default(),
            gate: Gate::Open(BTreeSet::from([Withheld::Create])),
            told: HashMap::new(),
            grace: DEFAULT_GRACE,
            retransformed: HashMap::new(),
            unsent: HashSet::new(),
            keyless_creates: Sides::default(),
            before_write: HashMap::new(),
        }
    }
}
