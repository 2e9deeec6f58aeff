//! Rules of what a connector declares that it can do.

use super::bench::{holds, is_gone, text, write};
use super::{Checked, Fixture, Found, Verdict, ensure};
use crate::connector::{FieldTimesRequest, Write, WriteAction, WriteOutcome};
use crate::model::{RecordId, Value};

pub(super) async fn a_create_that_repeats_a_key_names_the_record_that_has_it(
    at: &Fixture,
) -> Checked {
    if !at.can().refuses_duplicates {
        return Ok(Verdict::DoesNotApply("it does not refuse duplicates"));
    }
    let person = at.settled("Ann").await;
    let [key, ..] = at.values(&person).await?;
    let outcome = at.write_one(at.create(Value::Text(text(&key)), "Ann again")).await?;
    ensure!(outcome == WriteOutcome::Exists(person), "a repeated key is {outcome:?}");
    at.settle().await;
    let count = at.all().await?.len();
    ensure!(count == 1, "{count} records, and one was there");
    Ok(Verdict::Kept)
}

pub(super) async fn a_write_on_condition_is_refused_once_the_record_has_moved_on(
    at: &Fixture,
) -> Checked {
    if !at.can().conditional_writes {
        return Ok(Verdict::DoesNotApply("it has no writes on condition"));
    }
    let person = at.settled("Ann").await;
    let if_tag = at.version(&person).await?.tag;
    ensure!(if_tag.is_some(), "a record's version has no tag");
    let update = |if_tag, value: &str| {
        let action = WriteAction::Update { record: person.clone(), if_tag };
        write(action, vec![(at.fields[1].clone(), Value::from(value))])
    };
    at.edit(&person, "Anne").await;
    at.settle().await;
    let outcome = at.write_one(update(if_tag, "Lost")).await?;
    ensure!(outcome == WriteOutcome::PreconditionFailed, "after an edit it is {outcome:?}");
    let if_tag = at.version(&person).await?.tag;
    at.applied(update(if_tag, "Kept")).await?;
    at.settle().await;
    let [_, first, second] = at.values(&person).await?;
    ensure!(holds(&first, "Anne") && holds(&second, "Kept"), "it is {first:?} and {second:?}");
    Ok(Verdict::Kept)
}

fn upsert(at: &Fixture, key: Value, first: &str) -> Write {
    let create = at.create(key, first);
    write(WriteAction::Upsert { by: at.key.clone() }, create.fields)
}

const NO_UPSERT: Verdict = Verdict::DoesNotApply("it has no upserts");

