//! What becomes of a batch.

use fluxcascade_core::model::{
    Conflict, ConflictStatus, Ending, HoldKey, Link, LinkStatus, Side, Work, WorkKey,
};
use fluxcascade_core::store::{
    CommitBatch, Counts, InboxMark, Lease, Page, Requeue, StoreErrorKind,
};

use crate::FullStore;
use crate::nouns::*;

async fn work(store: &impl FullStore, lease: &Lease) -> Vec<Work> {
    store.work(lease, &all_work(at(9))).await.unwrap()
}

fn cleared(id: &str, sequence: u64) -> CommitBatch {
    let mark = InboxMark { side: Side::Source, record: record(id), sequence };
    CommitBatch { cleared: vec![mark], ..CommitBatch::default() }
}

fn requeue(id: &str, not_before: Option<i64>, failed: Option<u32>) -> CommitBatch {
    let requeue =
        Requeue { side: Side::Source, record: record(id), not_before: not_before.map(at), failed };
    CommitBatch { requeued: vec![requeue], ..CommitBatch::default() }
}

pub(crate) async fn an_inbox_entry_is_cleared_only_if_its_sequence_number_is_the_one_given(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    let seen = work(store, &lease).await[0].entries.source.clone().unwrap();
    store.intake(&lease, &page(Side::Source, [row("s1", 2)])).await.unwrap();
    store.commit(&lease, &cleared("s1", seen.sequence)).await.unwrap();
    let moved = work(store, &lease).await[0].entries.source.clone().unwrap();
    assert_eq!(moved.observation, Some(row("s1", 2).observation));
    store.commit(&lease, &cleared("s1", moved.sequence)).await.unwrap();
    assert!(work(store, &lease).await.is_empty());
    assert_eq!(store.counts(&contacts()).await.unwrap(), Counts::default());
    store.commit(&lease, &cleared("s1", moved.sequence)).await.unwrap();
}

pub(crate) async fn a_requeued_record_gets_an_entry_without_an_observation(store: &impl FullStore) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    // Cleared and requeued in one commit, as after a failed attempt.
    let batch =
        CommitBatch { cleared: cleared("s1", 1).cleared, ..requeue("s1", Some(8), Some(2)) };
    store.commit(&lease, &batch).await.unwrap();
    store.commit(&lease, &requeue("s2", None, None)).await.unwrap();
    let found = work(store, &lease).await;
    let entry = |n: usize| found[n].entries.source.clone().unwrap();
    assert_eq!((entry(0).observation, entry(0).revision), (None, 0));
    assert_eq!((entry(0).not_before, entry(0).attempts, entry(0).sequence), (Some(at(8)), 2, 2));
    assert_eq!((entry(1).not_before, entry(1).attempts, entry(1).sequence), (None, 0, 3));
}

pub(crate) async fn a_requeued_entry_keeps_the_later_of_both_times(store: &impl FullStore) {
    let lease = leased(store).await;
    let times =
        [(None, None), (Some(5), Some(5)), (Some(3), Some(5)), (None, Some(5)), (Some(7), Some(7))];
    let mut last = 0;
    for (given, kept) in times {
        store.commit(&lease, &requeue("s1", given, None)).await.unwrap();
        let entry = work(store, &lease).await[0].entries.source.clone().unwrap();
        assert_eq!(entry.not_before, kept.map(at), "after {given:?}");
        assert!(entry.sequence > last, "it is a new reason");
        last = entry.sequence;
    }
}

