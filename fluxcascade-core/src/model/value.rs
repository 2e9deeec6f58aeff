//! What a field can hold, and when two values are the same.
//!
//! `==` on [`Value`] is the *changed* test: a side against its own base, in its own
//! representation. [`Value::equivalent`] is the test between two sides. Which of both applies
//! where is the business of [`crate::plan`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::{Fingerprint, ObjectType, RecordId};
use super::schema::FieldType;
use super::time::Timestamp;

/// The largest value that is taken in, in bytes of its text: 1 MiB.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// A field's value. There is no binary floating point: numbers come from their decimal text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A decimal number.
    Decimal(#[serde(with = "decimal_text")] Decimal),
    /// Text.
    Text(String),
    /// A calendar day.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// An instant.
    Instant(Timestamp),
    /// A local time with its zone.
    Zoned(Zoned),
    /// A choice's code (not its label).
    Choice(String),
    /// Values without order or repetition.
    Set(BTreeSet<Value>),
    /// Values in order.
    List(Vec<Value>),
    /// Named values.
    Map(BTreeMap<String, Value>),
    /// An amount in a currency.
    Money(Money),
    /// Another record.
    Ref(Reference),
    /// A value of which nothing but its keyed fingerprint is kept. It stands only in what is stored,
    /// and in what is told from that: never in a record, and it is never written to a system. It is
    /// equal to itself alone.
    Kept(Fingerprint),
}

/// A local date and time with the zone that it is meant in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Zoned {
    /// The wall-clock time.
    pub local: NaiveDateTime,
    /// The IANA name of the zone.
    pub zone: String,
}

/// An amount in a currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    /// How much, in whole units of the currency.
    #[serde(with = "decimal_text")]
    pub amount: Decimal,
    /// The ISO 4217 code.
    pub currency: String,
}

/// Another record of the same system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// Its object type.
    pub object: ObjectType,
    /// Its id.
    pub id: RecordId,
}

/// What an answer says of a field: nothing, or a value.
///
/// `Absent` (no permission, a partial read) is not blank: nothing is decided for a pair while one
/// of its fields is absent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The answer does not have the field.
    #[default]
    Absent,
    /// The answer has it, with this value.
    Present(Value),
}

impl Slot {
    /// The value, if the field is in the answer.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Slot::Absent => None,
            Slot::Present(value) => Some(value),
        }
    }

    /// Whether the field is not in the answer.
    pub fn is_absent(&self) -> bool {
        matches!(self, Slot::Absent)
    }
}

impl From<Value> for Slot {
    fn from(value: Value) -> Self {
        Slot::Present(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl Value {
    /// Null, empty, only white space, or an empty set or list.
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) | Value::Choice(text) => text.trim().is_empty(),
            Value::Set(items) => items.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Map(items) => items.is_empty(),
            Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Instant(_)
            | Value::Zoned(_)
            | Value::Money(_)
            | Value::Ref(_)
            | Value::Kept(_) => false,
        }
    }

    /// Whether only its fingerprint is there.
    #[inline]
    pub fn is_kept(&self) -> bool {
        matches!(self, Value::Kept(_))
    }

    /// Whether a side that held `base` has changed to this: another value, two blanks being equal.
    #[inline]
    pub fn changed_from(&self, base: &Value) -> bool {
        self != base && !(self.is_blank() && base.is_blank())
    }

    /// Whether this means the same as the other, read as fields of this type: two blanks do,
    /// numbers as decimals, e-mails and choices by canonical form, phones by digits and a leading +.
    pub fn equivalent(&self, other: &Value, field_type: &FieldType) -> bool {
        if self == other || (self.is_blank() && other.is_blank()) {
            return true;
        }
        if self.is_blank() || other.is_blank() {
            return false;
        }
        if let (Some(mine), Some(theirs)) = (self.as_decimal(), other.as_decimal()) {
            return mine == theirs;
        }
        let is_set = matches!(field_type, FieldType::Set { .. });
        let are_sets = matches!((self, other), (Value::Set(_), Value::Set(_)));
        if let (true, Some(mine), Some(theirs)) = (is_set || are_sets, self.items(), other.items())
        {
            return same_items(&mine, &theirs, field_type);
        }
        match (self, other) {
            (Value::List(mine), Value::List(theirs)) => {
                mine.len() == theirs.len()
                    && mine.iter().zip(theirs).all(|(m, t)| m.equivalent(t, field_type))
            }
            _ => match (self.as_text(), other.as_text()) {
                (Some(mine), Some(theirs)) => same_text(mine, theirs, field_type),
                _ => match (self.as_instant(), other.as_instant()) {
                    (Some(mine), Some(theirs)) => mine == theirs,
                    _ => false,
                },
            },
        }
    }

