//! Rules of reads by id, and of look-ups by a value.

use std::collections::BTreeSet;

use super::bench::text;
use super::{Checked, Fixture, Found, Verdict, ensure};
use crate::model::{RecordId, State, Value};

/// More records than one read by id takes, where that is not too many to make.
fn more_than_a_batch(at: &Fixture) -> usize {
    at.can().read_batch.saturating_add(2).min(210)
}

pub(super) async fn there_is_one_observation_per_id_in_the_order_asked(at: &Fixture) -> Checked {
    let mut people = Vec::new();
    for number in 0..more_than_a_batch(at) {
        people.push(at.person(&format!("Person {number}")).await);
    }
    at.settle().await;
    people.sort();
    people.reverse();
    people.swap(0, 1);
    let seen = at.fetch_all(people.clone()).await?;
    let answered: Vec<RecordId> = seen.iter().map(|seen| seen.record.clone()).collect();
    ensure!(answered == people, "asked for {people:?}, answered for {answered:?}");
    let unknown = seen.iter().find(|seen| seen.known().is_none());
    ensure!(unknown.is_none(), "{}, and should be known", unknown.map_or("", |s| s.state.word()));
    Ok(Verdict::Kept)
}

pub(super) async fn an_id_that_is_asked_for_twice_is_answered_twice(at: &Fixture) -> Checked {
    let (ann, bob) = (at.person("Ann").await, at.settled("Bob").await);
    let asked = vec![ann.clone(), bob, ann];
    let seen = at.fetch_all(asked.clone()).await?;
    let answered: Vec<RecordId> = seen.into_iter().map(|seen| seen.record).collect();
    ensure!(answered == asked, "asked for {asked:?}, answered for {answered:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn an_id_that_is_not_known_is_missing_and_never_left_out(at: &Fixture) -> Checked {
    let person = at.settled("Ann").await;
    let seen = at.fetch_all(vec![at.unknown.clone(), person]).await?;
    let own = seen.iter().find(|seen| seen.record == at.unknown);
    let is_missing = own.is_some_and(|seen| seen.state == State::Missing) && seen.len() == 2;
    ensure!(is_missing, "of an id that never was and one that is: {seen:?}");
    let alone = at.fetch_all(vec![at.unknown.clone()]).await?;
    ensure!(alone.len() == 1 && alone[0].state == State::Missing, "alone it is {alone:?}");
    Ok(Verdict::Kept)
}

/// Some people, and the key of the one in the middle.
async fn people_and_key(at: &Fixture) -> Result<(RecordId, Value), Found> {
    at.person("Other").await;
    let person = at.person("Person").await;
    at.person("Another").await;
    at.settle().await;
    let [key, ..] = at.values(&person).await?;
    Ok((person, Value::Text(text(&key))))
}

const NO_LOOK_UP: Verdict = Verdict::DoesNotApply("it has no look-up by the key");

pub(super) async fn a_record_is_found_by_its_value_once_the_look_up_shows_it(
    at: &Fixture,
) -> Checked {
    let (person, key) = people_and_key(at).await?;
    let Some(hits) = at.find(vec![key]).await? else { return Ok(NO_LOOK_UP) };
    let found: BTreeSet<_> = hits.iter().map(|hit| &hit.observation.record).collect();
    ensure!(found.contains(&person), "{person} is not among {found:?}");
    Ok(Verdict::Kept)
}

pub(super) async fn only_records_with_an_equivalent_value_are_found(at: &Fixture) -> Checked {
    let (person, key) = people_and_key(at).await?;
    // A search that takes parts of values for the whole finds by this.
    let part = Value::from("example.com");
    let Some(hits) = at.find(vec![key, part]).await? else { return Ok(NO_LOOK_UP) };
    let others: Vec<_> =
        hits.iter().map(|hit| &hit.observation.record).filter(|found| **found != person).collect();
    ensure!(others.is_empty(), "{others:?} do not hold the value");
    Ok(Verdict::Kept)
}

pub(super) async fn what_is_found_names_the_place_of_its_value(at: &Fixture) -> Checked {
    let (person, key) = people_and_key(at).await?;
    let nobody = Value::from("nobody@example.com");
    let values = vec![nobody.clone(), key, nobody];
    let Some(hits) = at.find(values).await? else { return Ok(NO_LOOK_UP) };
    let place = hits.iter().find(|hit| hit.observation.record == person).map(|hit| hit.value);
    ensure!(place.is_none_or(|place| place == 1), "the value's place is 1, not {place:?}");
    Ok(Verdict::Kept)
}
