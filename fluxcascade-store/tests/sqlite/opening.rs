//! Opening, reopening and refusing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fluxcascade_core::model::{ConnectionName, Side, TenantId};
use fluxcascade_core::store::{
    CommitBatch, Hint, Intake, Lease, Page, RunStart, Store, StoreErrorKind, TokenKey, TokenStore,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    (folder, path)
}

fn jobber() -> TokenKey {
    TokenKey { tenant: TenantId::default(), connection: ConnectionName::new("jobber").unwrap() }
}

/// Something of everything.
pub(crate) async fn fill(store: &SqliteStore, lease: &Lease) {
    store.add_revision(lease, &revision(1)).await.unwrap();
    store.start_run(lease, &RunStart::at(at(0))).await.unwrap();
    let read = Intake { feed: feed_at("page 1"), ..page(Side::Source, [keyed("s8", &[(0, 1)])]) };
    store.intake(lease, &read).await.unwrap();
    store
        .begin(lease, &[update(1, &link(1)), create(30, Side::Target, "s8", &[(0, 1)])])
        .await
        .unwrap();
    let batch = CommitBatch {
        holds: vec![pair_hold(1, "name", None), record_hold(Side::Source, "s9", Some(at(1)))],
        conflicts: vec![conflict(1, 1)],
        log: vec![log_row(1, Some("s1"), Some("t1"), "edited")],
        ..links([link(1), link(2)])
    };
    store.commit(lease, &batch).await.unwrap();
    store.replace_token(&jobber(), 0, b"secret").await.unwrap();
}

/// All that can be read, as text.
pub(crate) async fn content(store: &SqliteStore, lease: &Lease) -> String {
    let all = Page::all();
    format!(
        "{:?}",
        (
            store.revisions(&contacts()).await.unwrap(),
            store.runs(&contacts(), &all).await.unwrap(),
            store.feed(lease, &feed_key()).await.unwrap(),
            store.work(lease, &all_work(at(9))).await.unwrap(),
            store.counts(&contacts()).await.unwrap(),
            store.links(&contacts(), None, usize::MAX).await.unwrap(),
            store.log(&contacts(), &all).await.unwrap(),
            store.conflicts(&contacts(), &all).await.unwrap(),
            store.holds(&contacts(), &all).await.unwrap(),
            store.token(&jobber()).await.unwrap().map(|token| (token.generation, token.secret)),
            store.fingerprint_key(&contacts()).await.unwrap(),
        )
    )
}

#[tokio::test]
async fn a_store_that_is_opened_again_has_everything() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    fill(&store, &lease).await;
    let before = content(&store, &lease).await;
    drop(store);

    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    assert_eq!(content(&store, &lease).await, before);
    // Numbers go on where they stood.
    assert_eq!(store.start_run(&lease, &RunStart::at(at(1))).await.unwrap().0, 2);
    store.intake(&lease, &page(Side::Source, [row("s8", 2)])).await.unwrap();
    let work = store.work(&lease, &all_work(at(0))).await.unwrap();
    let entry = work.iter().find_map(|work| work.entries.source.clone()).unwrap();
    assert_eq!(entry.sequence, 2);
}

#[tokio::test]
async fn whoever_opens_the_store_takes_over_leases_and_claims_at_once() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let old = leased(&store).await.unwrap();
    assert!(store.claim_refresh(&jobber(), at(0), TTL).await.unwrap());
    drop(store);

    let store = SqliteStore::open(&path).await.unwrap();
    let error = store.commit(&old, &CommitBatch::default()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::LeaseLost);
    let new = store.lease(&contacts(), old.since, TTL).await.unwrap();
    assert!(new.sole && new.fence > old.fence);
    assert!(store.claim_refresh(&jobber(), at(0), TTL).await.unwrap());
}

#[tokio::test]
async fn a_second_open_in_this_process_is_busy() {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Busy);
    assert!(error.message.contains("sync.db is open already"), "{error}");
    // By another name it is the same store.
    let detour = folder.path().join(".").join("sync.db");
    assert_eq!(SqliteStore::open(detour).await.unwrap_err().kind, StoreErrorKind::Busy);
    drop(store);
    SqliteStore::open(&path).await.unwrap();
}

/// Not a test by itself: what the other process does in the test below.
#[tokio::test]
async fn open_from_another_process() {
    let Some(path) = std::env::var_os("FLUXCASCADE_TEST_STORE") else { return };
    let error = SqliteStore::open(PathBuf::from(path)).await.unwrap_err();
    println!("refused: {:?}", error.kind);
}

#[tokio::test]
async fn a_second_open_in_another_process_is_busy() {
    let (_folder, path) = place();
    let _store = SqliteStore::open(&path).await.unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "opening::open_from_another_process", "--nocapture"])
        .env("FLUXCASCADE_TEST_STORE", &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains("refused: Busy"), "{said}");
}

