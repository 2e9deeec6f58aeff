//! Workers on one server: each claims other mappings, none waits for another, idle ones are woken, and
//! together they stay within a connection's budget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::model::{MappingKey, Side, WorkerName};
use fluxcascade_core::store::{Budget, Budgets, ClaimRequest, Draw, Schedule, Scheduled, Store};
use fluxcascade_core::testkit::conformance::store::nouns::{
    TTL, at, contacts, hint, mapping, page,
};
use fluxcascade_store::PostgresStore;

use crate::opening::client;
use crate::server::Place;

async fn worker(place: &Place) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(&place.options()).await.unwrap())
}

async fn schedule(store: &PostgresStore, mapping: MappingKey, first: i64) {
    let every = Duration::from_secs(3600);
    store.schedule(&Scheduled { mapping, every, first: at(first) }).await.unwrap();
}

fn claim(name: &str, limit: usize) -> ClaimRequest {
    let worker = WorkerName::new(name).unwrap();
    ClaimRequest { worker, among: None, now: at(0), ttl: TTL, limit }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_claims_at_once_each_takes_others_and_all_is_taken() {
    let Some(place) = Place::or_skip() else { return };
    let first = worker(&place).await;
    for n in 0..40 {
        schedule(&first, mapping(&format!("m{n}")), 0).await;
    }
    let claiming = (0..4).map(|n| {
        let place = place.clone();
        tokio::spawn(async move {
            let store = worker(&place).await;
            let mut taken = Vec::new();
            let mut idle = 0;
            // What another one is claiming at the moment is passed over, and free if that fails.
            while idle < 5 {
                let claimed = store.claim(&claim(&format!("w{n}"), 3)).await.unwrap().leases;
                idle = if claimed.is_empty() { idle + 1 } else { 0 };
                taken.extend(claimed);
            }
            taken
        })
    });
    let claiming: Vec<_> = claiming.collect();
    let mut by_mapping: BTreeMap<MappingKey, usize> = BTreeMap::new();
    for worker in claiming {
        for lease in worker.await.unwrap() {
            *by_mapping.entry(lease.mapping).or_default() += 1;
        }
    }
    assert_eq!(by_mapping.len(), 40);
    assert!(by_mapping.values().all(|times| *times == 1), "{by_mapping:?}");
}

/// A mapping that a call has locked is left to a later claim. Waiting for it would end by the
/// statement's limit alone, which is an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_claim_waits_for_nobody() {
    let Some(place) = Place::or_skip() else { return };
    let options = place.options().statement_timeout(Duration::from_secs(2));
    let store = PostgresStore::open(&options).await.unwrap();
    schedule(&store, contacts(), 0).await;
    schedule(&store, mapping("leads"), 0).await;
    let other = client(&place.url).await;
    let lock = format!(
        "BEGIN; SELECT 1 FROM {}.mappings WHERE name = 'contacts' FOR UPDATE",
        place.schema
    );
    other.batch_execute(&lock).await.unwrap();
    let claimed = store.claim(&claim("one", 9)).await.unwrap();
    let names: Vec<_> = claimed.leases.iter().map(|lease| &lease.mapping).collect();
    assert_eq!(names, [&mapping("leads")]);
    assert_eq!(claimed.next, Some(at(1)), "it is due, and to be asked for again soon");
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.claim(&claim("one", 9)).await.unwrap().leases.len(), 1);
}

