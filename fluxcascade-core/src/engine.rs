//! The line, run: pull → inbox → match → detect → merge → plan ⇄ refresh → apply → commit → report.
//!
//! What is decided is decided in [`crate::plan`]; this module moves data between the systems, the
//! store and the plan, and sees to it that nothing is sent that is not durable first.

mod again;
mod answer;
mod apply;
mod apply_plan;
mod batch;
mod builder;
mod commit;
mod desk;
mod dry;
mod explain;
mod foreseen;
mod forget;
mod guard;
mod joint;
mod keeping;
mod look;
mod named;
mod options;
mod outcome;
mod patterns;
mod pull;
mod record;
mod refresh;
mod refused;
mod retry;
mod run;
mod send;
mod told;
mod verify;
mod waiting;
mod webhook;
mod what_if;
mod worker;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use builder::EngineBuilder;
pub use desk::{Desk, DeskAnswer, DeskConflict, DeskError, DeskItem, DeskPage};
pub use explain::{
    ExplainedConflict, ExplainedLink, ExplainedPair, ExplainedWrite, Explanation, Waiting,
};
pub use forget::ForgetError;
pub use options::RunRequest;
pub use patterns::{ConflictNumbers, ConflictPatterns};
pub use verify::{Divergence, Example, Finding, Reason, Verification};
pub use webhook::{Heard, WebhookError};
pub use what_if::{Change, KeptBase, PairChange, Setting, SettingChange, WhatIf};
pub use worker::Turn;

use crate::clock::Clock;
use crate::connector::{Connector, ConnectorError};
use crate::mapping::{CompiledMapping, ConfigError};
use crate::model::{ConnectionName, MappingKey, MappingName, RecordId, Side, TenantId, Timestamp};
use crate::plan::Plan;
use crate::report::SyncReport;
use crate::store::{Store, StoreError};

/// Keeps records in sync. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    tenant: TenantId,
    connections: BTreeMap<ConnectionName, Connection>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    mappings: BTreeMap<MappingName, CompiledMapping>,
    settings: Settings,
    /// When accounts and schemas were read first.
    built: Timestamp,
    /// What was read of them since.
    looks: Mutex<BTreeMap<MappingName, look::Look>>,
    observer: Option<Observer>,
    #[cfg(feature = "testkit")]
    watch: Option<Watch>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("tenant", &self.tenant)
            .field("connections", &self.connections.keys())
            .field("mappings", &self.mappings.keys())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// See `EngineBuilder::watch`.
#[cfg(feature = "testkit")]
type Watch = Arc<
    dyn Fn(&CompiledMapping, &[crate::model::Work], &crate::plan::PlanContext, &Plan) + Send + Sync,
>;

/// A connector, and the account that was behind it when the engine was built.
struct Connection {
    connector: Arc<dyn Connector>,
    account: String,
}

/// Times and sizes; see [`EngineBuilder`].
#[derive(Debug, Clone, Copy)]
struct Settings {
    lease: Duration,
    request_timeout: Duration,
    sweep_every: Duration,
    grace: Duration,
    retention: Duration,
    batch: usize,
}

/// Something that happens in a run: for progress displays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A page of changes was taken in.
    Pulled {
        /// The side.
        side: Side,
        /// Records on all pages so far.
        records: u64,
    },
    /// Links and records have been decided.
    Decided {
        /// How many so far.
        works: u64,
    },
    /// Records were written.
    Wrote {
        /// The side.
        side: Side,
        /// How many on this side so far.
        records: u64,
    },
}

