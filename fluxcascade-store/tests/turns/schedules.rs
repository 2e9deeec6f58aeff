//! When mappings are due, who gets them, and who is woken.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::model::{Answer, AnswerTo, Choice, Side};
use fluxcascade_core::store::{ClaimRequest, Scheduled, StoreErrorKind};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use futures::FutureExt;

use crate::{Turns, claim, claiming, due, on_each_store, schedule};

on_each_store! {
    a_scheduled_mapping_is_due_at_its_first_time
    a_mapping_that_is_scheduled_again_keeps_its_time
    a_mapping_that_was_taken_off_is_not_claimed
    a_mapping_that_is_woken_is_due_at_once
    a_hint_wakes_the_mappings_that_it_reaches
    an_answer_that_is_stored_wakes_its_mapping
    what_wakes_a_mapping_that_is_claimed_makes_it_due_again_once_its_lease_is_over
    a_claim_takes_what_is_due_longest_first_and_as_much_as_its_limit
    a_claimed_mapping_is_due_again_when_its_time_after_the_claim_is_over
    a_mapping_whose_lease_holds_is_not_claimed
    a_mapping_whose_lease_ran_out_is_due
    a_claim_takes_only_mappings_that_it_names
    a_claim_tells_when_the_next_mapping_is_due
    a_claimed_lease_is_like_any_other
    what_was_woken_since_the_last_claim_that_took_all_ends_the_wait
}

async fn a_scheduled_mapping_is_due_at_its_first_time(store: Arc<dyn Turns>) {
    assert_eq!(due(&*store, at(0)).await, [""; 0]);
    schedule(&*store, &contacts(), at(10)).await;
    assert_eq!(due(&*store, at(9)).await, [""; 0]);
    assert_eq!(due(&*store, at(10)).await, ["contacts"]);
}

async fn a_mapping_that_is_scheduled_again_keeps_its_time(store: Arc<dyn Turns>) {
    schedule(&*store, &contacts(), at(0)).await;
    assert_eq!(due(&*store, at(0)).await, ["contacts"]);
    // Another worker starts: that is no reason to sync again.
    schedule(&*store, &contacts(), at(1)).await;
    assert_eq!(due(&*store, at(59)).await, [""; 0]);
    assert_eq!(due(&*store, at(60)).await, ["contacts"]);
    // It is to be synced more often: the time that it has is too late.
    let sooner = Scheduled { mapping: contacts(), every: Duration::from_secs(5), first: at(61) };
    store.schedule(&sooner).await.unwrap();
    assert_eq!(due(&*store, at(65)).await, [""; 0]);
    assert_eq!(due(&*store, at(66)).await, ["contacts"]);
    assert_eq!(due(&*store, at(71)).await, ["contacts"]);
}

async fn a_mapping_that_was_taken_off_is_not_claimed(store: Arc<dyn Turns>) {
    schedule(&*store, &contacts(), at(0)).await;
    schedule(&*store, &mapping("leads"), at(0)).await;
    store.unschedule(&contacts()).await.unwrap();
    store.unschedule(&mapping("never there")).await.unwrap();
    assert_eq!(due(&*store, at(0)).await, ["leads"]);
}

async fn a_mapping_that_is_woken_is_due_at_once(store: Arc<dyn Turns>) {
    schedule(&*store, &contacts(), at(1000)).await;
    schedule(&*store, &mapping("leads"), at(1000)).await;
    store.wake(&[contacts(), mapping("not scheduled")]).await.unwrap();
    assert_eq!(due(&*store, at(0)).await, ["contacts"]);
    assert_eq!(due(&*store, at(1)).await, [""; 0], "it was woken once");
}

async fn a_hint_wakes_the_mappings_that_it_reaches(store: Arc<dyn Turns>) {
    for name in ["contacts", "leads", "companies"] {
        schedule(&*store, &mapping(name), at(1000)).await;
    }
    for reading in [contacts(), mapping("leads")] {
        let lease = store.lease(&reading, at(0), TTL).await.unwrap();
        let mut page = page(Side::Source, []);
        page.feed_key.reader = reading.mapping.clone();
        store.intake(&lease, &page).await.unwrap();
        store.release(&lease).await.unwrap();
    }
    assert_eq!(due(&*store, at(0)).await, [""; 0]);
    store.notify(&[hint("s1")]).await.unwrap();
    assert_eq!(due(&*store, at(0)).await, ["contacts", "leads"]);
}

