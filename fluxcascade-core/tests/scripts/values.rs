//! Values that nobody wrote before, how systems write them down, and the form in which they can be
//! compared all the same.

use std::sync::Arc;

use fluxcascade_core::model::{FieldName, Side, Value};
use fluxcascade_core::testkit::Normaliser;

use crate::setup::{PAIRS, SCORE, TAGS, mail};

/// How a system writes values down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hand {
    AsSent,
    Upper,
    Lower,
    /// Without white space at the ends.
    Trims,
    /// At most nine characters.
    Cuts,
    /// Numbers to the tens, text without what is no letter and no digit.
    Rounds,
}

/// A value for a pair that no edit before has written. Texts are of different lengths, and alike
/// only if they are the same in their first nine characters, whatever their case.
pub(crate) fn unique(pair: usize, number: usize) -> Value {
    if pair == SCORE {
        // Up and down, so that the larger is not always the later.
        let sign = if number.is_multiple_of(2) { 1 } else { -1 };
        return Value::Int(sign * (10 * i64::try_from(number).unwrap() + 3));
    }
    if pair == TAGS {
        return Value::Set([Value::from(format!("t{}", 1_000_000 + number))].into());
    }
    let tail = ["", " ", "-x", "-xyz "][number % 4];
    Value::from(format!("Vv{}{tail}", 1_000_000 + number))
}

/// The form in which values are the same, whoever has written them down.
pub(crate) fn form(value: &Value) -> Value {
    match value {
        Value::Text(text) => {
            let plain: String = text.chars().filter(char::is_ascii_alphanumeric).take(9).collect();
            Value::from(plain.to_lowercase())
        }
        Value::Int(number) => Value::Int(number / 10),
        other => other.clone(),
    }
}

/// Keys are left as they are, so that records are told apart by them.
pub(crate) fn normaliser(hand: Hand) -> Option<Normaliser> {
    if hand == Hand::AsSent {
        return None;
    }
    Some(Arc::new(move |field: &FieldName, value: &Value| {
        let is_key = Side::BOTH.iter().any(|&side| mail(side) == field.as_str());
        if is_key {
            return None;
        }
        match value {
            Value::Text(text) => Some(Value::from(hand.text(text))),
            Value::Int(number) if hand == Hand::Rounds => Some(Value::Int(number / 10 * 10)),
            _ => None,
        }
    }))
}

impl Hand {
    fn text(self, text: &str) -> String {
        match self {
            Hand::AsSent => text.to_owned(),
            Hand::Upper => text.to_uppercase(),
            Hand::Lower => text.to_lowercase(),
            Hand::Trims => text.trim().to_owned(),
            Hand::Cuts => text.chars().take(9).collect(),
            Hand::Rounds => text.chars().filter(char::is_ascii_alphanumeric).collect(),
        }
    }
}

/// The fields of a pair on a side.
pub(crate) fn fields(pair: usize, side: Side) -> &'static [&'static str] {
    PAIRS[pair].fields[side]
}
