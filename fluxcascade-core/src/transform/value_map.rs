//! A table of values: `customer` here is `ACTIVE` there.

use serde::{Deserialize, Serialize};

use super::{Refusal, Shape, Transform};
use crate::model::{Slot, Value};

/// A table of (source, target) values. A value that is not in it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValueMap(Vec<(Value, Value)>);

impl ValueMap {
    /// A table of these rows.
    pub fn new(rows: impl IntoIterator<Item = (Value, Value)>) -> Self {
        Self(rows.into_iter().collect())
    }

    /// Each value may stand in one row only, or one direction would have to guess.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        for (i, (source, target)) in self.0.iter().enumerate() {
            if let Some((other, _)) = self.0[..i].iter().find(|(s, t)| s == source || t == target) {
                let twice = if other == source { source } else { target };
                return Err(Refusal(format!(
                    "value_map has {twice:?} in two rows: keep one of them"
                )));
            }
        }
        Ok(())
    }

    fn each(slots: &[Slot], find: impl Fn(&Value) -> Option<Value>) -> Result<Vec<Slot>, Refusal> {
        slots
            .iter()
            .map(|slot| match slot {
                Slot::Present(value) if !value.is_blank() => find(value)
                    .map(Slot::Present)
                    .ok_or_else(|| Refusal("value_map has no row for this value: add one".into())),
                Slot::Absent | Slot::Present(_) => Ok(slot.clone()),
            })
            .collect()
    }
}

/// A table's cell matches a value of the same text, be it text or a choice.
fn same(cell: &Value, value: &Value) -> bool {
    cell == value || matches!((cell.as_text(), value.as_text()), (Some(c), Some(v)) if c == v)
}

impl Transform for ValueMap {
    fn name(&self) -> &'static str {
        "value_map"
    }

    fn shape(&self) -> Shape {
        Shape::Each
    }

    fn forward(&self, source: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        Self::each(source, |value| {
            self.0.iter().find(|(s, _)| same(s, value)).map(|(_, t)| t.clone())
        })
    }

    fn backward(&self, target: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        Self::each(target, |value| {
            self.0.iter().find(|(_, t)| same(t, value)).map(|(s, _)| s.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_goes_there_and_back_and_an_unknown_one_is_refused() {
        let map = ValueMap::new([("customer".into(), "ACTIVE".into())]);
        let there = map.forward(&[Value::Choice("customer".into()).into()]).unwrap();
        assert_eq!(there, [Slot::Present("ACTIVE".into())]);
        assert_eq!(map.backward(&there).unwrap(), [Slot::Present("customer".into())]);
        assert!(map.forward(&[Value::from("lead").into()]).is_err());
        assert_eq!(map.forward(&[Value::Null.into()]).unwrap(), [Slot::Present(Value::Null)]);
    }

    #[test]
    fn a_table_that_repeats_a_value_is_refused() {
        let map = ValueMap::new([("a".into(), "x".into()), ("b".into(), "x".into())]);
        assert!(map.check().is_err());
    }
}
