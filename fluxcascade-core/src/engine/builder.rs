//! Engines from connections, a store and mappings. Building reads the schemas and checks everything.

pub(super) mod check;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Compiled, Connection, Engine, Event, Inner, Observer, Settings, SyncError};
use crate::clock::{Clock, SystemClock};
use crate::connector::Connector;
use crate::mapping::{CompiledMapping, ConfigError, DEFAULT_RETENTION, Endpoint, Finding, Mapping};
use crate::model::{ConnectionName, ObjectSchema, ObjectType, Side, Sides, TenantId};
use crate::plan::DEFAULT_GRACE;
use crate::store::Store;

/// An engine that is being built; see [`Engine::builder`].
pub struct EngineBuilder {
    tenant: TenantId,
    connections: Vec<(String, Arc<dyn Connector>)>,
    store: Option<Arc<dyn Store>>,
    clock: Arc<dyn Clock>,
    mappings: Vec<Mapping>,
    settings: Settings,
    observer: Option<Observer>,
    #[cfg(feature = "testkit")]
    watch: Option<super::Watch>,
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("tenant", &self.tenant)
            .field("mappings", &self.mappings)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl EngineBuilder {
    pub(super) fn new() -> Self {
        Self {
            tenant: TenantId::default(),
            connections: Vec::new(),
            store: None,
            clock: Arc::new(SystemClock),
            mappings: Vec::new(),
            settings: Settings {
                lease: Duration::from_secs(300),
                request_timeout: Duration::from_secs(30),
                sweep_every: Duration::from_secs(24 * 3600),
                grace: DEFAULT_GRACE,
                retention: DEFAULT_RETENTION,
                batch: 200,
            },
            observer: None,
            #[cfg(feature = "testkit")]
            watch: None,
        }
    }

    /// Whose data it is; `default` unless said otherwise.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// A connector, under the name that mappings use.
    #[must_use]
    pub fn connection(self, name: impl Into<String>, connector: impl Connector) -> Self {
        self.shared_connection(name, Arc::new(connector))
    }

    /// A connector that is shared with others.
    #[must_use]
    pub fn shared_connection(
        mut self,
        name: impl Into<String>,
        connector: Arc<dyn Connector>,
    ) -> Self {
        self.connections.push((name.into(), connector));
        self
    }

    /// Where the engine remembers.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Where the time comes from; the machine's clock unless said otherwise.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A mapping.
    #[must_use]
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        self.mappings.push(mapping);
        self
    }

    /// Is told what happens in a run; it must not block.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Is shown each batch of work with what was decided for it: for suites that count decisions.
    #[cfg(feature = "testkit")]
    #[doc(hidden)]
    #[must_use]
    pub fn watch(
        mut self,
        watch: impl Fn(
            &crate::mapping::CompiledMapping,
            &[crate::model::Work],
            &crate::plan::PlanContext,
            &crate::plan::Plan,
        ) + Send
        + Sync
        + 'static,
    ) -> Self {
        self.watch = Some(Arc::new(watch));
        self
    }

