//! The process ends and begins again on the same file.

use std::path::Path;
use std::sync::Arc;

use fluxcascade_core::Engine;
use fluxcascade_store::SqliteStore;

use crate::world::{Memory, World, people, sync};

async fn engine(world: &World, file: &Path) -> Engine {
    let store = Arc::new(SqliteStore::open(file).await.unwrap());
    world.engine(store, people().build().unwrap()).await
}

/// P2, P27: nothing is read in full again, nothing is written again, and a quiet run is one
/// request to each system.
#[tokio::test]
async fn a_restart_on_the_same_file_goes_on_from_its_cursors() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sync.db");
    let world = World::start().await;
    world.hubspot.seed_people(120).unwrap();
    let (contact, client) = world.ann();
    world.time("13:30");
    let first = engine(&world, &file).await;
    let report = sync(&first).await;
    assert_eq!((report.linked, report.sides.target.created), (1, 120), "{report}");
    let links = Memory::of(&first).links().await.len();
    drop(first);

    // What the first run created is within the look-back: it is listed once more, and that is all.
    world.time("14:00");
    let second = engine(&world, &file).await;
    world.clear_requests();
    let report = sync(&second).await;
    assert_eq!((report.sides.target.listed, report.sides.target.taken), (120, 0), "{report}");
    assert_eq!((report.writes(), report.sides.target.fetched), (0, 0), "{report}");
    assert_eq!(world.writes(), Vec::<String>::new());
    for _ in 0..2 {
        world.minutes(15);
        world.clear_requests();
        let report = sync(&second).await;
        assert_eq!((report.writes(), report.sides.source.pages), (0, 1), "{report}");
        let paths: Vec<String> = world.hubspot.requests().into_iter().map(|r| r.path).collect();
        assert_eq!(paths, ["/crm/v3/objects/contacts/search"]);
        assert_eq!(world.jobber.requests().len(), 1);
        assert!(world.jobber.requests()[0].body.contains("updatedAt"));
    }
    drop(second);

    // What was edited while nothing ran is found by the next process.
    world.edit_contact(&contact, "phone", "256 593 1430");
    world.time("15:00");
    let third = engine(&world, &file).await;
    let report = sync(&third).await;
    assert_eq!((report.writes(), report.sides.target.pairs), (1, 1), "{report}");
    assert_eq!(world.phones(&contact, &client).1, "2565931430");
    assert_eq!(Memory::of(&third).links().await.len(), links);
    assert_eq!(world.jobber.clients().len(), 121);
    assert_eq!(world.hubspot.contacts().len(), 121);
}
