//! Rules of batches of writes that every connector keeps.

use std::time::Duration;

use super::bench::{holds, text, write};
use super::{Checked, Fixture, Outage, Possible, Verdict, ensure};
use crate::connector::{ErrorKind, WriteAction, WriteOutcome, WriteRequest};
use crate::model::{Slot, Value, Values};

pub(super) async fn there_is_one_outcome_per_write_in_the_order_of_the_writes(
    at: &Fixture,
) -> Checked {
    let (ann, bob) = (at.person("Ann").await, at.settled("Bob").await);
    let keys = [at.new_key(), at.new_key()];
    let outcomes = at
        .write(vec![
            at.update(&ann, 0, "Anne"),
            at.create(keys[0].clone(), "First"),
            at.update(&bob, 0, "Rob"),
            at.create(keys[1].clone(), "Second"),
        ])
        .await?;
    at.settle().await;
    for (place, (outcome, first)) in
        outcomes.iter().zip(["Anne", "First", "Rob", "Second"]).enumerate()
    {
        let WriteOutcome::Applied { record, .. } = outcome else {
            return Err(super::Found(format!("write {place} is not applied: {outcome:?}")));
        };
        let [_, slot, _] = at.values(record).await?;
        ensure!(holds(&slot, first), "outcome {place} names {record}, which is not its own");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn no_request_leaves_after_not_after(at: &Fixture) -> Checked {
    let person = at.settled("Ann").await;
    let (object, projection) = (at.object.clone(), at.projection());
    let not_after = at.backstage.now() - Duration::from_secs(1);
    let writes = vec![at.update(&person, 0, "Late"), at.create(at.new_key(), "Late")];
    let request = WriteRequest { object, projection, writes, not_after };
    let outcomes = at.connector.write(request).await;
    at.settle().await;
    let not_sent = |outcome: &WriteOutcome| matches!(outcome, WriteOutcome::NotSent(_));
    ensure!(outcomes.iter().all(not_sent), "writes that are too late are {outcomes:?}");
    let [_, slot, _] = at.values(&person).await?;
    ensure!(holds(&slot, "Ann"), "a write that is too late is carried out");
    ensure!(at.all().await?.len() == 1, "a create that is too late is carried out");
    Ok(Verdict::Kept)
}

const NO_OUTAGE: Verdict = Verdict::DoesNotApply("the fixture cannot lose an answer");

pub(super) async fn a_write_that_may_have_been_carried_out_is_unknown(at: &Fixture) -> Checked {
    let person = at.settled("Ann").await;
    let table = [
        (Outage::UpdateAnswerLost, at.update(&person, 0, "Anne")),
        (Outage::CreateAnswerLost, at.create(at.new_key(), "Bob")),
    ];
    for (outage, write) in table {
        if at.backstage.break_next(outage).await == Possible::Not {
            return Ok(NO_OUTAGE);
        }
        let outcome = at.write_one(write).await?;
        // A connector may find out by itself what became of an update, and say so.
        let is_told = match &outcome {
            WriteOutcome::Unknown(_) => true,
            WriteOutcome::Applied { .. } => outage == Outage::UpdateAnswerLost,
            WriteOutcome::Exists(_)
            | WriteOutcome::Rejected { .. }
            | WriteOutcome::PreconditionFailed
            | WriteOutcome::NotSent(_) => false,
        };
        ensure!(is_told, "{outage:?}: a write whose answer is lost is {outcome:?}");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn a_create_is_sent_at_most_once_in_a_call(at: &Fixture) -> Checked {
    if at.backstage.break_next(Outage::CreateAnswerLost).await == Possible::Not {
        return Ok(NO_OUTAGE);
    }
    at.write_one(at.create(at.new_key(), "Once")).await?;
    at.settle().await;
    let made = at.all().await?.len();
    ensure!(made <= 1, "one create whose answer is lost made {made} records");
    Ok(Verdict::Kept)
}

const READ_ONLY: Verdict = Verdict::DoesNotApply("the second field cannot be written");

pub(super) async fn fields_that_are_not_in_the_write_keep_their_values(at: &Fixture) -> Checked {
    if !at.writes_second() {
        return Ok(READ_ONLY);
    }
    let person = at.settled("Ann").await;
    let [key, ..] = at.values(&person).await?;
    at.applied(at.update(&person, 1, "Second")).await?;
    at.settle().await;
    let [now, first, second] = at.values(&person).await?;
    ensure!(text(&now) == text(&key), "the key was {key:?}, and is {now:?}");
    ensure!(holds(&first, "Ann"), "the first field was Ann, and is {first:?}");
    ensure!(holds(&second, "Second"), "the second field was written, and is {second:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn a_blank_clears_a_field(at: &Fixture) -> Checked {
    if !at.writes_second() {
        return Ok(READ_ONLY);
    }
    let person = at.settled("Ann").await;
    for blank in [Value::Null, Value::from("")] {
        at.applied(at.update(&person, 1, "Second")).await?;
        at.minute().await;
        let action = WriteAction::Update { record: person.clone(), if_tag: None };
        let fields = vec![(at.fields[1].clone(), blank.clone())];
        at.applied(write(action, fields)).await?;
        at.settle().await;
        let [_, _, second] = at.values(&person).await?;
        let is_blank = second.value().is_some_and(Value::is_blank);
        ensure!(is_blank, "a field that {blank:?} was written to is {second:?}");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn one_write_s_failure_stops_no_other(at: &Fixture) -> Checked {
    let (ann, bob) = (at.person("Ann").await, at.settled("Bob").await);
    let outcomes = at
        .write(vec![
            at.update(&ann, 0, "Anne"),
            at.update(&at.unknown, 0, "Nobody"),
            at.update(&bob, 0, "Rob"),
        ])
        .await?;
    at.settle().await;
    let is_applied = |outcome: &WriteOutcome| matches!(outcome, WriteOutcome::Applied { .. });
    ensure!(!is_applied(&outcomes[1]), "a write of a record that never was is applied");
    for (place, record, first) in [(0, &ann, "Anne"), (2, &bob, "Rob")] {
        let outcome = &outcomes[place];
        ensure!(is_applied(outcome), "beside a write that fails, another is {outcome:?}");
        let [_, slot, _] = at.values(record).await?;
        ensure!(holds(&slot, first), "a write that is said to be applied is not");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn a_write_of_a_record_that_is_not_there_is_not_found(at: &Fixture) -> Checked {
    let outcome = at.write_one(at.update(&at.unknown, 0, "Nobody")).await?;
    let kind = match &outcome {
        WriteOutcome::Rejected { error, .. } => Some(error.kind),
        WriteOutcome::Applied { .. }
        | WriteOutcome::Exists(_)
        | WriteOutcome::PreconditionFailed
        | WriteOutcome::NotSent(_)
        | WriteOutcome::Unknown(_) => None,
    };
    ensure!(kind == Some(ErrorKind::NotFound), "the outcome is {outcome:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn what_an_answer_says_of_a_record_is_what_is_stored(at: &Fixture) -> Checked {
    let person = at.settled("Ann").await;
    let writes =
        vec![at.update(&person, 0, " Some Name "), at.create(at.new_key(), " Another Name ")];
    let outcomes = at.write(writes).await?;
    at.settle().await;
    let mut told = 0;
    for outcome in outcomes {
        let WriteOutcome::Applied { record, version, values } = outcome else {
            return Err(super::Found(format!("a write is not applied: {outcome:?}")));
        };
        let stored = at.values(&record).await?;
        for (said, stored) in values.iter().flat_map(Values::slots).zip(&stored) {
            told += 1;
            let is_so = *said == Slot::Absent || said == stored;
            ensure!(is_so, "the answer says {said:?}, and {stored:?} is stored");
        }
        let now = at.version(&record).await?;
        let is_later = version.compare(&now).is_some_and(std::cmp::Ordering::is_gt);
        ensure!(!is_later, "the answer's version is {version:?}, and the record's {now:?}");
    }
    if told == 0 {
        return Ok(Verdict::DoesNotApply("its answers have no values"));
    }
    Ok(Verdict::Kept)
}
