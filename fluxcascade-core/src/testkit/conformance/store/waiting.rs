//! Rules of holds in a commit: what becomes of their answers, and of what they wait for.

use super::answers::{BEFORE, answer, answered, stored, to};
use super::nouns::*;
use super::work::{keys, of_link};
use super::{Checked, Found, same};
use crate::model::{Awaited, Choice, Hold, HoldKey, HoldReason, LinkStatus, Side};
use crate::store::{CommitBatch, Lease, Store};

pub(super) async fn a_released_hold_is_no_more(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let held = [
        pair_hold(1, "name", Some(at(0))),
        hold(HoldKey::Link(link_id(1)), HoldReason::Missing, Some(at(0))),
        record_hold(Side::Source, "s2", Some(at(0))),
    ];
    let batch = CommitBatch { holds: held.to_vec(), ..links([link(1)]) };
    store.commit(&lease, &batch).await?;
    same!(keys(store, &lease, at(9)).await?.len(), 2, "the number of works");
    let unknown = HoldKey::Link(link_id(99));
    let [first, second, third] = held.map(|hold| hold.key);
    let released = vec![first, unknown, second, third];
    store.commit(&lease, &CommitBatch { released, ..CommitBatch::default() }).await?;
    same!(stored(store).await?, []);
    same!(keys(store, &lease, at(9)).await?, []);
    Ok(())
}

/// A conflict of the link 1 that a person has answered.
async fn an_answered_hold(store: &dyn Store, lease: &Lease) -> Result<Hold, Found> {
    let held = pair_hold(1, "name", None);
    let batch = CommitBatch { holds: vec![held.clone()], ..links([link(1)]) };
    store.commit(lease, &batch).await?;
    answer(store, &[to(&held, Choice::Leave)]).await?;
    Ok(held)
}

pub(super) async fn a_hold_that_is_released_and_set_again_in_one_commit_has_no_answer(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let held = an_answered_hold(store, &lease).await?;
    let batch = CommitBatch { released: vec![held.key.clone()], ..holds([held.clone()]) };
    store.commit(&lease, &batch).await?;
    same!(stored(store).await?, [held]);
    same!(keys(store, &lease, BEFORE).await?, []);
    Ok(())
}

pub(super) async fn a_hold_that_takes_the_place_of_one_with_the_same_version_keeps_its_answer(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let held = an_answered_hold(store, &lease).await?;
    // Looked at again: other words and times, the same question.
    let again = Hold { detail: "still waits".into(), not_before: Some(at(900)), ..held };
    store.commit(&lease, &holds([again.clone()])).await?;
    same!(stored(store).await?, [answered(&again, Choice::Leave)]);
    Ok(())
}

pub(super) async fn a_hold_of_another_version_has_no_answer(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let held = an_answered_hold(store, &lease).await?;
    let moved = Hold { attempts: 1, ..held };
    store.commit(&lease, &holds([moved.clone()])).await?;
    same!(stored(store).await?, [moved]);
    same!(keys(store, &lease, BEFORE).await?, []);
    Ok(())
}

/// A hold of a pair of the link `n` that refers to a record of a mapping.
pub(super) fn awaiting(n: u8, name: &str, side: Side, id: &str) -> Hold {
    let awaited = Awaited { mapping: mapping(name).mapping, side, record: record(id) };
    let key = HoldKey::Pair(link_id(n), pair("company"));
    Hold { waits_for: Some(awaited), ..hold(key, HoldReason::Reference, None) }
}

pub(super) async fn a_link_that_becomes_active_makes_the_holds_that_wait_for_its_records_due(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let batch = CommitBatch {
        holds: vec![
            awaiting(1, "companies", Side::Target, "t8"),
            awaiting(2, "companies", Side::Source, "t8"),
            awaiting(3, "companies", Side::Source, "s8"),
            awaiting(4, "deals", Side::Source, "s8"),
            pair_hold(5, "company", None),
        ],
        ..links((1..=5).map(link))
    };
    store.commit(&lease, &batch).await?;
    let companies = store.lease(&mapping("companies"), at(0), TTL).await?;
    let own = CommitBatch {
        holds: vec![awaiting(9, "companies", Side::Target, "t8")],
        ..links([link(9), with_status(link(8), LinkStatus::Suspended)])
    };
    store.commit(&companies, &own).await?;
    let other = store.lease(&mapping_of("other", "companies"), at(0), TTL).await?;
    store.commit(&other, &links([link(8)])).await?;
    same!(keys(store, &lease, BEFORE).await?, [], "it is suspended, and another tenant's");

    store.commit(&companies, &links([link(8)])).await?;
    same!(keys(store, &lease, BEFORE).await?, [of_link(1), of_link(3)]);
    same!(keys(store, &companies, BEFORE).await?, [of_link(9)]);
    let deals = store.lease(&mapping("deals"), at(0), TTL).await?;
    store.commit(&deals, &links([link_between(1, "s8", "t1")])).await?;
    same!(keys(store, &lease, BEFORE).await?, [of_link(1), of_link(3), of_link(4)]);
    Ok(())
}

pub(super) async fn a_hold_that_waits_for_an_active_link_is_due(store: &dyn Store) -> Checked {
    let companies = store.lease(&mapping("companies"), at(0), TTL).await?;
    store.commit(&companies, &links([link(8)])).await?;
    let lease = leased(store).await?;
    let batch = CommitBatch {
        holds: vec![
            awaiting(1, "companies", Side::Target, "t8"),
            awaiting(2, "companies", Side::Target, "t9"),
            // Made in the same commit.
            awaiting(3, "contacts", Side::Source, "s2"),
        ],
        ..links([link(1), link(2), link(3)])
    };
    store.commit(&lease, &batch).await?;
    same!(keys(store, &lease, BEFORE).await?, [of_link(1), of_link(3)]);
    Ok(())
}
