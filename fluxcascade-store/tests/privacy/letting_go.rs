//! P30: log rows, conflicts and dead letters are kept for a time, and let go in bounded steps.

use fluxcascade_core::model::{
    Answer, Choice, Conflict, ConflictStatus, Hold, HoldReason, LogRow, Side, Timestamp,
};
use fluxcascade_core::store::{CommitBatch, Page, Prune, Retained, Store, Upkeep};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::sealed;
use crate::whole::dead_letter;

/// Lets go of all that is old enough, a few rows at a time; how many went, and the steps.
async fn prune_all<S: Upkeep>(store: &S, what: Retained, before: Timestamp) -> (u64, usize) {
    let (mut removed, mut steps, mut skip) = (0, 0, 0);
    loop {
        let prune = Prune { what, before, skip, limit: 2 };
        let done = store.prune(&contacts(), &prune).await.unwrap();
        assert!(done.removed <= 2, "{done:?}");
        removed += done.removed;
        steps += 1;
        let Some(next) = done.next else { return (removed, steps) };
        skip = next;
    }
}

fn aged() -> CommitBatch {
    let refused = |id: &str, since| dead_letter(id, at(since));
    let tried = Hold { not_before: Some(at(7)), ..refused("s3", 1) };
    let answer = Some(Answer { choice: Choice::Retry, at: at(2) });
    let answered = Hold { answer, ..refused("s4", 1) };
    let asked = Hold { reason: HoldReason::Guard, ..refused("s5", 1) };
    let judged = |n: u8, status, when| Conflict { status, at: at(when), ..conflict(n, 1) };
    CommitBatch {
        holds: vec![refused("s1", 1), refused("s2", 30), tried, answered, asked],
        conflicts: vec![
            judged(1, ConflictStatus::Open, 1),
            judged(2, ConflictStatus::Auto, 1),
            judged(3, ConflictStatus::Open, 2),
            judged(4, ConflictStatus::Resolved, 3),
            judged(5, ConflictStatus::Stale, 30),
        ],
        log: (0..5)
            .map(|n| LogRow { at: at(n * 10), ..log_row(1, Some("s1"), None, &format!("{n}")) })
            .collect(),
        ..CommitBatch::default()
    }
}

async fn fill<S: Store>(store: &S) {
    let lease = leased(store).await.unwrap();
    store.commit(&lease, &aged()).await.unwrap();
    store.release(&lease).await.unwrap();
}

async fn lets_go<S: Upkeep>(store: &S) {
    fill(store).await;
    assert_eq!(prune_all(store, Retained::Log, at(25)).await, (3, 3));
    assert_eq!(prune_all(store, Retained::Conflicts, at(25)).await, (2, 3));
    assert_eq!(prune_all(store, Retained::DeadLetters, at(25)).await, (1, 3));
    assert_left(store).await;
}

async fn assert_left<S: Store>(store: &S) {
    let (mapping, all) = (contacts(), Page::all());
    let log = store.log(&mapping, &all).await.unwrap();
    assert_eq!(log.iter().map(|row| row.note.as_str()).collect::<Vec<_>>(), ["4", "3"]);
    let conflicts = store.conflicts(&mapping, &all).await.unwrap();
    let left: Vec<_> = conflicts.iter().map(|row| row.id.0[0]).collect();
    assert_eq!(left, [5, 3, 1], "open ones stay, and young ones");
    let rows =
        store.conflict_rows(&mapping, &[conflict(2, 1).id, conflict(3, 1).id]).await.unwrap();
    assert!(rows[0].is_none() && rows[1].is_some());
    let mut expected = aged().holds;
    expected.remove(0);
    let holds = store.holds(&mapping, &all).await.unwrap();
    assert_eq!(holds, expected, "only the old letter without an answer went");
    assert!(holds.iter().all(|hold| hold.key != record_hold(Side::Source, "s1", None).key));
}

#[tokio::test]
async fn old_rows_are_let_go_in_memory() {
    lets_go(&MemoryStore::new()).await;
}

#[tokio::test]
async fn old_rows_are_let_go_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    lets_go(&SqliteStore::open(folder.path().join("sync.db")).await.unwrap()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn old_rows_are_let_go_on_a_server() {
    let Some(place) = crate::server::Place::or_skip() else { return };
    lets_go(&fluxcascade_store::PostgresStore::open(&place.options()).await.unwrap()).await;
}

/// Times and states are legible to the store below.
#[tokio::test]
async fn old_rows_are_let_go_through_the_layer() {
    lets_go(&sealed(MemoryStore::new())).await;
}
