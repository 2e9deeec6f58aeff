//! What comes while another call of the same tenant is under way. Each test holds the lock that the
//! calls wait for, so that they meet in this order.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::model::Side;
use fluxcascade_core::store::{ClaimRequest, Intake, Schedule, Scheduled, Store, Upkeep};
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

#[tokio::test]
async fn a_hint_that_comes_while_its_record_is_forgotten_does_not_bring_it_back() {
    let Some(place) = Place::or_skip() else { return };
    let store = with_a_record(&place).await;
    let raw = place.hold_locked("mappings").await;
    let (one, two) = (Arc::clone(&store), Arc::clone(&store));
    let forgetting = tokio::spawn(async move { one.forget(&subject("s1"), at(50)).await });
    a_moment().await;
    let hinting = tokio::spawn(async move { two.notify(&[hint("s1")]).await });
    a_moment().await;
    raw.batch_execute("COMMIT").await.unwrap();
    forgetting.await.unwrap().unwrap();
    hinting.await.unwrap().unwrap();
    let lease = store.lease(&contacts(), at(900), TTL).await.unwrap();
    assert_eq!(store.work(&lease, &all_work(at(900))).await.unwrap(), []);
}

#[tokio::test]
async fn a_mapping_that_begins_while_a_record_is_forgotten_does_not_keep_it() {
    let Some(place) = Place::or_skip() else { return };
    let store = with_a_record(&place).await;
    let raw = place.hold_locked("mappings").await;
    let (one, two) = (Arc::clone(&store), Arc::clone(&store));
    let forgetting = tokio::spawn(async move { one.forget(&subject("s1"), at(50)).await });
    a_moment().await;
    // Another mapping of the same records has its first run.
    let first_run = tokio::spawn(async move {
        let lease = two.lease(&mapping("deals"), at(0), TTL).await?;
        let feed_key = feed_of("hubspot", "contacts", "deals");
        let shown = Intake { feed_key, ..page(Side::Source, [row("s1", 1)]) };
        // Its lease may be lost by then: it is to run again.
        let _ = two.intake(&lease, &shown).await;
        two.release(&lease).await
    });
    a_moment().await;
    raw.batch_execute("COMMIT").await.unwrap();
    forgetting.await.unwrap().unwrap();
    first_run.await.unwrap().unwrap();
    let lease = store.lease(&mapping("deals"), at(900), TTL).await.unwrap();
    assert_eq!(store.work(&lease, &all_work(at(900))).await.unwrap(), []);
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