async fn an_answer_that_is_stored_wakes_its_mapping(store: Arc<dyn Turns>) {
    schedule(&*store, &contacts(), at(1000)).await;
    let lease = leased(&*store).await.unwrap();
    let held = pair_hold(1, "name", None);
    store.commit(&lease, &links([link(1)])).await.unwrap();
    store.commit(&lease, &holds([held.clone()])).await.unwrap();
    store.release(&lease).await.unwrap();
    let to = |version| AnswerTo {
        hold: held.key.clone(),
        version,
        answer: Answer { choice: Choice::Take(Side::Source), at: at(1) },
    };
    store.answer(&contacts(), &[to(print(99))]).await.unwrap();
    assert_eq!(due(&*store, at(0)).await, [""; 0], "a stale answer changes nothing");
    store.answer(&contacts(), &[to(held.version())]).await.unwrap();
    assert_eq!(due(&*store, at(0)).await, ["contacts"]);
}

async fn what_wakes_a_mapping_that_is_claimed_makes_it_due_again_once_its_lease_is_over(
    store: Arc<dyn Turns>,
) {
    schedule(&*store, &contacts(), at(0)).await;
    let lease = claim(&*store, at(0), 1).await.leases.remove(0);
    store.wake(&[contacts()]).await.unwrap();
    assert_eq!(claim(&*store, at(1), 1).await.leases, [], "its lease holds");
    store.release(&lease).await.unwrap();
    assert_eq!(due(&*store, at(1)).await, ["contacts"]);
    assert_eq!(due(&*store, at(1)).await, [""; 0]);
}

async fn a_claim_takes_what_is_due_longest_first_and_as_much_as_its_limit(store: Arc<dyn Turns>) {
    for (name, first) in [("a", 30), ("b", 10), ("c", 20), ("d", 99)] {
        schedule(&*store, &mapping(name), at(first)).await;
    }
    let claimed = claim(&*store, at(50), 2).await;
    let names: Vec<_> = claimed.leases.iter().map(|lease| lease.mapping.clone()).collect();
    assert_eq!(names, [mapping("b"), mapping("c")]);
    assert_eq!(claimed.next, Some(at(51)), "another one is due already");
    assert_eq!(due(&*store, at(50)).await, ["a"]);
}

async fn a_claimed_mapping_is_due_again_when_its_time_after_the_claim_is_over(
    store: Arc<dyn Turns>,
) {
    schedule(&*store, &contacts(), at(0)).await;
    let lease = claim(&*store, at(100), 1).await.leases.remove(0);
    store.release(&lease).await.unwrap();
    assert_eq!(due(&*store, at(159)).await, [""; 0]);
    // A run that takes longer than that is not overtaken.
    let lease = claim(&*store, at(160), 1).await.leases.remove(0);
    assert_eq!(claim(&*store, at(160 + 299), 1).await.leases, []);
    store.release(&lease).await.unwrap();
    assert_eq!(due(&*store, at(160 + 299)).await, ["contacts"]);
}

async fn a_mapping_whose_lease_holds_is_not_claimed(store: Arc<dyn Turns>) {
    schedule(&*store, &contacts(), at(0)).await;
    let lease = leased(&*store).await.unwrap();
    assert_eq!(claim(&*store, at(1), 9).await.leases, []);
    let lease = store.renew(&lease, at(200), TTL).await.unwrap();
    assert_eq!(claim(&*store, at(499), 9).await.leases, []);
    store.release(&lease).await.unwrap();
    let lease = claim(&*store, at(499), 9).await.leases.remove(0);
    let busy = store.lease(&contacts(), at(500), TTL).await.unwrap_err();
    assert_eq!(busy.kind, StoreErrorKind::Busy);
    assert_eq!(claim(&*store, lease.until, 9).await.leases.len(), 1);
}

/// P24.
async fn a_mapping_whose_lease_ran_out_is_due(store: Arc<dyn Turns>) {
    let every = Duration::from_secs(100_000);
    let rarely = Scheduled { mapping: contacts(), every, first: at(0) };
    store.schedule(&rarely).await.unwrap();
    let dead = claim(&*store, at(0), 1).await.leases.remove(0);
    assert_eq!(claim(&*store, at(299), 1).await.leases, []);
    let next = claim(&*store, at(300), 1).await.leases.remove(0);
    assert!(next.fence > dead.fence && dead.sole && !next.sole);
    let lost = store.commit(&dead, &links([link(1)])).await.unwrap_err();
    assert_eq!(lost.kind, StoreErrorKind::LeaseLost);
    store.release(&next).await.unwrap();
    assert_eq!(due(&*store, at(5000)).await, [""; 0], "it was given back, and is not due");
}