/// Whether a store is told of something within a time that is long enough.
fn told(store: &Arc<PostgresStore>) -> tokio::task::JoinHandle<bool> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let waiting = tokio::time::timeout(Duration::from_secs(30), store.woken());
        waiting.await.is_ok_and(|woken| woken.is_ok())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_idle_worker_is_woken_by_a_hint_that_reaches_another_one() {
    let Some(place) = Place::or_skip() else { return };
    let (idle, busy) = (worker(&place).await, worker(&place).await);
    schedule(&busy, contacts(), 100_000).await;
    let lease = busy.lease(&contacts(), at(0), TTL).await.unwrap();
    busy.intake(&lease, &page(Side::Source, [])).await.unwrap();
    // It listens from the first wait on, which ends at once.
    idle.woken().await.unwrap();
    assert_eq!(idle.claim(&claim("idle", 1)).await.unwrap().leases, []);

    let waiting = told(&idle);
    busy.notify(&[hint("s1")]).await.unwrap();
    assert!(waiting.await.unwrap(), "by the hint");
    assert_eq!(idle.claim(&claim("idle", 1)).await.unwrap().leases, [], "the lease holds");
    let waiting = told(&idle);
    busy.release(&lease).await.unwrap();
    assert!(waiting.await.unwrap(), "by the end of the lease that was in the way");
    assert_eq!(idle.claim(&claim("idle", 1)).await.unwrap().leases.len(), 1);

    // Another schema's store is no business of this one.
    let stranger = Place { schema: format!("{}_other", place.schema), ..place.clone() };
    let stranger = worker(&stranger).await;
    schedule(&stranger, contacts(), 0).await;
    assert_eq!(idle.claim(&claim("idle", 1)).await.unwrap().leases, []);
    let waiting = tokio::time::timeout(Duration::from_millis(300), idle.woken()).await;
    assert!(waiting.is_err(), "woken by another schema");
}

/// A worker whose connection ends is told to look for itself, and listens again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_whose_connection_is_lost_listens_again() {
    let Some(place) = Place::own_or_skip() else { return };
    let mine = format!("{} application_name={}", place.url, place.schema);
    let idle = Place { url: mine, ..place.clone() };
    let (idle, busy) = (worker(&idle).await, worker(&place).await);
    schedule(&busy, contacts(), 100_000).await;
    idle.woken().await.unwrap();
    assert_eq!(idle.claim(&claim("idle", 1)).await.unwrap().leases, []);
    let waiting = told(&idle);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = $1 AND query LIKE 'LISTEN%'";
    let client = client(&place.url).await;
    assert_eq!(client.query(cut, &[&place.schema]).await.unwrap().len(), 1);
    assert!(waiting.await.unwrap());
    assert_eq!(idle.claim(&claim("idle", 1)).await.unwrap().leases, []);
    // The first wait of the new connection ends at once: what came between was not heard.
    idle.woken().await.unwrap();
    assert_eq!(idle.claim(&claim("idle", 1)).await.unwrap().leases, []);
    let waiting = told(&idle);
    busy.wake(&[contacts()]).await.unwrap();
    assert!(waiting.await.unwrap());
    assert_eq!(idle.claim(&claim("idle", 1)).await.unwrap().leases.len(), 1);
}

/// What a worker draws of the budget of the suite's source, five at a time and far more than there is.
async fn drawn(store: &PostgresStore, name: &str) -> u32 {
    let draw = Draw {
        tenant: contacts().tenant,
        connection: page(Side::Source, []).feed_key.connection,
        limit: "requests".to_owned(),
        worker: WorkerName::new(name).unwrap(),
        budget: Budget { requests: 100, window: Duration::from_secs(10) },
        now: at(0),
        wanted: 5,
        least: 1,
        late: Duration::ZERO,
    };
    let mut granted = 0;
    for _ in 0..30 {
        granted += store.draw(&draw).await.unwrap().granted;
    }
    granted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_that_draw_at_once_never_pass_the_budget() {
    let Some(place) = Place::or_skip() else { return };
    let drawing = (0..4).map(|n| {
        let place = place.clone();
        tokio::spawn(async move { drawn(&*worker(&place).await, &format!("w{n}")).await })
    });
    let drawing: Vec<_> = drawing.collect();
    let mut granted = 0;
    for worker in drawing {
        granted += worker.await.unwrap();
    }
    assert_eq!(granted, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_budget_is_divided_by_the_workers_that_hold_leases_on_it() {
    let Some(place) = Place::or_skip() else { return };
    let mut workers = Vec::new();
    for n in 0..4 {
        let (store, name) = (worker(&place).await, format!("w{n}"));
        schedule(&store, mapping(&name), 0).await;
        let lease = store.claim(&claim(&name, 1)).await.unwrap().leases.remove(0);
        let mut page = page(Side::Source, []);
        page.feed_key.reader = lease.mapping.mapping.clone();
        store.intake(&lease, &page).await.unwrap();
        workers.push((store, name));
    }
    let drawing = workers
        .into_iter()
        .map(|(store, name)| tokio::spawn(async move { drawn(&store, &name).await }));
    let drawing: Vec<_> = drawing.collect();
    for worker in drawing {
        assert_eq!(worker.await.unwrap(), 25);
    }
}
