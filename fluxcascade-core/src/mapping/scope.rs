//! Filters: which records of a side are in scope.

use super::compile::{slot_of, type_of};
use super::policy::Test;
use super::{CompiledMapping, Mapping};
use crate::model::{FieldType, ObjectSchema, Projection, Side, Sides, Slot, Values};

/// A condition in slots.
#[derive(Debug, Clone)]
pub(super) struct CompiledCondition {
    slot: usize,
    field_type: FieldType,
    test: Test,
}

impl CompiledCondition {
    pub(super) fn all(
        mapping: &Mapping,
        side: Side,
        projections: &Sides<Projection>,
        schemas: Sides<&ObjectSchema>,
    ) -> Box<[Self]> {
        let conditions = mapping.filter[side].iter();
        conditions
            .map(|condition| Self {
                slot: slot_of(&projections[side], &condition.field),
                field_type: type_of(schemas[side], &condition.field),
                test: condition.test.clone(),
            })
            .collect()
    }

    fn is_met(&self, values: &Values) -> bool {
        let Slot::Present(value) = &values[self.slot] else { return false };
        match &self.test {
            Test::Equals(wanted) => value.equivalent(wanted, &self.field_type),
            Test::Differs(unwanted) => !value.equivalent(unwanted, &self.field_type),
            Test::OneOf(wanted) => wanted.iter().any(|one| value.equivalent(one, &self.field_type)),
            Test::IsBlank => value.is_blank(),
            Test::IsNotBlank => !value.is_blank(),
        }
    }
}

impl CompiledMapping {
    /// Whether a record with these values is in scope: it meets all conditions of its side.
    pub fn is_in_scope(&self, side: Side, values: &Values) -> bool {
        self.filters[side].iter().all(|condition| condition.is_met(values))
    }
}
