//! P30: what is forgotten is not in the file either. What `forget` removes, tells and keeps away is in
//! the suite of the stores' contract.

use fluxcascade_core::store::Upkeep;
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::SqliteStore;

use crate::planted::{found_in, raw};
use crate::whole::{PRINTS, fill};

/// Also where nothing was sealed: what is removed is overwritten.
#[tokio::test]
async fn a_forgotten_record_s_values_are_not_in_the_file_either() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    fill(&store).await.unwrap();
    assert!(found_in(&raw(folder.path())).len() > 20);
    for id in ["s1", "s7", "s8", "s9"] {
        store.forget(&subject(id), at(900)).await.unwrap();
    }
    let found = found_in(&raw(folder.path()));
    // Neither a run nor a credential is a record's.
    let left =
        ["planted error of a run", "planted credential", "planted credential of another tenant"];
    assert_eq!(found, left);
    assert!(PRINTS.iter().all(|print| !found.contains(&std::str::from_utf8(print).unwrap())));
}

/// Its files have it until they are vacuumed, a dump from then on not.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_forgotten_record_s_values_are_in_no_dump() {
    use crate::planted::on_a_server::{dump, found_in_dump};
    let Some(place) = crate::server::Place::or_skip() else { return };
    let store = fluxcascade_store::PostgresStore::open(&place.options()).await.unwrap();
    fill(&store).await.unwrap();
    let Some(told) = dump(&place) else { return };
    assert!(found_in_dump(&told).len() > 20);
    for id in ["s1", "s7", "s8", "s9"] {
        store.forget(&subject(id), at(900)).await.unwrap();
    }
    let left =
        ["planted error of a run", "planted credential", "planted credential of another tenant"];
    assert_eq!(found_in_dump(&dump(&place).unwrap()), left);
}
