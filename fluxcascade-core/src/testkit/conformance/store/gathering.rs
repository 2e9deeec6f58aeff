//! Rules of what is gathered for a record or a key: candidates, tombstones, and work by its keys.

use super::nouns::*;
use super::work::{due, keys, of_link, of_record};
use super::{Checked, Found, nth, same, there};
use crate::model::{
    Candidates, HoldReason, KeyHolder, LinkStatus, Operation, OperationId, Side, Sides, WorkKey,
};
use crate::store::{CommitBatch, Lease, Requeue, Store};

fn ids(holders: &[KeyHolder]) -> Vec<&str> {
    holders.iter().map(|holder| holder.record.as_str()).collect()
}

pub(super) async fn candidates_have_one_item_per_rule_under_which_the_record_has_a_key(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let rows = [keyed("s1", &[(0, 1), (2, 3)]), keyed("s2", &[(2, 3)]), keyed("s3", &[(0, 3)])];
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let rows = [keyed("t2", &[(0, 1)]), keyed("t1", &[(0, 1)]), keyed("t3", &[(1, 1)])];
    store.intake(&lease, &page(Side::Target, rows)).await?;
    let found = due(store, &lease, at(0)).await?;
    let work = nth(&found, 0)?;
    same!(work.key, of_record(Side::Source, "s1"));
    same!(work.candidates.len(), 2, "the number of rules");
    let (first, third) = (nth(&work.candidates, 0)?, nth(&work.candidates, 1)?);
    same!((first.rule, third.rule), (0, 2));
    same!((first.key, third.key), (print(1), print(3)));
    same!(ids(&first.holders.source), ["s1"]);
    same!(ids(&first.holders.target), ["t1", "t2"]);
    same!(ids(&third.holders.source), ["s1", "s2"]);
    same!(third.holders.target, []);
    Ok(())
}

pub(super) async fn a_holder_has_its_link_its_entry_its_open_create_and_the_reason_of_its_hold(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let key: &[(u16, u8)] = &[(0, 1)];
    let keys = ["t1", "t2", "t3"].map(|id| record_keys(Side::Target, id, key));
    let held = record_hold(Side::Target, "t2", None);
    let batch = CommitBatch { keys: keys.into(), holds: vec![held], ..links([link(1)]) };
    store.commit(&lease, &batch).await?;
    store.intake(&lease, &page(Side::Source, [keyed("p", key)])).await?;
    store.intake(&lease, &page(Side::Target, [row("t2", 4)])).await?;
    let of_t3 = create(30, Side::Source, "t3", key);
    store.begin(&lease, std::slice::from_ref(&of_t3)).await?;

    let found = due(store, &lease, at(0)).await?;
    let holders = &nth(&nth(&found, 0)?.candidates, 0)?.holders.target;
    same!(ids(holders), ["t1", "t2", "t3"]);
    let (t1, t2, t3) = (nth(holders, 0)?, nth(holders, 1)?, nth(holders, 2)?);
    same!((t1.link, &t1.entry, &t1.pending, t1.hold), (Some(link_id(1)), &None, &None, None));
    same!((t2.link, &t2.pending, t2.hold), (None, &None, Some(HoldReason::Ambiguous)));
    let seen = t2.entry.as_ref().and_then(|entry| entry.observation.clone());
    same!(seen, Some(row("t2", 4).observation));
    same!((t3.link, &t3.entry, &t3.pending, t3.hold), (None, &None, &Some(of_t3), None));
    Ok(())
}

/// Whether each source holder of the key of a target record is decided earlier.
async fn decided(
    store: &dyn Store,
    lease: &Lease,
    id: &str,
    keys: &[(u16, u8)],
) -> Result<Vec<bool>, Found> {
    store.intake(lease, &page(Side::Target, [keyed(id, keys)])).await?;
    let found = due(store, lease, at(0)).await?;
    let holders = &nth(&nth(&found, 0)?.candidates, 0)?.holders.source;
    Ok(holders.iter().map(|holder| holder.decided_earlier).collect())
}

