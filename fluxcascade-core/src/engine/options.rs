//! What a run is asked to do beyond the ordinary: [`RunRequest`].

use std::collections::{BTreeSet, HashMap};

use super::run::{Purpose, Run};
use super::{Compiled, Engine, SyncError};
use crate::model::{RecordId, Side, Withheld};
use crate::plan::Plan;
use crate::report::SyncReport;
use crate::store::Lease;

/// What a run reads and decides about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Scope {
    /// What has changed since the last run.
    #[default]
    Changed,
    /// Both sides, read whole.
    Full,
    /// These records and what they are linked to.
    Records(Vec<(Side, RecordId)>),
}

/// What a run was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct RunOptions {
    pub(super) scope: Scope,
    /// What guards let through in this run.
    pub(super) overridden: BTreeSet<Withheld>,
    /// Sides that may really be empty.
    pub(super) empty: BTreeSet<Side>,
    /// Records that a person says are the same.
    pub(super) told: HashMap<(Side, RecordId), RecordId>,
}

/// A run that is asked for; see [`Engine::run`].
#[derive(Debug, Clone)]
#[must_use = "nothing happens until it is planned or synced"]
pub struct RunRequest<'e> {
    engine: &'e Engine,
    mapping: String,
    options: RunOptions,
    lease: Option<Lease>,
}

impl<'e> RunRequest<'e> {
    pub(super) fn new(engine: &'e Engine, mapping: &str) -> Self {
        Self { engine, mapping: mapping.to_owned(), options: RunOptions::default(), lease: None }
    }

    /// Runs under a lease that the mapping's worker has claimed, and gives it back at the end,
    /// whatever becomes of the run.
    pub fn under(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The mapping's name.
    pub fn mapping(&self) -> &str {
        &self.mapping
    }

    /// Reads both sides whole, whether that is due or not.
    pub fn full(mut self) -> Self {
        self.options.scope = Scope::Full;
        self
    }

    /// Only looks at these records, and at what they are linked to. May be called for both sides.
    ///
    /// They are read by id. Changes are listed only if one of the records is not linked yet: its
    /// partner may be new.
    pub fn records(mut self, side: Side, ids: impl IntoIterator<Item = RecordId>) -> Self {
        let mut named = match self.options.scope {
            Scope::Records(named) => named,
            Scope::Changed | Scope::Full => Vec::new(),
        };
        named.extend(ids.into_iter().map(|id| (side, id)));
        self.options.scope = Scope::Records(named);
        self
    }

    /// Lets through what guards hold back of these kinds, in this run alone. Each write is decided
    /// anew on what both records hold then.
    pub fn override_guards(mut self, kinds: impl IntoIterator<Item = Withheld>) -> Self {
        self.options.overridden.extend(kinds);
        self
    }

    /// Takes it from this side that it has no records any more, in this run alone: see
    /// [`SyncError::EmptyRead`].
    pub fn accept_empty(mut self, side: Side) -> Self {
        self.options.empty.insert(side);
        self
    }

    pub(super) fn told(mut self, source: &RecordId, target: &RecordId) -> Self {
        self.options.told.insert((Side::Source, source.clone()), target.clone());
        self.options.told.insert((Side::Target, target.clone()), source.clone());
        self
    }

    /// What the run would do now; see [`Engine::plan`].
    ///
    /// # Errors
    /// If a system cannot be read, the store fails, or another sync of the mapping is under way.
    pub async fn plan(self) -> Result<Plan, SyncError> {
        self.planning().await
    }

    fn planning(self) -> Compiled<'e, Result<Plan, SyncError>> {
        Box::pin(async move {
            let mut run = Run::open(self.engine, &self.mapping, Purpose::Plan, self.lease).await?;
            run.options = self.options;
            let result = run.dry().await;
            run.release().await;
            result
        })
    }

    /// Runs; see [`Engine::sync`].
    ///
    /// # Errors
    /// If the run could not be done; a record that failed is data in the report.
    pub async fn sync(self) -> Result<SyncReport, SyncError> {
        self.syncing().await
    }

    fn syncing(self) -> Compiled<'e, Result<SyncReport, SyncError>> {
        Box::pin(async move {
            let mut run = Run::open(self.engine, &self.mapping, Purpose::Write, self.lease).await?;
            run.options = self.options;
            let result = run.sync().await;
            run.release().await;
            result.map_err(|error| run.overtaken(error))
        })
    }
}
