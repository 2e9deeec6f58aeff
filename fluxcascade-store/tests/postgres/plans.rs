//! No call that is about a few records reads much of a table, whatever the planner knows by then.

use fluxcascade_core::model::{Fingerprint, Link, LinkId, RecordId, Side, WorkKey};
use fluxcascade_core::store::{
    CommitBatch, InboxMark, Intake, IntakeRow, Lease, LinkChange, Page, RecordKeys, Requeue, Store,
    Sweep, WorkRequest,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::PostgresStore;
use fluxcascade_store::postgres::PostgresOptions;
use tokio_postgres::Client;

use crate::opening::client;
use crate::server::Place;

/// So many links, and as many unlinked records with keys and entries.
const MANY: u32 = 6_000;

/// What was read of tables that have so many rows: without an index, and through each.
const READ: &str = "SELECT t.relname::text, (t.seq_tup_read
         + (SELECT sum(i.idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid))::bigint
     FROM pg_stat_user_tables t WHERE t.schemaname = $1
     AND t.relname IN ('links', 'linked', 'match_keys', 'inbox', 'log', 'seen') ORDER BY 1";

/// So many rounds of calls.
const ROUNDS: u32 = 12;

/// At most so much is read of a table in a round, by some ten calls about ten records each.
const FEW: i64 = 600;

fn bytes(n: u32) -> [u8; 16] {
    let mut bytes = [7; 16];
    bytes[4..8].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn nth_link(n: u32) -> Link {
    Link { id: LinkId(bytes(n)), ..link_between(0, &format!("s{n}"), &format!("t{n}")) }
}

fn nth_row(n: u32) -> IntakeRow {
    let keys = Some(vec![(0, Fingerprint(bytes(n))), (1, Fingerprint(bytes(n / 2)))].into());
    IntakeRow { keys, ..row(&format!("u{n}"), 1) }
}

async fn fill(store: &PostgresStore, lease: &Lease) {
    for first in (0..MANY).step_by(2_000) {
        let numbers = first..(first + 2_000).min(MANY);
        let links = numbers.clone().map(|n| LinkChange { link: nth_link(n) }).collect();
        let log = numbers.clone().map(|n| log_row(1, Some(&format!("s{n}")), None, "")).collect();
        let keys = numbers.clone().map(|n| RecordKeys {
            side: Side::Source,
            record: record(&format!("s{n}")),
            keys: vec![(0, Fingerprint(bytes(n + MANY)))].into(),
        });
        let batch = CommitBatch { links, log, keys: keys.collect(), ..CommitBatch::default() };
        store.commit(lease, &batch).await.unwrap();
        let part = if first == 0 { Sweep::First } else { Sweep::Going };
        let read = Intake { sweep: part, ..page(Side::Source, numbers.map(nth_row)) };
        store.intake(lease, &read).await.unwrap();
    }
}

/// A round of all calls that are about a few records.
async fn ask(store: &PostgresStore, lease: &Lease, round: u32) {
    let n = round * 100;
    let (key, few) = (&lease.mapping, Page { limit: 10, ..Page::default() });
    for after in [
        None,
        Some(WorkKey::Link(LinkId(bytes(n)))),
        Some(WorkKey::Record(Side::Source, record(&format!("u{n}")))),
    ] {
        let request = WorkRequest { after, limit: 10, now: at(9) };
        assert!(!store.work(lease, &request).await.unwrap().is_empty());
    }
    let known: Vec<WorkKey> = (n..n + 10)
        .flat_map(|n| [record(&format!("s{n}")), record(&format!("u{n}"))])
        .map(|record| WorkKey::Record(Side::Source, record))
        .collect();
    assert_eq!(store.gather(lease, &known).await.unwrap().len(), 20);
    let records: Vec<RecordId> = (n..n + 10).map(|n| record(&format!("s{n}"))).collect();
    let linked = store.linked(key, Side::Source, &records).await.unwrap();
    assert!(linked.iter().all(Option::is_some));
    let read = Intake {
        sweep: Sweep::Going,
        ..page(Side::Source, (n..n + 10).flat_map(|n| [nth_row(n), row(&format!("s{n}"), 1)]))
    };
    store.intake(lease, &read).await.unwrap();
    let operations: Vec<_> = (0..5)
        .map(|k| claiming(create(k, Side::Target, &format!("u{n}"), &[(0, k)]), &[k]))
        .collect();
    store.begin(lease, &operations).await.unwrap();
    let batch = CommitBatch {
        links: (n..n + 10).map(|n| LinkChange { link: nth_link(n) }).collect(),
        keys: vec![record_keys(Side::Source, &format!("s{n}"), &[(0, 1)])],
        closed: operations.iter().map(|operation| operation.id).collect(),
        holds: vec![record_hold(Side::Source, &format!("u{n}"), Some(at(1)))],
        released: vec![record_hold(Side::Source, "u1", None).key],
        log: vec![log_row(1, Some("s1"), None, "")],
        cleared: vec![InboxMark {
            side: Side::Source,
            record: record(&format!("u{}", n + 50)),
            sequence: u64::from(n) + 51,
        }],
        requeued: vec![Requeue {
            side: Side::Source,
            record: record(&format!("s{n}")),
            not_before: None,
            failed: None,
        }],
        ..CommitBatch::default()
    };
    store.commit(lease, &batch).await.unwrap();
    store.notify(&[hint("s1")]).await.unwrap();
    assert_eq!(store.links(key, Some(LinkId(bytes(n))), 10).await.unwrap().len(), 10);
    assert_eq!(store.log(key, &few).await.unwrap().len(), 10);
    let about = Page { record: Some((Side::Source, record("s1"))), ..few.clone() };
    assert!(!store.log(key, &about).await.unwrap().is_empty());
}

/// What was read of each table, once nobody has the store open any more: that is when the server
/// has counted it at the latest.
async fn read(client: &Client, place: &Place) -> Vec<(String, i64)> {
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    while client.query_one(open, &[&place.schema]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let rows = client.query(READ, &[&place.schema]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn on_each(client: &Client, place: &Place, statement: &str) {
    for table in ["links", "linked", "match_keys", "inbox", "log", "seen"] {
        let sql = statement.replace('%', &format!("{}.{table}", place.schema));
        client.batch_execute(&sql).await.unwrap();
    }
}

async fn little_is_read(statistics: &str) {
    let Some(place) = Place::or_skip() else { return };
    let named = if place.url.contains("://") {
        let joint = if place.url.contains('?') { '&' } else { '?' };
        format!("{}{joint}application_name={}", place.url, place.schema)
    } else {
        format!("{} application_name={}", place.url, place.schema)
    };
    let options = PostgresOptions::new(named).schema(&place.schema).connections(1);
    let client = client(&place.url).await;
    let store = PostgresStore::open(&options).await.unwrap();
    let lease = leased(&store).await.unwrap();
    // Else the server gathers its own at any moment.
    on_each(&client, &place, "ALTER TABLE % SET (autovacuum_enabled = off)").await;
    fill(&store, &lease).await;
    drop(store);
    on_each(&client, &place, statistics).await;
    let before = read(&client, &place).await;
    assert_eq!(before.len(), 6);

    let store = PostgresStore::open(&options).await.unwrap();
    for round in 0..ROUNDS {
        ask(&store, &lease, round).await;
    }
    drop(store);
    for ((table, before), (_, after)) in before.iter().zip(read(&client, &place).await) {
        let read = (after - before) / i64::from(ROUNDS);
        assert!(read < FEW, "{read} rows of {table} in a round");
    }
}

#[tokio::test]
async fn calls_about_a_few_records_read_little_of_tables_that_the_planner_knows() {
    little_is_read("ANALYZE %").await;
}

#[tokio::test]
async fn calls_about_a_few_records_read_little_of_tables_that_the_planner_does_not_know() {
    little_is_read("").await;
}
