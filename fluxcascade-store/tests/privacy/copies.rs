//! P30: forgetting beside a copy of the file: the copy has all of a record or nothing, and the file
//! nothing of it once nobody reads what was before.

use fluxcascade_core::model::{Slot, Value};
use fluxcascade_core::store::{Store, Upkeep};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::SqliteStore;
use rusqlite::Connection;

use crate::planted::{found_in, raw};
use crate::whole::{PLANTED, fill, the_link};
use fluxcascade_core::testkit::conformance::store::nouns::subject;

/// Neither a run nor a credential is a record's.
const LEFT: [&str; 3] =
    ["planted error of a run", "planted credential", "planted credential of another tenant"];

async fn forget_all(store: &SqliteStore) {
    for id in ["s1", "s7", "s8", "s9"] {
        store.forget(&subject(id), at(900)).await.unwrap();
    }
}

/// What of a record was overwritten by ordinary commits, long before it was forgotten.
#[tokio::test]
async fn what_a_forgotten_record_held_before_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    fill(&store).await.unwrap();
    let lease = leased(&store).await.unwrap();
    for edition in ["short", "longer than it was", "x"] {
        let mut link = the_link();
        for base in [&mut link.bases.source, &mut link.bases.target] {
            base.slots[0] = Slot::Present(Value::from(edition.repeat(40)));
            base.fingerprint = None;
            base.written.clear();
        }
        store.commit(&lease, &links([link])).await.unwrap();
    }
    store.release(&lease).await.unwrap();
    forget_all(&store).await;
    assert_eq!(found_in(&raw(folder.path())), LEFT);
}

/// Something wrote to the file that did not overwrite what it removed, or moved rows about.
#[tokio::test]
async fn a_scrub_leaves_nothing_of_what_was_ever_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    let store = SqliteStore::open(&path).await.unwrap();
    fill(&store).await.unwrap();
    drop(store);
    let careless = Connection::open(&path).unwrap();
    careless.pragma_update(None, "secure_delete", false).unwrap();
    careless.execute("DELETE FROM log WHERE place > 0", []).unwrap();
    drop(careless);
    let store = SqliteStore::open(&path).await.unwrap();
    forget_all(&store).await;
    let left = found_in(&raw(folder.path()));
    assert!(left.contains(&"planted before"), "the test finds what is there: {left:?}");
    store.scrub().await.unwrap();
    assert_eq!(found_in(&raw(folder.path())), LEFT);
    let run = fluxcascade_core::model::RunNumber(1);
    let runs = store.runs(&contacts(), &fluxcascade_core::store::Page::all()).await.unwrap();
    assert_eq!(runs[0].number, run, "and everything that is there stays");
}

/// Somebody reads what was before, as a copy does that is being made.
#[tokio::test]
async fn what_is_forgotten_while_somebody_reads_the_file_is_gone_when_they_have_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    let store = SqliteStore::open(&path).await.unwrap();
    fill(&store).await.unwrap();
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let seen: i64 = reader.query_row("SELECT count(*) FROM links", [], |row| row.get(0)).unwrap();
    assert_eq!(seen, 1);
    forget_all(&store).await;
    assert!(store.links(&contacts(), None, 9).await.unwrap().is_empty());
    assert!(found_in(&raw(folder.path())).len() > LEFT.len(), "the reader has it still");
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    // Any call that comes after.
    store.counts(&contacts()).await.unwrap();
    store.counts(&contacts()).await.unwrap();
    assert_eq!(found_in(&raw(folder.path())), LEFT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_made_meanwhile_has_all_of_a_record_or_nothing() {
    let copies = tempfile::tempdir().unwrap();
    let mut whole = 0;
    for round in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
        fill(&store).await.unwrap();
        let lease = leased(&store).await.unwrap();
        let others = (0..200_u8).filter(|n| *n != 1).map(|n| {
            let mut link = link_between(n, &format!("other {n}"), &format!("another {n}"));
            link.bases.source.slots[0] = Slot::Present(Value::from("y".repeat(3_000)));
            link
        });
        store.commit(&lease, &links(others)).await.unwrap();
        store.release(&lease).await.unwrap();
        let place = copies.path().join(format!("{round}.db"));
        // The one first, the other first, and both at once.
        let s1 = subject("s1");
        let (copy, forget) = (store.back_up(&place), store.forget(&s1, at(900)));
        let outcome = match round {
            0 => {
                let told = copy.await;
                forget.await.unwrap();
                told
            }
            1 => {
                forget.await.unwrap();
                copy.await
            }
            2..5 => tokio::join!(copy, forget).0,
            _ => tokio::join!(forget, copy).1,
        };
        outcome.unwrap();
        for id in ["s7", "s8", "s9"] {
            store.forget(&subject(id), at(900)).await.unwrap();
        }
        assert_eq!(found_in(&raw(folder.path())), LEFT, "round {round}");
        whole += u32::from(judge(&place).await);
    }
    assert!((1..8).contains(&whole), "{whole} copies have the record");
}

/// Whether a copy has the record. What was forgotten since is forgotten in it when asked again.
async fn judge(place: &std::path::Path) -> bool {
    let bytes = || std::fs::read(place).unwrap();
    let of_link = PLANTED
        .iter()
        .filter(|text| text.contains("base") || text.contains("before") || text.contains("answer"));
    let of_link: Vec<&str> = of_link.copied().collect();
    let found = found_in(&bytes());
    let there = of_link.iter().filter(|text| found.contains(text)).count();
    assert!(there == 0 || there == of_link.len(), "{there} of {of_link:?}");
    let copy = SqliteStore::open(place).await.unwrap();
    let links = copy.links(&contacts(), None, usize::MAX).await.unwrap();
    assert_eq!(links.iter().any(|link| *link == the_link()), there > 0);
    forget_all(&copy).await;
    drop(copy);
    assert_eq!(found_in(&bytes()), LEFT);
    there > 0
}
