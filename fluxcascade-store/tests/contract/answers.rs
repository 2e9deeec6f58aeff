//! What people answer, and holds that wait for a link.

use fluxcascade_core::model::{
    Answer, AnswerOutcome, AnswerTo, Awaited, Choice, Hold, HoldKey, HoldReason, LinkStatus, Side,
    Timestamp, WorkKey,
};
use fluxcascade_core::store::{CommitBatch, Lease, Page};

use crate::FullStore;
use crate::nouns::*;

fn to(hold: &Hold, choice: Choice) -> AnswerTo {
    AnswerTo {
        hold: hold.key.clone(),
        version: hold.version(),
        answer: Answer { choice, at: at(7) },
    }
}

async fn answer(store: &impl FullStore, answers: &[AnswerTo]) -> Vec<AnswerOutcome> {
    store.answer(&contacts(), answers).await.unwrap()
}

async fn stored(store: &impl FullStore) -> Vec<Hold> {
    store.holds(&contacts(), &Page::all()).await.unwrap()
}

fn answered(hold: &Hold, choice: Choice) -> Hold {
    Hold { answer: Some(Answer { choice, at: at(7) }), ..hold.clone() }
}

/// The keys of what is due before any time that a clock shows.
async fn due(store: &impl FullStore, lease: &Lease) -> Vec<WorkKey> {
    let work = store.work(lease, &all_work(Timestamp::from_micros(0))).await.unwrap();
    work.into_iter().map(|work| work.key).collect()
}

pub(crate) async fn an_answered_hold_is_due_whatever_its_time(store: &impl FullStore) {
    let lease = leased(store).await;
    let held = [
        pair_hold(1, "name", Some(at(60))),
        hold(HoldKey::Link(link_id(2)), HoldReason::Missing, None),
        record_hold(Side::Source, "s8", None),
    ];
    let batch = CommitBatch { holds: held.to_vec(), ..links([link(1), link(2), link(3)]) };
    store.commit(&lease, &batch).await.unwrap();
    assert!(due(store, &lease).await.is_empty());
    let answers = held.each_ref().map(|hold| to(hold, Choice::Leave));
    assert_eq!(answer(store, &answers).await, [AnswerOutcome::Stored; 3]);
    let expected = held.each_ref().map(|hold| answered(hold, Choice::Leave));
    assert_eq!(stored(store).await, expected);
    let record = WorkKey::Record(Side::Source, record("s8"));
    let keys = [WorkKey::Link(link_id(1)), WorkKey::Link(link_id(2)), record];
    assert_eq!(due(store, &lease).await, keys);
}

pub(crate) async fn an_answer_needs_no_lease(store: &impl FullStore) {
    let lease = leased(store).await;
    let held = [pair_hold(1, "name", None), pair_hold(2, "name", None)];
    store.commit(&lease, &holds(held.clone())).await.unwrap();
    assert_eq!(answer(store, &[to(&held[0], Choice::Leave)]).await, [AnswerOutcome::Stored]);
    store.release(&lease).await.unwrap();
    assert_eq!(answer(store, &[to(&held[1], Choice::Leave)]).await, [AnswerOutcome::Stored]);
    assert!(stored(store).await.iter().all(|hold| hold.answer.is_some()));
}

pub(crate) async fn an_answer_to_another_version_is_stale_and_changes_nothing(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let seen = pair_hold(1, "name", None);
    let moved = Hold { attempts: 1, ..seen.clone() };
    store.commit(&lease, &holds([moved.clone()])).await.unwrap();
    assert_eq!(answer(store, &[to(&seen, Choice::Leave)]).await, [AnswerOutcome::Stale]);
    assert_eq!(stored(store).await, [moved]);
    assert!(due(store, &lease).await.is_empty());
}

pub(crate) async fn the_same_answer_twice_is_stored_once(store: &impl FullStore) {
    let lease = leased(store).await;
    let held = pair_hold(1, "name", None);
    store.commit(&lease, &holds([held.clone()])).await.unwrap();
    let once = to(&held, Choice::Take(Side::Source));
    let later = Answer { at: at(8), ..once.answer.clone() };
    let twice = AnswerTo { answer: later, ..once.clone() };
    let outcomes = answer(store, &[once, twice.clone()]).await;
    assert_eq!(outcomes, [AnswerOutcome::Stored, AnswerOutcome::Already]);
    assert_eq!(answer(store, &[twice]).await, [AnswerOutcome::Already]);
    assert_eq!(stored(store).await, [answered(&held, Choice::Take(Side::Source))]);
}

pub(crate) async fn another_answer_to_an_answered_hold_is_stale(store: &impl FullStore) {
    let lease = leased(store).await;
    let held = pair_hold(1, "name", None);
    store.commit(&lease, &holds([held.clone()])).await.unwrap();
    let outcomes =
        answer(store, &[to(&held, Choice::Leave), to(&held, Choice::Take(Side::Target))]).await;
    assert_eq!(outcomes, [AnswerOutcome::Stored, AnswerOutcome::Stale]);
    assert_eq!(stored(store).await, [answered(&held, Choice::Leave)]);
}

