//! Two systems in memory, a clock that tests move, and an engine between them on any store.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::Connector;
use fluxcascade_core::mapping::{Mapping, MappingBuilder};
use fluxcascade_core::model::{
    Answer, AnswerOutcome, AnswerTo, Choice, Conflict, FieldType, Hold, HoldKey, Link, LinkStatus,
    LogRow, RecordId,
};
use fluxcascade_core::store::{Page, Store};
use fluxcascade_core::testkit::{CrashPoints, SimProfile, SimSystem};
use fluxcascade_core::{Engine, SyncReport, Timestamp};
use fluxcascade_store::MemoryStore;

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) crm: SimSystem,
    pub(crate) field: SimSystem,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mapping: Mapping,
}

pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-03-01T{time}:00Z").parse().unwrap()
}

/// The mapping of most tests: contacts with an e-mail as key, a name, a phone, an address.
pub(crate) fn contacts() -> MappingBuilder {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
        .pair("name", "name")
        .pair("phone", "phone")
        .pair("address", "street")
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(SimProfile::default(), SimProfile::default(), contacts())
    }

    pub(crate) fn with(crm: SimProfile, field: SimProfile, mapping: MappingBuilder) -> Self {
        let clock = Arc::new(ManualClock::starting(at("12:00")));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let crm = SimSystem::new("crm", "contacts", crm, Arc::clone(&shared))
            .typed_field("email", FieldType::Email)
            .field("name")
            .typed_field("phone", FieldType::Phone)
            .field("address")
            .field("status")
            .field("field_id");
        let field = SimSystem::new("field", "clients", field, shared)
            .typed_field("mail", FieldType::Email)
            .field("name")
            .typed_field("phone", FieldType::Phone)
            .field("street")
            .field("crm_id");
        Self {
            clock,
            crm,
            field,
            store: Arc::new(MemoryStore::new()),
            mapping: mapping.build().unwrap(),
        }
    }

    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::<ManualClock>::clone(&self.clock)
    }

    pub(crate) async fn engine(&self) -> Engine {
        self.engine_with(self.field.clone()).await
    }

    /// A process that may end at these points.
    pub(crate) async fn engine_at(&self, points: &CrashPoints) -> Engine {
        Engine::builder()
            .connection("crm", points.connector(self.crm.clone()))
            .connection("field", points.connector(self.field.clone()))
            .store(points.store(Arc::clone(&self.store)))
            .clock(self.shared_clock())
            .mapping(self.mapping.clone())
            .build()
            .await
            .unwrap()
    }

    /// With another connector to the target.
    pub(crate) async fn engine_with(&self, field: impl Connector) -> Engine {
        Engine::builder()
            .connection("crm", self.crm.clone())
            .connection("field", field)
            .store(Arc::clone(&self.store))
            .clock(self.shared_clock())
            .mapping(self.mapping.clone())
            .build()
            .await
            .unwrap()
    }

    pub(crate) async fn sync(&self) -> SyncReport {
        self.engine().await.sync("contacts").await.unwrap()
    }

    /// Syncs until nothing is written, at most three times (P1).
    pub(crate) async fn settle(&self) {
        for _ in 0..3 {
            self.minutes(15);
            if self.sync().await.writes() == 0 {
                return;
            }
        }
        self.minutes(15);
        assert_eq!(self.sync().await.writes(), 0, "three runs did not reach one without writes");
    }

    /// Records on both sides with the same e-mail, linked and agreed.
    pub(crate) async fn linked(&self) -> (RecordId, RecordId) {
        let values = |mail| [(mail, "ann@x.io"), ("name", "Ann"), ("phone", "256 555 0100")];
        let source = self.crm.insert(values("email"));
        self.crm.edit(&source, "address", "1 Main St");
        let target = self.field.insert(values("mail"));
        self.field.edit(&target, "street", "1 Main St");
        let report = self.sync().await;
        assert_eq!((report.linked, report.writes()), (1, 0), "{report}");
        self.crm.clear_ledger();
        self.field.clear_ledger();
        (source, target)
    }

    pub(crate) fn minutes(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    pub(crate) fn time(&self, time: &str) {
        self.clock.set(at(time));
    }

    pub(crate) async fn log(&self) -> Vec<LogRow> {
        let key = self.engine().await.mapping_key(&self.mapping.name);
        self.store.log(&key, &Page::all()).await.unwrap()
    }

    pub(crate) async fn conflicts(&self) -> Vec<Conflict> {
        let key = self.engine().await.mapping_key(&self.mapping.name);
        self.store.conflicts(&key, &Page::all()).await.unwrap()
    }

    pub(crate) async fn holds(&self) -> Vec<Hold> {
        let key = self.engine().await.mapping_key(&self.mapping.name);
        self.store.holds(&key, &Page::all()).await.unwrap()
    }

    /// A person answers the only hold there is.
    pub(crate) async fn answer(&self, choice: Choice) -> AnswerOutcome {
        let holds = self.holds().await;
        assert_eq!(holds.len(), 1, "{holds:?}");
        let to = AnswerTo {
            hold: holds[0].key.clone(),
            version: holds[0].version(),
            answer: Answer { choice, at: self.clock.now() },
        };
        let key = self.engine().await.mapping_key(&self.mapping.name);
        self.store.answer(&key, &[to]).await.unwrap()[0]
    }

    /// A person answers the hold of an unlinked record.
    pub(crate) async fn answer_record(&self, record: &RecordId, choice: Choice) -> AnswerOutcome {
        let holds = self.holds().await;
        let on = |hold: &&Hold| matches!(&hold.key, HoldKey::Record(_, held) if held == record);
        let hold = holds.iter().find(on).unwrap();
        let to = AnswerTo {
            hold: hold.key.clone(),
            version: hold.version(),
            answer: Answer { choice, at: self.clock.now() },
        };
        let key = self.engine().await.mapping_key(&self.mapping.name);
        self.store.answer(&key, &[to]).await.unwrap()[0]
    }

    /// The link of a record, an ended one if there is no other.
    pub(crate) async fn link_of(&self, record: &RecordId) -> Link {
        let mut links = self.links().await;
        links.retain(|link| link.records.iter().any(|(_, other)| other == record));
        links.sort_by_key(|link| link.status == LinkStatus::Tombstone);
        assert!(!links.is_empty(), "{record} has no link");
        links.remove(0)
    }

    /// The only link there is.
    pub(crate) async fn link(&self) -> Link {
        let mut links = self.links().await;
        assert_eq!(links.len(), 1, "{links:?}");
        links.remove(0)
    }

    pub(crate) async fn links(&self) -> Vec<Link> {
        let key = self.engine().await.mapping_key(&self.mapping.name);
        self.store.links(&key, None, usize::MAX).await.unwrap()
    }
}

impl World {
    /// Records on both sides with the same e-mail and this name, linked and agreed.
    pub(crate) async fn linked_with_name(&self, name: &str) -> (RecordId, RecordId) {
        let values = |mail| [(mail, "ann@x.io"), ("name", name)];
        let source = self.crm.insert(values("email"));
        let target = self.field.insert(values("mail"));
        assert_eq!(self.sync().await.writes(), 0);
        (source, target)
    }
}
