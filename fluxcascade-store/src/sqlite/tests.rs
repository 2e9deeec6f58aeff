//! Which durability is in force for which call. What the file keeps is tested in `tests/`.
#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use fluxcascade_core::model::{
    ConnectionName, Endpoint, MappingName, ObjectType, RunNumber, RunRow, RunStatus, Side, Sides,
    TenantId,
};
use fluxcascade_core::store::{StoreErrorKind, Table, TokenKey, TokenStore};
use fluxcascade_core::testkit::conformance::store::nouns;

mod failing;
#[path = "../../tests/shared/trials.rs"]
mod trials;

use super::pending::{CLAIMING, NAMING, STRAYS, WAITING};
use super::*;

const FULL: i64 = 2;
const NORMAL: i64 = 1;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn contacts() -> MappingKey {
    MappingKey::of(MappingName::new("contacts").unwrap())
}

/// The pragma as it was when each transaction that wrote was about to be committed, since this was
/// last asked.
async fn committed(store: &SqliteStore) -> Vec<i64> {
    store.worker.run(|session| std::mem::take(&mut session.committed)).await.unwrap()
}

fn page() -> Intake {
    Intake {
        side: Side::Source,
        revision: 1,
        rows: Vec::new(),
        feed_key: FeedKey {
            connection: ConnectionName::new("hubspot").unwrap(),
            object: ObjectType::new("contacts").unwrap(),
            reader: MappingName::new("contacts").unwrap(),
        },
        feed: Feed::default(),
        sweep: fluxcascade_core::store::Sweep::None,
    }
}

/// After an intake, so that each call has to bring its own durability.
async fn after_an_intake<T>(
    store: &SqliteStore,
    lease: &Lease,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Vec<i64> {
    store.intake(lease, &page()).await.unwrap();
    assert_eq!(committed(store).await, [NORMAL]);
    assert!(call.await.is_ok());
    committed(store).await
}

#[tokio::test]
async fn everything_but_an_intake_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let lease = store.lease(&contacts(), at(0), Duration::from_secs(300)).await.unwrap();
    assert_eq!(committed(&store).await, [FULL]);
    let revision = Revision {
        number: 1,
        fingerprint: fluxcascade_core::model::Fingerprint([1; 16]),
        policies: None,
        ends: Sides::from_fn(|_| Endpoint {
            connection: ConnectionName::new("jobber").unwrap(),
            object: ObjectType::new("clients").unwrap(),
        }),
        layout: fluxcascade_core::model::Layout { pairs: Vec::new() },
    };
    let run = RunRow {
        number: RunNumber(1),
        started: at(0),
        ended: None,
        status: RunStatus::Completed,
        writes: Sides::default(),
        error: None,
    };
    let key = TokenKey {
        tenant: TenantId::default(),
        connection: ConnectionName::new("jobber").unwrap(),
    };
    let ttl = Duration::from_secs(300);
    let (batch, deals) = (CommitBatch::default(), MappingName::new("deals").unwrap());
    let deals = MappingKey::of(deals);
    let check = |name: &str, found: Vec<i64>| assert_eq!(found, [FULL], "{name}");

    check("begin", after_an_intake(&store, &lease, store.begin(&lease, &[])).await);
    check("commit", after_an_intake(&store, &lease, store.commit(&lease, &batch)).await);
    check("lease", after_an_intake(&store, &lease, store.lease(&deals, at(0), ttl)).await);
    check("renew", after_an_intake(&store, &lease, store.renew(&lease, at(0), ttl)).await);
    check("answer", after_an_intake(&store, &lease, store.answer(&deals, &[])).await);
    check("notify", after_an_intake(&store, &lease, store.notify(&[])).await);
    let call = store.add_revision(&lease, &revision);
    check("add_revision", after_an_intake(&store, &lease, call).await);
    let start = RunStart::at(at(0));
    let call = store.start_run(&lease, &start);
    check("start_run", after_an_intake(&store, &lease, call).await);
    let call = store.finish_run(&lease, &run);
    check("finish_run", after_an_intake(&store, &lease, call).await);
    let call = store.fingerprint_key(&deals);
    check("fingerprint_key", after_an_intake(&store, &lease, call).await);
    let call = store.replace_token(&key, 0, b"secret");
    check("replace_token", after_an_intake(&store, &lease, call).await);
    let call = store.claim_refresh(&key, at(0), ttl);
    check("claim_refresh", after_an_intake(&store, &lease, call).await);
    let call = store.release_refresh(&key, at(0) + ttl);
    check("release_refresh", after_an_intake(&store, &lease, call).await);
    check("release", after_an_intake(&store, &lease, store.release(&lease)).await);
}

