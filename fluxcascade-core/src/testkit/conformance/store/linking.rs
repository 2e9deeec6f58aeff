//! Rules of links, and of the records that they have.

use super::nouns::*;
use super::work::{due, keys, of_link, of_record};
use super::{Checked, nth, refused, same};
use crate::model::{Ending, Link, LinkStatus, Linked, Side};
use crate::store::{Store, StoreErrorKind};

pub(super) async fn a_record_has_at_most_one_link_that_is_no_tombstone(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let suspended = with_status(link_between(2, "s2", "t1"), LinkStatus::Suspended);
    for second in [link_between(2, "s2", "t1"), link_between(2, "s1", "t2"), suspended] {
        let outcome = store.commit(&lease, &links([link(1), second])).await;
        same!(refused("a second link of a record", outcome)?, StoreErrorKind::Misuse);
        same!(store.links(&contacts(), None, 9).await?, []);
    }
    // The same name on the other side is another record, and a link may be given twice.
    let batch =
        links([link_between(1, "a", "b"), link_between(2, "b", "a"), link_between(1, "a", "b")]);
    store.commit(&lease, &batch).await?;
    same!(store.counts(&contacts()).await?.active_links, 2, "the number of links");
    Ok(())
}

pub(super) async fn links_may_exchange_their_records_in_one_commit(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2)])).await?;
    let swapped = [link_between(1, "s1", "t2"), link_between(2, "s2", "t1")];
    store.commit(&lease, &links(swapped.clone())).await?;
    same!(store.links(&contacts(), None, 9).await?, swapped);
    store.intake(&lease, &page(Side::Target, [row("t1", 1)])).await?;
    same!(keys(store, &lease, at(9)).await?, [of_link(2)]);
    Ok(())
}

pub(super) async fn the_records_of_a_tombstone_are_free_for_another_link(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(5)])).await?;
    // The new link comes first in the batch and in id order.
    let ended = with_status(link(5), LinkStatus::Tombstone);
    let new = link_between(1, "s5", "t6");
    store.commit(&lease, &links([new.clone(), ended.clone()])).await?;
    same!(store.links(&contacts(), None, 9).await?, [new.clone(), ended]);
    // Alive again it would be a second link, until the new one ends.
    let outcome = store.commit(&lease, &links([link(5)])).await;
    same!(refused("a second link of a record", outcome)?, StoreErrorKind::Misuse);
    let ended = with_status(new, LinkStatus::Tombstone);
    store.commit(&lease, &links([link(5), ended])).await?;
    store.intake(&lease, &page(Side::Source, [row("s5", 1)])).await?;
    same!(keys(store, &lease, at(9)).await?, [of_link(5)]);
    Ok(())
}

pub(super) async fn entries_and_holds_follow_their_record(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Target, [row("t1", 1)])).await?;
    store.commit(&lease, &holds([record_hold(Side::Target, "t1", Some(at(5)))])).await?;
    let moved = links([link_between(2, "s2", "t1"), link_between(1, "s1", "t9")]);
    let ended = with_status(link_between(2, "s2", "t1"), LinkStatus::Tombstone);
    let steps = [
        (links([link(1)]), of_link(1)),
        (moved, of_link(2)),
        (links([ended]), of_record(Side::Target, "t1")),
    ];
    for (batch, key) in steps {
        store.commit(&lease, &batch).await?;
        let found = due(store, &lease, at(9)).await?;
        same!(found.len(), 1, "the number of works");
        let work = nth(&found, 0)?;
        same!(work.key, key);
        same!((work.entries.target.is_some(), work.holds.len()), (true, 1), "with {key:?}");
    }
    Ok(())
}

pub(super) async fn a_link_is_read_as_it_was_committed(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let mut changed = link(1);
    store.commit(&lease, &links([changed.clone(), link(2)])).await?;
    changed.bases.target.slots[1] = crate::model::Value::from("new").into();
    changed.bases.target.fingerprint = None;
    changed.bases.source.revision = 4;
    changed.status = LinkStatus::Suspended;
    store.commit(&lease, &links([changed.clone()])).await?;
    same!(store.links(&contacts(), None, 9).await?, [changed.clone(), link(2)]);
    let endings = Side::BOTH.into_iter().flat_map(|side| {
        [
            Ending::Deleted(side),
            Ending::TwinRemoved(side),
            Ending::Remade(side),
            Ending::Excluded(side),
        ]
    });
    for ending in endings.chain([Ending::BothDeleted, Ending::Unlinked]) {
        let ended = Link { ending: Some(ending), ..with_status(link(2), LinkStatus::Tombstone) };
        store.commit(&lease, &links([ended.clone()])).await?;
        same!(store.links(&contacts(), None, 9).await?, [changed.clone(), ended]);
    }
    Ok(())
}

pub(super) async fn links_of_records_come_in_the_order_asked_and_tombstones_are_none(
    store: &dyn Store,
) -> Checked {
    let ids = ["t2", "t9", "t1", "s1", "t3"].map(record);
    let none = store.linked(&contacts(), Side::Target, &ids).await?;
    same!(none, vec![None; 5], "before anything is stored");
    let lease = leased(store).await?;
    let batch = links([
        link(1),
        with_status(link(2), LinkStatus::Suspended),
        with_status(link(3), LinkStatus::Tombstone),
    ]);
    store.commit(&lease, &batch).await?;
    let linked = |n: u8, status| {
        Some(Linked { link: link_id(n), status, partner: record(&format!("s{n}")) })
    };
    let expected =
        [linked(2, LinkStatus::Suspended), None, linked(1, LinkStatus::Active), None, None];
    same!(store.linked(&contacts(), Side::Target, &ids).await?, expected);
    let found = store.linked(&contacts(), Side::Source, &[record("s1")]).await?;
    let partners: Vec<_> = found.iter().flatten().map(|linked| linked.partner.as_str()).collect();
    same!(partners, ["t1"]);
    Ok(())
}
