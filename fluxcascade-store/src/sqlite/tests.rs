//! Which durability is in force for which call. What the file keeps is tested in `tests/`.
#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use fluxcascade_core::model::{
    ConnectionName, Endpoint, MappingName, ObjectType, RunNumber, RunRow, RunStatus, Side, Sides,
    TenantId,
};
use fluxcascade_core::store::{TokenKey, TokenStore};

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

/// The pragma as the last transaction left it: calls set it before they begin, and not after.
async fn in_force(store: &SqliteStore) -> i64 {
    let ask = |session: &mut worker::Session| {
        session.connection.pragma_query_value(None, "synchronous", |row| row.get(0))
    };
    store.worker.run(ask).await.unwrap().unwrap()
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
) -> i64 {
    store.intake(lease, &page()).await.unwrap();
    assert_eq!(in_force(store).await, NORMAL);
    assert!(call.await.is_ok());
    in_force(store).await
}

#[tokio::test]
async fn everything_but_an_intake_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    assert_eq!(in_force(&store).await, FULL);
    let lease = store.lease(&contacts(), at(0), Duration::from_secs(300)).await.unwrap();
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
    let check = |name: &str, found: i64| assert_eq!(found, FULL, "{name}");

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
    let call = store.release_refresh(&key);
    check("release_refresh", after_an_intake(&store, &lease, call).await);
    check("release", after_an_intake(&store, &lease, store.release(&lease)).await);
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
