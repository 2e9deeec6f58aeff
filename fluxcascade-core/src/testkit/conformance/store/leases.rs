//! Rules of who may call, and of what is kept apart.

use super::nouns::*;
use super::{Checked, Found, ensure, nth, refused, same};
use crate::model::{
    Answer, AnswerOutcome, AnswerTo, Choice, Hold, RunNumber, RunRow, RunStatus, Side, Sides,
    WorkKey,
};
use crate::store::{
    CommitBatch, Counts, Feed, Hint, InboxMark, Intake, Lease, Page, Requeue, RunStart, Store,
    StoreErrorKind,
};

/// Something of each part of a commit, and at last what must be refused.
fn refused_batch(second: crate::model::Link) -> CommitBatch {
    let mark = InboxMark { side: Side::Source, record: record("s8"), sequence: 1 };
    let requeue =
        Requeue { side: Side::Source, record: record("s9"), not_before: None, failed: None };
    CommitBatch {
        archived: Vec::new(),
        links: links([link_between(1, "s7", "t1"), link(5), second]).links,
        keys: vec![record_keys(Side::Source, "s8", &[(0, 2)])],
        closed: vec![operation_id(1)],
        made: vec![made(1, "t9", at(99))],
        released: vec![pair_hold(1, "name", None).key],
        holds: vec![pair_hold(2, "name", None)],
        conflicts: vec![conflict(1, 1)],
        judged: Vec::new(),
        log: vec![log_row(1, None, None, "")],
        cleared: vec![mark],
        requeued: vec![requeue],
    }
}

pub(super) async fn a_call_that_fails_has_changed_nothing(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [keyed("s8", &[(0, 1)])])).await?;
    store.begin(&lease, &[update(1, &link(1))]).await?;
    let held = pair_hold(1, "name", None);
    let batch = CommitBatch { holds: vec![held.clone()], ..links([link(1), link(2)]) };
    store.commit(&lease, &batch).await?;
    let before = store.work(&lease, &all_work(at(9))).await?;
    let counts = store.counts(&contacts()).await?;

    for second in [link_between(3, "s2", "t3"), link_between(4, "s4", "t2")] {
        let outcome = store.commit(&lease, &refused_batch(second)).await;
        same!(refused("a second link of a record", outcome)?, StoreErrorKind::Misuse);
        same!(store.work(&lease, &all_work(at(9))).await?, before);
        same!(store.counts(&contacts()).await?, counts);
        same!(store.links(&contacts(), None, 9).await?, [link(1), link(2)]);
        same!(store.log(&contacts(), &Page::all()).await?, []);
        same!(store.conflicts(&contacts(), &Page::all()).await?, []);
        same!(store.holds(&contacts(), &Page::all()).await?, std::slice::from_ref(&held));
    }
    Ok(())
}

