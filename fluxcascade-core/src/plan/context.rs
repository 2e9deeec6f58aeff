//! What a plan is made from besides the work itself: the time, the run, and what was fetched.

use std::collections::HashMap;
use std::time::Duration;

use crate::mapping::FingerprintKey;
use crate::model::{
    Observation, Operation, OperationId, RecordId, RunNumber, Side, Sides, Timestamp,
};

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
    /// The key of match-key fingerprints.
    pub key: FingerprintKey,
    /// How long after a write a look-up surely shows it.
    pub find_lag: Sides<Duration>,
    /// Whether a create that would repeat a unique key is refused with the record that has it.
    pub refuses_duplicates: Sides<bool>,
    /// The answers to needs: what was fetched in this run. A need is asked once.
    pub fetched: HashMap<(Side, RecordId), Observation>,
    /// The answers to look-ups for creates; `None`: the system has no look-up by that field.
    pub found: HashMap<OperationId, Option<Vec<Observation>>>,
}

impl PlanContext {
    /// A context in which nothing was fetched, of systems that promise nothing about creates.
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
            key,
            find_lag: Sides::new(Duration::MAX, Duration::MAX),
            refuses_duplicates: Sides::new(false, false),
            fetched: HashMap::new(),
            found: HashMap::new(),
        }
    }
}