/// Why a run could not be done. What was stored before stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The engine has no such mapping.
    #[error("there is no mapping {0:?}; the engine has: {1}")]
    UnknownMapping(String, String),
    /// The mapping cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A system could not be read, or does not accept the credentials.
    #[error("{connection}: {error}")]
    Connector {
        /// The connection.
        connection: ConnectionName,
        /// What it said.
        #[source]
        error: Box<ConnectorError>,
    },
    /// The store failed, or another sync of the mapping is under way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another worker has taken the mapping over, and writes of this run may have come after its
    /// lease: the process stood still meanwhile.
    #[error(
        "{error}; {} of {mapping} had no answer before the lease was over, and may have been carried \
         out late: look whether a later edit was overwritten: {}",
        count_of(late),
        names_of(late)
    )]
    Overtaken {
        /// The mapping.
        mapping: MappingName,
        /// The writes.
        late: Vec<LateWrite>,
        /// How the run ended.
        #[source]
        error: StoreError,
    },
    /// The mapping names other endpoints than those that its links are of.
    #[error(
        "{mapping} has links of {before}, and now names {now}: use another mapping name for these, \
         or name the former ones again"
    )]
    OtherEndpoints {
        /// The mapping.
        mapping: MappingName,
        /// The endpoints that were synced.
        before: String,
        /// The endpoints that it names now.
        now: String,
    },
    /// A full read shows nothing of a side that had records.
    #[error(
        "{end} shows no record at all, where {mapping} knows {had}: nothing was taken in; look into \
         the permissions, filters and the account, and if it is really empty, run once with \
         accept_empty({side})"
    )]
    EmptyRead {
        /// The mapping.
        mapping: MappingName,
        /// The connection and object type.
        end: String,
        /// The side.
        side: Side,
        /// How many records were known there.
        had: u64,
    },
    /// The plan was made for other pairs than the mapping has now.
    #[error("the plan of {0} was made for other pairs than the mapping has now: make a new plan")]
    PlanOutdated(MappingName),
    /// Another account stands behind a connection than the one that was synced before.
    #[error(
        "{connection} is now the account {now}, but {mapping} was synced with the account {before}: \
         connect the former account, or use another mapping name for this one"
    )]
    OtherAccount {
        /// The connection.
        connection: ConnectionName,
        /// The mapping.
        mapping: MappingName,
        /// The account that was synced.
        before: String,
        /// The account there is now.
        now: String,
    },
}

impl SyncError {
    /// After how long the system takes requests again, if it said so: a run before then fails too.
    pub fn retry_after(&self) -> Option<Duration> {
        if let SyncError::Connector { error, .. } = self { error.retry_after } else { None }
    }
}

/// A write that was answered when the run's lease was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateWrite {
    /// The side that was written.
    pub side: Side,
    /// The record; `None` for a create.
    pub record: Option<RecordId>,
    /// The record of the other side that it came from.
    pub origin: RecordId,
}

/// The write for people.
impl std::fmt::Display for LateWrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.record {
            Some(record) => write!(f, "{} {record}", self.side),
            None => write!(f, "a {} for {}", self.side, self.origin),
        }
    }
}

fn count_of(late: &[LateWrite]) -> String {
    if late.len() == 1 { "1 write".to_owned() } else { format!("{} writes", late.len()) }
}

fn names_of(late: &[LateWrite]) -> String {
    late.iter().map(LateWrite::to_string).collect::<Vec<_>>().join(", ")
}

/// The future of a call that does much. An `async fn` is compiled into each program that awaits it, with all
/// that it calls; behind a pointer it is compiled here, once.
type Compiled<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Engine {
    /// Begins an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    /// What a sync would do now. Nothing is written to any system: the changes are read and taken
    /// into the inbox, and stay there.
    ///
    /// # Errors
    /// If a system cannot be read, the store fails, or another sync of the mapping is under way.
    pub async fn plan(&self, mapping: &str) -> Result<Plan, SyncError> {
        self.run(mapping).plan().await
    }

    /// Syncs a mapping once.
    ///
    /// # Errors
    /// If the run could not be done; a record that failed is data in the report.
    pub async fn sync(&self, mapping: &str) -> Result<SyncReport, SyncError> {
        self.run(mapping).sync().await
    }

    /// Asks for a run that is not the ordinary one: both sides read whole, named records only, or
    /// guards overridden once.
    ///
    /// ```no_run
    /// # async fn f(engine: fluxcascade_core::Engine) -> Result<(), fluxcascade_core::SyncError> {
    /// use fluxcascade_core::model::Withheld;
    /// let report = engine.run("contacts").full().override_guards([Withheld::Archive]).sync().await?;
    /// # Ok(()) }
    /// ```
    pub fn run(&self, mapping: &str) -> RunRequest<'_> {
        RunRequest::new(self, mapping)
    }

    /// Where the engine keeps what it remembers: the log, conflicts, holds and links are read there.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// The key under which the store has a mapping.
    pub fn mapping_key(&self, mapping: &MappingName) -> MappingKey {
        MappingKey { tenant: self.inner.tenant.clone(), mapping: mapping.clone() }
    }

    /// A mapping as it was compiled.
    ///
    /// # Errors
    /// If the engine has no such mapping.
    pub fn mapping(&self, name: &str) -> Result<&CompiledMapping, SyncError> {
        self.inner.mappings.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.inner.mappings.keys().map(MappingName::as_str).collect();
            SyncError::UnknownMapping(name.to_owned(), known.join(", "))
        })
    }

    /// The connections, for people.
    fn connection_names(&self) -> String {
        let names = self.inner.connections.keys().map(ConnectionName::as_str);
        names.collect::<Vec<_>>().join(", ")
    }

    fn tell(&self, event: &Event) {
        if let Some(observer) = &self.inner.observer {
            observer(event);
        }
    }
}
