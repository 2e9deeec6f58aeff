//! Rules of old rows that are let go.

use super::answers::{answered, to};
use super::nouns::*;
use super::{Checked, Found, ensure, same};
use crate::model::{Choice, Conflict, ConflictStatus, Hold, HoldReason, LogRow, Side, Timestamp};
use crate::store::{CommitBatch, Page, Prune, Pruned, Retained, Store, Upkeep};

async fn step(
    store: &dyn Upkeep,
    what: Retained,
    before: Timestamp,
    from: u64,
    limit: usize,
) -> Result<Pruned, Found> {
    Ok(store.prune(&contacts(), &Prune { what, before, from, limit }).await?)
}

fn dead_letter(id: &str, since: i64) -> Hold {
    let since = at(since);
    Hold { reason: HoldReason::Rejected, since, ..record_hold(Side::Source, id, None) }
}

/// Some of each that are old and some that are young, and some that nobody may let go.
fn aged() -> CommitBatch {
    let tried = Hold { not_before: Some(at(7)), ..dead_letter("s3", 1) };
    let asked = Hold { reason: HoldReason::Guard, ..dead_letter("s5", 1) };
    let judged = |n: u8, status, when| Conflict { status, at: at(when), ..conflict(n, 1) };
    CommitBatch {
        holds: vec![
            dead_letter("s1", 1),
            dead_letter("s2", 30),
            tried,
            dead_letter("s4", 1),
            asked,
        ],
        conflicts: vec![
            judged(1, ConflictStatus::Open, 1),
            judged(2, ConflictStatus::Auto, 1),
            judged(3, ConflictStatus::Open, 2),
            judged(4, ConflictStatus::Resolved, 3),
            judged(5, ConflictStatus::Stale, 20),
        ],
        log: log_rows(0..5),
        ..CommitBatch::default()
    }
}

/// Log rows of every ten seconds.
fn log_rows(which: std::ops::Range<i64>) -> Vec<LogRow> {
    let row = |n: i64| LogRow { at: at(n * 10), ..log_row(1, Some("s1"), None, &n.to_string()) };
    which.map(row).collect()
}

/// Stores them, and answers the fourth hold.
async fn fill(store: &dyn Store, batch: &CommitBatch) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, batch).await?;
    if let Some(hold) = batch.holds.get(3) {
        store.answer(&contacts(), &[to(hold, Choice::Retry)]).await?;
    }
    Ok(())
}

/// What the log rows that are left say.
async fn notes(store: &dyn Store) -> Result<Vec<String>, Found> {
    let rows = store.log(&contacts(), &Page::all()).await?;
    Ok(rows.into_iter().map(|row| row.note).collect())
}

pub(super) async fn only_rows_from_before_the_time_are_removed(store: &dyn Upkeep) -> Checked {
    fill(store, &aged()).await?;
    for (what, gone) in [(Retained::Log, 2), (Retained::Conflicts, 2), (Retained::DeadLetters, 1)] {
        let done = step(store, what, at(20), 0, 99).await?;
        same!(done, Pruned { removed: gone, next: None }, "a step over {what:?}");
    }
    same!(notes(store).await?, ["4", "3", "2"]);
    let (mapping, all) = (contacts(), Page::all());
    let conflicts = store.conflicts(&mapping, &all).await?;
    let left: Vec<_> = conflicts.iter().map(|row| row.id.0[0]).collect();
    same!(left, [5, 3, 1], "the open and the young conflicts");
    for (n, is_there) in [(2, false), (3, true)] {
        let found = store.conflict_rows(&mapping, &[conflict(n, 1).id]).await?;
        same!(found.iter().flatten().count(), usize::from(is_there), "conflict rows {n}");
    }
    let mut expected = aged().holds;
    expected[3] = answered(&expected[3], Choice::Retry);
    expected.remove(0);
    same!(store.holds(&mapping, &all).await?, expected, "all but the old letter");
    Ok(())
}

pub(super) async fn a_step_looks_at_no_more_than_its_limit_of_rows(store: &dyn Upkeep) -> Checked {
    fill(store, &CommitBatch { log: log_rows(0..7), ..CommitBatch::default() }).await?;
    let done = step(store, Retained::Log, at(999), 0, 2).await?;
    same!(done.removed, 2, "the number of rows that went");
    ensure!(done.next.is_some(), "it says that all was looked at");
    same!(notes(store).await?, ["6", "5", "4", "3", "2"], "the younger ones");
    Ok(())
}

pub(super) async fn steps_that_go_on_where_the_last_one_ended_reach_every_row(
    store: &dyn Upkeep,
) -> Checked {
    fill(store, &aged()).await?;
    for (what, gone) in [(Retained::Log, 3), (Retained::Conflicts, 3), (Retained::DeadLetters, 1)] {
        let (mut removed, mut next) = (0, Some(0));
        for _ in 0..9 {
            let Some(from) = next else { break };
            let done = step(store, what, at(25), from, 1).await?;
            removed += done.removed;
            next = done.next;
        }
        same!((removed, next), (gone, None), "all steps over {what:?}");
    }
    Ok(())
}
