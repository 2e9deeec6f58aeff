//! Two systems in memory whose every call is a crash point, a store that outlives the processes,
//! and the engine of one process. What people do to the systems is in `people`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{ConnectionName, FieldType, MappingKey, ObjectType, Side, Sides};
use fluxcascade_core::store::{Hint, Store};
use fluxcascade_core::testkit::{
    CrashPlan, CrashPoints, Ended, Remains, SimProfile, SimSystem, Witness,
};
use fluxcascade_core::{Engine, SyncError, SyncReport};

use crate::cells::Cells;
use crate::kept::revealed;
use crate::setup::{Revision, Setup, object};
use crate::storage::Place;

pub(crate) type Sync = Result<SyncReport, SyncError>;

pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) revision: Revision,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) systems: Sides<SimSystem>,
    /// An endpoint that no link is of.
    pub(crate) elsewhere: SimSystem,
    pub(crate) points: CrashPoints,
    pub(crate) witness: Witness,
    pub(crate) cells: Arc<Mutex<Cells>>,
    /// There is none while the process is down.
    store: Option<Arc<dyn Store>>,
    place: Place,
}

impl World {
    /// A world whose systems are as the setup has them, but for what is changed here.
    pub(crate) async fn new(setup: Setup, change: impl Fn(Side, &mut SimProfile)) -> Self {
        let noon = "2026-03-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::starting(noon));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let witness = Witness::new();
        let profile = |side: Side| {
            let mut profile = setup.profile(side);
            change(side, &mut profile);
            profile
        };
        let systems = Sides {
            source: crm(profile(Side::Source), Arc::clone(&shared)),
            target: clients(profile(Side::Target), Arc::clone(&shared)),
        };
        for (side, system) in systems.iter() {
            system.witnessed_by(&witness, setup.side(side));
            if let Some(plan) = setup.systems[side].fault_plan() {
                system.fail_by(plan);
            }
            if setup.webhooks {
                system.listen();
            }
        }
        let mut world = Self {
            revision: Revision::Whole,
            systems,
            elsewhere: SimSystem::new("field", "clients", elsewhere(), shared)
                .typed_field("mail", FieldType::Email)
                .field("name")
                .field("other_id"),
            clock,
            points: CrashPoints::new(),
            witness,
            cells: Arc::default(),
            store: None,
            place: Place::new(setup.storage),
            setup,
        };
        world.start().await;
        world
    }

    /// A process starts with what the one before left behind.
    async fn start(&mut self) {
        self.store = None;
        self.store = Some(self.place.open().await);
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

    async fn engine_with(&self, mapping: Mapping) -> Result<Engine, SyncError> {
        let cells = Arc::clone(&self.cells);
        Engine::builder()
            .tenant(self.place.tenant())
            .connection("crm", self.points.connector(self.systems.source.clone()))
            .connection("field", self.points.connector(self.systems.target.clone()))
            .connection("elsewhere", self.points.connector(self.elsewhere.clone()))
            .store(self.points.store(Arc::clone(self.store())))
            .clock(Arc::new(self.points.clock(Arc::<ManualClock>::clone(&self.clock))))
            .batch(self.setup.engine_batch)
            .watch(move |mapping, works, context, plan| {
                cells.lock().unwrap().count(mapping, works, context, plan);
            })
            .mapping(mapping)
            .build()
            .await
    }

    pub(crate) async fn engine(&self) -> Engine {
        self.engine_with(self.setup.mapping(self.revision)).await.unwrap()
    }

    pub(crate) async fn sync(&self) -> Sync {
        self.engine().await.sync("contacts").await
    }

    /// A process that makes a run, and ends as the plan has it.
    pub(crate) async fn run(&mut self, plan: CrashPlan) -> Ended<Sync> {
        let end = {
            let mapping = self.setup.mapping(self.revision);
            let process = async { self.engine_with(mapping).await?.sync("contacts").await };
            self.points.run(plan, process).await
        };
        if let Ended::Crashed(_) = &end {
            self.start().await;
        }
        end
    }

    /// A run with a mapping that names another endpoint; it must not get anywhere.
    pub(crate) async fn mislead(&self) -> SyncError {
        let engine = self.engine_with(self.setup.misled()).await.unwrap();
        engine.sync("contacts").await.expect_err("the links are of other endpoints (P20)")
    }

    /// What webhooks say is put into the inbox.
    pub(crate) async fn deliver(&self) {
        for (side, system) in self.systems.iter() {
            let (connection, object) = match side {
                Side::Source => ("crm", "contacts"),
                Side::Target => ("field", "clients"),
            };
            let hints = system.take_events().into_iter().map(|event| Hint {
                tenant: self.place.tenant(),
                connection: ConnectionName::new(connection).unwrap(),
                object: ObjectType::new(object).unwrap(),
                record: event.record,
            });
            let hints: Vec<Hint> = hints.collect();
            self.store().notify(&hints).await.unwrap();
        }
    }

    pub(crate) async fn key(&self) -> MappingKey {
        self.engine().await.mapping_key(&self.setup.mapping(Revision::Whole).name)
    }

    pub(crate) async fn remains(&self) -> Remains {
        let remains = Remains::read(self.store().as_ref(), &self.key().await).await.unwrap();
        revealed(self, remains).await
    }
}

/// A system that can do all that a mapping may ask of it.
fn elsewhere() -> SimProfile {
    let mut profile = SimProfile::default();
    profile.capabilities.archives = true;
    profile.capabilities.deletes_for_good = true;
    profile
}

fn crm(profile: SimProfile, clock: Arc<dyn Clock>) -> SimSystem {
    SimSystem::new("crm", "contacts", profile, clock)
        .typed_field("email", FieldType::Email)
        .field("name")
        .typed_field("phone", FieldType::Phone)
        .field("address")
        .field("city")
        .field("note")
        .field("grade")
        .typed_field("score", FieldType::Int)
        .typed_field("tags", FieldType::Set { item: Box::new(FieldType::Text) })
        .typed_field("boss", FieldType::Ref { object: object(Side::Source) })
        .field("other_id")
        .unique("email")
}

fn clients(profile: SimProfile, clock: Arc<dyn Clock>) -> SimSystem {
    SimSystem::new("field", "clients", profile, clock)
        .typed_field("mail", FieldType::Email)
        .field("name")
        .field("nick")
        .typed_field("phone", FieldType::Phone)
        .field("street")
        .field("town")
        .field("memo")
        .field("rank")
        .typed_field("points", FieldType::Int)
        .typed_field("labels", FieldType::Set { item: Box::new(FieldType::Text) })
        .typed_field("lead", FieldType::Ref { object: object(Side::Target) })
        .field("other_id")
        .unique("mail")
}
