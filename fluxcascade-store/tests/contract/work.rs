//! What there is to do, and in which order.

use fluxcascade_core::model::{
    Candidates, HoldKey, HoldReason, KeyHolder, LinkStatus, Operation, OperationKind, Side, Sides,
    Timestamp, Work, WorkKey,
};
use fluxcascade_core::store::{CommitBatch, Lease, Requeue, WorkRequest};

use crate::FullStore;
use crate::nouns::*;

fn of_link(n: u8) -> WorkKey {
    WorkKey::Link(link_id(n))
}

fn of_record(side: Side, id: &str) -> WorkKey {
    WorkKey::Record(side, record(id))
}

async fn work(store: &impl FullStore, lease: &Lease, now: Timestamp) -> Vec<Work> {
    store.work(lease, &all_work(now)).await.unwrap()
}

async fn keys(store: &impl FullStore, lease: &Lease, now: Timestamp) -> Vec<WorkKey> {
    work(store, lease, now).await.into_iter().map(|work| work.key).collect()
}

pub(crate) async fn there_is_one_work_per_link_and_per_unlinked_record(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1), link(2)])).await.unwrap();
    store.intake(&lease, &page(Side::Source, [row("s1", 1), row("s8", 1)])).await.unwrap();
    store.intake(&lease, &page(Side::Target, [row("t1", 1), row("s8", 1)])).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    let keys: Vec<_> = found.iter().map(|work| work.key.clone()).collect();
    assert_eq!(keys, [of_link(1), of_record(Side::Source, "s8"), of_record(Side::Target, "s8")]);
    assert_eq!(found[0].link, Some(link(1)));
    assert_eq!(found[0].entries.source.as_ref().unwrap().record, record("s1"));
    assert_eq!(found[0].entries.target.as_ref().unwrap().record, record("t1"));
    assert_eq!(found[1].link, None);
    assert!(found[1].entries.source.is_some() && found[1].entries.target.is_none());
    assert!(found[2].entries.source.is_none() && found[2].entries.target.is_some());
}

pub(crate) async fn an_entry_that_is_not_due_makes_no_work(store: &impl FullStore) {
    let lease = leased(store).await;
    let waiting = |id: &str| Requeue {
        side: Side::Source,
        record: record(id),
        not_before: Some(at(60)),
        failed: None,
    };
    let batch = CommitBatch {
        links: links([link(1)]).links,
        requeued: vec![waiting("s1"), waiting("s2")],
        ..CommitBatch::default()
    };
    store.commit(&lease, &batch).await.unwrap();
    assert!(keys(store, &lease, at(59)).await.is_empty());
    assert_eq!(keys(store, &lease, at(60)).await, [of_link(1), of_record(Side::Source, "s2")]);
    // What is not due itself is still told of: it bears on the decision.
    store.intake(&lease, &page(Side::Target, [row("t1", 1)])).await.unwrap();
    let found = work(store, &lease, at(59)).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].entries.source.as_ref().unwrap().not_before, Some(at(60)));
}

pub(crate) async fn a_due_hold_makes_work_and_one_without_a_time_does_not(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1), link(2), link(3), link(4)])).await.unwrap();
    let batch = holds([
        pair_hold(1, "name", Some(at(60))),
        hold(HoldKey::Link(link_id(2)), HoldReason::Missing, Some(at(60))),
        pair_hold(3, "name", None),
        record_hold(Side::Target, "t4", Some(at(60))),
        record_hold(Side::Source, "s8", Some(at(60))),
        record_hold(Side::Source, "s9", None),
        pair_hold(77, "name", Some(at(60))),
    ]);
    store.commit(&lease, &batch).await.unwrap();
    assert!(keys(store, &lease, at(59)).await.is_empty());
    assert_eq!(
        keys(store, &lease, at(60)).await,
        [of_link(1), of_link(2), of_link(4), of_record(Side::Source, "s8")]
    );
}

pub(crate) async fn an_open_operation_makes_work_for_a_link(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1), link(2)])).await.unwrap();
    let operation = update(7, &link(2));
    store.begin(&lease, std::slice::from_ref(&operation)).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, of_link(2));
    assert_eq!(found[0].operations, [operation]);
}

