//! Values of a field's type for representative cases: one from before, one new on each side.

use chrono::{NaiveDate, NaiveTime};
use rust_decimal::Decimal;

use super::Holds;
use crate::mapping::PairEnd;
use crate::model::{
    FieldType, Money, RecordId, Reference, Side, Sides, Slot, Timestamp, Value, Zoned,
};

/// The values of a pair in each case, on each side.
pub(super) struct Sample {
    types: Sides<Vec<FieldType>>,
}

impl Sample {
    /// The source's types are both sides' where there are as many fields: the transform, which
    /// would carry one into the other, is left out.
    pub(super) fn of(ends: &Sides<PairEnd>) -> Self {
        let types = ends.as_ref().map(|end| end.types.to_vec());
        if types.source.len() == types.target.len() {
            return Self { types: Sides::new(types.source.clone(), types.source) };
        }
        Self { types }
    }

    /// What a side's fields hold.
    pub(super) fn slots(&self, side: Side, holds: Holds) -> Vec<Slot> {
        let value = |field_type: &FieldType| match holds {
            Holds::Nothing => Slot::Absent,
            Holds::Blank => Slot::Present(Value::Null),
            Holds::Before => Slot::Present(nth(field_type, 0)),
            Holds::Own => Slot::Present(nth(field_type, 1)),
            Holds::Theirs => Slot::Present(nth(field_type, 2)),
        };
        self.types[side].iter().map(value).collect()
    }
}

/// The n-th of three values of this type that differ.
fn nth(field_type: &FieldType, n: u8) -> Value {
    let word = ["before", "edited here", "and there"][usize::from(n)];
    match field_type {
        FieldType::Bool => {
            [Value::Null, Value::Bool(true), Value::Bool(false)][usize::from(n)].clone()
        }
        FieldType::Int => Value::Int(n.into()),
        FieldType::Decimal => Value::Decimal(Decimal::from(n)),
        FieldType::Text => word.into(),
        FieldType::Email => format!("{n}@example.com").into(),
        FieldType::Phone => format!("+1 256 555 010{n}").into(),
        FieldType::Date => day(n).map_or(Value::Null, Value::Date),
        FieldType::Time => {
            let time = NaiveTime::from_hms_opt(u32::from(n), 0, 0);
            time.map_or(Value::Null, Value::Time)
        }
        FieldType::Instant => Value::Instant(Timestamp::from_secs(n.into())),
        FieldType::Zoned => match day(n).and_then(|day| day.and_hms_opt(0, 0, 0)) {
            Some(local) => Value::Zoned(Zoned { local, zone: "Etc/UTC".into() }),
            None => Value::Null,
        },
        FieldType::Choice { options } => {
            Value::Choice(options.get(usize::from(n)).map_or(word, String::as_str).to_owned())
        }
        FieldType::Set { item } => {
            let kept = nth(item, 0);
            Value::Set([kept, nth(item, n)].into())
        }
        FieldType::List { item } => Value::List(vec![nth(item, n)]),
        FieldType::Map => Value::Map([("a".to_owned(), word.into())].into()),
        FieldType::Money => {
            Value::Money(Money { amount: Decimal::from(n), currency: "USD".into() })
        }
        FieldType::Ref { object } => match RecordId::new(format!("record-{n}")) {
            Ok(id) => Value::Ref(Reference { object: object.clone(), id }),
            Err(_) => Value::Null,
        },
    }
}

fn day(n: u8) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(2026, 1, 1 + u32::from(n))
}
