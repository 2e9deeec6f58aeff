//! What comes while another call of the same tenant is under way. Each test holds the lock that the
//! calls wait for, so that they meet in this order.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::model::{MappingKey, Side};
use fluxcascade_core::store::{
    ClaimRequest, Intake, Schedule, Scheduled, Store, StoreError, Upkeep,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::PostgresStore;

use crate::server::Place;

/// Until another call waits at a lock.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// A store that has taken a record in.
async fn with_a_record(place: &Place) -> Arc<PostgresStore> {
    let store = Arc::new(PostgresStore::open(&place.options()).await.unwrap());
    let lease = leased(&*store).await.unwrap();
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    store.release(&lease).await.unwrap();
    store
}

/// What is done while a record is forgotten: both wait for the same lock, the forgetting first.
async fn while_it_is_forgotten<F>(place: &Place, meanwhile: impl FnOnce(Arc<PostgresStore>) -> F)
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let store = with_a_record(place).await;
    let raw = place.hold_locked("mappings").await;
    let one = Arc::clone(&store);
    let forgetting = tokio::spawn(async move { one.forget(&subject("s1"), at(50)).await });
    a_moment().await;
    let meanwhile = tokio::spawn(meanwhile(store));
    a_moment().await;
    raw.batch_execute("COMMIT").await.unwrap();
    forgetting.await.unwrap().unwrap();
    meanwhile.await.unwrap().unwrap();
}

/// Nothing of it is left in a mapping.
async fn is_gone(place: &Place, mapping: &MappingKey) {
    let store = PostgresStore::open(&place.options()).await.unwrap();
    let lease = store.lease(mapping, at(900), TTL).await.unwrap();
    assert_eq!(store.work(&lease, &all_work(at(900))).await.unwrap(), []);
}

#[tokio::test]
async fn a_hint_that_comes_while_its_record_is_forgotten_does_not_bring_it_back() {
    let Some(place) = Place::or_skip() else { return };
    let hints = |store: Arc<PostgresStore>| async move { store.notify(&[hint("s1")]).await };
    while_it_is_forgotten(&place, hints).await;
    is_gone(&place, &contacts()).await;
}

#[tokio::test]
async fn a_mapping_that_begins_while_a_record_is_forgotten_does_not_keep_it() {
    let Some(place) = Place::or_skip() else { return };
    // Another mapping of the same records has its first run.
    let first_run = |store: Arc<PostgresStore>| async move {
        let lease = store.lease(&mapping("deals"), at(0), TTL).await?;
        let feed_key = feed_of("hubspot", "contacts", "deals");
        let shown = Intake { feed_key, ..page(Side::Source, [row("s1", 1)]) };
        // Its lease may be lost by then: it is to run again.
        let _ = store.intake(&lease, &shown).await;
        store.release(&lease).await
    };
    while_it_is_forgotten(&place, first_run).await;
    is_gone(&place, &mapping("deals")).await;
}

/// A commit of another mapping wakes it, without the lock of this one.
#[tokio::test]
async fn a_worker_that_starts_does_not_put_off_what_is_woken() {
    let Some(place) = Place::or_skip() else { return };
    let store = Arc::new(PostgresStore::open(&place.options()).await.unwrap());
    let every = Duration::from_secs(3_600);
    let scheduled = Scheduled { mapping: mapping("deals"), every, first: at(0) };
    store.schedule(&scheduled).await.unwrap();
    let claim = |now| ClaimRequest {
        worker: worker("one"),
        among: Some(vec![mapping("deals")]),
        now: at(now),
        ttl: TTL,
        limit: 9,
    };
    for lease in store.claim(&claim(1)).await.unwrap().leases {
        store.release(&lease).await.unwrap();
    }
    let raw = place.connect().await;
    let wake = format!("BEGIN; UPDATE {}.turns SET due = {}", place.schema, i64::MIN);
    raw.batch_execute(&wake).await.unwrap();
    let starting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.schedule(&scheduled).await })
    };
    a_moment().await;
    raw.batch_execute("COMMIT").await.unwrap();
    starting.await.unwrap().unwrap();
    assert_eq!(store.claim(&claim(2)).await.unwrap().leases.len(), 1);
}
