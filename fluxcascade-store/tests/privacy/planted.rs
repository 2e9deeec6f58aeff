//! P30: no value is legible where a store keeps its rows, and each is without the layer.

use std::path::Path;

use fluxcascade_core::model::Value;
use fluxcascade_core::store::{Store, TokenStore};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::sealed;
use crate::whole::{PLANTED, PRINTS, answered, content, fill, the_answer, the_link};

/// What of the planted texts and fingerprints is in some bytes.
pub(crate) fn found_in(bytes: &[u8]) -> Vec<&'static str> {
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let mut found: Vec<_> = PLANTED.into_iter().filter(|text| has(text.as_bytes())).collect();
    found.extend(
        PRINTS.iter().filter(|print| has(&print[..])).map(|p| std::str::from_utf8(p).unwrap()),
    );
    found
}

/// The file and all that lies beside it.
pub(crate) fn raw(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    bytes
}

fn everything() -> Vec<&'static str> {
    let prints = PRINTS.iter().map(|print| std::str::from_utf8(print).unwrap());
    // What a row was compared with is not stored, and an archived record's values are kept by none.
    PLANTED.into_iter().chain(prints.filter(|print| *print != "print-of-a-row..")).collect()
}

#[tokio::test]
async fn values_are_in_the_bare_file_and_none_of_them_in_the_sealed_one() {
    let folder = tempfile::tempdir().unwrap();
    let bare = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    fill(&bare).await.unwrap();
    assert_eq!(found_in(&raw(folder.path())), everything(), "the test finds what is there");

    let folder = tempfile::tempdir().unwrap();
    let store = sealed(SqliteStore::open(folder.path().join("sync.db")).await.unwrap());
    fill(&store).await.unwrap();
    let none: [&str; 0] = [];
    assert_eq!(found_in(&raw(folder.path())), none, "while it is open, with its log");
    drop(store);
    assert_eq!(found_in(&raw(folder.path())), none, "once it is closed");
}

/// Else whoever has the file could try keys until one has the fingerprint that is in it.
#[tokio::test]
async fn the_key_of_match_keys_is_in_the_bare_file_and_not_in_the_sealed_one() {
    async fn is_in_the_file<S: Store + TokenStore>(store: S, folder: &Path) -> bool {
        fill(&store).await.unwrap();
        let key = store.fingerprint_key(&contacts()).await.unwrap();
        raw(folder).windows(32).any(|window| window == key)
    }
    let folder = tempfile::tempdir().unwrap();
    let bare = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    assert!(is_in_the_file(bare, folder.path()).await);
    let folder = tempfile::tempdir().unwrap();
    let store = sealed(SqliteStore::open(folder.path().join("sync.db")).await.unwrap());
    assert!(!is_in_the_file(store, folder.path()).await);
}

#[tokio::test]
async fn what_was_sealed_reads_as_it_was_given() {
    let (bare, store) = (MemoryStore::new(), sealed(MemoryStore::new()));
    fill(&bare).await.unwrap();
    fill(&store).await.unwrap();
    let read = content(&store).await.unwrap();
    assert_eq!(read, content(&bare).await.unwrap());
    for text in PLANTED {
        assert!(read.contains(text), "{text}");
    }
    assert_eq!(store.links(&contacts(), None, 9).await.unwrap(), [the_link()]);
}

/// The same values sealed anew are other bytes, which must not read as another answer.
#[tokio::test]
async fn the_same_values_answered_again_are_the_same_answer() {
    use fluxcascade_core::model::{AnswerOutcome, Choice};
    let store = sealed(MemoryStore::new());
    fill(&store).await.unwrap();
    let again = store.answer(&contacts(), &[answered(), answered()]).await.unwrap();
    assert_eq!(again, [AnswerOutcome::Already, AnswerOutcome::Already]);
    let mut other = answered();
    other.answer.choice = Choice::Leave;
    let other = store.answer(&contacts(), &[other]).await.unwrap();
    assert_eq!(other, [AnswerOutcome::Stale]);
    let holds = store.holds(&contacts(), &fluxcascade_core::store::Page::all()).await.unwrap();
    assert_eq!(holds[0].answer.as_ref().unwrap().choice, the_answer());
}

/// The same as without the layer: 1.5 KB for a link with bases of 20 short fields, indexes included.
#[tokio::test]
async fn a_sealed_link_stays_small() {
    const LINKS: u16 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let store = sealed(SqliteStore::open(folder.path().join("sync.db")).await.unwrap());
    let lease = leased(&store).await.unwrap();
    for batch in 0..LINKS / 500 {
        let made = (0..500).map(|n| {
            let n = batch * 500 + n;
            let mut link = link_between(0, &format!("source {n}"), &format!("target {n}"));
            link.id.0[..2].copy_from_slice(&n.to_be_bytes());
            for base in [&mut link.bases.source, &mut link.bases.target] {
                base.slots = (0..20).map(|i| Value::from(format!("value {i:02}")).into()).collect();
            }
            link
        });
        store.commit(&lease, &links(made)).await.unwrap();
    }
    store.release(&lease).await.unwrap();
    drop(store);
    let each = raw(folder.path()).len() / usize::from(LINKS);
    assert!(each <= 1_536, "{each} bytes per link");
}

#[cfg(feature = "postgres")]
pub(crate) mod on_a_server {
    use std::process::Command;

    use fluxcascade_store::PostgresStore;

    use super::*;
    use crate::server::{Place, skipped};

    /// All of a schema as the server's own program writes it down: blobs in hexadecimal.
    pub(crate) fn dump(place: &Place) -> Option<Vec<u8>> {
        let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut programs: Vec<_> = folders.map(|entry| entry.path().join("bin/pg_dump")).collect();
        programs.sort();
        programs.push("pg_dump".into());
        let asked = |program: &std::path::PathBuf| {
            let arguments = ["--dbname", &place.url, "--schema", &place.schema];
            Command::new(program).args(arguments).output().ok().filter(|out| out.status.success())
        };
        programs.iter().rev().find_map(asked).map(|output| output.stdout)
    }

    /// Blobs are written in hexadecimal.
    pub(crate) fn found_in_dump(dump: &[u8]) -> Vec<&'static str> {
        let text = String::from_utf8_lossy(dump);
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
        let hex = |bytes: &[u8]| -> String {
            bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
        };
        let planted =
            PLANTED.into_iter().chain(PRINTS.iter().map(|p| std::str::from_utf8(p).unwrap()));
        planted.filter(|part| text.contains(part) || text.contains(&hex(part.as_bytes()))).collect()
    }

    #[tokio::test]
    async fn values_are_in_the_bare_dump_and_none_of_them_in_the_sealed_one() {
        let Some(place) = Place::or_skip() else { return };
        let bare = PostgresStore::open(&place.options()).await.unwrap();
        fill(&bare).await.unwrap();
        let Some(told) = dump(&place) else {
            return skipped("pg_dump is not installed, or is older than the server");
        };
        assert_eq!(found_in_dump(&told), everything(), "the test finds what is there");
        let Some(place) = Place::or_skip() else { return };
        let store = sealed(PostgresStore::open(&place.options()).await.unwrap());
        fill(&store).await.unwrap();
        let none: [&str; 0] = [];
        assert_eq!(found_in_dump(&dump(&place).unwrap()), none);
    }
}