/// Every call that a lease is given to, by name, and how it failed.
async fn calls_under(
    store: &dyn Store,
    lease: &Lease,
) -> [(&'static str, Option<StoreErrorKind>); 10] {
    let run = RunRow {
        number: RunNumber(1),
        started: at(0),
        ended: Some(at(1)),
        status: RunStatus::Failed,
        writes: Sides::new(7, 7),
        error: None,
    };
    let start = RunStart::at(at(0));
    let read = page(Side::Source, [row("s9", 1)]);
    let calls = [
        ("renew", store.renew(lease, at(0), TTL).await.err()),
        ("add_revision", store.add_revision(lease, &revision(1)).await.err()),
        ("start_run", store.start_run(lease, &start).await.err()),
        ("finish_run", store.finish_run(lease, &run).await.err()),
        ("feed", store.feed(lease, &feed_key()).await.err()),
        ("intake", store.intake(lease, &read).await.err()),
        ("work", store.work(lease, &all_work(at(0))).await.err()),
        ("gather", store.gather(lease, &[]).await.err()),
        ("begin", store.begin(lease, &[update(9, &link(1))]).await.err()),
        ("commit", store.commit(lease, &links([link(9)])).await.err()),
    ];
    calls.map(|(name, error)| (name, error.map(|error| error.kind)))
}

async fn all_are_lost(store: &dyn Store, what: &str, lease: &Lease) -> Checked {
    for (name, outcome) in calls_under(store, lease).await {
        same!(outcome, Some(StoreErrorKind::LeaseLost), "{name} under {what}");
    }
    Ok(())
}

pub(super) async fn a_call_under_a_lease_that_was_lost_or_given_back_fails(
    store: &dyn Store,
) -> Checked {
    let old = leased(store).await?;
    store.start_run(&old, &RunStart::at(at(0))).await?;
    let new = store.lease(&contacts(), old.until, TTL).await?;
    all_are_lost(store, "a lease before the latest", &old).await?;
    let never = Lease { fence: new.fence + 1, ..new.clone() };
    all_are_lost(store, "a lease that was never given", &never).await?;
    let elsewhere = Lease { mapping: mapping_of("other", "contacts"), ..new.clone() };
    all_are_lost(store, "another tenant's lease", &elsewhere).await?;

    same!(store.counts(&contacts()).await?, Counts::default());
    same!(store.runs(&contacts(), &Page::all()).await?.len(), 1, "the number of runs");
    same!(store.revisions(&contacts()).await?, []);
    store.release(&new).await?;
    all_are_lost(store, "a lease that was given back", &new).await
}

/// Something of everything in [`contacts`].
async fn fill(store: &dyn Store) -> Result<Hold, Found> {
    let lease = leased(store).await?;
    store.add_revision(&lease, &revision(1)).await?;
    store.start_run(&lease, &RunStart::at(at(0))).await?;
    let read = Intake { feed: feed_at("c1"), ..page(Side::Source, [keyed("s1", &[(0, 1)])]) };
    store.intake(&lease, &read).await?;
    let operations = [update(1, &link(2)), create(3, Side::Target, "s1", &[(0, 1)])];
    store.begin(&lease, &operations).await?;
    let held = record_hold(Side::Source, "s1", Some(at(0)));
    let batch = CommitBatch {
        holds: vec![held.clone()],
        conflicts: vec![conflict(2, 1)],
        log: vec![log_row(1, Some("s1"), None, "")],
        ..links([link(2)])
    };
    store.commit(&lease, &batch).await?;
    Ok(held)
}

pub(super) async fn nothing_of_one_tenant_or_mapping_is_seen_by_a_call_for_another(
    store: &dyn Store,
) -> Checked {
    let held = fill(store).await?;
    for other in [mapping("deals"), mapping_of("other", "contacts")] {
        let lease = store.lease(&other, at(0), TTL).await?;
        same!(store.counts(&other).await?, Counts::default(), "counts of {other}");
        same!(store.revisions(&other).await?, [], "revisions of {other}");
        same!(store.links(&other, None, 9).await?, [], "links of {other}");
        same!(store.log(&other, &Page::all()).await?, [], "log of {other}");
        same!(store.conflicts(&other, &Page::all()).await?, [], "conflicts of {other}");
        same!(store.holds(&other, &Page::all()).await?, [], "holds of {other}");
        same!(store.runs(&other, &Page::all()).await?, [], "runs of {other}");
        same!(store.work(&lease, &all_work(at(9))).await?, [], "work of {other}");
        same!(store.linked(&other, Side::Source, &[record("s2")]).await?, [None]);
        same!(store.conflict_rows(&other, &[conflict(2, 1).id]).await?, [None]);
        let keys = [WorkKey::Link(link_id(2)), WorkKey::Record(Side::Source, record("s1"))];
        same!(store.gather(&lease, &keys).await?, [], "what is gathered of {other}");
        let feed = feed_of("hubspot", "contacts", other.mapping.as_str());
        same!(store.feed(&lease, &feed).await?, Feed::default(), "feed of {other}");
        let answer = Answer { choice: Choice::Leave, at: at(1) };
        let to = AnswerTo { hold: held.key.clone(), version: held.version(), answer };
        let outcome = store.answer(&other, &[to]).await?;
        ensure!(outcome != [AnswerOutcome::Stored], "a hold of another mapping is answered");
        the_same_key_is_alone(store, &lease).await?;
    }
    let before = store.counts(&contacts()).await?;
    let hint = Hint { tenant: mapping_of("third", "contacts").tenant, ..hint("s3") };
    store.notify(&[hint]).await?;
    same!(store.counts(&contacts()).await?, before, "counts after another tenant's hint");
    Ok(())
}

/// A record with the key of a record of another mapping is not linked, and alone with it.
async fn the_same_key_is_alone(store: &dyn Store, lease: &Lease) -> Checked {
    let mut there = page(Side::Source, [keyed("s2", &[(0, 1)])]);
    there.feed_key.reader = lease.mapping.mapping.clone();
    store.intake(lease, &there).await?;
    let work = store.work(lease, &all_work(at(9))).await?;
    same!(work.len(), 1, "the number of works");
    let work = nth(&work, 0)?;
    same!(work.entries.source.as_ref().map(|entry| entry.sequence), Some(1));
    let candidates = nth(&work.candidates, 0)?;
    same!(candidates.holders.source.len(), 1, "the number of holders");
    same!(nth(&candidates.holders.source, 0)?.link, None);
    same!(candidates.pending, Sides::new(0, 0));
    Ok(())
}

pub(super) async fn while_a_lease_is_neither_released_nor_past_its_end_another_is_busy(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    same!(lease.until, at(0) + TTL);
    let second = store.lease(&contacts(), at(299), TTL).await;
    same!(refused("a second lease", second)?, StoreErrorKind::Busy);
    store.lease(&mapping("deals"), at(1), TTL).await?;

    let second = store.lease(&contacts(), at(300), TTL).await?;
    store.release(&second).await?;
    store.lease(&contacts(), at(301), TTL).await?;
    Ok(())
}

pub(super) async fn each_lease_has_a_greater_fencing_number_than_the_one_before(
    store: &dyn Store,
) -> Checked {
    let mut last = 0;
    for _ in 0..3 {
        let lease = leased(store).await?;
        ensure!(lease.fence > last, "{} comes after {last}", lease.fence);
        last = lease.fence;
        store.release(&lease).await?;
    }
    Ok(())
}

pub(super) async fn a_lease_after_one_that_ran_out_is_not_sole(store: &dyn Store) -> Checked {
    let first = leased(store).await?;
    let second = store.lease(&contacts(), first.until, TTL).await?;
    ensure!(!second.sole, "it is sole, but the holder of the first may still run");
    Ok(())
}

pub(super) async fn a_renewed_lease_holds_until_its_new_end(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let renewed = store.renew(&lease, at(150), TTL).await?;
    same!(renewed, Lease { until: at(450), ..lease });
    let second = store.lease(&contacts(), at(440), TTL).await;
    same!(refused("a second lease", second)?, StoreErrorKind::Busy);
    store.lease(&contacts(), at(450), TTL).await?;
    Ok(())
}

pub(super) async fn giving_back_a_lost_lease_leaves_the_later_one(store: &dyn Store) -> Checked {
    let old = leased(store).await?;
    let new = store.lease(&contacts(), old.until, TTL).await?;
    store.release(&old).await?;
    store.release(&Lease { mapping: mapping("never seen"), ..old }).await?;
    let third = store.lease(&contacts(), new.since, TTL).await;
    same!(refused("a third lease", third)?, StoreErrorKind::Busy);
    store.commit(&new, &CommitBatch::default()).await?;
    Ok(())
}
