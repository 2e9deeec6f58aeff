//! Two systems in memory that let go of the thread around each call, a store that outlives the
//! processes, and the engine of one process. What people do to the systems is in `script`.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Extensions,
    FetchRequest, FindRequest, Found, Reader, WriteOutcome, WriteRequest,
};
use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{
    FieldType, Link, ObjectSchema, ObjectType, Observation, Side, Sides, SystemName,
};
use fluxcascade_core::store::Store;
use fluxcascade_core::testkit::{SimProfile, SimSystem};
use fluxcascade_core::{Engine, SyncError, SyncReport};
use fluxcascade_store::{MemoryStore, SqliteStore};
use tokio::task::yield_now;

use crate::setup::{Revision, Setup, Storage};

/// A system whose calls can be cut off before they are carried out, and after.
#[derive(Debug, Clone)]
struct Yielding(SimSystem);

#[async_trait]
impl Reader for Yielding {
    fn system(&self) -> &SystemName {
        self.0.system()
    }

    fn capabilities(&self, object: &ObjectType) -> Capabilities {
        self.0.capabilities(object)
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        self.0.account().await
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        self.0.schema(object).await
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        around(self.0.changes(request)).await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        around(self.0.fetch(request)).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        around(self.0.find(request)).await
    }
}

#[async_trait]
impl Connector for Yielding {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        around(self.0.write(request)).await
    }

    fn extensions(&self) -> Extensions<'_> {
        self.0.extensions()
    }
}

async fn around<F: Future>(call: F) -> F::Output {
    yield_now().await;
    let answer = call.await;
    yield_now().await;
    answer
}

/// Whether a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Reached,
    CutOff,
}

/// Polls a future so many times, and drops it.
async fn cut_off<F: Future>(polls: usize, future: F) -> End {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(End::CutOff);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| End::Reached)
    })
    .await
}

pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) revision: Revision,
    clock: Arc<ManualClock>,
    pub(crate) systems: Sides<SimSystem>,
    /// An endpoint that no link is of.
    pub(crate) elsewhere: SimSystem,
    /// There is none while the process is down.
    store: Option<Arc<dyn Store>>,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(setup: Setup) -> Self {
        let noon = "2026-03-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::starting(noon));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let mut world = Self {
            setup,
            revision: Revision::Whole,
            systems: Sides {
                source: crm(&setup, Arc::clone(&shared)),
                target: clients(&setup, Arc::clone(&shared)),
            },
            elsewhere: SimSystem::new("field", "clients", SimProfile::default(), shared)
                .typed_field("mail", FieldType::Email)
                .field("name"),
            clock,
            store: None,
            folder: tempfile::tempdir().unwrap(),
        };
        world.start().await;
        world
    }

    /// A process starts with what the one before left behind.
    async fn start(&mut self) {
        match self.setup.storage {
            Storage::Sqlite => {
                self.store = None; // it has the file's lock
                let path = self.folder.path().join("sync.db");
                self.store = Some(Arc::new(SqliteStore::open(&path).await.unwrap()));
            }
            Storage::Memory => {
                self.store.get_or_insert_with(|| Arc::new(MemoryStore::new()));
            }
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.store.as_ref().unwrap()
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn minutes(&self, minutes: u64) {
        self.wait(60 * minutes);
    }

    async fn engine_with(&self, mapping: Mapping) -> Engine {
        Engine::builder()
            .connection("crm", Yielding(self.systems.source.clone()))
            .connection("field", Yielding(self.systems.target.clone()))
            .connection("elsewhere", Yielding(self.elsewhere.clone()))
            .store(Arc::clone(self.store()))
            .clock(Arc::<ManualClock>::clone(&self.clock))
            .batch(self.setup.engine_batch)
            .mapping(mapping)
            .build()
            .await
            .unwrap()
    }

    pub(crate) async fn engine(&self) -> Engine {
        self.engine_with(self.setup.mapping(self.revision)).await
    }

    pub(crate) async fn sync(&self) -> Result<SyncReport, SyncError> {
        self.engine().await.sync("contacts").await
    }

    /// A run with a mapping that names another endpoint; it must not get anywhere.
    pub(crate) async fn mislead(&self) -> SyncError {
        let engine = self.engine_with(self.setup.misled()).await;
        engine.sync("contacts").await.expect_err("the links are of other endpoints (P20)")
    }

    pub(crate) async fn crash(&mut self, polls: usize) -> End {
        let end = {
            let engine = self.engine().await;
            cut_off(polls, engine.sync("contacts")).await
        };
        self.start().await;
        end
    }

    pub(crate) async fn links(&self) -> Vec<Link> {
        let key = self.engine().await.mapping_key(&self.setup.mapping(self.revision).name);
        self.store().links(&key, None, usize::MAX).await.unwrap()
    }
}

fn crm(setup: &Setup, clock: Arc<dyn Clock>) -> SimSystem {
    let system = SimSystem::new("crm", "contacts", setup.profile(Side::Source), clock)
        .typed_field("email", FieldType::Email)
        .field("name")
        .typed_field("phone", FieldType::Phone)
        .field("address")
        .field("city")
        .field("note");
    if setup.systems.source.refuses_duplicates { system.unique("email") } else { system }
}

fn clients(setup: &Setup, clock: Arc<dyn Clock>) -> SimSystem {
    let system = SimSystem::new("field", "clients", setup.profile(Side::Target), clock)
        .typed_field("mail", FieldType::Email)
        .field("name")
        .field("nick")
        .typed_field("phone", FieldType::Phone)
        .field("street")
        .field("town")
        .field("memo");
    if setup.systems.target.refuses_duplicates { system.unique("mail") } else { system }
}