pub(crate) async fn an_answer_to_a_hold_that_is_no_more_is_gone(store: &impl FullStore) {
    let held = [pair_hold(1, "name", None), record_hold(Side::Source, "s8", None)];
    let answers = held.each_ref().map(|hold| to(hold, Choice::Leave));
    assert_eq!(answer(store, &answers).await, [AnswerOutcome::Gone; 2], "nothing was ever stored");
    let lease = leased(store).await;
    store.commit(&lease, &holds(held.clone())).await.unwrap();
    let released = vec![held[0].key.clone()];
    store.commit(&lease, &CommitBatch { released, ..CommitBatch::default() }).await.unwrap();
    assert_eq!(answer(store, &answers).await, [AnswerOutcome::Gone, AnswerOutcome::Stored]);
}

pub(crate) async fn a_hold_that_takes_the_place_of_one_with_the_same_version_keeps_its_answer(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let held = pair_hold(1, "name", None);
    let batch = CommitBatch { holds: vec![held.clone()], ..links([link(1)]) };
    store.commit(&lease, &batch).await.unwrap();
    answer(store, &[to(&held, Choice::Leave)]).await;
    // Looked at again: other words and times, the same question.
    let again = Hold { detail: "still waits".into(), not_before: Some(at(900)), ..held.clone() };
    store.commit(&lease, &holds([again.clone()])).await.unwrap();
    assert_eq!(stored(store).await, [answered(&again, Choice::Leave)]);
    assert_eq!(due(store, &lease).await, [WorkKey::Link(link_id(1))]);
    // What was released first is asked anew.
    let batch = CommitBatch { released: vec![again.key.clone()], ..holds([again.clone()]) };
    store.commit(&lease, &batch).await.unwrap();
    assert_eq!(stored(store).await, [again]);
    assert!(due(store, &lease).await.is_empty());
}

pub(crate) async fn a_hold_of_another_version_has_no_answer(store: &impl FullStore) {
    let lease = leased(store).await;
    let held = pair_hold(1, "name", None);
    let batch = CommitBatch { holds: vec![held.clone()], ..links([link(1)]) };
    store.commit(&lease, &batch).await.unwrap();
    answer(store, &[to(&held, Choice::Leave)]).await;
    let moved = Hold { attempts: 1, ..held };
    store.commit(&lease, &holds([moved.clone()])).await.unwrap();
    assert_eq!(stored(store).await, [moved]);
    assert!(due(store, &lease).await.is_empty());
}

/// A hold of a pair that refers to a record of a mapping.
fn awaiting(n: u8, name: &str, side: Side, id: &str) -> Hold {
    let awaited = Awaited { mapping: mapping(name).mapping, side, record: record(id) };
    let key = HoldKey::Pair(link_id(n), pair("company"));
    Hold { waits_for: Some(awaited), ..hold(key, HoldReason::Reference, None) }
}

pub(crate) async fn a_link_that_becomes_active_makes_the_holds_that_wait_for_its_records_due(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
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
    store.commit(&lease, &batch).await.unwrap();
    let companies = store.lease(&mapping("companies"), at(0), TTL).await.unwrap();
    let own = CommitBatch {
        holds: vec![awaiting(9, "companies", Side::Target, "t8")],
        ..links([link(9), with_status(link(8), LinkStatus::Suspended)])
    };
    store.commit(&companies, &own).await.unwrap();
    let other = store.lease(&mapping_of("other", "companies"), at(0), TTL).await.unwrap();
    store.commit(&other, &links([link(8)])).await.unwrap();
    assert!(due(store, &lease).await.is_empty(), "it is suspended, and another tenant's");

    store.commit(&companies, &links([link(8)])).await.unwrap();
    let woken = [WorkKey::Link(link_id(1)), WorkKey::Link(link_id(3))];
    assert_eq!(due(store, &lease).await, woken);
    assert_eq!(due(store, &companies).await, [WorkKey::Link(link_id(9))]);
    let deals = store.lease(&mapping("deals"), at(0), TTL).await.unwrap();
    store.commit(&deals, &links([link_between(1, "s8", "t1")])).await.unwrap();
    assert_eq!(due(store, &lease).await.len(), 3);
}

pub(crate) async fn a_hold_that_waits_for_an_active_link_is_due(store: &impl FullStore) {
    let companies = store.lease(&mapping("companies"), at(0), TTL).await.unwrap();
    store.commit(&companies, &links([link(8)])).await.unwrap();
    let lease = leased(store).await;
    let batch = CommitBatch {
        holds: vec![
            awaiting(1, "companies", Side::Target, "t8"),
            awaiting(2, "companies", Side::Target, "t9"),
            // Made in the same commit.
            awaiting(3, "contacts", Side::Source, "s2"),
        ],
        ..links([link(1), link(2), link(3)])
    };
    store.commit(&lease, &batch).await.unwrap();
    let keys = [WorkKey::Link(link_id(1)), WorkKey::Link(link_id(3))];
    assert_eq!(due(store, &lease).await, keys);
}