pub(crate) async fn a_commit_that_would_make_a_second_link_fails_and_changes_nothing(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Source, [keyed("s8", &[(0, 1)])])).await.unwrap();
    store.begin(&lease, &[update(1, &link(1))]).await.unwrap();
    let held = pair_hold(1, "name", None);
    let batch = CommitBatch { holds: vec![held.clone()], ..links([link(1), link(2)]) };
    store.commit(&lease, &batch).await.unwrap();
    let (before, counts) = (work(store, &lease).await, store.counts(&contacts()).await.unwrap());

    for second in [link_between(3, "s1", "t3"), link_between(2, "s2", "t1")] {
        let batch = CommitBatch {
            links: links([link_between(1, "s7", "t1"), link(5), second]).links,
            keys: vec![record_keys(Side::Source, "s8", &[(0, 2)])],
            closed: vec![operation_id(1)],
            made: vec![made(1, "t9", at(99))],
            released: vec![held.key.clone()],
            holds: vec![pair_hold(2, "name", None)],
            conflicts: vec![conflict(1, 1)],
            judged: Vec::new(),
            log: vec![log_row(1, None, None, "")],
            cleared: cleared("s8", 1).cleared,
            requeued: requeue("s9", None, None).requeued,
        };
        let batch = if batch.links[2].link.id == link_id(3) {
            // The first link keeps its record, so that the third wants a taken one.
            CommitBatch { links: batch.links[1..].to_vec(), ..batch }
        } else {
            batch
        };
        let error = store.commit(&lease, &batch).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Misuse);
        assert_eq!(work(store, &lease).await, before);
        assert_eq!(store.counts(&contacts()).await.unwrap(), counts);
        assert_eq!(store.links(&contacts(), None, 9).await.unwrap(), [link(1), link(2)]);
        assert!(store.log(&contacts(), &Page::all()).await.unwrap().is_empty());
        assert!(store.conflicts(&contacts(), &Page::all()).await.unwrap().is_empty());
        assert_eq!(
            store.holds(&contacts(), &Page::all()).await.unwrap(),
            std::slice::from_ref(&held)
        );
    }
}

pub(crate) async fn two_new_links_of_one_record_fail(store: &impl FullStore) {
    let lease = leased(store).await;
    let batch = links([link_between(1, "s1", "t1"), link_between(2, "s2", "t1")]);
    assert!(store.commit(&lease, &batch).await.is_err());
    let suspended = with_status(link_between(2, "s2", "t1"), LinkStatus::Suspended);
    assert!(store.commit(&lease, &links([link(1), suspended])).await.is_err());
    assert!(store.links(&contacts(), None, 9).await.unwrap().is_empty());
    // The same name on the other side is another record, and a link may be given twice.
    let batch =
        links([link_between(1, "a", "b"), link_between(2, "b", "a"), link_between(1, "a", "b")]);
    store.commit(&lease, &batch).await.unwrap();
}

pub(crate) async fn links_may_exchange_their_records_in_one_commit(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1), link(2)])).await.unwrap();
    let swapped = [link_between(1, "s1", "t2"), link_between(2, "s2", "t1")];
    store.commit(&lease, &links(swapped.clone())).await.unwrap();
    assert_eq!(store.links(&contacts(), None, 9).await.unwrap(), swapped);
    store.intake(&lease, &page(Side::Target, [row("t1", 1)])).await.unwrap();
    assert_eq!(work(store, &lease).await[0].key, WorkKey::Link(link_id(2)));
}

pub(crate) async fn the_records_of_a_tombstone_are_free_for_another_link(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(5)])).await.unwrap();
    // The new link comes first in the batch and in id order.
    let ended = with_status(link(5), LinkStatus::Tombstone);
    let new = link_between(1, "s5", "t6");
    store.commit(&lease, &links([new.clone(), ended.clone()])).await.unwrap();
    assert_eq!(store.links(&contacts(), None, 9).await.unwrap(), [new.clone(), ended]);
    // Alive again it would be a second link, until the new one ends.
    assert!(store.commit(&lease, &links([link(5)])).await.is_err());
    let ended = with_status(new, LinkStatus::Tombstone);
    store.commit(&lease, &links([link(5), ended])).await.unwrap();
    store.intake(&lease, &page(Side::Source, [row("s5", 1)])).await.unwrap();
    assert_eq!(work(store, &lease).await[0].key, WorkKey::Link(link_id(5)));
}

pub(crate) async fn entries_and_holds_follow_their_record(store: &impl FullStore) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Target, [row("t1", 1)])).await.unwrap();
    store.commit(&lease, &holds([record_hold(Side::Target, "t1", Some(at(5)))])).await.unwrap();
    let steps = [
        (links([link(1)]), WorkKey::Link(link_id(1))),
        (
            links([link_between(2, "s2", "t1"), link_between(1, "s1", "t9")]),
            WorkKey::Link(link_id(2)),
        ),
        (
            links([with_status(link_between(2, "s2", "t1"), LinkStatus::Tombstone)]),
            WorkKey::Record(Side::Target, record("t1")),
        ),
    ];
    for (batch, key) in steps {
        store.commit(&lease, &batch).await.unwrap();
        let found = work(store, &lease).await;
        assert_eq!(found.len(), 1, "{key:?}");
        assert_eq!(found[0].key, key);
        assert!(found[0].entries.target.is_some());
        assert_eq!(found[0].holds.len(), 1);
    }
}

