//! A small file of each schema, as the version that had that schema wrote it. Every later version
//! opens all of them.
//!
//! A file is made once and never again: made by a later version it would prove nothing. For a new
//! schema, raise `CURRENT`, run the line below, and commit the new file beside the old ones:
//!
//! ```text
//! cargo test -p fluxcascade-store --test sqlite -- --ignored make_the_fixture_of_this_schema
//! ```

use std::fs;
use std::path::PathBuf;

use fluxcascade_core::model::{LinkStatus, RunNumber, RunRow, RunStatus, Side, Sides, WorkKey};
use fluxcascade_core::store::{CommitBatch, Counts, Intake, Page, Requeue, RunStart, Store};
use fluxcascade_store::SqliteStore;
use rusqlite::Connection;

use crate::nouns::*;

/// The schema that this version writes.
const CURRENT: u32 = 1;

fn fixture(schema: u32) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join("fixtures");
    folder.join(format!("schema-{schema}.db"))
}

fn ended_run() -> RunRow {
    RunRow {
        number: RunNumber(1),
        started: at(0),
        ended: Some(at(9)),
        status: RunStatus::Partial,
        writes: Sides::new(1, 2),
        error: None,
    }
}

fn batch() -> CommitBatch {
    let requeue = Requeue {
        side: Side::Target,
        record: record("t2"),
        not_before: Some(at(60)),
        failed: Some(3),
    };
    CommitBatch {
        keys: vec![record_keys(Side::Source, "s1", &[(0, 1)])],
        holds: vec![pair_hold(1, "name", None), record_hold(Side::Source, "s8", Some(at(60)))],
        conflicts: vec![conflict(1, 1)],
        log: vec![
            log_row(1, Some("s1"), Some("t1"), "first"),
            log_row(1, Some("s2"), None, "second"),
        ],
        requeued: vec![requeue],
        ..links([link(1), link(2), with_status(link(3), LinkStatus::Tombstone)])
    }
}

#[tokio::test]
#[ignore = "makes a file that is committed; see the top of this file"]
async fn make_the_fixture_of_this_schema() {
    let path = fixture(CURRENT);
    assert!(!path.exists(), "{} is there: it is never made again", path.display());
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await;
    store.add_revision(&lease, &revision(1)).await.unwrap();
    store.start_run(&lease, &RunStart { started: at(0) }).await.unwrap();
    store.finish_run(&lease, &ended_run()).await.unwrap();
    let read = Intake { feed: feed_at("page 7"), ..page(Side::Source, [keyed("s8", &[(0, 1)])]) };
    store.intake(&lease, &read).await.unwrap();
    store.begin(&lease, &[create(30, Side::Target, "s8", &[(0, 1)])]).await.unwrap();
    store.commit(&lease, &batch()).await.unwrap();
    drop(store);
    // In one file, and in small pages: most of its tables have a row or two.
    let file = Connection::open(&path).unwrap();
    file.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)).unwrap();
    file.execute_batch("PRAGMA page_size = 1024; VACUUM").unwrap();
    drop(file);
    fs::remove_file(path.with_extension("db.lock")).unwrap();
}

#[tokio::test]
async fn files_of_every_schema_are_opened_with_all_that_is_in_them() {
    for schema in 1..=CURRENT {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sync.db");
        fs::copy(fixture(schema), &path).unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        let (contacts, all, batch) = (contacts(), Page::all(), batch());

        let expected = Counts {
            active_links: 2,
            tombstones: 1,
            inbox: 2,
            operations: 1,
            open_conflicts: 1,
            holds: batch.holds.iter().map(|hold| (hold.reason, 1)).collect(),
            ..Counts::default()
        };
        assert_eq!(store.counts(&contacts).await.unwrap(), expected, "schema {schema}");
        let links: Vec<_> = batch.links.into_iter().map(|change| change.link).collect();
        assert_eq!(store.links(&contacts, None, 9).await.unwrap(), links);
        assert_eq!(store.holds(&contacts, &all).await.unwrap(), batch.holds);
        assert_eq!(store.conflicts(&contacts, &all).await.unwrap(), batch.conflicts);
        let log: Vec<_> = batch.log.into_iter().rev().collect();
        assert_eq!(store.log(&contacts, &all).await.unwrap(), log);
        assert_eq!(store.runs(&contacts, &all).await.unwrap(), [ended_run()]);
        assert_eq!(store.revisions(&contacts).await.unwrap(), [revision(1)]);

        let lease = store.lease(&contacts, at(1), TTL).await.unwrap();
        assert_eq!(lease.fence, 2);
        assert_eq!(store.feed(&lease, &feed_key()).await.unwrap(), feed_at("page 7"));
        let work = store.work(&lease, &all_work(at(60))).await.unwrap();
        assert_eq!(work[0].key, WorkKey::Link(link_id(2)));
        let entry = work[0].entries.target.as_ref().unwrap();
        assert_eq!((entry.not_before, entry.attempts), (Some(at(60)), 3));
        let (work, key) = (&work[1], WorkKey::Record(Side::Source, record("s8")));
        assert_eq!(work.key, key);
        let entry = work.entries.source.as_ref().unwrap();
        assert_eq!(entry.observation, Some(row("s8", 1).observation));
        assert_eq!(work.operations, [create(30, Side::Target, "s8", &[(0, 1)])]);
        let holders = &work.candidates[0].holders.source;
        assert_eq!((holders.len(), holders[0].link), (2, Some(link_id(1))));
    }
}