pub(super) async fn an_upsert_changes_the_record_that_has_the_value_and_makes_no_other(
    at: &Fixture,
) -> Checked {
    if !at.can().upserts {
        return Ok(NO_UPSERT);
    }
    let person = at.settled("Ann").await;
    let [key, ..] = at.values(&person).await?;
    let record = at.applied(upsert(at, Value::Text(text(&key)), "Anne")).await?;
    at.settle().await;
    let count = at.all().await?.len();
    ensure!(record == person && count == 1, "{record} is changed, and there are {count} records");
    let [_, first, _] = at.values(&person).await?;
    ensure!(holds(&first, "Anne"), "the first field was written, and is {first:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn an_upsert_of_a_new_value_makes_a_record(at: &Fixture) -> Checked {
    if !at.can().upserts {
        return Ok(NO_UPSERT);
    }
    let key = at.new_key();
    let record = at.applied(upsert(at, key.clone(), "New")).await?;
    at.settle().await;
    let [stored, first, _] = at.values(&record).await?;
    let is_new = holds(&stored, key.as_text().unwrap_or_default()) && holds(&first, "New");
    ensure!(is_new, "the record has {stored:?} and {first:?}");
    Ok(Verdict::Kept)
}

/// Takes a record away twice; it has to be gone.
async fn twice(at: &Fixture, action: impl Fn(RecordId) -> WriteAction) -> Result<RecordId, Found> {
    let person = at.settled("Ann").await;
    for time in ["once", "again"] {
        let outcome = at.write_one(write(action(person.clone()), Vec::new())).await?;
        let is_applied = matches!(&outcome, WriteOutcome::Applied { .. });
        ensure!(is_applied, "taking a record away {time} is {outcome:?}");
        at.settle().await;
    }
    let seen = at.fetch(&person).await?;
    ensure!(is_gone(&seen.state), "{seen}, and should be gone");
    ensure!(!at.all().await?.contains_key(&person), "a full read still has it");
    Ok(person)
}

fn archive(record: RecordId) -> WriteAction {
    WriteAction::Archive { record, if_tag: None }
}

pub(super) async fn what_is_archived_is_gone_and_archiving_it_again_is_applied(
    at: &Fixture,
) -> Checked {
    if !at.can().archives {
        return Ok(Verdict::DoesNotApply("it cannot archive"));
    }
    twice(at, archive).await?;
    Ok(Verdict::Kept)
}

pub(super) async fn what_is_deleted_is_gone_and_deleting_it_again_is_applied(
    at: &Fixture,
) -> Checked {
    if !at.can().deletes_for_good {
        return Ok(Verdict::DoesNotApply("it cannot delete for good"));
    }
    twice(at, |record| WriteAction::Delete { record, if_tag: None }).await?;
    Ok(Verdict::Kept)
}

pub(super) async fn what_is_restored_has_its_id_and_its_values(at: &Fixture) -> Checked {
    let can = at.can();
    if !can.restores || !can.archives {
        return Ok(Verdict::DoesNotApply("it cannot bring back what it has archived"));
    }
    let person = at.settled("Ann").await;
    at.applied(write(archive(person.clone()), Vec::new())).await?;
    at.settle().await;
    let restore = WriteAction::Restore { record: person.clone() };
    let restored = at.applied(write(restore, Vec::new())).await?;
    at.settle().await;
    ensure!(restored == person, "{person} is restored as {restored}");
    let [_, first, _] = at.values(&person).await?;
    ensure!(holds(&first, "Ann"), "the first field was Ann, and is {first:?}");
    Ok(Verdict::Kept)
}

const NO_TIMES: Verdict = Verdict::DoesNotApply("it does not know the times of fields");

fn times_of(at: &Fixture, records: Vec<RecordId>) -> FieldTimesRequest {
    FieldTimesRequest { object: at.object.clone(), records, fields: at.fields.to_vec() }
}

pub(super) async fn times_of_fields_are_answered_per_record_in_the_order_asked(
    at: &Fixture,
) -> Checked {
    let Some(history) = at.connector.extensions().field_history else { return Ok(NO_TIMES) };
    let (ann, bob) = (at.person("Ann").await, at.settled("Bob").await);
    at.edit(&bob, "Rob").await;
    at.settle().await;
    let asked = vec![bob.clone(), at.unknown.clone(), ann, bob];
    let times = history.field_times(times_of(at, asked)).await?;
    ensure!(times.len() == 4, "{} answers for 4 records", times.len());
    ensure!(times[1].is_empty(), "a record that never was has times");
    let first = |of: usize| {
        let time = times[of].iter().find(|time| time.field == at.fields[0]);
        time.map(|time| time.modified.at)
    };
    let in_order = first(0) == first(3) && first(2).is_some() && first(2) < first(0);
    ensure!(in_order, "the answers are not in the order asked: {times:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn a_field_that_changed_later_has_the_later_time(at: &Fixture) -> Checked {
    let Some(history) = at.connector.extensions().field_history else { return Ok(NO_TIMES) };
    let person = at.settled("Ann").await;
    at.applied(at.update(&person, 1, "Second")).await?;
    at.settle().await;
    let times = history.field_times(times_of(at, vec![person])).await?;
    let time = |of: usize| {
        let mut times = times.iter().flatten();
        times.find(|time| time.field == at.fields[of]).map(|time| time.modified.at)
    };
    ensure!(time(0).is_some() && time(0) < time(1), "the times are {times:?}");
    Ok(Verdict::Kept)
}