    /// The items of a set or a list; a system may write a set down as a list.
    pub fn items(&self) -> Option<Vec<&Value>> {
        if let Value::Set(items) = self {
            return Some(items.iter().collect());
        }
        if let Value::List(items) = self { Some(items.iter().collect()) } else { None }
    }

    /// The text of a text or a choice.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Choice(text) => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Instant(_)
            | Value::Zoned(_)
            | Value::Set(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Money(_)
            | Value::Ref(_)
            | Value::Kept(_) => None,
        }
    }

    /// The number of an integer or a decimal.
    pub fn as_decimal(&self) -> Option<Decimal> {
        if let Value::Int(number) = self {
            Some(Decimal::from(*number))
        } else if let Value::Decimal(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    fn as_instant(&self) -> Option<Timestamp> {
        if let Value::Instant(at) = self { Some(*at) } else { None }
    }

    /// The one form of all values that are equal to this one: numbers without zeros at their end.
    /// `None` if this is it.
    pub(super) fn canonical(&self) -> Option<Value> {
        match self {
            Value::Decimal(number) => canonical_number(*number).map(Value::Decimal),
            Value::Money(money) => canonical_number(money.amount)
                .map(|amount| Value::Money(Money { amount, ..money.clone() })),
            Value::Set(items) => {
                canonical_items(items.iter()).map(|items| Value::Set(items.into_iter().collect()))
            }
            Value::List(items) => canonical_items(items.iter()).map(Value::List),
            Value::Map(items) => canonical_items(items.values())
                .map(|values| Value::Map(items.keys().cloned().zip(values).collect())),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Text(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Instant(_)
            | Value::Zoned(_)
            | Value::Choice(_)
            | Value::Ref(_)
            | Value::Kept(_) => None,
        }
    }

    /// About how many bytes of text the value has: what the limit of 1 MiB is about.
    pub fn size(&self) -> usize {
        match self {
            Value::Text(text) | Value::Choice(text) => text.len(),
            Value::Set(items) => items.iter().map(Value::size).sum(),
            Value::List(items) => items.iter().map(Value::size).sum(),
            Value::Map(items) => items.iter().map(|(key, item)| key.len() + item.size()).sum(),
            Value::Zoned(zoned) => 16 + zoned.zone.len(),
            Value::Money(money) => 16 + money.currency.len(),
            Value::Ref(reference) => reference.object.as_str().len() + reference.id.as_str().len(),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Instant(_)
            | Value::Kept(_) => 16,
        }
    }
}

fn canonical_number(number: Decimal) -> Option<Decimal> {
    let canonical = number.normalize();
    (canonical.scale() != number.scale()
        || canonical.is_sign_negative() != number.is_sign_negative())
    .then_some(canonical)
}

/// All items in their one form, if any of them is not.
fn canonical_items<'a>(items: impl Iterator<Item = &'a Value> + Clone) -> Option<Vec<Value>> {
    let canonical = |item: &Value| item.canonical().unwrap_or_else(|| item.clone());
    items.clone().any(|item| item.canonical().is_some()).then(|| items.map(canonical).collect())
}

fn same_items(mine: &[&Value], theirs: &[&Value], field_type: &FieldType) -> bool {
    let covers = |a: &[&Value], b: &[&Value]| {
        a.iter().all(|x| b.iter().any(|y| x.equivalent(y, field_type)))
    };
    covers(mine, theirs) && covers(theirs, mine)
}

fn same_text(mine: &str, theirs: &str, field_type: &FieldType) -> bool {
    match field_type {
        FieldType::Phone => same_phone(mine, theirs),
        FieldType::Email => canonical_email(mine) == canonical_email(theirs),
        FieldType::Choice { .. } => canonical_choice(mine) == canonical_choice(theirs),
        FieldType::Set { item } | FieldType::List { item } => same_text(mine, theirs, item),
        FieldType::Bool
        | FieldType::Int
        | FieldType::Decimal
        | FieldType::Text
        | FieldType::Date
        | FieldType::Time
        | FieldType::Instant
        | FieldType::Zoned
        | FieldType::Map
        | FieldType::Money
        | FieldType::Ref { .. } => mine == theirs,
    }
}

/// Phones are the same by their digits and a leading +. Texts without a digit are compared as
/// texts, so that `unknown` and `none` are not one phone.
fn same_phone(mine: &str, theirs: &str) -> bool {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    if digits(mine) == 0 || digits(theirs) == 0 {
        return mine.trim() == theirs.trim();
    }
    let plus = |text: &str| text.trim_start().starts_with('+');
    plus(mine) == plus(theirs)
        && mine.bytes().filter(u8::is_ascii_digit).eq(theirs.bytes().filter(u8::is_ascii_digit))
}

fn canonical_choice(text: &str) -> &str {
    text.trim()
}

fn canonical_email(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.chars().any(char::is_uppercase) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// The value for people: texts as they are, lists joined by commas, `(blank)` for a blank, and
/// `[not kept]` where only a fingerprint is.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_blank() {
            return f.pad("(blank)");
        }
        match self {
            Value::Null => f.pad("(blank)"),
            Value::Bool(yes) => write!(f, "{yes}"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Decimal(number) => write!(f, "{number}"),
            Value::Text(text) | Value::Choice(text) => f.pad(text),
            Value::Date(day) => write!(f, "{day}"),
            Value::Time(time) => write!(f, "{time}"),
            Value::Instant(at) => write!(f, "{at}"),
            Value::Zoned(zoned) => write!(f, "{} {}", zoned.local, zoned.zone),
            Value::Set(items) => write_joined(f, items.iter()),
            Value::List(items) => write_joined(f, items.iter()),
            Value::Map(items) => {
                for (i, (key, item)) in items.iter().enumerate() {
                    write!(f, "{}{key}: {item}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Value::Money(money) => write!(f, "{} {}", money.amount, money.currency),
            Value::Ref(reference) => write!(f, "{}/{}", reference.object, reference.id),
            Value::Kept(_) => f.pad("[not kept]"),
        }
    }
}

fn write_joined<'a>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = &'a Value>,
) -> fmt::Result {
    for (i, item) in items.enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
    }
    Ok(())
}

/// Decimals as text, so that no reader makes a float of them.
mod decimal_text {
    use rust_decimal::Decimal;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Decimal, s: S) -> Result<S::Ok, S::Error> {
        // Compact formats write the length first, and would print it twice to know that.
        s.serialize_str(&d.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Decimal, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blanks_are_equivalent_in_any_type() {
        let blanks = [Value::Null, Value::from(""), Value::from("  "), Value::Set(BTreeSet::new())];
        for a in &blanks {
            for b in &blanks {
                assert!(a.equivalent(b, &FieldType::Text));
                assert!(!a.changed_from(b));
            }
        }
        assert!(!Value::from("x").equivalent(&Value::Null, &FieldType::Text));
    }

    #[test]
    fn phones_are_compared_by_digits_and_a_leading_plus() {
        let same = |a: &str, b: &str| Value::from(a).equivalent(&Value::from(b), &FieldType::Phone);
        assert!(same("(256) 593-8310", "256 593 8310"));
        assert!(same("+1 256 593 8310", "+12565938310"));
        assert!(!same("+1 256 593 8310", "1 256 593 8310"));
        assert!(!same("n/a", "none"));
    }

    #[test]
    fn numbers_are_compared_as_decimals_and_mails_without_case() {
        let half = |text: &str| Value::Decimal(text.parse().unwrap());
        assert!(half("1.50").equivalent(&half("1.5"), &FieldType::Decimal));
        assert!(Value::Int(2).equivalent(&half("2.0"), &FieldType::Decimal));
        assert!(Value::from("Ann@X.io").equivalent(&Value::from(" ann@x.io"), &FieldType::Email));
        assert!(!Value::from("Ann").equivalent(&Value::from("ann"), &FieldType::Text));
    }
}
