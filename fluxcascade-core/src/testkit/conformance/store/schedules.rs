//! Rules of when mappings are due, who gets them, and who is woken.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};

use super::answers::to;
use super::nouns::*;
use super::waiting::awaiting;
use super::{Checked, Found, ensure, nth, refused, same, there};
use crate::model::{Choice, MappingKey, Side, Timestamp};
use crate::store::{ClaimRequest, Claimed, CommitBatch, Schedule, Scheduled, StoreErrorKind};

/// How often what is scheduled here is due.
const EVERY: Duration = Duration::from_secs(60);

async fn schedule(store: &dyn Schedule, mapping: MappingKey, first: i64) -> Checked {
    Ok(store.schedule(&Scheduled { mapping, every: EVERY, first: at(first) }).await?)
}

/// What `one` claims at a time, of all mappings.
pub(super) fn claiming_at(now: Timestamp, limit: usize) -> ClaimRequest {
    ClaimRequest { worker: worker("one"), among: None, now, ttl: TTL, limit }
}

async fn claim(store: &dyn Schedule, now: i64, limit: usize) -> Result<Claimed, Found> {
    Ok(store.claim(&claiming_at(at(now), limit)).await?)
}

/// The names of the mappings that are claimed, after which their leases are given back.
async fn due(store: &dyn Schedule, now: i64) -> Result<Vec<String>, Found> {
    let claimed = claim(store, now, 100).await?;
    for lease in &claimed.leases {
        store.release(lease).await?;
    }
    Ok(claimed.leases.iter().map(|lease| lease.mapping.mapping.to_string()).collect())
}

/// Nobody is due.
const NONE: [&str; 0] = [];

pub(super) async fn a_scheduled_mapping_is_due_at_its_first_time(store: &dyn Schedule) -> Checked {
    same!(due(store, 0).await?, NONE);
    schedule(store, contacts(), 15).await?;
    same!(due(store, 14).await?, NONE);
    same!(due(store, 15).await?, ["contacts"]);
    Ok(())
}

pub(super) async fn a_mapping_that_is_scheduled_again_keeps_its_time(
    store: &dyn Schedule,
) -> Checked {
    schedule(store, contacts(), 0).await?;
    same!(due(store, 0).await?, ["contacts"]);
    // Another worker starts: that is no reason to sync again.
    schedule(store, contacts(), 1).await?;
    same!(due(store, 59).await?, NONE);
    same!(due(store, 60).await?, ["contacts"]);
    // It is to be synced more often: the time that it has is too late.
    let sooner = Scheduled { mapping: contacts(), every: Duration::from_secs(5), first: at(70) };
    store.schedule(&sooner).await?;
    same!(due(store, 74).await?, NONE);
    same!(due(store, 75).await?, ["contacts"]);
    same!(due(store, 80).await?, ["contacts"]);
    Ok(())
}

pub(super) async fn a_mapping_that_was_taken_off_is_not_claimed(store: &dyn Schedule) -> Checked {
    schedule(store, contacts(), 0).await?;
    schedule(store, mapping("leads"), 0).await?;
    store.unschedule(&contacts()).await?;
    store.unschedule(&mapping("never there")).await?;
    same!(due(store, 0).await?, ["leads"]);
    Ok(())
}

pub(super) async fn a_mapping_that_is_woken_is_due_at_once(store: &dyn Schedule) -> Checked {
    schedule(store, contacts(), 1000).await?;
    schedule(store, mapping("leads"), 1000).await?;
    store.wake(&[contacts(), mapping("not scheduled")]).await?;
    same!(due(store, 0).await?, ["contacts"]);
    same!(due(store, 1).await?, NONE, "what is due after it was woken once");
    Ok(())
}

pub(super) async fn a_hint_wakes_the_mappings_that_it_reaches(store: &dyn Schedule) -> Checked {
    for name in ["contacts", "leads", "companies"] {
        schedule(store, mapping(name), 1000).await?;
    }
    let mut leases = Vec::new();
    for reading in [contacts(), mapping("leads")] {
        let lease = store.lease(&reading, at(0), TTL).await?;
        let mut page = page(Side::Source, []);
        page.feed_key.reader = reading.mapping;
        store.intake(&lease, &page).await?;
        leases.push(lease);
    }
    store.notify(&[hint("s1")]).await?;
    for lease in &leases {
        store.release(lease).await?;
    }
    same!(due(store, 0).await?, ["contacts", "leads"]);
    Ok(())
}

pub(super) async fn an_answer_that_is_stored_wakes_its_mapping(store: &dyn Schedule) -> Checked {
    schedule(store, contacts(), 1000).await?;
    let lease = leased(store).await?;
    let held = pair_hold(1, "name", None);
    store.commit(&lease, &holds([held.clone()])).await?;
    // Given again, as after a lost reply, it changes nothing, and takes nothing away.
    for _ in 0..2 {
        store.answer(&contacts(), &[to(&held, Choice::Leave)]).await?;
    }
    store.release(&lease).await?;
    same!(due(store, 0).await?, ["contacts"]);
    Ok(())
}

