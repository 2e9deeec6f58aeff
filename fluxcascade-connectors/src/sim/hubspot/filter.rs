//! The filters and the order of a search.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use serde::Deserialize;

use super::collection::Collection;
use super::property::{Holds, Property};
use super::record::{Record, State};
use super::refusal::HubSpotRefusal;
use super::value::instant;
use super::wire::Scalar;
use crate::sim::glob::glob;

/// A filter as it is sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawFilter {
    property_name: String,
    operator: String,
    value: Option<Scalar>,
    high_value: Option<Scalar>,
    #[serde(default)]
    values: Vec<Scalar>,
}

/// A filter that can be asked.
#[derive(Debug)]
pub(super) struct Filter {
    key: KeyOf,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Compare(Vec<Ordering>, Key),
    Differs(Key),
    Between(Key, Key),
    In(Vec<Key>),
    NotIn(Vec<Key>),
    Has,
    HasNot,
    Token(String),
    NoToken(String),
}

/// What a property of a record is compared by.
#[derive(Debug)]
pub(super) struct KeyOf {
    property: String,
    class: Class,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Modified,
    Created,
    Id,
    Instant,
    Number,
    /// Compared as it is: choices.
    Exact,
    /// Compared without case.
    Text,
}

/// A value to compare by.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Key {
    Whole(i64),
    Number(f64),
    Text(String),
}

impl KeyOf {
    pub(super) fn new(among: &Collection, name: &str) -> Result<Self, HubSpotRefusal> {
        let property = among.properties.get(name).ok_or_else(|| {
            let singular = among.kind.singular.to_uppercase();
            HubSpotRefusal::request(format!("Property {name:?} does not exist for {singular}"))
        })?;
        let class = match name {
            "hs_object_id" => Class::Id,
            _ if name == among.kind.modified => Class::Modified,
            _ if name == among.kind.created() => Class::Created,
            _ => class(property),
        };
        Ok(Self { property: name.to_owned(), class })
    }

    /// What the record has; none if the property has no value.
    pub(super) fn of(&self, record: &Record, state: &State) -> Option<Key> {
        match self.class {
            Class::Modified => Some(Key::Whole(state.modified.millis())),
            Class::Created => Some(Key::Whole(record.created.millis())),
            Class::Id => i64::try_from(record.id).ok().map(Key::Whole),
            Class::Instant | Class::Number | Class::Exact | Class::Text => {
                self.key(state.properties.get(&self.property)?)
            }
        }
    }

    /// A value of the property as a key; none if it is none.
    fn key(&self, text: &str) -> Option<Key> {
        match self.class {
            Class::Modified | Class::Created | Class::Instant => {
                instant(text).map(|at| Key::Whole(at.millis()))
            }
            Class::Id => text.parse().ok().map(Key::Whole),
            Class::Number => text.parse().ok().map(Key::Number),
            Class::Exact => Some(Key::Text(text.to_owned())),
            Class::Text => Some(Key::Text(text.to_lowercase())),
        }
    }
}

fn class(property: &Property) -> Class {
    match property.holds {
        Holds::Date | Holds::Instant | Holds::Millis => Class::Instant,
        Holds::Number => Class::Number,
        Holds::Bool | Holds::Choice(_) | Holds::Stage(_) | Holds::Many(_) | Holds::Owner => {
            Class::Exact
        }
        Holds::Text | Holds::Email | Holds::Phone => Class::Text,
    }
}

impl Filter {
    pub(super) fn new(among: &Collection, raw: RawFilter) -> Result<Self, HubSpotRefusal> {
        let key = KeyOf::new(among, &raw.property_name)?;
        let test = test(&key, raw)?;
        Ok(Self { key, test })
    }

    /// Whether the record, in the state that the index has, meets it. A property without a
    /// value meets nothing but `NOT_HAS_PROPERTY`.
    pub(super) fn meets(&self, record: &Record, state: &State) -> bool {
        let key = self.key.of(record, state);
        let Some(key) = key else { return matches!(self.test, Test::HasNot) };
        let text = || state.properties.get(&self.key.property).map_or("", String::as_str);
        match &self.test {
            Test::Compare(wanted, to) => {
                key.partial_cmp(to).is_some_and(|order| wanted.contains(&order))
            }
            Test::Differs(from) => key != *from,
            Test::Between(low, high) => *low <= key && key <= *high,
            Test::In(values) => values.contains(&key),
            Test::NotIn(values) => !values.contains(&key),
            Test::Has => true,
            Test::HasNot => false,
            Test::Token(token) => has_token(text(), token),
            Test::NoToken(token) => !has_token(text(), token),
        }
    }
}

