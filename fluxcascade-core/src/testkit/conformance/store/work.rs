//! Rules of what there is to do, and in which order.

use super::nouns::*;
use super::{Checked, Found, ensure, nth, same};
use crate::model::{
    HoldKey, HoldReason, LinkStatus, OperationKind, Side, Sides, Timestamp, Work, WorkKey,
};
use crate::store::{CommitBatch, Lease, Requeue, Store, WorkRequest};

pub(super) fn of_link(n: u8) -> WorkKey {
    WorkKey::Link(link_id(n))
}

pub(super) fn of_record(side: Side, id: &str) -> WorkKey {
    WorkKey::Record(side, record(id))
}

pub(super) async fn due(
    store: &dyn Store,
    lease: &Lease,
    now: Timestamp,
) -> Result<Vec<Work>, Found> {
    Ok(store.work(lease, &all_work(now)).await?)
}

pub(super) async fn keys(
    store: &dyn Store,
    lease: &Lease,
    now: Timestamp,
) -> Result<Vec<WorkKey>, Found> {
    Ok(due(store, lease, now).await?.into_iter().map(|work| work.key).collect())
}

pub(super) async fn there_is_one_work_per_link_and_per_unlinked_record(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2)])).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1), row("s8", 1)])).await?;
    store.intake(&lease, &page(Side::Target, [row("t1", 1), row("s8", 1)])).await?;
    let found = due(store, &lease, at(0)).await?;
    let keys: Vec<_> = found.iter().map(|work| work.key.clone()).collect();
    same!(keys, [of_link(1), of_record(Side::Source, "s8"), of_record(Side::Target, "s8")]);
    let ids = |work: &Work| {
        work.entries.as_ref().map(|entry| entry.as_ref().map(|entry| entry.record.clone()))
    };
    let of_link = nth(&found, 0)?;
    same!(of_link.link, Some(link(1)));
    same!(ids(of_link), Sides::new(Some(record("s1")), Some(record("t1"))));
    let (source, target) = (nth(&found, 1)?, nth(&found, 2)?);
    same!((&source.link, ids(source)), (&None, Sides::new(Some(record("s8")), None)));
    same!((&target.link, ids(target)), (&None, Sides::new(None, Some(record("s8")))));
    Ok(())
}

pub(super) async fn an_entry_that_is_not_due_makes_no_work(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let waiting = ["s1", "s2"].map(|id| Requeue {
        side: Side::Source,
        record: record(id),
        not_before: Some(at(60)),
        failed: None,
    });
    let batch = CommitBatch { requeued: waiting.into(), ..links([link(1)]) };
    store.commit(&lease, &batch).await?;
    same!(keys(store, &lease, at(59)).await?, []);
    same!(keys(store, &lease, at(60)).await?, [of_link(1), of_record(Side::Source, "s2")]);
    // What is not due itself is still told of: it bears on the decision.
    store.intake(&lease, &page(Side::Target, [row("t1", 1)])).await?;
    let found = due(store, &lease, at(59)).await?;
    same!(found.len(), 1, "the number of works");
    let entry = &nth(&found, 0)?.entries.source;
    same!(entry.as_ref().map(|entry| entry.not_before), Some(Some(at(60))));
    Ok(())
}

pub(super) async fn a_due_hold_makes_work_and_one_without_a_time_does_not(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let batch = CommitBatch {
        holds: vec![
            pair_hold(1, "name", Some(at(60))),
            hold(HoldKey::Link(link_id(2)), HoldReason::Missing, Some(at(60))),
            pair_hold(3, "name", None),
            record_hold(Side::Target, "t4", Some(at(60))),
            record_hold(Side::Source, "s8", Some(at(60))),
            record_hold(Side::Source, "s9", None),
            pair_hold(77, "name", Some(at(60))),
        ],
        ..links([link(1), link(2), link(3), link(4)])
    };
    store.commit(&lease, &batch).await?;
    same!(keys(store, &lease, at(59)).await?, []);
    let expected = [of_link(1), of_link(2), of_link(4), of_record(Side::Source, "s8")];
    same!(keys(store, &lease, at(60)).await?, expected);
    Ok(())
}