pub(super) async fn an_answer_that_is_not_stored_wakes_nothing(store: &dyn Schedule) -> Checked {
    schedule(store, contacts(), 1000).await?;
    let lease = leased(store).await?;
    store.release(&lease).await?;
    // What it is told is another rule's affair.
    store.answer(&contacts(), &[to(&pair_hold(1, "name", None), Choice::Leave)]).await?;
    same!(due(store, 0).await?, NONE);
    Ok(())
}

pub(super) async fn a_link_that_becomes_active_wakes_the_other_mappings_whose_holds_wait_for_it(
    store: &dyn Schedule,
) -> Checked {
    for name in ["contacts", "deals", "companies"] {
        schedule(store, mapping(name), 1000).await?;
    }
    for (name, record) in [("contacts", "t8"), ("deals", "t9"), ("companies", "t8")] {
        let lease = store.lease(&mapping(name), at(0), TTL).await?;
        let holds = vec![awaiting(1, "companies", Side::Target, record)];
        store.commit(&lease, &CommitBatch { holds, ..links([link(1)]) }).await?;
        store.release(&lease).await?;
    }
    same!(due(store, 0).await?, NONE);
    let lease = store.lease(&mapping("companies"), at(0), TTL).await?;
    store.commit(&lease, &links([link(8)])).await?;
    store.release(&lease).await?;
    same!(due(store, 0).await?, ["contacts"]);
    Ok(())
}

pub(super) async fn what_wakes_a_mapping_that_is_claimed_makes_it_due_again_once_its_lease_is_over(
    store: &dyn Schedule,
) -> Checked {
    schedule(store, contacts(), 0).await?;
    let claimed = claim(store, 0, 1).await?;
    store.wake(&[contacts()]).await?;
    same!(claim(store, 1, 1).await?.leases, [], "what is claimed while the lease holds");
    store.release(nth(&claimed.leases, 0)?).await?;
    same!(due(store, 1).await?, ["contacts"]);
    same!(due(store, 1).await?, NONE);
    Ok(())
}

pub(super) async fn a_claim_takes_mappings_that_are_due_first_those_that_are_due_longest(
    store: &dyn Schedule,
) -> Checked {
    for (name, first) in [("a", 30), ("b", 10), ("c", 20), ("d", 99)] {
        schedule(store, mapping(name), first).await?;
    }
    let claimed = claim(store, 50, 2).await?;
    let names: Vec<_> = claimed.leases.iter().map(|lease| lease.mapping.clone()).collect();
    same!(names, [mapping("b"), mapping("c")]);
    same!(due(store, 50).await?, ["a"]);
    Ok(())
}

pub(super) async fn a_claimed_mapping_is_due_again_when_its_time_after_the_claim_is_over(
    store: &dyn Schedule,
) -> Checked {
    schedule(store, contacts(), 0).await?;
    let claimed = claim(store, 100, 1).await?;
    store.release(nth(&claimed.leases, 0)?).await?;
    same!(due(store, 159).await?, NONE);
    // A run that takes longer than that is not overtaken.
    let claimed = claim(store, 160, 1).await?;
    same!(claim(store, 160 + 299, 1).await?.leases, []);
    store.release(nth(&claimed.leases, 0)?).await?;
    same!(due(store, 160 + 299).await?, ["contacts"]);
    Ok(())
}

pub(super) async fn a_mapping_whose_lease_holds_is_not_claimed(store: &dyn Schedule) -> Checked {
    schedule(store, contacts(), 0).await?;
    let lease = leased(store).await?;
    same!(claim(store, 1, 9).await?.leases, []);
    same!(claim(store, 299, 9).await?.leases, []);
    let lease = store.renew(&lease, at(200), TTL).await?;
    same!(claim(store, 499, 9).await?.leases, [], "what is claimed before its new end");
    store.release(&lease).await?;
    let claimed = claim(store, 499, 9).await?;
    same!(claimed.leases.len(), 1, "the number of leases once it is given back");
    Ok(())
}

/// P24.
pub(super) async fn a_mapping_whose_lease_ran_out_is_due(store: &dyn Schedule) -> Checked {
    let every = Duration::from_secs(100_000);
    store.schedule(&Scheduled { mapping: contacts(), every, first: at(0) }).await?;
    let dead = claim(store, 0, 1).await?;
    same!(claim(store, 299, 1).await?.leases, []);
    let claimed = claim(store, 300, 1).await?;
    let (dead, lease) = (nth(&dead.leases, 0)?, nth(&claimed.leases, 0)?);
    ensure!(lease.fence > dead.fence, "the fencing number did not grow");
    ensure!(!lease.sole, "it is sole, and whoever had it may still run");
    Ok(())
}