pub(super) async fn a_holder_is_decided_earlier_if_another_record_has_its_earlier_key(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let rows = [keyed("p", &[(1, 1)]), keyed("q", &[(0, 7), (1, 1)])];
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let found = decided(store, &lease, "t1", &[(1, 1)]).await?;
    same!(found, [false, false], "it has its earlier key alone");
    let found = decided(store, &lease, "t2", &[(1, 7)]).await?;
    same!(found, [false, false], "the same key of a later rule");
    same!(decided(store, &lease, "t3", &[(0, 7)]).await?, [false, true]);
    // Archived ones: of the other side, of its own, and one that it was linked to.
    let rows = ["t5", "t6"].map(|id| archived(id, &[(0, 8)]));
    store.intake(&lease, &page(Side::Target, rows)).await?;
    store.intake(&lease, &page(Side::Target, [archived("t7", &[(0, 9)])])).await?;
    let rows = [keyed("r", &[(0, 8), (2, 1)]), keyed("s", &[(0, 9), (2, 2)])];
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let rows = [archived("u", &[(0, 6)]), keyed("v", &[(0, 6), (2, 3)])];
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let ended = with_status(link_between(1, "s", "t7"), LinkStatus::Tombstone);
    store.commit(&lease, &links([ended])).await?;
    for (id, expected) in [("r", true), ("s", false), ("v", false)] {
        let found = store.gather(&lease, &[of_record(Side::Source, id)]).await?;
        let by_later = nth(&nth(&found, 0)?.candidates, 1)?;
        same!(nth(&by_later.holders.source, 0)?.decided_earlier, expected, "decided for {id}");
    }
    Ok(())
}

/// The holders of the source's key that the first target record has, and whether each is archived.
pub(super) async fn shelved(
    store: &dyn Store,
    lease: &Lease,
) -> Result<Vec<(String, bool)>, Found> {
    let probe = page(Side::Target, [keyed("t", &[(0, 1)])]);
    store.intake(lease, &probe).await?;
    let found = due(store, lease, at(9)).await?;
    let probe = found.iter().find(|work| work.key == of_record(Side::Target, "t"));
    let holders = &nth(&there("work of the record t", probe)?.candidates, 0)?.holders.source;
    Ok(holders.iter().map(|holder| (holder.record.to_string(), holder.archived)).collect())
}

pub(super) async fn holders_that_are_archived_come_last(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let key: &[(u16, u8)] = &[(0, 1)];
    let many = (10..30).map(|n| archived(&format!("a{n}"), key));
    let rows = many.chain([keyed("b2", key), keyed("b1", key)]);
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let found = shelved(store, &lease).await?;
    let first: Vec<&str> = found.iter().take(4).map(|(id, _)| id.as_str()).collect();
    same!(first, ["b1", "b2", "a10", "a11"]);
    Ok(())
}

pub(super) async fn of_a_key_that_many_share_the_first_holders_of_each_side_are_told(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let rows = (10..60).map(|n| keyed(&format!("s{n}"), &[(0, 1)]));
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let found = due(store, &lease, at(0)).await?;
    same!(found.len(), 50, "the number of works");
    for work in found {
        let holders = &nth(&work.candidates, 0)?.holders.source;
        same!(holders.len(), Candidates::MOST_HOLDERS, "the number of holders");
        same!(nth(holders, 0)?.record, record("s10"));
    }
    Ok(())
}

pub(super) async fn creates_under_way_are_counted_but_not_the_record_s_own(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let key: &[(u16, u8)] = &[(0, 1)];
    store.intake(&lease, &page(Side::Source, [keyed("p", key), keyed("q", key)])).await?;
    let not_a_create = Operation { keys: some_keys(key), ..update(9, &link(1)) };
    let operations = [
        create(30, Side::Target, "p", key),
        create(31, Side::Target, "q", key),
        create(32, Side::Target, "r", &[(0, 1), (1, 1)]),
        create(33, Side::Source, "p", key),
        create(34, Side::Target, "r", &[(0, 2), (1, 1)]),
        not_a_create,
    ];
    store.begin(&lease, &operations).await?;
    let found = due(store, &lease, at(0)).await?;
    let work = nth(&found, 0)?;
    same!(work.key, of_record(Side::Source, "p"));
    let candidates = nth(&work.candidates, 0)?;
    same!(candidates.pending, Sides::new(1, 2));
    let own: Vec<Option<OperationId>> = candidates
        .holders
        .source
        .iter()
        .map(|holder| holder.pending.as_ref().map(|operation| operation.id))
        .collect();
    same!(own, [Some(operation_id(30)), Some(operation_id(31))]);

    for closed in [31, 32] {
        let closed = vec![operation_id(closed)];
        store.commit(&lease, &CommitBatch { closed, ..CommitBatch::default() }).await?;
    }
    let found = due(store, &lease, at(0)).await?;
    same!(nth(&nth(&found, 0)?.candidates, 0)?.pending, Sides::new(1, 0));
    Ok(())
}