pub(super) async fn an_open_operation_makes_work_for_its_link(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2)])).await?;
    let operation = update(7, &link(2));
    store.begin(&lease, std::slice::from_ref(&operation)).await?;
    let found = due(store, &lease, at(0)).await?;
    same!(found.len(), 1, "the number of works");
    same!(nth(&found, 0)?.key, of_link(2));
    same!(nth(&found, 0)?.operations, [operation]);
    Ok(())
}

pub(super) async fn a_work_has_all_holds_and_open_operations_of_its_link(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let all = [
        pair_hold(1, "email", None),
        pair_hold(1, "name", Some(at(500))),
        pair_hold(1, "phone", None),
        hold(HoldKey::Link(link_id(1)), HoldReason::Missing, Some(at(500))),
    ];
    let batch = CommitBatch { holds: all.to_vec(), ..links([link(1), link(2)]) };
    store.commit(&lease, &batch).await?;
    store.commit(&lease, &holds([pair_hold(2, "name", None)])).await?;
    let operations = [update(3, &link(1)), update(4, &link(1)), update(5, &link(2))];
    store.begin(&lease, &operations).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    let found = due(store, &lease, at(0)).await?;
    let work = nth(&found, 0)?;
    same!(work.holds, all);
    same!(work.operations, operations[..2]);
    ensure!(work.candidates.is_empty() && work.tombstones.is_empty(), "a link has candidates");
    Ok(())
}

pub(super) async fn work_comes_in_key_order_at_any_page_size(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let sources = ["s1", "s10", "s2", "s20", "s21", "ä"];
    store.commit(&lease, &links((1..=6).map(link))).await?;
    store.intake(&lease, &page(Side::Source, sources.map(|id| row(id, 1)))).await?;
    let targets = ["t6", "t5", "s2"];
    store.intake(&lease, &page(Side::Target, targets.map(|id| row(id, 1)))).await?;
    let batch = holds([
        pair_hold(3, "name", Some(at(0))),
        record_hold(Side::Source, "s15", Some(at(0))),
        record_hold(Side::Target, "a", Some(at(0))),
    ]);
    store.commit(&lease, &batch).await?;

    let links = [1, 2, 3, 5, 6].map(of_link);
    let sources = ["s10", "s15", "s20", "s21", "ä"].map(|id| of_record(Side::Source, id));
    let targets = ["a", "s2"].map(|id| of_record(Side::Target, id));
    let expected: Vec<_> = links.into_iter().chain(sources).chain(targets).collect();
    for limit in 1..=expected.len() + 1 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let request = WorkRequest { after: after.clone(), limit, now: at(5) };
            let page = store.work(&lease, &request).await?;
            ensure!(page.len() <= limit, "a page of {limit} has {} works", page.len());
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            found.extend(page.into_iter().map(|work| work.key));
            ensure!(found.len() <= expected.len(), "at pages of {limit} there is no end");
        }
        same!(found, expected, "at pages of {limit}");
    }
    Ok(())
}

pub(super) async fn a_tombstone_s_records_count_as_unlinked(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    store.commit(&lease, &links([link(1)])).await?;
    same!(keys(store, &lease, at(0)).await?, [of_link(1)]);
    let ended = with_status(link(1), LinkStatus::Tombstone);
    store.commit(&lease, &links([ended.clone()])).await?;
    store.intake(&lease, &page(Side::Target, [keyed("t1", &[(0, 1)])])).await?;
    let found = due(store, &lease, at(0)).await?;
    let (source, target) = (nth(&found, 0)?, nth(&found, 1)?);
    same!((&source.key, &source.link), (&of_record(Side::Source, "s1"), &None));
    same!(target.key, of_record(Side::Target, "t1"));
    let holders = &nth(&target.candidates, 0)?.holders.target;
    same!(nth(holders, 0)?.link, None);
    same!(store.links(&contacts(), None, 9).await?, [ended]);
    Ok(())
}

