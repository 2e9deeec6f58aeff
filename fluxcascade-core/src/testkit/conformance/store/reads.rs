//! Rules of reading calls: order, filters and pages.

use super::nouns::*;
use super::{Checked, Found, nth, same};
use crate::model::{
    Conflict, ConflictStatus, Hold, HoldKey, HoldReason, LinkStatus, RunNumber, Side, Withheld,
};
use crate::store::{CommitBatch, Counts, Page, RunStart, Store};

fn withheld(n: u8, name: &str, what: Withheld) -> Hold {
    let key = HoldKey::Pair(link_id(n), pair(name));
    Hold { withheld: Some(what), ..hold(key, HoldReason::Guard, None) }
}

pub(super) async fn counts_are_of_everything(store: &dyn Store) -> Checked {
    same!(store.counts(&contacts()).await?, Counts::default());
    let lease = leased(store).await?;
    let batch = CommitBatch {
        holds: vec![
            record_hold(Side::Source, "s9", None),
            pair_hold(1, "name", None),
            pair_hold(2, "name", None),
            hold(HoldKey::Link(link_id(1)), HoldReason::Missing, None),
            withheld(2, "a", Withheld::Blanking),
            withheld(2, "b", Withheld::Delete),
            withheld(2, "c", Withheld::Blanking),
            // A guard has let it through: it holds nothing back.
            Hold { reason: HoldReason::Rejected, ..withheld(2, "d", Withheld::Blanking) },
        ],
        conflicts: vec![
            conflict(1, 1),
            conflict(2, 1),
            Conflict { status: ConflictStatus::Auto, ..conflict(3, 1) },
        ],
        ..links([
            link(1),
            link(2),
            with_status(link(3), LinkStatus::Suspended),
            with_status(link(4), LinkStatus::Tombstone),
            with_status(link(5), LinkStatus::Tombstone),
        ])
    };
    store.commit(&lease, &batch).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1), row("s9", 1)])).await?;
    store.intake(&lease, &page(Side::Target, [row("t9", 1)])).await?;
    store.begin(&lease, &[update(1, &link(1))]).await?;
    let expected = Counts {
        active_links: 2,
        suspended_links: 1,
        tombstones: 2,
        inbox: 3,
        operations: 1,
        holds: vec![
            (HoldReason::Conflict, 2),
            (HoldReason::Rejected, 1),
            (HoldReason::Ambiguous, 1),
            (HoldReason::Missing, 1),
            (HoldReason::Guard, 3),
        ],
        open_conflicts: 2,
        withheld: vec![(Withheld::Delete, 1), (Withheld::Blanking, 2)],
    };
    same!(store.counts(&contacts()).await?, expected);
    let resolved = Conflict { status: ConflictStatus::Resolved, ..conflict(1, 1) };
    let batch = CommitBatch { conflicts: vec![resolved], ..CommitBatch::default() };
    store.commit(&lease, &batch).await?;
    same!(store.counts(&contacts()).await?.open_conflicts, 1, "the number of open rows");
    Ok(())
}

pub(super) async fn links_come_in_id_order_after_an_id(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([200, 3, 1, 2].map(link))).await?;
    let pages: [(Option<u8>, usize, &[u8]); 4] = [
        (None, usize::MAX, &[1, 2, 3, 200]),
        (None, 2, &[1, 2]),
        (Some(2), 2, &[3, 200]),
        (Some(200), 2, &[]),
    ];
    for (after, limit, expected) in pages {
        let found = store.links(&contacts(), after.map(link_id), limit).await?;
        let ids: Vec<_> = found.into_iter().map(|link| link.id).collect();
        let expected: Vec<_> = expected.iter().map(|n| link_id(*n)).collect();
        same!(ids, expected, "after {after:?}");
    }
    Ok(())
}

fn span(first: u64, last: u64) -> (RunNumber, RunNumber) {
    (RunNumber(first), RunNumber(last))
}