pub(crate) async fn a_link_is_read_as_it_was_committed(store: &impl FullStore) {
    let lease = leased(store).await;
    let mut changed = link(1);
    store.commit(&lease, &links([changed.clone(), link(2)])).await.unwrap();
    changed.bases.target.slots[1] = fluxcascade_core::Value::from("new").into();
    changed.bases.target.fingerprint = None;
    changed.bases.source.revision = 4;
    changed.status = LinkStatus::Suspended;
    store.commit(&lease, &links([changed.clone()])).await.unwrap();
    assert_eq!(store.links(&contacts(), None, 9).await.unwrap(), [changed, link(2)]);
    let endings = Side::BOTH
        .into_iter()
        .flat_map(|side| [Ending::Deleted(side), Ending::TwinRemoved(side), Ending::Remade(side)]);
    for ending in endings.chain([Ending::BothDeleted, Ending::Unlinked]) {
        let ended = Link { ending: Some(ending), ..with_status(link(2), LinkStatus::Tombstone) };
        store.commit(&lease, &links([ended.clone()])).await.unwrap();
        assert_eq!(store.links(&contacts(), Some(link_id(1)), 9).await.unwrap(), [ended]);
    }
}

pub(crate) async fn what_is_closed_or_released_is_no_more(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1)])).await.unwrap();
    store
        .begin(&lease, &[update(1, &link(1)), create(2, Side::Target, "s2", &[(0, 1)])])
        .await
        .unwrap();
    let held = [
        pair_hold(1, "name", Some(at(0))),
        hold_on_link(1),
        record_hold(Side::Source, "s2", Some(at(0))),
    ];
    store.commit(&lease, &holds(held.clone())).await.unwrap();
    assert_eq!(work(store, &lease).await.len(), 2);
    let batch = CommitBatch {
        closed: vec![operation_id(1), operation_id(2), operation_id(99)],
        released: held
            .iter()
            .map(|hold| hold.key.clone())
            .chain([HoldKey::Link(link_id(99))])
            .collect(),
        ..CommitBatch::default()
    };
    store.commit(&lease, &batch).await.unwrap();
    assert!(work(store, &lease).await.is_empty());
    let counts = store.counts(&contacts()).await.unwrap();
    assert_eq!(counts, Counts { active_links: 1, ..Counts::default() });
    // A hold that is released and set again in one commit stays.
    let batch = CommitBatch { released: vec![held[0].key.clone()], ..holds([held[0].clone()]) };
    store.commit(&lease, &batch).await.unwrap();
    assert_eq!(store.counts(&contacts()).await.unwrap().holds.len(), 1);
}

fn hold_on_link(n: u8) -> fluxcascade_core::model::Hold {
    let key = HoldKey::Link(link_id(n));
    hold(key, fluxcascade_core::model::HoldReason::Missing, Some(at(0)))
}

pub(crate) async fn match_keys_of_a_commit_replace_those_that_the_record_had(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Source, [keyed("s1", &[(0, 1), (1, 1)])])).await.unwrap();
    let keys = vec![record_keys(Side::Source, "s1", &[(1, 5)])];
    store.commit(&lease, &CommitBatch { keys, ..CommitBatch::default() }).await.unwrap();
    let found = work(store, &lease).await.remove(0);
    assert_eq!(found.candidates.len(), 1);
    assert_eq!(found.candidates[0].rule, 1);
}

pub(crate) async fn a_judged_conflict_row_has_another_status_and_the_same_values(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let conflicts = vec![conflict(1, 1), conflict(2, 1)];
    store.commit(&lease, &CommitBatch { conflicts, ..CommitBatch::default() }).await.unwrap();
    let judged = vec![
        (conflict(1, 1).id, ConflictStatus::Stale),
        (conflict(9, 1).id, ConflictStatus::Stale),
    ];
    store.commit(&lease, &CommitBatch { judged, ..CommitBatch::default() }).await.unwrap();
    let stale = Conflict { status: ConflictStatus::Stale, ..conflict(1, 1) };
    let found = store.conflicts(&contacts(), &Page::all()).await.unwrap();
    assert_eq!(found, [conflict(2, 1), stale]);
    assert_eq!(store.counts(&contacts()).await.unwrap().open_conflicts, 1);
}