pub(super) async fn what_is_open_for_a_tombstone_is_its_records(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([with_status(link(1), LinkStatus::Tombstone)])).await?;
    let open = update(1, &link(1));
    store.begin(&lease, std::slice::from_ref(&open)).await?;
    same!(keys(store, &lease, at(0)).await?, []);
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    let found = due(store, &lease, at(0)).await?;
    same!(found.len(), 1, "the number of works");
    same!(nth(&found, 0)?.key, of_record(Side::Source, "s1"));
    same!(nth(&found, 0)?.operations, std::slice::from_ref(&open));
    // Another link of its record takes it over.
    store.commit(&lease, &links([link_between(2, "s2", "t1")])).await?;
    let found = due(store, &lease, at(0)).await?;
    same!(nth(&found, 0)?.key, of_link(2));
    same!(nth(&found, 0)?.operations, [open]);
    Ok(())
}

pub(super) async fn a_tombstone_s_holds_are_its_own(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([with_status(link(1), LinkStatus::Tombstone)])).await?;
    store.commit(&lease, &holds([pair_hold(1, "name", Some(at(0)))])).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    let found = due(store, &lease, at(5)).await?;
    let (link, record) = (nth(&found, 0)?, nth(&found, 1)?);
    same!((&link.key, link.holds.len()), (&of_link(1), 1));
    same!(link.entries, Sides::default(), "the entries of the tombstone");
    same!((&record.key, record.holds.len()), (&of_record(Side::Source, "s1"), 0));
    Ok(())
}

pub(super) async fn an_open_create_is_in_the_work_of_its_origin(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let operation = create(30, Side::Target, "s1", &[]);
    store.begin(&lease, std::slice::from_ref(&operation)).await?;
    same!(keys(store, &lease, at(0)).await?, [], "its entry or its hold says when it is due");
    store.commit(&lease, &holds([record_hold(Side::Source, "s1", Some(at(5)))])).await?;
    let found = due(store, &lease, at(5)).await?;
    let work = nth(&found, 0)?;
    same!(work.key, of_record(Side::Source, "s1"));
    same!(work.operations, [operation]);
    same!(work.holds.len(), 1, "the number of holds");

    // The same for an update of a link that is not stored yet, from both of its records.
    let kind = OperationKind::Update { record: record("t8") };
    let early = super::nouns::operation(40, link_id(40), Side::Target, "s8", kind, &[]);
    store.begin(&lease, std::slice::from_ref(&early)).await?;
    store.intake(&lease, &page(Side::Target, [row("t8", 1)])).await?;
    let found = due(store, &lease, at(0)).await?;
    same!(nth(&found, 0)?.key, of_record(Side::Target, "t8"));
    same!(nth(&found, 0)?.operations, [early]);
    Ok(())
}

pub(super) async fn an_open_create_follows_an_origin_that_is_linked_otherwise(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let operation = create(30, Side::Target, "s1", &[]);
    store.begin(&lease, std::slice::from_ref(&operation)).await?;
    store.commit(&lease, &links([link(1)])).await?;
    let found = due(store, &lease, at(0)).await?;
    same!(found.len(), 1, "the number of works");
    same!(nth(&found, 0)?.key, of_link(1));
    same!(nth(&found, 0)?.operations, std::slice::from_ref(&operation));

    // Once its own link is there, it is that link's alone.
    store.commit(&lease, &links([link_between(30, "s30", "t30")])).await?;
    let found = store.gather(&lease, &[of_link(1), of_link(30)]).await?;
    same!(nth(&found, 0)?.operations, []);
    same!(nth(&found, 1)?.operations, [operation]);
    Ok(())
}

pub(super) async fn asking_for_work_changes_nothing(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1)])).await?;
    let rows = [row("s1", 1), keyed("s2", &[(0, 1)])];
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let first = due(store, &lease, at(0)).await?;
    same!(first.len(), 2, "the number of works");
    same!(due(store, &lease, at(0)).await?, first, "the second answer");
    Ok(())
}