fn test(key: &KeyOf, raw: RawFilter) -> Result<Test, HubSpotRefusal> {
    let token = |value: Option<Scalar>| value.map(String::from).unwrap_or_default().to_lowercase();
    let test = match raw.operator.as_str() {
        "LT" => Test::Compare(vec![Less], one(key, raw.value)?),
        "LTE" => Test::Compare(vec![Less, Equal], one(key, raw.value)?),
        "GT" => Test::Compare(vec![Greater], since(key, raw.value)?),
        "GTE" => Test::Compare(vec![Greater, Equal], since(key, raw.value)?),
        "EQ" => Test::Compare(vec![Equal], one(key, raw.value)?),
        "NEQ" => Test::Differs(one(key, raw.value)?),
        "BETWEEN" => Test::Between(since(key, raw.value)?, one(key, raw.high_value)?),
        "IN" => Test::In(many(key, raw.values)?),
        "NOT_IN" => Test::NotIn(many(key, raw.values)?),
        "HAS_PROPERTY" => Test::Has,
        "NOT_HAS_PROPERTY" => Test::HasNot,
        "CONTAINS_TOKEN" => Test::Token(token(raw.value)),
        "NOT_CONTAINS_TOKEN" => Test::NoToken(token(raw.value)),
        other => {
            let message = format!("Cannot deserialize value of type `Operator` from {other:?}");
            return Err(HubSpotRefusal::request(message));
        }
    };
    Ok(test)
}

/// The value that a filter must have.
fn one(key: &KeyOf, value: Option<Scalar>) -> Result<Key, HubSpotRefusal> {
    let missing = || {
        let name = &key.property;
        HubSpotRefusal::request(format!("A filter on {name:?} must have a value"))
    };
    let text = String::from(value.ok_or_else(missing)?);
    key.key(&text).ok_or_else(|| unfit(key, &text))
}

/// The values that a filter must have. Where text is compared they must be in lower case:
/// others are never found.
fn many(key: &KeyOf, values: Vec<Scalar>) -> Result<Vec<Key>, HubSpotRefusal> {
    if values.is_empty() {
        let name = &key.property;
        return Err(HubSpotRefusal::request(format!("A filter on {name:?} must have values")));
    }
    let as_is = |text: String| match key.class {
        Class::Text => Ok(Key::Text(text)),
        Class::Modified
        | Class::Created
        | Class::Id
        | Class::Instant
        | Class::Number
        | Class::Exact => key.key(&text).ok_or_else(|| unfit(key, &text)),
    };
    values.into_iter().map(String::from).map(as_is).collect()
}

/// The lower bound of a range. HubSpot breaks on a range of times from 1970 on.
fn since(key: &KeyOf, value: Option<Scalar>) -> Result<Key, HubSpotRefusal> {
    let bound = one(key, value)?;
    let timed = matches!(key.class, Class::Modified | Class::Created | Class::Instant);
    if timed && bound == Key::Whole(0) {
        return Err(HubSpotRefusal::broken("There was a problem with the request."));
    }
    Ok(bound)
}

fn unfit(key: &KeyOf, text: &str) -> HubSpotRefusal {
    let (name, text) = (&key.property, text.chars().take(60).collect::<String>());
    HubSpotRefusal::request(format!("Invalid value {text:?} for a filter on {name:?}"))
}

/// Whether a text has these words, one after the other; `*` in a word stands for any text.
pub(super) fn has_token(text: &str, token: &str) -> bool {
    let text = text.to_lowercase();
    if token.contains('*') {
        return glob(token, &text) || words(&text).any(|word| glob(token, word));
    }
    let (have, want): (Vec<_>, Vec<_>) = (words(&text).collect(), words(token).collect());
    !want.is_empty() && have.windows(want.len()).any(|part| part == want)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}
