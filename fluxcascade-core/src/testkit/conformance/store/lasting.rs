//! Rules of what is there after the store was opened again.

use super::nouns::*;
use super::tokens::key;
use super::{Fixture, Found, Verdict, same};
use crate::model::{
    Choice, LinkStatus, LogRow, RunNumber, RunRow, RunStatus, Side, Sides, WorkKey,
};
use crate::store::{
    CommitBatch, Intake, Lease, Page, Prune, Retained, RunStart, Store, Sweep, Upkeep,
};

const NOT_LASTING: Verdict = Verdict::DoesNotApply("the fixture cannot open the store again");

/// Something of everything.
async fn fill(store: &dyn Store, lease: &Lease) -> Result<(), Found> {
    store.fingerprint_key(&contacts()).await?;
    store.add_revision(lease, &revision(1)).await?;
    store.start_run(lease, &RunStart::at(at(0))).await?;
    let run = RunRow {
        number: RunNumber(1),
        started: at(0),
        ended: Some(at(1)),
        status: RunStatus::Completed,
        writes: Sides::new(1, 2),
        error: None,
    };
    store.finish_run(lease, &run).await?;
    let create = claiming(create(30, Side::Target, "s8", &[(0, 1)]), &[1]);
    store.begin(lease, &[update(1, &link(1)), create]).await?;
    let held = pair_hold(1, "name", None);
    let batch = CommitBatch {
        holds: vec![held.clone(), record_hold(Side::Source, "s9", Some(at(1)))],
        keys: vec![record_keys(Side::Source, "s9", &[(0, 1)])],
        conflicts: vec![conflict(1, 1)],
        log: vec![log_row(1, Some("s1"), Some("t1"), "edited")],
        ..links([link(1), link(2), with_status(link(3), LinkStatus::Tombstone)])
    };
    store.commit(lease, &batch).await?;
    let read = Intake {
        feed: feed_at("page 1"),
        ..sweep(Sweep::First, Side::Source, [keyed("s8", &[(0, 1)])])
    };
    store.intake(lease, &read).await?;
    store.notify(&[hint("s7")]).await?;
    store.answer(&contacts(), &[super::answers::to(&held, Choice::Leave)]).await?;
    Ok(())
}

/// All that can be read, as text.
async fn content(store: &dyn Store, lease: &Lease) -> Result<Vec<(&'static str, String)>, Found> {
    let (contacts, all) = (contacts(), Page::all());
    let key = WorkKey::Record(Side::Source, record("s9"));
    Ok(vec![
        ("fingerprint key", format!("{:?}", store.fingerprint_key(&contacts).await?)),
        ("revisions", format!("{:?}", store.revisions(&contacts).await?)),
        ("runs", format!("{:?}", store.runs(&contacts, &all).await?)),
        ("feed", format!("{:?}", store.feed(lease, &feed_key()).await?)),
        ("counts", format!("{:?}", store.counts(&contacts).await?)),
        ("work", format!("{:?}", store.work(lease, &all_work(at(9))).await?)),
        ("keys", format!("{:?}", store.gather(lease, &[key]).await?)),
        ("links", format!("{:?}", store.links(&contacts, None, usize::MAX).await?)),
        ("holds", format!("{:?}", store.holds(&contacts, &all).await?)),
        ("conflicts", format!("{:?}", store.conflicts(&contacts, &all).await?)),
        ("log", format!("{:?}", store.log(&contacts, &all).await?)),
    ])
}

pub(super) async fn what_a_call_changed_is_durable_when_it_returns(
    at_hand: &Fixture,
) -> Result<Verdict, Found> {
    if !at_hand.is_lasting() {
        return Ok(NOT_LASTING);
    }
    let store = at_hand.parts()?.store;
    let lease = leased(&*store).await?;
    fill(&*store, &lease).await?;
    let before = content(&*store, &lease).await?;
    drop(store);
    at_hand.reopen().await?;

    let store = at_hand.parts()?.store;
    // Whoever opens it may have to wait until the lease has ended.
    let lease = store.lease(&contacts(), lease.until, TTL).await?;
    for ((what, before), (_, after)) in before.iter().zip(content(&*store, &lease).await?) {
        same!(after, *before, "{what}");
    }
    // Numbers, claims and the sweep go on where they stood.
    same!(store.start_run(&lease, &RunStart::at(at(2))).await?, RunNumber(2));
    let leads = store.lease(&mapping("leads"), at(0), TTL).await?;
    let claimed = claiming(create(2, Side::Target, "s2", &[]), &[1]);
    let begun = store.begin(&leads, &[claimed]).await?;
    same!(begun, [crate::store::Begun::ClaimedBy(contacts().mapping)]);
    let last = store.intake(&lease, &sweep(Sweep::Last, Side::Source, [])).await?;
    same!(last.missed, 3, "records that the sweep did not show");
    Ok(Verdict::Kept)
}

pub(super) async fn a_replaced_token_is_durable_when_the_call_returns(
    at_hand: &Fixture,
) -> Result<Verdict, Found> {
    let Some(tokens) = at_hand.parts()?.tokens else { return Ok(super::NO_TOKENS) };
    if !at_hand.is_lasting() {
        return Ok(NOT_LASTING);
    }
    let key = key("default", Side::Source);
    for generation in 0..2 {
        tokens.replace_token(&key, generation, b"secret").await?;
    }
    drop(tokens);
    at_hand.reopen().await?;
    let tokens = super::there("token store", at_hand.parts()?.tokens)?;
    let token = tokens.token(&key).await?;
    same!(token.map(|token| token.generation), Some(2));
    Ok(Verdict::Kept)
}

/// Something that is forgotten and a row that is let go, in a store with both.
async fn let_go(store: &dyn Upkeep) -> Result<(), Found> {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1), row("s8", 1)])).await?;
    let young = LogRow { at: at(99), ..log_row(1, None, Some("t9"), "young") };
    let log = vec![log_row(1, None, Some("t8"), "old"), young];
    store.commit(&lease, &CommitBatch { log, ..links([link(1)]) }).await?;
    store.release(&lease).await?;
    let oldest = Prune { what: Retained::Log, before: at(50), from: 0, limit: 9 };
    same!(store.prune(&contacts(), &oldest).await?.removed, 1, "rows that were let go");
    store.forget(&subject("s1"), at(9)).await?;
    Ok(())
}

pub(super) async fn what_a_call_removed_is_durable_when_it_returns(
    at_hand: &Fixture,
) -> Result<Verdict, Found> {
    let Some(upkeep) = at_hand.parts()?.upkeep else { return Ok(super::NO_UPKEEP) };
    if !at_hand.is_lasting() {
        return Ok(NOT_LASTING);
    }
    let_go(&*upkeep).await?;
    drop(upkeep);
    at_hand.reopen().await?;

    let store = at_hand.parts()?.store;
    same!(store.links(&contacts(), None, 9).await?, [], "links of what was forgotten");
    same!(store.counts(&contacts()).await?.inbox, 1, "the number of entries");
    let rows = store.log(&contacts(), &Page::all()).await?;
    same!(rows.iter().filter(|row| row.note == "old").count(), 0, "log rows that were let go");
    // It stays away, too.
    let lease = store.lease(&contacts(), at(9_000), TTL).await?;
    let taken = store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    same!(taken.entered, 0, "entries of what was forgotten");
    Ok(Verdict::Kept)
}
