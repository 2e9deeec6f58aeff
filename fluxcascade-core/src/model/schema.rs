//! What a system says about an object type's fields: their types, and how changes to them show.

use serde::{Deserialize, Serialize};

use super::id::{FieldName, ObjectType};

/// A field's type, as far as comparing and converting its values needs it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A decimal number.
    Decimal,
    /// Text.
    Text,
    /// An e-mail address: compared without case.
    Email,
    /// A phone number: compared by its digits and a leading +.
    Phone,
    /// A calendar day.
    Date,
    /// A time of day.
    Time,
    /// An instant.
    Instant,
    /// A local time with its zone.
    Zoned,
    /// One of these codes; empty if the system does not list them.
    Choice {
        /// The codes that the field takes.
        options: Vec<String>,
    },
    /// Values without order or repetition.
    Set {
        /// What the set holds.
        item: Box<FieldType>,
    },
    /// Values in order.
    List {
        /// What the list holds.
        item: Box<FieldType>,
    },
    /// Named values.
    Map,
    /// An amount in a currency.
    Money,
    /// Another record.
    Ref {
        /// Its object type.
        object: ObjectType,
    },
}

impl FieldType {
    /// The object type that its values, or the items of its values, refer to.
    pub fn refers_to(&self) -> Option<&ObjectType> {
        match self {
            FieldType::Ref { object } => Some(object),
            FieldType::Set { item } | FieldType::List { item } => item.refers_to(),
            FieldType::Bool
            | FieldType::Int
            | FieldType::Decimal
            | FieldType::Text
            | FieldType::Email
            | FieldType::Phone
            | FieldType::Date
            | FieldType::Time
            | FieldType::Instant
            | FieldType::Zoned
            | FieldType::Choice { .. }
            | FieldType::Map
            | FieldType::Money => None,
        }
    }
}

/// How a change of a field becomes known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// An incremental read returns the record.
    #[default]
    Incremental,
    /// Only a webhook tells, or a sweep.
    Webhook,
    /// Only a full read shows it.
    Sweep,
}

/// A field of an object type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// Its name.
    pub name: FieldName,
    /// Its type.
    pub field_type: FieldType,
    /// A create without it is refused.
    pub required: bool,
    /// It cannot be written.
    pub read_only: bool,
    /// The system keeps its values unique among records.
    pub unique: bool,
    /// How changes of it become known.
    pub seen_by: SeenBy,
}

impl FieldSchema {
    /// An ordinary field: optional, writable, seen by incremental reads.
    pub fn new(name: FieldName, field_type: FieldType) -> Self {
        Self {
            name,
            field_type,
            required: false,
            read_only: false,
            unique: false,
            seen_by: SeenBy::Incremental,
        }
    }

    /// The same field, not writable.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The same field, needed by every create.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same field, unique among records.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }
}

/// An object type's fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectSchema {
    /// The object type.
    pub object: ObjectType,
    /// Its fields, in the system's order.
    pub fields: Vec<FieldSchema>,
}

impl ObjectSchema {
    /// The field of this name.
    pub fn field(&self, name: &FieldName) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| &field.name == name)
    }
}
