//! A store's file that this version cannot use.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fluxcascade_core::store::StoreErrorKind;
use fluxcascade_store::SqliteStore;

use crate::assert_says;
use crate::world::{World, people, sync};

/// Where SQLite's header has the number of the schema, four bytes with the highest first.
const SCHEMA_NUMBER: std::ops::Range<usize> = 60..64;

/// What stands in the files of a store. The lock says only who has it open, the `-shm` is `SQLite`'s
/// index of the `-wal`, and an empty `-wal` is as none: to look at a file makes both.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let with_bytes = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    });
    let has_rows = |(name, bytes): &(String, Vec<u8>)| {
        name != "sync.db.lock" && !name.ends_with("-shm") && !bytes.is_empty()
    };
    with_bytes.filter(has_rows).collect()
}

/// Ann is linked; gives the ids, and the store's file is closed.
async fn linked(world: &World, file: &Path) -> (String, String) {
    let ids = world.ann();
    world.time("13:30");
    let store = Arc::new(SqliteStore::open(file).await.unwrap());
    let engine = world.engine(store, people().build().unwrap()).await;
    assert_eq!(sync(&engine).await.linked, 1);
    ids
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_as_it_is_and_still_serves_that_version() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sync.db");
    let world = World::start().await;
    let (contact, client) = linked(&world, &file).await;

    let mut bytes = std::fs::read(&file).unwrap();
    let own: Vec<u8> = bytes[SCHEMA_NUMBER].to_vec();
    bytes[SCHEMA_NUMBER].copy_from_slice(&900_u32.to_be_bytes());
    std::fs::write(&file, &bytes).unwrap();
    let before = contents(folder.path());
    for _ in 0..2 {
        let error = SqliteStore::open(&file).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Newer);
        let text = error.to_string();
        assert_says(&text, &["sync.db", "schema 900", "left as it is", "use the version"]);
        let now = contents(folder.path());
        let sizes: Vec<_> = now.iter().map(|(name, bytes)| (name, bytes.len())).collect();
        assert!(now == before, "something was written: {sizes:?}");
    }

    // Back under the version that wrote it, all that was remembered is there.
    bytes[SCHEMA_NUMBER].copy_from_slice(&own);
    std::fs::write(&file, &bytes).unwrap();
    world.edit_contact(&contact, "phone", "256 593 1400");
    world.time("14:15");
    let store = Arc::new(SqliteStore::open(&file).await.unwrap());
    let engine = world.engine(store, people().build().unwrap()).await;
    let report = sync(&engine).await;
    assert_eq!((report.linked, report.writes()), (0, 1), "{report}");
    assert_eq!(world.phones(&contact, &client).1, "2565931400");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sync.db");
    std::fs::write(
        &file,
        b"Dear diary, today I was almost overwritten by a sync engine. ".repeat(99),
    )
    .unwrap();
    let before = contents(folder.path());
    let error = SqliteStore::open(&file).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert_says(&error.to_string(), &["sync.db"]);
    assert!(contents(folder.path()) == before);
}
