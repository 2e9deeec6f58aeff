//! P30: an engine on a sealed store does what it does on a bare one, and leaves nothing legible.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fluxcascade_core::model::{Choice, Sides, TenantId, Value};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::store::Store;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};
use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::scenario::legible;
use crate::world::{World, contacts};

/// Every value of both systems.
const VALUES: [&str; 12] = [
    "planted-ann@x.io",
    "Planted Ann",
    "Planted Street",
    "Planted Road",
    "Planted Source",
    "Planted Target",
    "Planted Answer",
    "planted-bob@x.io",
    "Planted Bob",
    "planted-twins@x.io",
    "Planted Twin",
    "Planted Other Twin",
];

/// Links, a conflict that waits, writes, a create without an answer, parked records, an answer: what
/// was legible at any time, and what the systems hold in the end.
async fn lived(store: Arc<dyn Store>, folder: &Path) -> (BTreeSet<&'static str>, Vec<String>) {
    lived_on(store, folder, async |store| store).await
}

/// The same, and the store is exchanged when all of that is in it.
async fn lived_on(
    store: Arc<dyn Store>,
    folder: &Path,
    exchange: impl AsyncFn(Arc<dyn Store>) -> Arc<dyn Store>,
) -> (BTreeSet<&'static str>, Vec<String>) {
    let mapping = contacts().conflicts(Strategy::Manual);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    world.store = store;
    let mut seen = BTreeSet::new();
    let ann = [("name", "Planted Ann"), ("phone", "256 555 0100")];
    let source = world.crm.insert([("email", VALUES[0]), ann[0], ("address", "Planted Street")]);
    let target = world.field.insert([("mail", VALUES[0]), ann[0], ("street", "Planted Street")]);
    let mut reports = vec![world.sync().await.to_string()];
    seen.extend(legible(folder, &VALUES));

    world.minutes(15);
    world.crm.edit(&source, "name", "Planted Source");
    world.crm.edit(&source, "address", "Planted Road");
    world.field.edit(&target, "name", "Planted Target");
    world.crm.insert([("email", "planted-bob@x.io"), ("name", "Planted Bob")]);
    for name in ["Planted Twin", "Planted Other Twin"] {
        world.crm.insert([("email", "planted-twins@x.io"), ("name", name)]);
    }
    world.field.fail_next(CallKind::Create, Fault::AnswerLost);
    world.minutes(15);
    reports.push(world.sync().await.to_string());
    seen.extend(legible(folder, &VALUES));

    let engine = world.engine().await;
    let desk = engine.desk("contacts").await.unwrap();
    let own = Value::from("Planted Answer");
    let own = Choice::Set(Sides::new(vec![own.clone()], vec![own]));
    let item = desk.items.iter().find(|item| item.takes(&own)).unwrap();
    engine.answer("contacts", &item.key, item.version, own).await.unwrap();
    seen.extend(legible(folder, &VALUES));
    drop(engine);
    let before: Arc<dyn Store> = Arc::new(MemoryStore::new());
    world.store = exchange(std::mem::replace(&mut world.store, before)).await;
    for _ in 0..4 {
        world.minutes(15);
        reports.push(world.sync().await.to_string());
        seen.extend(legible(folder, &VALUES));
    }
    assert_eq!(world.field.text(&target, "street"), "Planted Road");
    assert_eq!(world.field.text(&target, "name"), "Planted Answer");
    assert_eq!(world.crm.text(&source, "name"), "Planted Answer");
    reports.push(world.engine().await.desk("contacts").await.unwrap().to_string());
    let names = world.field.records().into_iter().map(|id| world.field.text(&id, "name"));
    reports.extend(names);
    (seen, reports)
}

#[tokio::test]
async fn a_sealed_store_changes_nothing_and_leaves_nothing_legible() {
    let folder = tempfile::tempdir().unwrap();
    let bare = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let (legible, bare) = lived(Arc::new(bare), folder.path()).await;
    assert_eq!(legible, VALUES.into(), "without the layer each value is found");

    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let ring = Keyring::new(SealingKey::new("one", &[1; 32]).unwrap());
    let (legible, sealed) = lived(Arc::new(Sealed::new(store, ring)), folder.path()).await;
    assert_eq!(legible, BTreeSet::new());
    assert_eq!(sealed, bare);
}

/// P2, P6, P11: the first runs after it are those that there would have been: nothing is written again,
/// nothing made twice, the answer that was given before is carried out.
#[tokio::test]
async fn a_store_that_is_sealed_later_goes_on_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let bare = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let (_, bare) = lived(Arc::new(bare), folder.path()).await;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    let seal = async |before: Arc<dyn Store>| {
        drop(before);
        let ring = Keyring::new(SealingKey::new("one", &[1; 32]).unwrap());
        let store = Sealed::new(SqliteStore::open(&path).await.unwrap(), ring);
        let now = crate::world::at("20:00");
        while store.adopt(&TenantId::default(), now, 3).await.unwrap().next.is_some() {}
        assert_eq!(legible(folder.path(), &VALUES), BTreeSet::new());
        let store: Arc<dyn Store> = Arc::new(store);
        store
    };
    let store = SqliteStore::open(&path).await.unwrap();
    let (_, sealed) = lived_on(Arc::new(store), folder.path(), seal).await;
    assert_eq!(sealed, bare);
    assert_eq!(legible(folder.path(), &VALUES), BTreeSet::new());
}

/// A saved plan shows no value, and is carried out when it is opened.
#[tokio::test]
async fn a_sealed_plan_shows_no_value_and_is_carried_out_as_approved() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "name", "Planted Ann");
    let plan = world.engine().await.plan("contacts").await.unwrap();
    let ring = Keyring::new(SealingKey::new("one", &[1; 32]).unwrap());
    let saved = serde_json::to_vec(&plan).unwrap();
    let has = |bytes: &[u8]| bytes.windows(11).any(|window| window == b"Planted Ann");
    assert!(has(&saved));
    let mut sealed = ring.seal_document("plan of contacts", &saved).unwrap();
    assert!(!has(&sealed));

    let opened = ring.open_document("plan of contacts", &sealed).unwrap();
    let read: fluxcascade_core::Plan = serde_json::from_slice(&opened).unwrap();
    assert_eq!(read, plan);
    let report = world.engine().await.apply(&read).await.unwrap();
    assert_eq!((report.writes(), report.moved.len()), (1, 0), "{report}");
    assert_eq!(world.field.text(&target, "name"), "Planted Ann");

    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    let refused = ring.open_document("plan of contacts", &sealed).unwrap_err().to_string();
    assert!(refused.contains("was changed") && !refused.contains("Planted"), "{refused}");
}