pub(crate) async fn a_work_has_all_holds_and_operations_of_its_link(store: &impl FullStore) {
    let lease = leased(store).await;
    let all = [
        pair_hold(1, "email", None),
        pair_hold(1, "name", Some(at(500))),
        hold(HoldKey::Link(link_id(1)), HoldReason::Missing, Some(at(500))),
        record_hold(Side::Target, "t1", None),
    ];
    let batch = CommitBatch { links: links([link(1), link(2)]).links, ..holds(all.clone()) };
    store.commit(&lease, &batch).await.unwrap();
    store.commit(&lease, &holds([pair_hold(2, "name", None)])).await.unwrap();
    let operations = [update(3, &link(1)), update(4, &link(1)), update(5, &link(2))];
    store.begin(&lease, &operations).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found[0].holds, all);
    assert_eq!(found[0].operations, operations[..2]);
    assert!(found[0].candidates.is_empty());
}

pub(crate) async fn work_comes_in_key_order_at_any_page_size(store: &impl FullStore) {
    let lease = leased(store).await;
    let sources = ["s1", "s10", "s2", "s20", "s21", "ä"];
    store.commit(&lease, &links((1..=6).map(link))).await.unwrap();
    store.intake(&lease, &page(Side::Source, sources.map(|id| row(id, 1)))).await.unwrap();
    store
        .intake(&lease, &page(Side::Target, ["t1", "t5", "s2"].map(|id| row(id, 1))))
        .await
        .unwrap();
    let batch = holds([
        pair_hold(3, "name", Some(at(0))),
        record_hold(Side::Source, "s15", Some(at(0))),
        record_hold(Side::Target, "a", Some(at(0))),
    ]);
    store.commit(&lease, &batch).await.unwrap();
    store.begin(&lease, &[update(1, &link(6))]).await.unwrap();

    let expected = [
        of_link(1),
        of_link(2),
        of_link(3),
        of_link(5),
        of_link(6),
        of_record(Side::Source, "s10"),
        of_record(Side::Source, "s15"),
        of_record(Side::Source, "s20"),
        of_record(Side::Source, "s21"),
        of_record(Side::Source, "ä"),
        of_record(Side::Target, "a"),
        of_record(Side::Target, "s2"),
    ];
    for limit in 1..=expected.len() + 1 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let request = WorkRequest { after: after.clone(), limit, now: at(0) };
            let page = store.work(&lease, &request).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            found.extend(page.into_iter().map(|work| work.key));
        }
        assert_eq!(found, expected, "page size {limit}");
    }
}

pub(crate) async fn a_tombstones_records_count_as_unlinked(store: &impl FullStore) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    store.commit(&lease, &links([link(1)])).await.unwrap();
    assert_eq!(keys(store, &lease, at(0)).await, [of_link(1)]);
    let ended = with_status(link(1), LinkStatus::Tombstone);
    store.commit(&lease, &links([ended.clone()])).await.unwrap();
    store.intake(&lease, &page(Side::Target, [keyed("t1", &[(0, 1)])])).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found[0].key, of_record(Side::Source, "s1"));
    assert_eq!(found[0].link, None);
    assert_eq!(found[1].key, of_record(Side::Target, "t1"));
    assert_eq!(found[1].candidates[0].holders.target[0].link, None);
    assert_eq!(store.links(&contacts(), None, 9).await.unwrap(), [ended]);
}

pub(crate) async fn what_is_open_for_a_tombstone_is_its_records(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([with_status(link(1), LinkStatus::Tombstone)])).await.unwrap();
    store.begin(&lease, &[update(1, &link(1))]).await.unwrap();
    assert!(keys(store, &lease, at(0)).await.is_empty());
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found[0].key, of_record(Side::Source, "s1"));
    assert_eq!(found[0].operations, [update(1, &link(1))]);
    assert_eq!(found.len(), 1);
    // Another link of its record takes it over.
    store.commit(&lease, &links([link_between(2, "s2", "t1")])).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found[0].key, of_link(2));
    assert_eq!(found[0].operations, [update(1, &link(1))]);
}

pub(crate) async fn a_tombstones_holds_are_its_own(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([with_status(link(1), LinkStatus::Tombstone)])).await.unwrap();
    store.commit(&lease, &holds([pair_hold(1, "name", Some(at(0)))])).await.unwrap();
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found[0].key, of_link(1));
    assert_eq!(found[0].holds.len(), 1);
    assert_eq!(found[0].entries, Sides::default(), "its records are not its own any more");
    assert_eq!(found[1].key, of_record(Side::Source, "s1"));
    assert!(found[1].holds.is_empty());
}