/// The first letters of the notes of log rows.
async fn notes(store: &dyn Store, page: Page) -> Result<String, Found> {
    let found = store.log(&contacts(), &page).await?;
    Ok(found.into_iter().filter_map(|row| row.note.chars().next()).collect())
}

pub(super) async fn log_rows_come_newest_first_by_run_record_and_page(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let rows = [
        log_row(1, Some("s1"), Some("t1"), "a"),
        log_row(1, Some("s2"), None, "b"),
        log_row(2, None, Some("t1"), "c"),
        log_row(1, Some("s1"), Some("t1"), "d: settled late"),
    ];
    store.commit(&lease, &logged(rows[..2].to_vec())).await?;
    store.commit(&lease, &logged(rows[2..].to_vec())).await?;
    let all = store.log(&contacts(), &Page::all()).await?;
    same!(*nth(&all, 3)?, rows[0]);
    let of = |side, id| Page { record: Some((side, record(id))), ..Page::all() };
    let pages = [
        (Page::all(), "dcba"),
        (Page::of_run(RunNumber(1)), "dba"),
        (of(Side::Source, "s1"), "da"),
        (of(Side::Target, "t1"), "dca"),
        (Page { runs: Some(span(2, 2)), ..of(Side::Target, "t1") }, "c"),
        (Page { runs: Some(span(1, 2)), ..of(Side::Source, "s1") }, "da"),
        (Page { runs: Some(span(2, 9)), ..Page::all() }, "c"),
        (Page { runs: Some(span(0, 9)), ..cut(1, 2) }, "cb"),
        (of(Side::Target, "s1"), ""),
        (cut(1, 2), "cb"),
        (Page { skip: 1, limit: 1, ..of(Side::Source, "s1") }, "a"),
    ];
    for (page, expected) in pages {
        same!(notes(store, page.clone()).await?, expected, "{page:?}");
    }
    Ok(())
}

pub(super) async fn conflict_rows_come_newest_first_and_a_changed_row_keeps_its_place(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let conflicts = vec![conflict(3, 1), conflict(1, 1), conflict(2, 2)];
    store.commit(&lease, &CommitBatch { conflicts, ..CommitBatch::default() }).await?;
    let changed =
        Conflict { status: ConflictStatus::Stale, why: "moved on".into(), ..conflict(3, 1) };
    let conflicts = vec![changed.clone()];
    store.commit(&lease, &CommitBatch { conflicts, ..CommitBatch::default() }).await?;

    let of_record = Page { record: Some((Side::Target, record("t3"))), ..Page::all() };
    let pages = [
        (Page::all(), vec![conflict(2, 2), conflict(1, 1), changed.clone()]),
        (Page::of_run(RunNumber(1)), vec![conflict(1, 1), changed.clone()]),
        (Page { runs: Some(span(2, 3)), ..Page::all() }, vec![conflict(2, 2)]),
        (of_record, vec![changed]),
        (cut(1, 1), vec![conflict(1, 1)]),
    ];
    for (page, expected) in pages {
        same!(store.conflicts(&contacts(), &page).await?, expected, "{page:?}");
    }
    Ok(())
}

pub(super) async fn conflict_rows_are_found_by_id_in_the_order_asked(store: &dyn Store) -> Checked {
    let ids = [2, 9, 1].map(|n| conflict(n, 1).id);
    let none = store.conflict_rows(&contacts(), &ids).await?;
    same!(none, vec![None; 3], "before anything is stored");
    let lease = leased(store).await?;
    let conflicts = vec![conflict(1, 1), Conflict { pair: None, ..conflict(2, 1) }];
    let batch = CommitBatch { conflicts: conflicts.clone(), ..CommitBatch::default() };
    store.commit(&lease, &batch).await?;
    let expected = [Some(conflicts[1].clone()), None, Some(conflicts[0].clone())];
    same!(store.conflict_rows(&contacts(), &ids).await?, expected);
    Ok(())
}