pub(super) async fn an_unlinked_record_has_all_tombstones_that_name_it(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let ended =
        |n, source, target| with_status(link_between(n, source, target), LinkStatus::Tombstone);
    let all = [ended(3, "s1", "t1"), ended(2, "s1", "t2"), ended(1, "t1", "s1"), link(5)];
    store.commit(&lease, &links(all.clone())).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1), row("s5", 1)])).await?;
    let found = due(store, &lease, at(0)).await?;
    same!(nth(&found, 0)?.tombstones, [], "those of a link");
    same!(nth(&found, 1)?.tombstones, [all[1].clone(), all[0].clone()]);
    // Alive again, and with another record, they name it no more.
    store.commit(&lease, &links([link_between(2, "s2", "t2"), ended(3, "s3", "t1")])).await?;
    let found = due(store, &lease, at(0)).await?;
    same!(nth(&found, 1)?.tombstones, []);
    Ok(())
}

async fn gathered(
    store: &dyn Store,
    lease: &Lease,
    keys: &[WorkKey],
) -> Result<Vec<WorkKey>, Found> {
    let work = store.gather(lease, keys).await?;
    Ok(work.into_iter().map(|work| work.key).collect())
}

pub(super) async fn gathered_work_comes_in_the_order_asked_and_each_once(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2)])).await?;
    let rows = ["s2", "s8"].map(|id| keyed(id, &[(0, 1)]));
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let asked = [
        of_record(Side::Source, "s8"),
        of_link(2),
        of_record(Side::Target, "t2"),
        of_link(1),
        of_record(Side::Source, "s8"),
        of_record(Side::Target, "t1"),
    ];
    let expected = [of_record(Side::Source, "s8"), of_link(2), of_link(1)];
    same!(gathered(store, &lease, &asked).await?, expected);
    // It is the work that is handed out.
    let mut handed_out = due(store, &lease, at(0)).await?;
    handed_out.reverse();
    same!(store.gather(&lease, &asked[..2]).await?, handed_out);
    same!(gathered(store, &lease, &[]).await?, []);
    Ok(())
}

pub(super) async fn work_is_gathered_whether_it_is_due_or_not(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let requeue = Requeue {
        side: Side::Source,
        record: record("s8"),
        not_before: Some(at(60)),
        failed: None,
    };
    let batch = CommitBatch {
        keys: vec![record_keys(Side::Source, "s6", &[(0, 1)])],
        requeued: vec![requeue],
        holds: vec![record_hold(Side::Source, "s7", None)],
        ..links([link(1)])
    };
    store.commit(&lease, &batch).await?;
    store.begin(&lease, &[create(30, Side::Target, "s9", &[])]).await?;
    same!(keys(store, &lease, at(0)).await?, []);
    let records = ["s6", "s7", "s8", "s9"].map(|id| of_record(Side::Source, id));
    let asked: Vec<_> = [of_link(1)].into_iter().chain(records).collect();
    same!(gathered(store, &lease, &asked).await?, asked);
    Ok(())
}

pub(super) async fn a_key_of_which_nothing_is_stored_has_no_work(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1)])).await?;
    let asked = [of_link(7), of_record(Side::Source, "s7"), of_record(Side::Target, "s1")];
    same!(gathered(store, &lease, &asked).await?, []);
    Ok(())
}

pub(super) async fn the_key_of_a_linked_record_gives_the_work_of_its_link(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let batch = links([link(1), with_status(link(2), LinkStatus::Suspended)]);
    store.commit(&lease, &batch).await?;
    let asked = [of_record(Side::Target, "t1"), of_record(Side::Source, "s2")];
    same!(gathered(store, &lease, &asked).await?, [of_link(1), of_link(2)]);
    Ok(())
}

pub(super) async fn a_tombstone_s_key_gives_its_work(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let ended = with_status(link(1), LinkStatus::Tombstone);
    store.commit(&lease, &links([ended.clone()])).await?;
    store.commit(&lease, &holds([pair_hold(1, "name", None)])).await?;
    let found = store.gather(&lease, &[of_link(1), of_record(Side::Source, "s1")]).await?;
    let (of_link, own) = (nth(&found, 0)?, nth(&found, 1)?);
    same!(of_link.link, Some(ended.clone()));
    same!(of_link.holds, [pair_hold(1, "name", None)]);
    // Its record is not linked: it has a work of its own.
    same!((&own.key, &own.tombstones), (&of_record(Side::Source, "s1"), &vec![ended]));
    Ok(())
}