    /// How long a lease lasts; it is renewed at half. 5 minutes unless said otherwise.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How long a connector's request may take at most. 30 s unless said otherwise.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.request_timeout = timeout;
        self
    }

    /// How often a side is read whole, so that what no incremental read shows is found. Once a day
    /// unless said otherwise.
    #[must_use]
    pub fn sweep_every(mut self, every: Duration) -> Self {
        self.settings.sweep_every = every;
        self
    }

    /// How long a record that is not found may be missing before it counts as deleted. A day unless
    /// said otherwise.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// How long the bases of a pair are kept that was taken out of a mapping, or ties other fields
    /// there: if it comes back within that time, what was edited meanwhile flows as any edit; later it
    /// is a new pair. 90 days unless said otherwise. What is over goes when the mapping changes next.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.settings.retention = retention;
        self
    }

    /// How many links or records are decided together. 200 unless said otherwise.
    #[must_use]
    pub fn batch(mut self, works: usize) -> Self {
        self.settings.batch = works.max(1);
        self
    }

    /// The engine: asks each system for its account and schemas, and checks each mapping.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration at once, or that a system does not answer.
    pub async fn build(self) -> Result<Engine, SyncError> {
        self.building().await
    }

    fn building(self) -> Compiled<'static, Result<Engine, SyncError>> {
        Box::pin(async move {
            let mut findings = Vec::new();
            let connectors = names(self.connections, &mut findings);
            if self.store.is_none() {
                findings.push(Finding::new("store", "not set: add .store(...)"));
            }
            if self.settings.lease <= self.settings.request_timeout * 2 {
                let message =
                    "must be more than twice the request timeout, or nothing can be sent under it";
                findings.push(Finding::new("lease", message));
            }
            let all: Vec<&Mapping> = self.mappings.iter().collect();
            for mapping in &self.mappings {
                check::connections(mapping, &connectors, &mut findings);
                check::references(mapping, &all, &mut findings);
            }
            ConfigError::unless_empty(findings)?;
            let built = self.clock.now();
            let connections = connect(connectors).await?;
            let mappings = compile(&self.tenant, &self.mappings, &connections).await?;
            let Some(store) = self.store else {
                return Err(ConfigError { findings: Vec::new() }.into()); // found above
            };
            Ok(Engine {
                inner: Arc::new(Inner {
                    tenant: self.tenant,
                    connections,
                    store,
                    clock: self.clock,
                    mappings,
                    settings: self.settings,
                    built,
                    looks: Mutex::default(),
                    observer: self.observer,
                    #[cfg(feature = "testkit")]
                    watch: self.watch,
                }),
            })
        })
    }
}

fn names(
    connections: Vec<(String, Arc<dyn Connector>)>,
    findings: &mut Vec<Finding>,
) -> BTreeMap<ConnectionName, Arc<dyn Connector>> {
    let mut named = BTreeMap::new();
    for (name, connector) in connections {
        match ConnectionName::new(&name) {
            Err(error) => findings.push(Finding::new("connection", error.to_string())),
            Ok(key) => {
                if named.insert(key, connector).is_some() {
                    let message = format!("{name} is used twice: give one of them another name");
                    findings.push(Finding::new("connection", message));
                }
            }
        }
    }
    named
}

async fn connect(
    connectors: BTreeMap<ConnectionName, Arc<dyn Connector>>,
) -> Result<BTreeMap<ConnectionName, Connection>, SyncError> {
    let mut connections = BTreeMap::new();
    for (name, connector) in connectors {
        let account = connector.account().await.map_err(|error| SyncError::Connector {
            connection: name.clone(),
            error: Box::new(error),
        })?;
        connections.insert(name, Connection { connector, account: account.id });
    }
    Ok(connections)
}

/// Reads each schema once, and compiles; the findings of all mappings come together.
async fn compile(
    tenant: &TenantId,
    mappings: &[Mapping],
    connections: &BTreeMap<ConnectionName, Connection>,
) -> Result<BTreeMap<crate::model::MappingName, CompiledMapping>, SyncError> {
    let mut schemas: BTreeMap<(ConnectionName, ObjectType), ObjectSchema> = BTreeMap::new();
    let mut compiled = BTreeMap::new();
    let mut findings = Vec::new();
    let all: Vec<&Mapping> = mappings.iter().collect();
    for mapping in mappings {
        for side in Side::BOTH {
            let Endpoint { connection, object } = mapping.endpoint(side).clone();
            let key = (connection.clone(), object.clone());
            if let std::collections::btree_map::Entry::Vacant(free) = schemas.entry(key) {
                let schema = connections[&connection].connector.schema(&object).await;
                free.insert(schema.map_err(|error| SyncError::Connector {
                    connection,
                    error: Box::new(error),
                })?);
            }
        }
        let of = |side: Side| {
            let Endpoint { connection, object } = mapping.endpoint(side).clone();
            &schemas[&(connection, object)]
        };
        let both = Sides::new(of(Side::Source), of(Side::Target));
        let name = mapping.name.clone();
        match check::compiled(tenant, mapping, both, connections) {
            Ok(mapping) => {
                check::referred(&mapping, &all, &mut findings);
                if compiled.insert(name.clone(), mapping).is_some() {
                    let message = "the name is used twice: give one of them another";
                    findings.push(Finding::new(format!("mapping {name}"), message));
                }
            }
            Err(found) => findings.extend(found),
        }
    }
    ConfigError::unless_empty(findings)?;
    Ok(compiled)
}