pub(crate) async fn candidates_have_one_item_per_rule_with_a_key(store: &impl FullStore) {
    let lease = leased(store).await;
    let rows = [keyed("s1", &[(0, 1), (2, 3)]), keyed("s2", &[(2, 3)]), keyed("s3", &[(0, 3)])];
    store.intake(&lease, &page(Side::Source, rows)).await.unwrap();
    let rows = [keyed("t2", &[(0, 1)]), keyed("t1", &[(0, 1)]), keyed("t3", &[(1, 1)])];
    store.intake(&lease, &page(Side::Target, rows)).await.unwrap();
    let found = work(store, &lease, at(0)).await.remove(0);
    assert_eq!(found.key, of_record(Side::Source, "s1"));
    let ids = |holders: &[KeyHolder]| {
        holders.iter().map(|holder| holder.record.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found.candidates.len(), 2);
    assert_eq!(found.candidates[0].rule, 0);
    assert_eq!(ids(&found.candidates[0].holders.source), ["s1"]);
    assert_eq!(ids(&found.candidates[0].holders.target), ["t1", "t2"]);
    assert_eq!(found.candidates[1].rule, 2);
    assert_eq!(ids(&found.candidates[1].holders.source), ["s1", "s2"]);
    assert!(found.candidates[1].holders.target.is_empty());
}

pub(crate) async fn a_holder_has_its_link_its_entry_and_its_open_create(store: &impl FullStore) {
    let lease = leased(store).await;
    let key: &[(u16, u8)] = &[(0, 1)];
    let keys = ["t1", "t2", "t3"].map(|id| record_keys(Side::Target, id, key));
    let batch = CommitBatch { keys: keys.into(), ..links([link(1)]) };
    store.commit(&lease, &batch).await.unwrap();
    store.intake(&lease, &page(Side::Source, [keyed("p", key)])).await.unwrap();
    store.intake(&lease, &page(Side::Target, [row("t2", 4)])).await.unwrap();
    let of_t3 = create(30, Side::Source, "t3", key);
    store.begin(&lease, std::slice::from_ref(&of_t3)).await.unwrap();

    let found = work(store, &lease, at(0)).await.remove(0);
    let holders = &found.candidates[0].holders.target;
    assert_eq!(holders.len(), 3);
    assert_eq!(
        (holders[0].link, &holders[0].entry, &holders[0].pending),
        (Some(link_id(1)), &None, &None)
    );
    assert_eq!(holders[1].link, None);
    let entry = holders[1].entry.as_ref().unwrap();
    assert_eq!(entry.observation, Some(row("t2", 4).observation));
    assert_eq!((&holders[2].entry, &holders[2].pending), (&None, &Some(of_t3)));
}

pub(crate) async fn a_holder_is_decided_earlier_if_another_record_has_its_earlier_key(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let rows = [keyed("p", &[(1, 1)]), keyed("q", &[(0, 7), (1, 1)])];
    store.intake(&lease, &page(Side::Source, rows)).await.unwrap();
    let decided = async |id: &str, keys: &[(u16, u8)]| {
        store.intake(&lease, &page(Side::Target, [keyed(id, keys)])).await.unwrap();
        let found = work(store, &lease, at(0)).await.remove(0);
        let holders = found.candidates[0].holders.source.iter();
        holders.map(|holder| holder.decided_earlier).collect::<Vec<_>>()
    };
    assert_eq!(decided("t1", &[(1, 1)]).await, [false, false], "it has its earlier key alone");
    assert_eq!(decided("t2", &[(1, 7)]).await, [false, false], "the same key of a later rule");
    assert_eq!(decided("t3", &[(0, 7)]).await, [false, true]);
}

pub(crate) async fn of_a_key_that_many_share_only_some_holders_are_told(store: &impl FullStore) {
    let lease = leased(store).await;
    let rows = (10..60).map(|n| keyed(&format!("s{n}"), &[(0, 1)]));
    store.intake(&lease, &page(Side::Source, rows)).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found.len(), 50);
    for work in found {
        let holders = &work.candidates[0].holders.source;
        assert_eq!(holders.len(), Candidates::MOST_HOLDERS);
        assert_eq!(holders[0].record, record("s10"));
    }
}

