//! Several stores on one database, as workers have them: what they do at the same moment.

use std::sync::Arc;

use fluxcascade_core::model::{Awaited, Hold, HoldKey, HoldReason, Side};
use fluxcascade_core::store::{
    Begun, CommitBatch, Page, Store, StoreErrorKind, TokenKey, TokenStore,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::PostgresStore;

use crate::server::Place;

async fn worker(place: &Place) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(&place.options()).await.unwrap())
}

/// P24: what a worker commits is there before the next lease is given, or never.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_committed_under_a_lease_once_a_later_one_was_given() {
    let Some(place) = Place::or_skip() else { return };
    let (old, new) = (worker(&place).await, worker(&place).await);
    let mut lease = leased(&*old).await.unwrap();
    for _ in 0..10 {
        let committing: Vec<_> = (0..4)
            .map(|_| {
                let (old, lease) = (Arc::clone(&old), lease.clone());
                tokio::spawn(async move {
                    let mut done = 0;
                    loop {
                        let batch = logged([log_row(1, Some("s1"), None, "")]);
                        match old.commit(&lease, &batch).await {
                            Ok(()) => done += 1,
                            Err(error) => {
                                assert_eq!(error.kind, StoreErrorKind::LeaseLost, "{error}");
                                return done;
                            }
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let before = count(&new).await;
        let later = new.lease(&contacts(), lease.until, TTL).await.unwrap();
        let at_once = count(&new).await;
        for worker in committing {
            worker.await.unwrap();
        }
        assert!(at_once >= before);
        assert_eq!(count(&new).await, at_once, "log rows after the next lease was given");
        lease = later;
    }
    assert!(count(&new).await > 0);
}

async fn count(store: &PostgresStore) -> usize {
    store.log(&contacts(), &Page::all()).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_leases_at_once_one_is_given() {
    let Some(place) = Place::or_skip() else { return };
    let (one, two) = (worker(&place).await, worker(&place).await);
    // Twice each: when the mapping is new, and when its lease was given back.
    for n in 0..40 {
        let name = mapping(&format!("mapping {}", n / 2));
        let (first, second) =
            tokio::join!(one.lease(&name, at(0), TTL), two.lease(&name, at(0), TTL));
        let (given, refused) = match (first, second) {
            (Ok(given), Err(refused)) | (Err(refused), Ok(given)) => (given, refused),
            both => panic!("round {n}: {both:?}"),
        };
        assert_eq!(refused.kind, StoreErrorKind::Busy);
        one.release(&given).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_creates_at_once_that_claim_the_same_one_begins() {
    let Some(place) = Place::or_skip() else { return };
    let (one, two) = (worker(&place).await, worker(&place).await);
    let contacts = leased(&*one).await.unwrap();
    let leads = two.lease(&mapping("leads"), at(0), TTL).await.unwrap();
    for n in 0..40 {
        let create = claiming(create(n, Side::Target, &format!("s{n}"), &[]), &[n]);
        let create = [create];
        let (first, second) =
            tokio::join!(one.begin(&contacts, &create), two.begin(&leads, &create));
        let answers = [first.unwrap().remove(0), second.unwrap().remove(0)];
        let begun = answers.iter().filter(|answer| **answer == Begun::Yes).count();
        assert_eq!(begun, 1, "round {n}: {answers:?}");
    }
}

/// Neither misses the other: the hold is due, whichever commit came first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hold_and_the_link_that_it_waits_for_may_be_committed_at_once() {
    let Some(place) = Place::or_skip() else { return };
    let (one, two) = (worker(&place).await, worker(&place).await);
    let contacts_lease = leased(&*one).await.unwrap();
    let companies = two.lease(&mapping("companies"), at(0), TTL).await.unwrap();
    for n in 0..40 {
        let linking = link_between(n, &format!("s{n}"), &format!("t{n}"));
        let awaited = Awaited {
            mapping: mapping("companies").mapping,
            side: Side::Source,
            record: record(&format!("s{n}")),
        };
        let key = HoldKey::Pair(link_id(n), pair("company"));
        let waiting = Hold { waits_for: Some(awaited), ..hold(key, HoldReason::Reference, None) };
        // The log is written after the holds, and gives the other commit time to come between.
        let log = (0..500).map(|_| log_row(1, Some("s1"), None, "")).collect();
        let waits = CommitBatch { log, ..holds([waiting]) };
        let makes = links([linking]);
        let (put, made) =
            tokio::join!(one.commit(&contacts_lease, &waits), two.commit(&companies, &makes));
        put.unwrap();
        made.unwrap();
        let held = one.holds(&contacts(), &Page::all()).await.unwrap();
        let due = held.iter().filter(|hold| hold.not_before.is_some()).count();
        assert_eq!(due, usize::from(n) + 1, "round {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hints_and_pages_at_once_all_have_their_own_sequence_numbers() {
    let Some(place) = Place::or_skip() else { return };
    let (one, two) = (worker(&place).await, worker(&place).await);
    let lease = leased(&*one).await.unwrap();
    one.intake(&lease, &page(Side::Source, [])).await.unwrap();
    for n in 0..20 {
        let hints: Vec<_> = (0..5).map(|k| hint(&format!("h{n}-{k}"))).collect();
        let rows = page(Side::Source, (0..5).map(|k| row(&format!("p{n}-{k}"), 1)));
        let (hinted, taken) = tokio::join!(two.notify(&hints), one.intake(&lease, &rows));
        hinted.unwrap();
        taken.unwrap();
    }
    let work = one.work(&lease, &all_work(at(9))).await.unwrap();
    let mut sequences: Vec<u64> = work
        .iter()
        .flat_map(|work| [&work.entries.source, &work.entries.target])
        .flatten()
        .map(|entry| entry.sequence)
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=200).collect::<Vec<_>>());
}

/// A refresh is one flight across processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_claims_of_a_refresh_at_once_one_is_given() {
    let Some(place) = Place::or_skip() else { return };
    let (one, two) = (worker(&place).await, worker(&place).await);
    for n in 0..20 {
        let key = TokenKey {
            tenant: contacts().tenant,
            connection: fluxcascade_core::model::ConnectionName::new(format!("c{n}")).unwrap(),
        };
        let (first, second) =
            tokio::join!(one.claim_refresh(&key, at(0), TTL), two.claim_refresh(&key, at(0), TTL));
        assert!(first.unwrap() != second.unwrap(), "claims of round {n}");
        let (first, second) =
            tokio::join!(one.replace_token(&key, 0, b"a"), two.replace_token(&key, 0, b"b"));
        assert!(first.unwrap() != second.unwrap(), "replacements of round {n}");
        assert_eq!(one.token(&key).await.unwrap().unwrap().generation, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tenants_first_fingerprint_key_is_one_for_all_workers() {
    let Some(place) = Place::or_skip() else { return };
    let (one, two) = (worker(&place).await, worker(&place).await);
    for n in 0..20 {
        let of = mapping_of(&format!("tenant {n}"), "contacts");
        let (first, second) = tokio::join!(one.fingerprint_key(&of), two.fingerprint_key(&of));
        assert_eq!(first.unwrap(), second.unwrap(), "round {n}");
    }
}
