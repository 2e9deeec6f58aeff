//! Rules of what becomes of a batch; what concerns links and holds is in `linking` and `waiting`.

use super::gathering::shelved;
use super::nouns::*;
use super::work::{due, keys, of_link};
use super::{Checked, ensure, nth, same};
use crate::model::{Conflict, ConflictStatus, LinkStatus, Side};
use crate::store::{CommitBatch, InboxMark, RecordKeys, Requeue, Store};

fn cleared(id: &str, sequence: u64) -> CommitBatch {
    let mark = InboxMark { side: Side::Source, record: record(id), sequence };
    CommitBatch { cleared: vec![mark], ..CommitBatch::default() }
}

fn requeue(id: &str, not_before: Option<i64>, failed: Option<u32>) -> CommitBatch {
    let not_before = not_before.map(at);
    let requeue = Requeue { side: Side::Source, record: record(id), not_before, failed };
    CommitBatch { requeued: vec![requeue], ..CommitBatch::default() }
}

pub(super) async fn an_inbox_entry_is_cleared_only_if_its_sequence_number_is_the_one_given(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    let seen = entry_of(store, &lease, "s1").await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 2)])).await?;
    store.commit(&lease, &cleared("s1", seen.sequence)).await?;
    let moved = entry_of(store, &lease, "s1").await?;
    same!(moved.observation, Some(row("s1", 2).observation));
    store.commit(&lease, &cleared("s1", moved.sequence)).await?;
    same!(keys(store, &lease, at(9)).await?, []);
    same!(store.counts(&contacts()).await?.inbox, 0, "the number of entries");
    store.commit(&lease, &cleared("s1", moved.sequence)).await?;
    Ok(())
}

pub(super) async fn a_requeued_record_gets_an_entry_without_an_observation(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    // Cleared and requeued in one commit, as after a failed attempt.
    let mark = cleared("s1", 1).cleared;
    let batch = CommitBatch { cleared: mark, ..requeue("s1", Some(8), Some(2)) };
    store.commit(&lease, &batch).await?;
    store.commit(&lease, &requeue("s2", None, None)).await?;
    let entry = entry_of(store, &lease, "s1").await?;
    same!((entry.observation, entry.revision), (None, 0));
    same!((entry.not_before, entry.attempts, entry.sequence), (Some(at(8)), 2, 2));
    let entry = entry_of(store, &lease, "s2").await?;
    same!((entry.not_before, entry.attempts, entry.sequence), (None, 0, 3));
    Ok(())
}

pub(super) async fn a_requeued_entry_keeps_the_later_of_both_times(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let times =
        [(None, None), (Some(5), Some(5)), (Some(3), Some(5)), (None, Some(5)), (Some(7), Some(7))];
    let mut last = 0;
    for (given, kept) in times {
        store.commit(&lease, &requeue("s1", given, None)).await?;
        let entry = entry_of(store, &lease, "s1").await?;
        same!(entry.not_before, kept.map(at), "after {given:?}");
        ensure!(entry.sequence > last, "it is a new reason, and the number did not grow");
        last = entry.sequence;
    }
    Ok(())
}

pub(super) async fn match_keys_of_a_commit_replace_those_that_the_record_had(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [keyed("s1", &[(0, 1), (1, 1)])])).await?;
    let keys = vec![record_keys(Side::Source, "s1", &[(1, 5)])];
    store.commit(&lease, &CommitBatch { keys, ..CommitBatch::default() }).await?;
    let found = due(store, &lease, at(9)).await?;
    let rules: Vec<_> = nth(&found, 0)?.candidates.iter().map(|found| found.rule).collect();
    same!(rules, [1]);
    Ok(())
}

pub(super) async fn a_match_key_that_a_commit_does_not_show_is_as_it_was(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [keyed("s1", &[(0, 1)])])).await?;
    let (side, record) = (Side::Source, record("s1"));
    let keys = vec![RecordKeys { side, record, keys: hiding(&[], &[0]) }];
    store.commit(&lease, &CommitBatch { keys, ..CommitBatch::default() }).await?;
    let found = due(store, &lease, at(9)).await?;
    let rules: Vec<_> = nth(&found, 0)?.candidates.iter().map(|found| found.rule).collect();
    same!(rules, [0]);
    Ok(())
}

pub(super) async fn a_record_that_is_archived_keeps_its_match_keys(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let row = keyed("s", &[(0, 1)]);
    store.intake(&lease, &page(Side::Source, [row])).await?;
    let archived = ["s", "unknown"].map(|id| (Side::Source, record(id))).to_vec();
    store.commit(&lease, &CommitBatch { archived, ..CommitBatch::default() }).await?;
    same!(shelved(store, &lease).await?, [("s".to_owned(), true)]);
    Ok(())
}

pub(super) async fn a_record_that_gets_an_active_link_is_archived_no_more(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let rows = ["s1", "s2"].map(|id| archived(id, &[(0, 1)]));
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let rests = with_status(link(2), LinkStatus::Suspended);
    store.commit(&lease, &links([link(1), rests])).await?;
    let told = [("s1".to_owned(), false), ("s2".to_owned(), true)];
    same!(shelved(store, &lease).await?, told);
    Ok(())
}

pub(super) async fn a_closed_operation_is_no_more(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1)])).await?;
    let operations = [update(1, &link(1)), create(2, Side::Target, "s2", &[(0, 1)])];
    store.begin(&lease, &operations).await?;
    same!(store.counts(&contacts()).await?.operations, 2, "the number of operations");
    let closed = [1, 99, 2].map(operation_id).to_vec();
    store.commit(&lease, &CommitBatch { closed, ..CommitBatch::default() }).await?;
    same!(store.counts(&contacts()).await?.operations, 0, "the number of operations");
    same!(keys(store, &lease, at(9)).await?, []);
    let found = store.gather(&lease, &[of_link(1)]).await?;
    same!(nth(&found, 0)?.operations, []);
    Ok(())
}

pub(super) async fn a_judged_conflict_row_has_another_status_and_the_same_values(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let conflicts = vec![conflict(1, 1), conflict(2, 1)];
    store.commit(&lease, &CommitBatch { conflicts, ..CommitBatch::default() }).await?;
    let judged = vec![
        (conflict(1, 1).id, ConflictStatus::Stale),
        (conflict(9, 1).id, ConflictStatus::Stale),
    ];
    store.commit(&lease, &CommitBatch { judged, ..CommitBatch::default() }).await?;
    let stale = Conflict { status: ConflictStatus::Stale, ..conflict(1, 1) };
    for (n, expected) in [(1, Some(stale)), (2, Some(conflict(2, 1))), (9, None)] {
        let found = store.conflict_rows(&contacts(), &[conflict(n, 1).id]).await?;
        same!(found, [expected]);
    }
    same!(store.counts(&contacts()).await?.open_conflicts, 1, "the number of open rows");
    Ok(())
}
