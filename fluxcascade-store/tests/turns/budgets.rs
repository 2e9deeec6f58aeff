//! How the budget of a connection is divided.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::model::{ConnectionName, Side, TenantId, Timestamp};
use fluxcascade_core::store::{Budget, ClaimRequest, Draw, Drawn};
use fluxcascade_core::testkit::conformance::store::nouns::*;

use crate::{Turns, claiming, on_each_store, schedule, worker};

on_each_store! {
    all_draws_together_grant_no_more_than_the_budget_in_any_window
    a_worker_is_granted_no_more_than_its_share
    a_draw_that_is_granted_nothing_is_told_when_to_ask_again
    a_budget_is_the_tenant_s_the_connection_s_and_the_limit_s
}

fn drawing(who: &str, connection: &str, wanted: u32, now: Timestamp) -> Draw {
    Draw {
        tenant: TenantId::default(),
        connection: ConnectionName::new(connection).unwrap(),
        limit: "requests".to_owned(),
        worker: worker(who),
        budget: Budget { requests: 100, window: Duration::from_secs(10) },
        now,
        wanted,
    }
}

/// Draws from the budget of the suite's source.
async fn draw(store: &dyn Turns, who: &str, wanted: u32, now: Timestamp) -> Drawn {
    let connection = page(Side::Source, []).feed_key.connection;
    store.draw(&drawing(who, connection.as_str(), wanted, now)).await.unwrap()
}

async fn all_draws_together_grant_no_more_than_the_budget_in_any_window(store: Arc<dyn Turns>) {
    assert_eq!(draw(&*store, "one", 60, at(0)).await.granted, 60);
    assert_eq!(draw(&*store, "one", 60, at(1)).await.granted, 40);
    assert_eq!(draw(&*store, "one", 60, at(10)).await.granted, 0);
    assert_eq!(draw(&*store, "one", 80, at(11)).await.granted, 60);
    assert_eq!(draw(&*store, "one", 80, at(12)).await.granted, 40);
}

/// The workers that hold leases count, each once, and so do those whose leases nobody claimed.
async fn a_worker_is_granted_no_more_than_its_share(store: Arc<dyn Turns>) {
    for name in ["contacts", "leads", "people"] {
        schedule(&*store, &mapping(name), at(0)).await;
    }
    let held = [("one", "contacts"), ("one", "leads"), ("two", "people")];
    let mut leases = Vec::new();
    for (who, name) in held {
        let among = Some(vec![mapping(name)]);
        let request = ClaimRequest { worker: worker(who), among, ..claiming(at(0), 1) };
        let lease = store.claim(&request).await.unwrap().leases.remove(0);
        leases.push(lease);
    }
    assert_eq!(draw(&*store, "one", 99, at(0)).await.granted, 99, "none of them reads it yet");
    for lease in &leases {
        let mut page = page(Side::Source, []);
        page.feed_key.reader = lease.mapping.mapping.clone();
        store.intake(lease, &page).await.unwrap();
    }
    assert_eq!(draw(&*store, "one", 99, at(20)).await.granted, 50);
    assert_eq!(draw(&*store, "one", 99, at(20)).await.granted, 0);
    assert_eq!(draw(&*store, "two", 99, at(20)).await.granted, 50);
    // A lease that nobody claimed is somebody's.
    store.release(&leases[1]).await.unwrap();
    let by_hand = store.lease(&mapping("leads"), at(40), TTL).await.unwrap();
    assert_eq!(draw(&*store, "one", 99, at(40)).await.granted, 33);
    store.release(&by_hand).await.unwrap();
    // Leases that are over do not count.
    store.release(&leases[2]).await.unwrap();
    assert_eq!(draw(&*store, "one", 99, at(60)).await.granted, 99);
    assert_eq!(draw(&*store, "three", 99, at(301)).await.granted, 99);
}

async fn a_draw_that_is_granted_nothing_is_told_when_to_ask_again(store: Arc<dyn Turns>) {
    let all = draw(&*store, "one", 200, at(0)).await;
    assert_eq!(all.granted, 100);
    assert_eq!(all.until, at(0) + Duration::from_millis(500));
    let none = draw(&*store, "two", 1, at(3)).await;
    assert_eq!((none.granted, none.again), (0, at(11)));
    assert_eq!(draw(&*store, "two", 1, at(11)).await.granted, 1);
}

async fn a_budget_is_the_tenant_s_the_connection_s_and_the_limit_s(store: Arc<dyn Turns>) {
    let mine = drawing("one", "mine", 100, at(0));
    assert_eq!(store.draw(&mine).await.unwrap().granted, 100);
    let theirs = Draw { tenant: TenantId::new("other").unwrap(), ..mine.clone() };
    assert_eq!(store.draw(&theirs).await.unwrap().granted, 100);
    assert_eq!(store.draw(&drawing("one", "other", 100, at(0))).await.unwrap().granted, 100);
    let searches = Draw { limit: "searches".to_owned(), ..mine.clone() };
    assert_eq!(store.draw(&searches).await.unwrap().granted, 100);
    assert_eq!(store.draw(&mine).await.unwrap().granted, 0);
}