/// Keeps the thread busy until all of the calls have been sent.
async fn at_once<T>(store: &SqliteStore, calls: impl Future<Output = T>) -> T {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let busy = store.worker.run(move |_| {
        let _ = wait.recv();
    });
    let calls = async move {
        let mut calls = std::pin::pin!(calls);
        let sent = futures::poll!(&mut calls);
        drop(go);
        match sent {
            std::task::Poll::Ready(done) => done,
            std::task::Poll::Pending => calls.await,
        }
    };
    let (busy, done) = futures::join!(busy, calls);
    busy.unwrap();
    done
}

fn commit_of(n: u8) -> CommitBatch {
    nouns::links([nouns::link(n)])
}

async fn opened() -> (tempfile::TempDir, SqliteStore, Lease) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let lease = store.lease(&contacts(), at(0), Duration::from_secs(300)).await.unwrap();
    committed(&store).await;
    (folder, store, lease)
}

/// The disk is waited for once for all callers that wait at the same time.
#[tokio::test]
async fn commits_that_wait_together_share_a_transaction() {
    let (_folder, store, lease) = opened().await;
    let batches: Vec<_> = (1..=40).map(commit_of).collect();
    let commits = batches.iter().map(|batch| store.commit(&lease, batch));
    let key = TokenKey {
        tenant: TenantId::default(),
        connection: ConnectionName::new("jobber").unwrap(),
    };
    let page = page();
    let calls = async {
        futures::join!(
            futures::future::join_all(commits),
            store.replace_token(&key, 0, b"secret"),
            store.intake(&lease, &page),
        )
    };
    let (commits, token, intake) = at_once(&store, calls).await;
    assert!(commits.iter().all(Result::is_ok) && token.unwrap() && intake.is_ok());
    assert_eq!(committed(&store).await, [FULL]);
    assert_eq!(store.counts(&contacts()).await.unwrap().active_links, 40);
}

#[tokio::test]
async fn intakes_that_wait_together_do_not_wait_for_the_disk() {
    let (_folder, store, lease) = opened().await;
    let page = page();
    let calls = futures::future::join_all((0..5).map(|_| store.intake(&lease, &page)));
    assert!(at_once(&store, calls).await.iter().all(Result::is_ok));
    assert_eq!(committed(&store).await, [NORMAL]);
}

/// A read sees what was committed before it was asked, and nothing that may still be undone.
#[tokio::test]
async fn a_read_between_commits_parts_them() {
    let (_folder, store, lease) = opened().await;
    let (first, second) = (commit_of(1), commit_of(2));
    let key = contacts();
    let calls = async {
        futures::join!(
            store.commit(&lease, &first),
            store.counts(&key),
            store.commit(&lease, &second)
        )
    };
    let (_, between, _) = at_once(&store, calls).await;
    assert_eq!(between.unwrap().active_links, 1);
    assert_eq!(committed(&store).await, [FULL, FULL]);
}

#[tokio::test]
async fn a_call_that_fails_is_undone_alone() {
    let (_folder, store, lease) = opened().await;
    let lost = Lease { fence: lease.fence + 1, ..lease.clone() };
    let twice = nouns::links([
        nouns::link(7),
        nouns::link_between(8, "s7", "another"), // s7 has a link by then
    ]);
    let (first, second) = (commit_of(1), commit_of(2));
    let calls = async {
        futures::join!(
            store.commit(&lease, &first),
            store.commit(&lost, &first),
            store.commit(&lease, &twice),
            store.commit(&lease, &second)
        )
    };
    let (first, fenced, refused, second) = at_once(&store, calls).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(fenced.unwrap_err().kind, StoreErrorKind::LeaseLost);
    assert_eq!(refused.unwrap_err().kind, StoreErrorKind::Misuse);
    assert_eq!(committed(&store).await, [FULL]);
    let there = store.links(&contacts(), None, 9).await.unwrap();
    assert_eq!(there, [nouns::link(1), nouns::link(2)]);
}

/// Lets the file have no more pages than it has and these; how many it has.
async fn leave_pages(store: &SqliteStore, more: i64) -> i64 {
    let limit = move |session: &mut worker::Session| {
        let connection = &session.connection;
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let most = pages + more;
        connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(pages))
    };
    store.worker.run(limit).await.unwrap().unwrap()
}

/// More than a page of each.
fn large(first: u8) -> CommitBatch {
    let link = |n: u8| {
        let mut link = nouns::link(n);
        link.bases.source.slots[0] = fluxcascade_core::model::Value::from("x".repeat(9_000)).into();
        link
    };
    nouns::links((first..first + 20).map(link))
}

