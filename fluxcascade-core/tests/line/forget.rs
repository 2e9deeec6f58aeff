//! P30: an engine's user has a record forgotten: it stays away, nothing is written for it, and the
//! others go on.

use std::sync::Arc;

use fluxcascade_core::SyncError;
use fluxcascade_core::engine::ForgetError;
use fluxcascade_core::model::{HoldReason, MappingName, RecordId, Side};
use fluxcascade_core::store::{Hint, Receipt, Removed, Store, StoreErrorKind, Upkeep};
use fluxcascade_core::testkit::{CallKind, Fault, block_on};
use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::world::World;

/// A world on a store that forgets.
struct Forgetful {
    world: World,
    store: Arc<dyn Upkeep>,
    /// Where its files are.
    _folder: Option<tempfile::TempDir>,
}

impl Forgetful {
    fn on<S: Upkeep>(store: S, folder: Option<tempfile::TempDir>) -> Self {
        let store = Arc::new(store);
        let shared: Arc<dyn Store> = Arc::<S>::clone(&store);
        Self { world: World { store: shared, ..World::new() }, store, _folder: folder }
    }

    /// In memory, in a file, and sealed in one.
    async fn each() -> [Self; 3] {
        let folder = || tempfile::tempdir().unwrap();
        let (bare, below) = (folder(), folder());
        let file = SqliteStore::open(bare.path().join("sync.db")).await.unwrap();
        let sealed = SqliteStore::open(below.path().join("sync.db")).await.unwrap();
        let ring = Keyring::new(SealingKey::new("one", &[1; 32]).unwrap());
        [
            Self::on(MemoryStore::new(), None),
            Self::on(file, Some(bare)),
            Self::on(Sealed::new(sealed, ring), Some(below)),
        ]
    }

    async fn forget(&self, end: (&str, &str), record: &RecordId) -> Receipt {
        let engine = self.world.engine().await;
        engine.forget(&*self.store, end.0, end.1, record).await.unwrap()
    }

    /// Both sides are read whole.
    async fn full(&self) -> u64 {
        self.world.minutes(15);
        let engine = self.world.engine().await;
        engine.run("contacts").full().sync().await.unwrap().writes()
    }

    /// Whether the store names a record anywhere that can be read.
    async fn names(&self, record: &RecordId) -> bool {
        let world = &self.world;
        let told = format!(
            "{:?}{:?}{:?}{:?}",
            world.links().await,
            world.log().await,
            world.holds().await,
            world.conflicts().await
        );
        told.contains(&format!("\"{record}\""))
    }
}

const CRM: (&str, &str) = ("crm", "contacts");
const FIELD: (&str, &str) = ("field", "clients");

#[tokio::test]
async fn a_forgotten_record_does_not_come_back_and_the_others_go_on() {
    for place in Forgetful::each().await {
        let world = &place.world;
        let (source, target) = world.linked().await;
        let other = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann B");
        assert_eq!(world.sync().await.writes(), 2);
        // It is not carried over any more.
        world.field.edit(&target, "phone", "256 555 0199");

        let receipt = place.forget(CRM, &source).await;
        let contacts = MappingName::new("contacts").unwrap();
        let named = [(Side::Source, &source), (Side::Target, &target)];
        let named = named.map(|(side, record)| (contacts.clone(), side, record.clone()));
        assert_eq!(receipt.records, named);
        let removed = receipt.removed[&contacts];
        assert_eq!((removed.links, removed.keys, removed.entries), (1, 2, 0), "{receipt}");
        assert!(removed.log >= 2, "{receipt}");
        assert!(receipt.to_string().contains(&format!("crm contacts {source}")), "{receipt}");

        let (before, there) = (world.crm.text(&source, "phone"), world.field.text(&target, "name"));
        assert_eq!(place.full().await, 0);
        world.crm.edit(&source, "name", "Ann C");
        assert_eq!(place.full().await, 0);
        let hint = Hint {
            tenant: receipt.subject.tenant.clone(),
            connection: receipt.subject.connection.clone(),
            object: receipt.subject.object.clone(),
            record: source.clone(),
        };
        world.store.notify(&[hint]).await.unwrap();
        assert_eq!(place.full().await, 0);
        assert_eq!(
            (world.crm.text(&source, "phone"), world.field.text(&target, "name")),
            (before, there)
        );
        assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 2));
        assert!(!place.names(&source).await && !place.names(&target).await);

        world.crm.edit(&other, "name", "Bob B");
        assert_eq!(place.full().await, 1);
        assert!(place.names(&other).await);
        // Asked again, nothing is left, and nothing comes back.
        let again = place.forget(FIELD, &target).await;
        assert_eq!(again.removed.values().map(Removed::total).sum::<u64>(), 0, "{again}");
        assert_eq!(place.full().await, 0);
    }
}

