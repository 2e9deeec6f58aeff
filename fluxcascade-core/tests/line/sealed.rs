//! P30: an engine on a sealed store does what it does on a bare one, and leaves nothing legible.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fluxcascade_core::model::{Choice, Sides, Value};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::store::Store;
use fluxcascade_core::testkit::{CallKind, Fault, SimProfile};
use fluxcascade_store::SqliteStore;
use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};

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

/// What of the values is in the folder's files, those that are open included.
fn legible(folder: &Path) -> BTreeSet<&'static str> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file).unwrap()).collect();
    let has = |text: &&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    VALUES.into_iter().filter(has).collect()
}

/// Links, a conflict that waits, writes, a create without an answer, parked records, an answer: what
/// was legible at any time, and what the systems hold in the end.
async fn lived(store: Arc<dyn Store>, folder: &Path) -> (BTreeSet<&'static str>, Vec<String>) {
    let mapping = contacts().conflicts(Strategy::Manual);
    let mut world = World::with(SimProfile::default(), SimProfile::default(), mapping);
    world.store = store;
    let mut seen = BTreeSet::new();
    let ann = [("name", "Planted Ann"), ("phone", "256 555 0100")];
    let source = world.crm.insert([("email", VALUES[0]), ann[0], ("address", "Planted Street")]);
    let target = world.field.insert([("mail", VALUES[0]), ann[0], ("street", "Planted Street")]);
    let mut reports = vec![world.sync().await.to_string()];
    seen.extend(legible(folder));

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
    seen.extend(legible(folder));

    let engine = world.engine().await;
    let desk = engine.desk("contacts").await.unwrap();
    let own = Value::from("Planted Answer");
    let own = Choice::Set(Sides::new(vec![own.clone()], vec![own]));
    let item = desk.items.iter().find(|item| item.takes(&own)).unwrap();
    engine.answer("contacts", &item.key, item.version, own).await.unwrap();
    seen.extend(legible(folder));
    for _ in 0..4 {
        world.minutes(15);
        reports.push(world.sync().await.to_string());
        seen.extend(legible(folder));
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