#[tokio::test]
async fn a_full_disk_is_one_clear_error_and_leaves_nothing_half_written() {
    let (folder, store, lease) = opened().await;
    store.commit(&lease, &commit_of(1)).await.unwrap();
    leave_pages(&store, 0).await;
    let batch = large(100);
    let error = store.commit(&lease, &batch).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Failed);
    for told in ["sync.db: ", "the disk is full", "make room and run again"] {
        assert!(error.message.contains(told), "{error}");
    }
    assert_eq!(store.links(&contacts(), None, 99).await.unwrap(), [nouns::link(1)]);
    // What needs no room is done.
    store.renew(&lease, at(1), Duration::from_secs(300)).await.unwrap();
    // Once there is room, it goes on.
    leave_pages(&store, 1_000).await;
    store.commit(&lease, &batch).await.unwrap();
    assert_eq!(store.counts(&contacts()).await.unwrap().active_links, 21);
    drop(store);
    let file = rusqlite::Connection::open(folder.path().join("sync.db")).unwrap();
    let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn what_shared_a_transaction_with_a_full_disk_is_told_the_truth() {
    let (_folder, store, lease) = opened().await;
    leave_pages(&store, 0).await;
    let batches = [commit_of(1), large(100), commit_of(2)];
    let calls = futures::future::join_all(batches.iter().map(|batch| store.commit(&lease, batch)));
    let outcomes = at_once(&store, calls).await;
    let there = store.links(&contacts(), None, 99).await.unwrap();
    for (batch, outcome) in batches.iter().zip(outcomes) {
        let stored = there.contains(&batch.links[0].link);
        match outcome {
            Ok(()) => assert!(stored),
            Err(error) => assert!(!stored && error.message.contains("the disk is full"), "{error}"),
        }
    }
    assert!(!there.contains(&batches[1].links[0].link));
}

/// How SQLite will carry out a statement.
fn plan(connection: &rusqlite::Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let values = rusqlite::params_from_iter(vec![0_i64; statement.parameter_count()]);
    let steps = statement.query_map(values, |row| row.get::<_, String>(3)).unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

async fn plans(store: &SqliteStore, statements: Vec<&'static str>) -> Vec<String> {
    let explain = move |session: &mut worker::Session| {
        statements.into_iter().map(|sql| plan(&session.connection, sql)).collect()
    };
    store.worker.run(explain).await.unwrap()
}

/// A sort would read all of the inbox for each page.
#[tokio::test]
async fn pages_of_work_come_from_indexes_without_sorting() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let statements = work::DUE_LINKS[..3].iter().chain(&work::DUE_RECORDS).copied().collect();
    for plan in plans(&store, statements).await {
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN "), "{plan}");
        assert!(!plan.ends_with("(mapping=?)"), "{plan}");
    }
}

/// What is asked for each record must not read all that the mapping has.
#[tokio::test]
async fn what_waits_on_a_record_is_found_without_reading_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let mut statements = vec![
        CLAIMING,
        NAMING,
        STRAYS,
        WAITING,
        holds::HOLDS_OF_LINK,
        holds::AWAITING,
        holds::ACTIVE,
        claims::CLAIMED,
        claims::ENDED,
        links::LINKED,
        sweep::KNOWN,
    ];
    statements.extend(links::ENDED.iter().map(|(_, sql)| *sql));
    for plan in plans(&store, statements).await {
        assert!(!plan.contains("(mapping=?)"), "{plan}");
        assert!(!plan.replace("SCAN CONSTANT ROW", "").contains("SCAN "), "{plan}");
    }
}

/// Rows that are rewrapped, pruned or shown newest first are read page by page, and one by its place.
#[tokio::test]
async fn rows_are_read_in_the_order_of_their_places_without_sorting() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let newest = "SELECT conflict FROM conflicts WHERE mapping = ? ORDER BY place DESC LIMIT ?";
    for plan in plans(&store, vec![upkeep::LOG, upkeep::CONFLICTS, newest]).await {
        assert!(!plan.contains("TEMP B-TREE") && !plan.starts_with("SCAN"), "{plan}");
    }
    let explain = |session: &mut worker::Session| {
        Table::ALL.map(|table| {
            [rows::after(table), rows::at(table)].map(|sql| plan(&session.connection, &sql))
        })
    };
    for [after, at] in store.worker.run(explain).await.unwrap() {
        assert!(!after.contains("TEMP B-TREE") && !after.starts_with("SCAN"), "{after}");
        assert!(at.contains("rowid=?") || at.contains("PRIMARY KEY"), "{at}");
    }
    // A tombstone of two records is found by one of them, whatever number of them there are.
    for plan in plans(&store, vec![work::SHARED]).await {
        assert!(plan.contains("links_ended_by_source (mapping=? AND source=?)"), "{plan}");
    }
}

/// What is read page by page, or counted, comes in the order of an index.
#[tokio::test]
async fn pages_of_holds_and_of_missed_records_are_not_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let statements = sweep::MISSED.into_iter().chain([holds::OF_REASON, read::WITHHELD]).collect();
    for plan in plans(&store, statements).await {
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN "), "{plan}");
        assert!(plan.contains("INDEX") || plan.contains("PRIMARY KEY"), "{plan}");
    }
}