/// P24: the run had read the record before it was forgotten.
#[tokio::test]
async fn a_run_under_way_writes_and_stores_nothing_more_of_a_forgotten_record() {
    for place in Forgetful::each().await {
        let world = &place.world;
        let (source, target) = world.linked().await;
        let other = world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);
        world.minutes(15);
        world.sync().await;
        world.minutes(15);
        world.crm.edit(&source, "name", "Ann B");
        world.crm.edit(&other, "name", "Bob B");
        let engine = world.engine().await;
        let (asked, store, record) = (engine.clone(), Arc::clone(&place.store), source.clone());
        world.field.before_next(CallKind::Fetch, move |_| {
            block_on(asked.forget(&*store, CRM.0, CRM.1, &record)).unwrap();
        });
        let error = engine.sync("contacts").await.unwrap_err();
        let SyncError::Store(error) = error else { panic!("{error}") };
        assert_eq!(error.kind, StoreErrorKind::LeaseLost, "{error}");
        assert_eq!(world.field.text(&target, "name"), "Ann");
        assert!(!place.names(&source).await);
        // The others go on when that run's lease is over.
        assert_eq!(place.full().await, 1);
        assert_eq!(world.field.text(&target, "name"), "Ann");
        assert!(!place.names(&source).await && !place.names(&target).await);
        assert_eq!(place.full().await, 0);
    }
}

/// P6: what the create has made is not taken for a new record, which would bring the values back.
#[tokio::test]
async fn what_a_create_without_an_answer_made_is_forgotten_with_its_origin() {
    for place in Forgetful::each().await {
        let world = &place.world;
        let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
        assert_eq!(world.sync().await.held[0].reason, HoldReason::UnknownOutcome);
        let receipt = place.forget(CRM, &source).await;
        assert_eq!(receipt.removed.values().map(|removed| removed.operations).sum::<u64>(), 1);
        for _ in 0..3 {
            assert_eq!(place.full().await, 0);
        }
        assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1));
        assert!(world.links().await.is_empty() && world.holds().await.is_empty());
        // The next one with that address is another record.
        world.field.insert([("mail", "ann@x.io"), ("name", "Another Ann")]);
        assert_eq!(place.full().await, 1);
        assert_eq!(world.crm.records().len(), 2);
        assert_eq!(place.full().await, 0);
    }
}

#[tokio::test]
async fn what_a_create_without_an_answer_made_is_forgotten_if_it_is_known_already() {
    for place in Forgetful::each().await {
        let world = &place.world;
        let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
        world.sync().await;
        world.minutes(15);
        // A plan takes the new record in, and links nothing.
        world.engine().await.plan("contacts").await.unwrap();
        let made = world.field.records().remove(0);
        let receipt = place.forget(CRM, &source).await;
        assert!(receipt.records.iter().any(|(_, side, id)| (*side, id) == (Side::Target, &made)));
        assert_eq!(place.full().await, 0);
        assert_eq!((world.crm.records().len(), world.field.records().len()), (1, 1));
        // It is the one that the create made: nothing is kept for another.
        world.field.insert([("mail", "ann@x.io"), ("name", "Another Ann")]);
        assert_eq!(place.full().await, 1);
    }
}

#[tokio::test]
async fn what_waits_for_a_person_names_a_forgotten_record_no_more() {
    for place in Forgetful::each().await {
        let world = &place.world;
        for name in ["Ann", "Anne"] {
            world.crm.insert([("email", "ann@x.io"), ("name", name)]);
        }
        let target = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
        world.sync().await;
        assert!(place.names(&target).await, "{:?}", world.holds().await);
        place.forget(FIELD, &target).await;
        assert!(!place.names(&target).await, "{:?}", world.holds().await);
        assert_eq!(place.full().await, 0);
        assert!(!place.names(&target).await, "{:?}", world.holds().await);
        assert_eq!(world.holds().await.len(), 2, "the two that are left share a key");
    }
}

#[tokio::test]
async fn what_the_engine_does_not_know_is_refused_by_name() {
    let [place, ..] = Forgetful::each().await;
    let engine = place.world.engine().await;
    let record = RecordId::new("A1").unwrap();
    let error = engine.forget(&*place.store, "crn", "contacts", &record).await.unwrap_err();
    assert!(matches!(error, ForgetError::UnknownConnection { .. }), "{error}");
    assert!(error.to_string().contains("\"crn\": the engine has crm, field"), "{error}");
    let error = engine.forget(&*place.store, "crm", "clients", &record).await.unwrap_err();
    assert!(matches!(error, ForgetError::UnknownObject { .. }), "{error}");
    assert!(error.to_string().contains("\"clients\" of crm: the engine's mappings read contacts"));
    // Of what it knows and holds nothing, the receipt says so.
    let receipt = engine.forget(&*place.store, "crm", "contacts", &record).await.unwrap();
    assert!(receipt.records.is_empty() && receipt.removed.is_empty(), "{receipt}");
}

/// What a create without a key may have made is not carried back when its origin is forgotten: a person
/// says what it is.
#[tokio::test]
async fn what_a_create_without_a_key_may_have_made_waits_on_when_its_origin_is_forgotten() {
    for place in Forgetful::each().await {
        let world = &place.world;
        world.linked().await;
        let source = world.crm.insert([("name", "Keyless")]);
        world.minutes(15);
        world.field.fail_next(CallKind::Create, Fault::AnswerLost);
        world.settle().await;
        place.full().await;
        assert_eq!(world.field.records().len(), 2);
        place.forget(CRM, &source).await;
        for _ in 0..3 {
            assert_eq!(place.full().await, 0);
        }
        assert_eq!((world.crm.records().len(), world.field.records().len()), (2, 2));
        let holds = world.holds().await;
        assert_eq!(holds.len(), 1, "{holds:#?}");
        assert!(holds[0].detail.contains("a record that is forgotten"), "{holds:#?}");
    }
}
