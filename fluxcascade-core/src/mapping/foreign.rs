//! Fields of ours that hold the id of the other side's record. They are outside of all pairs.

use super::Mapping;
use super::compile::{slot_of, type_of};
use super::pair::FieldPair;
use super::policy::IdWrites;
use crate::model::{
    FieldName, FieldType, ObjectSchema, PairId, Projection, RecordId, Side, Sides, Value,
};

/// The field of a side that holds the id of the other side's record.
#[derive(Debug, Clone)]
pub struct CompiledForeignId {
    /// The field.
    pub field: FieldName,
    /// Its slot in a record.
    pub slot: usize,
    /// When it is written.
    pub writes: IdWrites,
    /// Whether the system keeps its values unique among its records.
    pub unique: bool,
    field_type: FieldType,
}

impl CompiledForeignId {
    pub(super) fn new(
        mapping: &Mapping,
        side: Side,
        projections: &Sides<Projection>,
        schemas: Sides<&ObjectSchema>,
    ) -> Option<Self> {
        let foreign = mapping.foreign_ids[side].as_ref()?;
        Some(Self {
            field: foreign.field.clone(),
            slot: slot_of(&projections[side], &foreign.field),
            writes: foreign.writes,
            unique: schemas[side].field(&foreign.field).is_some_and(|known| known.unique),
            field_type: type_of(schemas[side], &foreign.field),
        })
    }

    /// What the log and holds call it, where others have their pair's id.
    pub fn pair_id(&self) -> PairId {
        let id = PairId::new(format!("id in {}", self.field)).ok();
        FieldPair { id, ..FieldPair::new(vec![self.field.clone()], Vec::new()) }.id()
    }

    /// A record's id as the field holds it.
    pub fn value(&self, id: &RecordId) -> Value {
        match (&self.field_type, id.as_str().parse::<i64>()) {
            (FieldType::Int, Ok(number)) => Value::Int(number),
            _ => Value::Text(id.as_str().into()),
        }
    }
}

/// Whether a field that holds this value holds the id.
pub(crate) fn holds_id(held: &Value, id: &RecordId) -> bool {
    id_in(held).as_deref() == Some(id.as_str())
}

/// The id that a field holds; `None` if it holds none.
pub(crate) fn id_in(value: &Value) -> Option<String> {
    if value.is_blank() {
        return None;
    }
    let text = value.as_text().map_or_else(|| value.to_string(), str::to_owned);
    Some(text.trim().to_owned())
}