pub(super) async fn a_claim_takes_only_mappings_that_it_names(store: &dyn Schedule) -> Checked {
    let theirs = mapping_of("other", "contacts");
    for mapping in [contacts(), mapping("leads"), theirs.clone()] {
        schedule(store, mapping, 0).await?;
    }
    let among = |named: &[MappingKey]| ClaimRequest {
        among: Some(named.to_vec()),
        ..claiming_at(at(0), 9)
    };
    same!(store.claim(&among(&[])).await?, Claimed::default());
    let mappings = |claimed: Claimed| {
        let of_leases = claimed.leases.into_iter().map(|lease| lease.mapping);
        of_leases.collect::<Vec<MappingKey>>()
    };
    let claimed = store.claim(&among(&[mapping("leads"), mapping("nowhere")])).await?;
    same!(mappings(claimed), [mapping("leads")]);
    let claimed = store.claim(&among(std::slice::from_ref(&theirs))).await?;
    same!(mappings(claimed), [theirs]);
    same!(due(store, 0).await?, ["contacts"]);
    Ok(())
}

pub(super) async fn a_claim_tells_when_the_next_mapping_is_due(store: &dyn Schedule) -> Checked {
    same!(claim(store, 0, 1).await?.next, None);
    schedule(store, contacts(), 50).await?;
    schedule(store, mapping("leads"), 40).await?;
    same!(claim(store, 0, 1).await?.next, Some(at(40)));
    let claimed = claim(store, 40, 9).await?;
    same!(claimed.leases.len(), 1);
    same!(claim(store, 41, 9).await?.next, Some(at(50)));
    let second = claim(store, 50, 9).await?;
    store.release(nth(&second.leases, 0)?).await?;
    // Leads would be due at 100, if their lease were over.
    same!(claim(store, 51, 9).await?.next, Some(at(100)));
    same!(due(store, 110).await?, ["contacts"]);
    same!(claim(store, 111, 9).await?.next, Some(at(170)));
    // What is due already, and was not taken, is to be asked for soon.
    let next = there("next time", claim(store, 180, 0).await?.next)?;
    ensure!(next > at(180) && next <= at(180) + EVERY, "what is due is told for {next}");
    Ok(())
}

pub(super) async fn a_claimed_lease_is_like_any_other(store: &dyn Schedule) -> Checked {
    schedule(store, contacts(), 0).await?;
    let first = leased(store).await?;
    store.release(&first).await?;
    let claimed = claim(store, 7, 1).await?;
    let lease = nth(&claimed.leases, 0)?;
    ensure!(lease.fence > first.fence && lease.sole, "{lease:?} after {first:?}");
    same!((lease.since, lease.until), (at(7), at(7) + TTL));
    let busy = refused("a second lease", store.lease(&contacts(), at(8), TTL).await)?;
    same!(busy, StoreErrorKind::Busy);
    store.commit(lease, &links([link(1)])).await?;
    let lost = store.commit(&first, &links([link(2)])).await;
    same!(refused("a commit under the former one", lost)?, StoreErrorKind::LeaseLost);
    Ok(())
}

/// After that it is sure that a wait does not end.
const NEVER: Duration = Duration::from_secs(30);

/// Waits until the store says that something may be due.
async fn woken(store: &dyn Schedule, what: &str) -> Checked {
    let (never, given_up) = oneshot::channel();
    // Ends with the wait: what it waits for is dropped then.
    let (_over, wait) = mpsc::channel::<()>();
    thread::spawn(move || {
        if wait.recv_timeout(NEVER) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = never.send(());
        }
    });
    match select(store.woken(), given_up).await {
        Either::Left((woken, _)) => Ok(woken?),
        Either::Right(_) => Err(Found(format!("nobody is woken: {what}"))),
    }
}

pub(super) async fn what_was_woken_since_this_store_s_last_claim_that_took_less_than_its_limit_ends_the_wait(
    store: &dyn Schedule,
) -> Checked {
    schedule(store, contacts(), 1000).await?;
    schedule(store, mapping("leads"), 1000).await?;
    woken(store, "that something was scheduled").await?;
    // A wait may end for nothing: what counts is that one after a claim ends.
    same!(claim(store, 0, 9).await?.leases, []);
    store.wake(&[contacts()]).await?;
    woken(store, "that something was woken").await?;
    // It is not looked after yet.
    woken(store, "what was woken and not claimed").await?;
    let claimed = claim(store, 0, 1).await?;
    woken(store, "that there may be more than the limit").await?;
    same!(claim(store, 0, 1).await?.leases, []);

    store.wake(&[contacts()]).await?;
    woken(store, "that what is claimed was woken").await?;
    same!(claim(store, 0, 1).await?.leases, [], "what is claimed while its lease holds");
    store.release(nth(&claimed.leases, 0)?).await?;
    woken(store, "that it is due once it is given back").await?;
    Ok(())
}
