//! Rules of what a connector says of itself, and of its pages of changes.

use std::collections::BTreeSet;

use super::bench::{Pass, text};
use super::{Checked, Fixture, Found, Outage, Possible, Verdict, ensure};
use crate::connector::{ChangesRequest, ErrorKind, Position};
use crate::model::{Cursor, FieldType, ObjectType, Observation, Provenance, Slot, Value};

pub(super) async fn every_size_that_is_declared_is_at_least_one(at: &Fixture) -> Checked {
    let can = at.can();
    let sizes = [can.page, can.read_batch, can.write_batch, can.create_batch];
    ensure!(sizes.iter().all(|size| *size > 0), "page and batches are {sizes:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn the_account_has_the_same_id_in_every_answer(at: &Fixture) -> Checked {
    let (first, second) = (at.connector.account().await?, at.connector.account().await?);
    ensure!(!first.id.is_empty(), "the account's id is empty");
    ensure!(first.id == second.id, "the account is {}, and then {}", first.id, second.id);
    Ok(Verdict::Kept)
}

pub(super) async fn the_schema_names_each_field_once(at: &Fixture) -> Checked {
    let schema = at.connector.schema(&at.object).await?;
    ensure!(schema.object == at.object, "the schema is that of {}", schema.object);
    let names: BTreeSet<_> = schema.fields.iter().map(|field| &field.name).collect();
    ensure!(names.len() == schema.fields.len(), "a field is named twice");
    for field in at.projection().fields() {
        ensure!(names.contains(field), "the schema does not have {field}");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn an_object_type_that_is_not_known_is_an_error(at: &Fixture) -> Checked {
    let Ok(object) = ObjectType::new("no-such-object-type") else {
        return Ok(Verdict::DoesNotApply("every name is an object type"));
    };
    let (projection, position) = (at.projection(), Position::Start);
    let request = ChangesRequest { object: object.clone(), projection, position, limit: 1 };
    ensure!(at.connector.schema(&object).await.is_err(), "it has a schema");
    ensure!(at.connector.changes(request).await.is_err(), "it has changes");
    Ok(Verdict::Kept)
}

/// A person with all fields, as each kind of read shows them.
async fn everywhere(at: &Fixture) -> Result<Vec<(&'static str, Observation)>, Found> {
    let person = at.person("First").await;
    at.backstage.edit(&person, &at.fields[1], Value::from("Second")).await;
    at.settle().await;
    let pass = at.pass(&Position::Start, 100).await?;
    let listed = pass.of(&person).cloned();
    let listed = listed.ok_or_else(|| Found(format!("{person} is not on a full read")))?;
    let key = listed.values().and_then(|values| values.slots().first()?.value().cloned());
    let mut seen = vec![("the changes", listed), ("a read by id", at.fetch(&person).await?)];
    if let Some(key) = key {
        let hits = at.find(vec![key]).await?.unwrap_or_default();
        seen.extend(hits.into_iter().map(|hit| ("a look-up", hit.observation)));
    }
    Ok(seen)
}

pub(super) async fn every_observation_has_one_slot_per_field_of_the_projection(
    at: &Fixture,
) -> Checked {
    for (read, seen) in everywhere(at).await? {
        let texts: Vec<String> = seen
            .values()
            .map(|values| values.slots().iter().map(text).collect())
            .unwrap_or_default();
        let in_order = texts.len() == 3
            && texts[0].contains('@')
            && texts[1].eq_ignore_ascii_case("first")
            && texts[2].eq_ignore_ascii_case("second");
        ensure!(in_order, "{read} answers {texts:?} for key, first and second field");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn the_same_record_has_the_same_id_in_every_answer(at: &Fixture) -> Checked {
    let seen = everywhere(at).await?;
    let ids: BTreeSet<_> = seen.iter().map(|(_, seen)| &seen.record).collect();
    ensure!(ids.len() == 1, "one record is {ids:?}");
    let created = at.applied(at.create(at.new_key(), "Created")).await?;
    at.settle().await;
    let all = at.all().await?;
    ensure!(all.contains_key(&created), "{created} was made, and the changes have {all:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn what_changes_return_is_listed_and_what_is_read_by_id_is_fetched(
    at: &Fixture,
) -> Checked {
    let person = at.settled("First").await;
    let pass = at.pass(&Position::Start, 100).await?;
    for seen in &pass.seen {
        ensure!(seen.provenance == Provenance::Listed, "a row is {:?}", seen.provenance);
    }
    let fetched = at.fetch(&person).await?.provenance;
    ensure!(fetched == Provenance::Fetched, "a read by id says {fetched:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn values_are_of_the_types_that_the_schema_says(at: &Fixture) -> Checked {
    let schema = at.connector.schema(&at.object).await?;
    for (read, seen) in everywhere(at).await? {
        let slots = seen.values().map(|values| values.slots().to_vec()).unwrap_or_default();
        for (field, slot) in at.projection().fields().iter().zip(&slots) {
            let (Some(field), Some(value)) = (schema.field(field), slot.value()) else { continue };
            ensure!(
                is_of(value, &field.field_type),
                "{read} answers {} with {value:?}, and its type is {:?}",
                field.name,
                field.field_type
            );
        }
    }
    Ok(Verdict::Kept)
}

/// Whether a value can stand in a field of this type.
fn is_of(value: &Value, field_type: &FieldType) -> bool {
    match (value, field_type) {
        (Value::Null, _)
        | (Value::Bool(_), FieldType::Bool)
        | (Value::Int(_), FieldType::Int | FieldType::Decimal)
        | (Value::Decimal(_), FieldType::Decimal)
        | (Value::Text(_), FieldType::Text | FieldType::Email | FieldType::Phone)
        | (Value::Date(_), FieldType::Date)
        | (Value::Time(_), FieldType::Time)
        | (Value::Instant(_), FieldType::Instant)
        | (Value::Zoned(_), FieldType::Zoned)
        | (Value::Choice(_), FieldType::Choice { .. })
        | (Value::Map(_), FieldType::Map)
        | (Value::Money(_), FieldType::Money)
        | (Value::Ref(_), FieldType::Ref { .. }) => true,
        (Value::Set(items), FieldType::Set { item }) => items.iter().all(|v| is_of(v, item)),
        (Value::List(items), FieldType::List { item }) => items.iter().all(|v| is_of(v, item)),
        (
            Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Text(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Instant(_)
            | Value::Zoned(_)
            | Value::Choice(_)
            | Value::Set(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Money(_)
            | Value::Ref(_)
            | Value::Kept(_),
            _,
        ) => false,
    }
}

pub(super) async fn a_field_that_holds_nothing_is_blank_and_not_absent(at: &Fixture) -> Checked {
    let person = at.settled("First").await;
    let pass = at.pass(&Position::Start, 100).await?;
    let listed = pass.of(&person).cloned();
    let fetched = at.fetch(&person).await?;
    for (read, seen) in [("a full read", listed), ("a read by id", Some(fetched))] {
        let slot = seen.and_then(|seen| seen.values()?.slots().get(2).cloned());
        let is_blank = slot.as_ref().and_then(Slot::value).is_some_and(Value::is_blank);
        ensure!(is_blank, "{read} answers a field that holds nothing with {slot:?}");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn a_page_has_at_most_as_many_rows_as_are_asked_for(at: &Fixture) -> Checked {
    at.people(5).await;
    for limit in [1, 2, 3] {
        let page = at.page(&Position::Start, limit).await?;
        let rows = page.observations.len();
        ensure!(rows <= limit, "{rows} rows on a page of {limit}");
        ensure!(page.more || rows == 5, "a page of {rows} of 5 rows is the last");
    }
    Ok(Verdict::Kept)
}

fn all_of(people: &[crate::model::RecordId], pass: &Pass) -> Result<(), Found> {
    let known = pass.known();
    let missing: Vec<_> = people.iter().filter(|person| !known.contains(person)).collect();
    ensure!(missing.is_empty(), "{missing:?} of {} records are not returned", people.len());
    Ok(())
}

pub(super) async fn a_full_read_returns_every_record_that_exists(at: &Fixture) -> Checked {
    let people = at.people(7).await;
    for limit in [2, 3, 100] {
        all_of(&people, &at.pass(&Position::Start, limit).await?)?;
        at.minute().await;
    }
    Ok(Verdict::Kept)
}

pub(super) async fn rows_of_one_time_at_a_page_s_edge_are_all_returned(at: &Fixture) -> Checked {
    let mut before = Vec::new();
    for _ in 0..2 {
        before.push(at.pass(&Position::Start, 100).await?.next);
        at.minute().await;
    }
    let mut people = Vec::new();
    for number in 0..7 {
        people.push(at.person(&format!("At once {number}")).await);
    }
    at.settle().await;
    for (limit, before) in [2, 3].into_iter().zip(before) {
        all_of(&people, &at.pass(&at.since(&before).await?, limit).await?)?;
        at.minute().await;
    }
    for limit in [2, 3] {
        all_of(&people, &at.pass(&Position::Start, limit).await?)?;
        at.minute().await;
    }
    Ok(Verdict::Kept)
}

pub(super) async fn the_same_cursor_may_be_read_again(at: &Fixture) -> Checked {
    let before = at.pass(&Position::Start, 100).await?;
    at.people(3).await;
    let next = at.since(&before.next).await?;
    let begun = Position::After(at.page(&next, 1).await?.cursor);
    for position in [next, begun] {
        let first = at.pass(&position, 2).await?;
        let again = at.pass(&position, 2).await?;
        let (first, again) = (first.known(), again.known());
        ensure!(!first.is_empty(), "a cursor leads to nothing");
        ensure!(first == again, "a cursor leads to {first:?}, and then to {again:?}");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn a_cursor_that_is_not_taken_any_more_is_position_lost(at: &Fixture) -> Checked {
    for told in ["what no connector wrote", "{}"] {
        let Ok(cursor) = Cursor::new(told) else { continue };
        let page = at.page(&Position::After(cursor), 1).await;
        let kind = page.as_ref().err().map(|error| error.kind);
        let found = page.map(|page| page.observations.len());
        ensure!(kind == Some(ErrorKind::PositionLost), "the cursor {told:?} gives {found:?}");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn a_failed_read_is_an_error_and_never_an_empty_answer(at: &Fixture) -> Checked {
    at.people(1).await;
    if at.backstage.break_next(Outage::ChangesFail).await == Possible::Not {
        return Ok(Verdict::DoesNotApply("the fixture cannot make a read fail"));
    }
    let page = at.page(&Position::Start, 10).await;
    let rows = page.map(|page| page.observations.len());
    ensure!(rows.is_err(), "a read that failed is a page of {rows:?} rows");
    Ok(Verdict::Kept)
}
