//! Rules of what people answer.

use super::nouns::*;
use super::work::{keys, of_link, of_record};
use super::{Checked, Found, same};
use crate::model::{
    Answer, AnswerOutcome, AnswerTo, Choice, Hold, HoldKey, HoldReason, Side, Timestamp,
};
use crate::store::{CommitBatch, Page, Store};

pub(super) fn to(hold: &Hold, choice: Choice) -> AnswerTo {
    let answer = Answer { choice, at: at(7) };
    AnswerTo { hold: hold.key.clone(), version: hold.version(), answer }
}

pub(super) async fn answer(
    store: &dyn Store,
    answers: &[AnswerTo],
) -> Result<Vec<AnswerOutcome>, Found> {
    Ok(store.answer(&contacts(), answers).await?)
}

pub(super) async fn stored(store: &dyn Store) -> Result<Vec<Hold>, Found> {
    Ok(store.holds(&contacts(), &Page::all()).await?)
}

/// The hold as it is stored once it is answered by [`to`].
pub(super) fn answered(hold: &Hold, choice: Choice) -> Hold {
    Hold { answer: Some(Answer { choice, at: at(7) }), ..hold.clone() }
}

/// Before every time that a hold or an entry of the rules waits for.
pub(super) const BEFORE: Timestamp = Timestamp::from_micros(1);

pub(super) async fn an_answered_hold_is_due_whatever_its_time(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let held = [
        pair_hold(1, "name", Some(at(60))),
        hold(HoldKey::Link(link_id(2)), HoldReason::Missing, None),
        record_hold(Side::Source, "s8", None),
    ];
    let batch = CommitBatch { holds: held.to_vec(), ..links([link(1), link(2), link(3)]) };
    store.commit(&lease, &batch).await?;
    same!(keys(store, &lease, BEFORE).await?, []);
    let answers = held.each_ref().map(|hold| to(hold, Choice::Leave));
    same!(answer(store, &answers).await?, [AnswerOutcome::Stored; 3]);
    same!(stored(store).await?, held.each_ref().map(|hold| answered(hold, Choice::Leave)));
    let expected = [of_link(1), of_link(2), of_record(Side::Source, "s8")];
    same!(keys(store, &lease, BEFORE).await?, expected);
    Ok(())
}

pub(super) async fn an_answer_needs_no_lease(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let held = [pair_hold(1, "name", None), pair_hold(2, "name", None)];
    store.commit(&lease, &holds(held.clone())).await?;
    same!(answer(store, &[to(&held[0], Choice::Leave)]).await?, [AnswerOutcome::Stored]);
    store.release(&lease).await?;
    same!(answer(store, &[to(&held[1], Choice::Leave)]).await?, [AnswerOutcome::Stored]);
    same!(stored(store).await?, held.each_ref().map(|hold| answered(hold, Choice::Leave)));
    Ok(())
}

pub(super) async fn an_answer_to_another_version_is_stale_and_changes_nothing(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let seen = pair_hold(1, "name", None);
    let moved = Hold { attempts: 1, ..seen.clone() };
    store.commit(&lease, &holds([moved.clone()])).await?;
    same!(answer(store, &[to(&seen, Choice::Leave)]).await?, [AnswerOutcome::Stale]);
    same!(stored(store).await?, [moved]);
    same!(keys(store, &lease, BEFORE).await?, []);
    Ok(())
}

pub(super) async fn the_same_answer_twice_is_stored_once(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let held = pair_hold(1, "name", None);
    store.commit(&lease, &holds([held.clone()])).await?;
    let once = to(&held, Choice::Take(Side::Source));
    let later = Answer { at: at(8), ..once.answer.clone() };
    let twice = AnswerTo { answer: later, ..once.clone() };
    let outcomes = answer(store, &[once, twice.clone()]).await?;
    same!(outcomes, [AnswerOutcome::Stored, AnswerOutcome::Already]);
    same!(answer(store, &[twice]).await?, [AnswerOutcome::Already]);
    same!(stored(store).await?, [answered(&held, Choice::Take(Side::Source))]);
    Ok(())
}

pub(super) async fn another_answer_to_an_answered_hold_is_stale(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let held = pair_hold(1, "name", None);
    store.commit(&lease, &holds([held.clone()])).await?;
    let answers = [to(&held, Choice::Leave), to(&held, Choice::Take(Side::Target))];
    same!(answer(store, &answers).await?, [AnswerOutcome::Stored, AnswerOutcome::Stale]);
    same!(stored(store).await?, [answered(&held, Choice::Leave)]);
    Ok(())
}

pub(super) async fn an_answer_to_a_hold_that_is_no_more_is_gone(store: &dyn Store) -> Checked {
    let held = [pair_hold(1, "name", None), record_hold(Side::Source, "s8", None)];
    let answers = held.each_ref().map(|hold| to(hold, Choice::Leave));
    same!(answer(store, &answers).await?, [AnswerOutcome::Gone; 2], "before anything is stored");
    let lease = leased(store).await?;
    store.commit(&lease, &holds(held.clone())).await?;
    let released = vec![held[0].key.clone()];
    store.commit(&lease, &CommitBatch { released, ..CommitBatch::default() }).await?;
    same!(answer(store, &answers).await?, [AnswerOutcome::Gone, AnswerOutcome::Stored]);
    Ok(())
}
