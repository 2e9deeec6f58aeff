//! Reading calls: order, filters and pages.

use fluxcascade_core::model::{
    Conflict, ConflictStatus, Hold, HoldKey, HoldReason, LinkStatus, Linked, RunNumber, Side,
    Withheld,
};
use fluxcascade_core::store::{CommitBatch, Counts, Page, RunStart};

use crate::FullStore;
use crate::nouns::*;

pub(crate) async fn counts_are_of_everything(store: &impl FullStore) {
    assert_eq!(store.counts(&contacts()).await.unwrap(), Counts::default());
    let lease = leased(store).await;
    let batch = CommitBatch {
        holds: vec![
            record_hold(Side::Source, "s9", None),
            pair_hold(1, "name", None),
            pair_hold(2, "name", None),
            hold(HoldKey::Link(link_id(1)), HoldReason::Missing, None),
            withheld(2, "a", Withheld::Blanking),
            withheld(2, "b", Withheld::Delete),
            withheld(2, "c", Withheld::Blanking),
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
    store.commit(&lease, &batch).await.unwrap();
    store.intake(&lease, &page(Side::Source, [row("s1", 1), row("s9", 1)])).await.unwrap();
    store.intake(&lease, &page(Side::Target, [row("t9", 1)])).await.unwrap();
    store.begin(&lease, &[update(1, &link(1))]).await.unwrap();
    let expected = Counts {
        active_links: 2,
        suspended_links: 1,
        tombstones: 2,
        inbox: 3,
        operations: 1,
        holds: vec![
            (HoldReason::Conflict, 2),
            (HoldReason::Ambiguous, 1),
            (HoldReason::Missing, 1),
            (HoldReason::Guard, 3),
        ],
        open_conflicts: 2,
        withheld: vec![(Withheld::Delete, 1), (Withheld::Blanking, 2)],
    };
    assert_eq!(store.counts(&contacts()).await.unwrap(), expected);
    let resolved = Conflict { status: ConflictStatus::Resolved, ..conflict(1, 1) };
    let batch = CommitBatch { conflicts: vec![resolved], ..CommitBatch::default() };
    store.commit(&lease, &batch).await.unwrap();
    assert_eq!(store.counts(&contacts()).await.unwrap().open_conflicts, 1);
}

fn withheld(n: u8, name: &str, what: Withheld) -> Hold {
    let key = HoldKey::Pair(link_id(n), pair(name));
    Hold { withheld: Some(what), ..hold(key, HoldReason::Guard, None) }
}

pub(crate) async fn links_come_in_id_order_after_an_id(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([200, 3, 1, 2].map(link))).await.unwrap();
    let read = async |after: Option<u8>, limit| {
        let found = store.links(&contacts(), after.map(link_id), limit).await.unwrap();
        found.into_iter().map(|link| link.id.0[0]).collect::<Vec<_>>()
    };
    assert_eq!(read(None, usize::MAX).await, [1, 2, 3, 200]);
    assert_eq!(read(None, 2).await, [1, 2]);
    assert_eq!(read(Some(2), 2).await, [3, 200]);
    assert!(read(Some(200), 2).await.is_empty());
}

pub(crate) async fn log_rows_come_newest_first_by_run_record_and_page(store: &impl FullStore) {
    let lease = leased(store).await;
    let rows = [
        log_row(1, Some("s1"), Some("t1"), "a"),
        log_row(1, Some("s2"), None, "b"),
        log_row(2, None, Some("t1"), "c"),
        log_row(1, Some("s1"), Some("t1"), "d: settled late"),
    ];
    store.commit(&lease, &logged(rows[..2].to_vec())).await.unwrap();
    store.commit(&lease, &logged(rows[2..].to_vec())).await.unwrap();
    assert_eq!(store.log(&contacts(), &Page::all()).await.unwrap()[3], rows[0]);
    let read = async |page: Page| {
        let found = store.log(&contacts(), &page).await.unwrap();
        found.into_iter().map(|row| row.note[..1].to_owned()).collect::<String>()
    };
    let of = |side, id| Page { record: Some((side, record(id))), ..Page::all() };
    assert_eq!(read(Page::all()).await, "dcba");
    assert_eq!(read(Page::of_run(RunNumber(1))).await, "dba");
    assert_eq!(read(of(Side::Source, "s1")).await, "da");
    assert_eq!(read(of(Side::Target, "t1")).await, "dca");
    assert_eq!(read(Page { run: Some(RunNumber(2)), ..of(Side::Target, "t1") }).await, "c");
    assert_eq!(read(of(Side::Target, "s1")).await, "");
    assert_eq!(read(cut(1, 2)).await, "cb");
    assert_eq!(read(Page { skip: 1, limit: 1, ..of(Side::Source, "s1") }).await, "a");
}

pub(crate) async fn conflict_rows_come_newest_first_and_a_changed_row_keeps_its_place(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let rows = vec![conflict(3, 1), conflict(1, 1), conflict(2, 2)];
    store.commit(&lease, &CommitBatch { conflicts: rows, ..CommitBatch::default() }).await.unwrap();
    let changed =
        Conflict { status: ConflictStatus::Stale, why: "moved on".into(), ..conflict(3, 1) };
    let conflicts = vec![Conflict { status: ConflictStatus::Open, ..changed.clone() }];
    let judged = vec![(changed.id, ConflictStatus::Stale)];
    let batch = CommitBatch { conflicts, judged, ..CommitBatch::default() };
    store.commit(&lease, &batch).await.unwrap();

    let read = async |page: Page| store.conflicts(&contacts(), &page).await.unwrap();
    assert_eq!(read(Page::all()).await, [conflict(2, 2), conflict(1, 1), changed.clone()]);
    assert_eq!(read(Page::of_run(RunNumber(1))).await, [conflict(1, 1), changed.clone()]);
    let of_record = Page { record: Some((Side::Target, record("t3"))), ..Page::all() };
    assert_eq!(read(of_record).await, [changed]);
    assert_eq!(read(cut(1, 1)).await, [conflict(1, 1)]);
}

pub(crate) async fn holds_come_in_key_order(store: &impl FullStore) {
    let lease = leased(store).await;
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
    store.commit(&lease, &batch).await.unwrap();
    assert_eq!(store.holds(&contacts(), &Page::all()).await.unwrap(), expected);
    assert_eq!(store.holds(&contacts(), &cut(1, 3)).await.unwrap(), expected[1..4]);
}

pub(crate) async fn holds_are_found_by_their_reason(store: &impl FullStore) {
    let lease = leased(store).await;
    let conflicts =
        [pair_hold(1, "b", None), pair_hold(2, "a", Some(at(3))), pair_hold(3, "a", None)];
    let other = hold(HoldKey::Link(link_id(1)), HoldReason::Missing, None);
    let batch = holds(conflicts.iter().rev().cloned().chain([other.clone()]));
    store.commit(&lease, &batch).await.unwrap();
    let of = async |reason, skip, limit| {
        let page = Page { reason: Some(reason), ..cut(skip, limit) };
        store.holds(&contacts(), &page).await.unwrap()
    };
    assert_eq!(of(HoldReason::Conflict, 0, 9).await, conflicts);
    assert_eq!(of(HoldReason::Conflict, 1, 1).await, conflicts[1..2]);
    assert_eq!(of(HoldReason::Missing, 0, 9).await, [other]);
    assert!(of(HoldReason::Guard, 0, 9).await.is_empty());
}

pub(crate) async fn linked_records_come_in_the_order_asked(store: &impl FullStore) {
    let ids = ["t2", "t9", "t1", "s1", "t3"].map(record);
    assert_eq!(store.linked(&contacts(), Side::Target, &ids).await.unwrap(), vec![None; 5]);
    let lease = leased(store).await;
    let batch = links([
        link(1),
        with_status(link(2), LinkStatus::Suspended),
        with_status(link(3), LinkStatus::Tombstone),
    ]);
    store.commit(&lease, &batch).await.unwrap();
    let linked = |n: u8, status| {
        Some(Linked { link: link_id(n), status, partner: record(&format!("s{n}")) })
    };
    let expected =
        [linked(2, LinkStatus::Suspended), None, linked(1, LinkStatus::Active), None, None];
    assert_eq!(store.linked(&contacts(), Side::Target, &ids).await.unwrap(), expected);
    let found = store.linked(&contacts(), Side::Source, &[record("s1")]).await.unwrap();
    assert_eq!(found[0].as_ref().map(|linked| linked.partner.as_str()), Some("t1"));
}

pub(crate) async fn conflict_rows_are_found_by_id_in_the_order_asked(store: &impl FullStore) {
    let ids = [2, 9, 1].map(|n| conflict(n, 1).id);
    assert_eq!(store.conflict_rows(&contacts(), &ids).await.unwrap(), vec![None; 3]);
    let lease = leased(store).await;
    let conflicts = vec![conflict(1, 1), Conflict { pair: None, ..conflict(2, 1) }];
    let batch = CommitBatch { conflicts: conflicts.clone(), ..CommitBatch::default() };
    store.commit(&lease, &batch).await.unwrap();
    let expected = [Some(conflicts[1].clone()), None, Some(conflicts[0].clone())];
    assert_eq!(store.conflict_rows(&contacts(), &ids).await.unwrap(), expected);
}

pub(crate) async fn runs_come_newest_first(store: &impl FullStore) {
    let lease = leased(store).await;
    for n in 1..=4 {
        store.start_run(&lease, &RunStart { started: at(n) }).await.unwrap();
    }
    let read = async |page: Page| {
        let found = store.runs(&contacts(), &page).await.unwrap();
        found.into_iter().map(|run| run.number.0).collect::<Vec<_>>()
    };
    assert_eq!(read(Page::all()).await, [4, 3, 2, 1]);
    assert_eq!(read(cut(1, 2)).await, [3, 2]);
    assert_eq!(read(Page::of_run(RunNumber(3))).await, [3]);
}