pub(crate) async fn creates_under_way_are_counted_but_not_the_records_own(store: &impl FullStore) {
    let lease = leased(store).await;
    let key: &[(u16, u8)] = &[(0, 1)];
    store.intake(&lease, &page(Side::Source, [keyed("p", key), keyed("q", key)])).await.unwrap();
    let not_a_create = Operation { keys: some_keys(key), ..update(9, &link(1)) };
    let operations = [
        create(30, Side::Target, "p", key),
        create(31, Side::Target, "q", key),
        create(32, Side::Target, "r", &[(0, 1), (1, 1)]),
        create(33, Side::Source, "p", key),
        create(34, Side::Target, "r", &[(0, 2), (1, 1)]),
        not_a_create,
    ];
    store.begin(&lease, &operations).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found[0].key, of_record(Side::Source, "p"));
    assert_eq!(found[0].candidates[0].pending, Sides::new(1, 2));
    let own = &found[0].candidates[0].holders.source;
    assert_eq!(own[0].pending.as_ref().map(|o| o.id), Some(operation_id(30)));
    assert_eq!(own[1].pending.as_ref().map(|o| o.id), Some(operation_id(31)));

    let closed = vec![operation_id(31), operation_id(32)];
    store.commit(&lease, &CommitBatch { closed, ..CommitBatch::default() }).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found[0].candidates[0].pending, Sides::new(1, 0));
}

pub(crate) async fn an_open_create_is_in_the_work_of_its_origin(store: &impl FullStore) {
    let lease = leased(store).await;
    let operation = create(30, Side::Target, "s1", &[]);
    store.begin(&lease, std::slice::from_ref(&operation)).await.unwrap();
    assert!(keys(store, &lease, at(0)).await.is_empty(), "its entry or hold says when it is due");
    store.commit(&lease, &holds([record_hold(Side::Source, "s1", Some(at(5)))])).await.unwrap();
    let found = work(store, &lease, at(5)).await;
    assert_eq!(found[0].key, of_record(Side::Source, "s1"));
    assert_eq!(found[0].operations, std::slice::from_ref(&operation));
    assert_eq!(found[0].holds.len(), 1);

    // The same for an update of a link that is not stored yet, from both of its records.
    let kind = OperationKind::Update { record: record("t8") };
    let early = super::nouns::operation(40, link_id(40), Side::Target, "s8", kind, &[]);
    store.begin(&lease, std::slice::from_ref(&early)).await.unwrap();
    store.intake(&lease, &page(Side::Target, [row("t8", 1)])).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found[0].key, of_record(Side::Target, "t8"));
    assert_eq!(found[0].operations, [early]);
}

pub(crate) async fn an_open_create_follows_an_origin_that_is_linked_otherwise(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let operation = create(30, Side::Target, "s1", &[]);
    store.begin(&lease, std::slice::from_ref(&operation)).await.unwrap();
    store.commit(&lease, &links([link(1)])).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, of_link(1));
    assert_eq!(found[0].operations, std::slice::from_ref(&operation));

    // Once its own link is there, it is that link's alone.
    store.commit(&lease, &links([link_between(30, "s30", "t30")])).await.unwrap();
    assert_eq!(keys(store, &lease, at(0)).await, [of_link(30)]);
}

pub(crate) async fn asking_for_work_changes_nothing(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1)])).await.unwrap();
    let rows = [row("s1", 1), keyed("s2", &[(0, 1)])];
    store.intake(&lease, &page(Side::Source, rows)).await.unwrap();
    let first = work(store, &lease, at(0)).await;
    assert_eq!(first.len(), 2);
    assert_eq!(work(store, &lease, at(0)).await, first);
}

pub(crate) async fn an_unlinked_record_has_all_tombstones_that_name_it(store: &impl FullStore) {
    let lease = leased(store).await;
    let ended =
        |n, source, target| with_status(link_between(n, source, target), LinkStatus::Tombstone);
    let all = [ended(3, "s1", "t1"), ended(2, "s1", "t2"), ended(1, "t1", "s1"), link(5)];
    store.commit(&lease, &links(all.clone())).await.unwrap();
    store.intake(&lease, &page(Side::Source, [row("s1", 1), row("s5", 1)])).await.unwrap();
    let found = work(store, &lease, at(0)).await;
    assert!(found[0].tombstones.is_empty(), "a link's work has none");
    assert_eq!(found[1].tombstones, [all[1].clone(), all[0].clone()]);
    // Alive again, and with another record, they name it no more.
    let moved = [link_between(2, "s2", "t2"), ended(3, "s3", "t1")];
    store.commit(&lease, &links(moved)).await.unwrap();
    assert!(work(store, &lease, at(0)).await[1].tombstones.is_empty());
}