/// Opens a file that must be refused, and checks that it is as it was.
async fn refused(path: &Path) -> (StoreErrorKind, String) {
    let before = fs::read(path).unwrap();
    let error = SqliteStore::open(path).await.unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before, "the file was changed");
    assert!(error.message.contains("sync.db"), "{error}");
    (error.kind, error.message)
}

#[tokio::test]
async fn a_file_of_a_later_schema_is_refused_and_left_as_it_is() {
    let (_folder, path) = place();
    drop(SqliteStore::open(&path).await.unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 5).unwrap();
    let (kind, message) = refused(&path).await;
    assert_eq!(kind, StoreErrorKind::Newer);
    assert!(message.contains("use the version that wrote it, or a newer one"), "{message}");
}

#[tokio::test]
async fn a_file_of_a_later_schema_keeps_the_log_that_its_writer_left() {
    let (folder, path) = place();
    drop(SqliteStore::open(&path).await.unwrap());
    let writer = Connection::open(&path).unwrap();
    writer.pragma_update(None, "user_version", 7).unwrap();
    // As after a crash of the writer: the schema number is in the log alone.
    let crashed = folder.path().join("crashed");
    fs::create_dir(&crashed).unwrap();
    let copy = crashed.join("sync.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(folder.path().join("sync.db-wal"), crashed.join("sync.db-wal")).unwrap();
    let (kind, message) = refused(&copy).await;
    assert_eq!(kind, StoreErrorKind::Newer);
    assert!(message.contains("schema 7"), "{message}");
    let found: i64 = Connection::open(&copy)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(found, 7);
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_left_as_it_is() {
    let (_folder, path) = place();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE mappings (number INTEGER); PRAGMA user_version = 1;")
        .unwrap();
    drop(other);
    let (kind, message) = refused(&path).await;
    assert_eq!(kind, StoreErrorKind::Misuse);
    assert!(message.contains("belongs to another program"), "{message}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    for garbage in [b"x".repeat(10), b"not a database ".repeat(1000)] {
        let (_folder, path) = place();
        fs::write(&path, garbage).unwrap();
        let (kind, message) = refused(&path).await;
        assert_eq!(kind, StoreErrorKind::Damaged);
        assert!(message.contains("restore it from a backup"), "{message}");
    }
}

#[tokio::test]
async fn a_damaged_blob_is_told_as_damage_and_stops_nothing_else() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    fill(&store, &lease).await;
    drop(store);
    let file = Connection::open(&path).unwrap();
    file.execute("UPDATE links SET source_base = x'01ff' WHERE source = 's1'", []).unwrap();
    file.execute("UPDATE log SET entry = x'63'", []).unwrap();
    drop(file);
    let store = SqliteStore::open(&path).await.unwrap();
    let error = store.links(&contacts(), None, 9).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    let error = store.log(&contacts(), &Page::all()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Newer, "its format is a later one");
    assert_eq!(store.links(&contacts(), Some(link_id(1)), 9).await.unwrap(), [link(2)]);
}

#[tokio::test]
async fn a_path_that_cannot_be_used_is_told_with_its_name() {
    let (folder, _) = place();
    let nowhere = folder.path().join("missing").join("sync.db");
    let error = SqliteStore::open(&nowhere).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Failed);
    assert!(error.message.contains("missing"), "{error}");
    let error = SqliteStore::open("").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Misuse);
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let (_folder, path) = place();
    fs::write(&path, b"").unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    leased(&store).await.unwrap();
}

#[tokio::test]
async fn a_copy_of_the_file_and_its_log_made_while_open_is_consistent() {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    fill(&store, &lease).await;
    let before = content(&store, &lease).await;
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(folder.path().join("sync.db-wal"), folder.path().join("copy.db-wal")).unwrap();
    let hint = Hint {
        tenant: TenantId::default(),
        connection: feed_key().connection,
        object: feed_key().object,
        record: record("s77"),
    };
    store.notify(&[hint]).await.unwrap();
    assert_ne!(content(&store, &lease).await, before);

    let copied = SqliteStore::open(&copy).await.unwrap();
    let lease = leased(&copied).await.unwrap();
    assert_eq!(content(&copied, &lease).await, before);
    drop(copied);
    let check: String = Connection::open(&copy)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn calls_that_were_sent_are_done_before_the_file_is_closed() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    for n in 1..=20 {
        // The caller stops waiting at once, as at a crash of its task.
        let batch = links([link(n)]);
        let mut call = store.commit(&lease, &batch);
        let _ = futures::poll!(&mut call);
        drop(call);
    }
    drop(store);
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.counts(&contacts()).await.unwrap().active_links, 20);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    leased(&store).await.unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", file.path());
    }
}