async fn a_claim_takes_only_mappings_that_it_names(store: Arc<dyn Turns>) {
    let theirs = mapping_of("other", "contacts");
    schedule(&*store, &contacts(), at(0)).await;
    schedule(&*store, &theirs, at(5)).await;
    let of = |keys: &[_]| ClaimRequest { among: Some(keys.to_vec()), ..claiming(at(3), 9) };
    let none = store.claim(&of(&[])).await.unwrap();
    assert_eq!((none.leases, none.next), (vec![], None));
    let none = store.claim(&of(&[theirs.clone(), mapping("leads")])).await.unwrap();
    assert_eq!((none.leases, none.next), (vec![], Some(at(5))));
    let mine = store.claim(&of(&[mapping("leads"), contacts()])).await.unwrap();
    assert_eq!(mine.leases.len(), 1);
    let all = claim(&*store, at(5), 9).await;
    assert_eq!(all.leases[0].mapping, theirs);
}

async fn a_claim_tells_when_the_next_mapping_is_due(store: Arc<dyn Turns>) {
    assert_eq!(claim(&*store, at(0), 1).await.next, None);
    schedule(&*store, &contacts(), at(50)).await;
    schedule(&*store, &mapping("leads"), at(40)).await;
    assert_eq!(claim(&*store, at(0), 1).await.next, Some(at(40)));
    let lease = claim(&*store, at(40), 9).await.leases.remove(0);
    assert_eq!(claim(&*store, at(41), 9).await.next, Some(at(50)));
    store.release(&claim(&*store, at(50), 9).await.leases[0]).await.unwrap();
    // Leads would be due at 100, if their lease were over.
    assert_eq!(claim(&*store, at(51), 9).await.next, Some(at(100)));
    assert_eq!(due(&*store, at(110)).await, ["contacts"]);
    assert_eq!(claim(&*store, at(111), 9).await.next, Some(at(170)));
    store.unschedule(&contacts()).await.unwrap();
    assert_eq!(claim(&*store, at(112), 9).await.next, Some(lease.until));
}

async fn a_claimed_lease_is_like_any_other(store: Arc<dyn Turns>) {
    schedule(&*store, &contacts(), at(0)).await;
    let first = leased(&*store).await.unwrap();
    store.release(&first).await.unwrap();
    let lease = claim(&*store, at(7), 1).await.leases.remove(0);
    assert!(lease.fence > first.fence && lease.sole);
    assert_eq!((lease.since, lease.until), (at(7), at(7) + TTL));
    store.commit(&lease, &links([link(1)])).await.unwrap();
    let lost = store.commit(&first, &links([link(2)])).await.unwrap_err();
    assert_eq!(lost.kind, StoreErrorKind::LeaseLost);
}

/// Whether a wait ends; one that does not is given up after a time in which it surely had.
async fn wakes(store: &dyn Turns, within: Duration) -> bool {
    tokio::time::timeout(within, store.woken()).await.is_ok_and(|woken| woken.is_ok())
}

const LONG: Duration = Duration::from_secs(30);

async fn what_was_woken_since_the_last_claim_that_took_all_ends_the_wait(store: Arc<dyn Turns>) {
    schedule(&*store, &contacts(), at(1000)).await;
    schedule(&*store, &mapping("leads"), at(1000)).await;
    // A store on a server listens from the first wait on, which ends at once.
    assert!(wakes(&*store, LONG).await);
    while claim(&*store, at(0), 9).await.leases.is_empty()
        && wakes(&*store, Duration::from_millis(300)).await
    {}

    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { wakes(&*store, LONG).await })
    };
    store.wake(&[contacts()]).await.unwrap();
    assert!(waiting.await.unwrap(), "one who waits");
    // It is not looked after yet.
    assert!(wakes(&*store, LONG).await, "one who comes later");
    let lease = claim(&*store, at(0), 1).await.leases.remove(0);
    assert!(wakes(&*store, LONG).await, "there may be more than the limit");
    assert_eq!(claim(&*store, at(0), 1).await.leases, []);
    assert!(store.woken().now_or_never().is_none(), "nothing is left");

    store.wake(&[contacts()]).await.unwrap();
    assert!(wakes(&*store, LONG).await);
    assert_eq!(claim(&*store, at(0), 1).await.leases, [], "its lease holds");
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { wakes(&*store, LONG).await })
    };
    store.release(&lease).await.unwrap();
    assert!(waiting.await.unwrap(), "it is due once it is given back");
    assert_eq!(due(&*store, at(0)).await, ["contacts"]);
}