pub(crate) async fn a_holder_has_the_reason_of_its_hold(store: &impl FullStore) {
    let lease = leased(store).await;
    let rows = ["t1", "t2"].map(|id| keyed(id, &[(0, 1)]));
    store.intake(&lease, &page(Side::Target, rows)).await.unwrap();
    store.commit(&lease, &holds([record_hold(Side::Target, "t2", None)])).await.unwrap();
    let found = work(store, &lease, at(0)).await.remove(0);
    let holders = found.candidates[0].holders.target.iter();
    let reasons: Vec<_> = holders.map(|holder| holder.hold).collect();
    assert_eq!(reasons, [None, Some(HoldReason::Ambiguous)]);
}

async fn gathered(store: &impl FullStore, lease: &Lease, keys: &[WorkKey]) -> Vec<WorkKey> {
    let work = store.gather(lease, keys).await.unwrap();
    work.into_iter().map(|work| work.key).collect()
}

pub(crate) async fn gathered_work_comes_in_the_order_asked_and_each_once(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1), link(2)])).await.unwrap();
    let rows = ["s2", "s8"].map(|id| keyed(id, &[(0, 1)]));
    store.intake(&lease, &page(Side::Source, rows)).await.unwrap();
    let asked = [
        of_record(Side::Source, "s8"),
        of_link(2),
        of_record(Side::Target, "t2"),
        of_record(Side::Target, "t1"),
        of_record(Side::Source, "s8"),
        of_link(1),
    ];
    let keys = [of_record(Side::Source, "s8"), of_link(2), of_link(1)];
    assert_eq!(gathered(store, &lease, &asked).await, keys);
    // It is the work that is handed out.
    let due = work(store, &lease, at(0)).await;
    assert_eq!(store.gather(&lease, &asked[..2]).await.unwrap(), [due[1].clone(), due[0].clone()]);
    assert_eq!(gathered(store, &lease, &[]).await, []);
}

pub(crate) async fn work_is_gathered_whether_it_is_due_or_not(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1)])).await.unwrap();
    let requeue = Requeue {
        side: Side::Source,
        record: record("s8"),
        not_before: Some(at(60)),
        failed: None,
    };
    let batch = CommitBatch {
        keys: vec![record_keys(Side::Source, "s6", &[(0, 1)])],
        requeued: vec![requeue],
        ..holds([record_hold(Side::Source, "s7", None)])
    };
    store.commit(&lease, &batch).await.unwrap();
    store.begin(&lease, &[create(30, Side::Target, "s9", &[])]).await.unwrap();
    assert!(keys(store, &lease, at(0)).await.is_empty());
    let mut asked: Vec<_> = ["s6", "s7", "s8", "s9"].map(|id| of_record(Side::Source, id)).into();
    asked.push(of_link(1));
    assert_eq!(gathered(store, &lease, &asked).await, asked);
    assert!(keys(store, &lease, at(0)).await.is_empty(), "nothing is changed by it");
}

pub(crate) async fn a_key_of_which_nothing_is_stored_has_no_work(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1)])).await.unwrap();
    let asked = [
        of_link(7),
        of_record(Side::Source, "s7"),
        of_record(Side::Target, "s1"),
        of_record(Side::Source, "s1"),
    ];
    assert_eq!(gathered(store, &lease, &asked).await, [of_link(1)]);
}

pub(crate) async fn a_tombstones_key_gives_its_work(store: &impl FullStore) {
    let lease = leased(store).await;
    let ended = with_status(link(1), LinkStatus::Tombstone);
    store.commit(&lease, &links([ended.clone()])).await.unwrap();
    store.commit(&lease, &holds([pair_hold(1, "name", None)])).await.unwrap();
    let found = store.gather(&lease, &[of_link(1), of_record(Side::Source, "s1")]).await.unwrap();
    assert_eq!(found[0].link, Some(ended.clone()));
    assert_eq!(found[0].holds, [pair_hold(1, "name", None)]);
    // Its record is not linked: it has a work of its own.
    assert_eq!(found[1].key, of_record(Side::Source, "s1"));
    assert_eq!(found[1].tombstones, [ended]);
}