pub(super) async fn holds_come_in_key_order(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let expected = [
        pair_hold(1, "b", None),
        pair_hold(2, "a", Some(at(3))),
        hold(HoldKey::Link(link_id(1)), HoldReason::Missing, None),
        record_hold(Side::Source, "z", None),
        record_hold(Side::Target, "a", None),
        record_hold(Side::Target, "b", None),
    ];
    let mut batch = holds(expected.clone());
    batch.holds.reverse();
    store.commit(&lease, &batch).await?;
    same!(store.holds(&contacts(), &Page::all()).await?, expected);
    same!(store.holds(&contacts(), &cut(1, 3)).await?, expected[1..4]);
    Ok(())
}

pub(super) async fn holds_are_found_by_their_reason(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let conflicts =
        [pair_hold(1, "b", None), pair_hold(2, "a", Some(at(3))), pair_hold(3, "a", None)];
    let other = hold(HoldKey::Link(link_id(1)), HoldReason::Missing, None);
    let batch = holds(conflicts.iter().rev().cloned().chain([other.clone()]));
    store.commit(&lease, &batch).await?;
    let pages = [
        (HoldReason::Conflict, cut(0, 9), conflicts.to_vec()),
        (HoldReason::Conflict, cut(1, 1), conflicts[1..2].to_vec()),
        (HoldReason::Missing, cut(0, 9), vec![other]),
        (HoldReason::Guard, cut(0, 9), Vec::new()),
    ];
    for (reason, page, expected) in pages {
        let page = Page { reason: Some(reason), ..page };
        same!(store.holds(&contacts(), &page).await?, expected, "{page:?}");
    }
    Ok(())
}

pub(super) async fn holds_are_found_by_their_keys(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let there = [
        pair_hold(1, "a", None),
        pair_hold(1, "b", None),
        hold(HoldKey::Link(link_id(1)), HoldReason::Missing, None),
        record_hold(Side::Source, "s1", None),
        record_hold(Side::Target, "s1", None),
    ];
    store.commit(&lease, &holds(there.clone())).await?;
    let missing = record_hold(Side::Target, "t9", None).key;
    let key = |n: usize| there[n].key.clone();
    let cases = [
        (vec![key(4), missing, key(1), key(4)], vec![1, 4]),
        (there.iter().map(|hold| hold.key.clone()).collect(), vec![0, 1, 2, 3, 4]),
        (vec![key(2)], vec![2]),
        (Vec::new(), Vec::new()),
    ];
    for (asked, expected) in cases {
        let page = Page { holds: Some(asked), ..Page::all() };
        let expected: Vec<_> = expected.into_iter().map(|n: usize| there[n].clone()).collect();
        same!(store.holds(&contacts(), &page).await?, expected, "{page:?}");
    }
    let all = Some(there.iter().map(|hold| hold.key.clone()).collect());
    same!(store.holds(&contacts(), &Page { holds: all, ..cut(1, 2) }).await?, there[1..3]);
    Ok(())
}

pub(super) async fn runs_come_newest_first(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    for n in 1..=4 {
        store.start_run(&lease, &RunStart::at(at(n))).await?;
    }
    let pages: [(Page, &[u64]); 5] = [
        (Page::all(), &[4, 3, 2, 1]),
        (cut(1, 2), &[3, 2]),
        (Page::of_run(RunNumber(3)), &[3]),
        (Page { runs: Some(span(2, 3)), ..Page::all() }, &[3, 2]),
        (Page { runs: Some(span(1, 3)), ..cut(1, 9) }, &[2, 1]),
    ];
    for (page, expected) in pages {
        let found = store.runs(&contacts(), &page).await?;
        let numbers: Vec<_> = found.into_iter().map(|run| run.number.0).collect();
        same!(numbers, expected, "{page:?}");
    }
    Ok(())
}
