//! Pairs and match rules as a mapping states them.

use serde::{Deserialize, Serialize};

use super::{Direction, OnChange};
use crate::model::{FieldName, MappingName, PairId, Side};
use crate::resolver::Strategies;
use crate::transform::TransformSpec;

/// Which way a pair flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairDirection {
    /// Both ways.
    #[default]
    Bidirectional,
    /// From the source to the target.
    SourceOnly,
    /// From the target to the source.
    TargetOnly,
}

impl PairDirection {
    /// Whether this side is ever written for the pair.
    pub fn writes_to(self, side: Side) -> bool {
        match self {
            PairDirection::Bidirectional => true,
            PairDirection::SourceOnly => side == Side::Target,
            PairDirection::TargetOnly => side == Side::Source,
        }
    }
}

impl From<Direction> for PairDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Bidirectional => PairDirection::Bidirectional,
            Direction::SourceToTarget => PairDirection::SourceOnly,
            Direction::TargetToSource => PairDirection::TargetOnly,
        }
    }
}

/// What is done with an edit against a one-way pair's direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// It stays, and the log says so.
    #[default]
    Leave,
    /// It is set back.
    Restore,
}

/// What is kept of a pair's values where they are stored: in bases, the inbox, intents, the log and
/// conflict rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseKeeping {
    /// The values.
    #[default]
    Values,
    /// Fingerprints with the tenant's key, and no value. What has changed is told all the same; what
    /// has lost a conflict, or was overwritten, can be proven by its fingerprint, and not be read.
    ///
    /// Nothing is merged for such a pair (no `union`, `append`, or values of a person's own), and its
    /// records are read by id before anything is decided for them. The key lies in the same store,
    /// unless that is sealed: who has both can try values.
    Fingerprints,
}

/// Fields that are tied: the unit of decision, base and conflict.
///
/// A pair of several fields (an address, an amount and its currency) has changed if one of them
/// has, and is written whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldPair {
    /// Its name; unset: made of its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PairId>,
    /// The source's fields.
    #[serde(with = "one_or_many")]
    pub source: Vec<FieldName>,
    /// The target's fields.
    #[serde(with = "one_or_many")]
    pub target: Vec<FieldName>,
    /// Which way it flows; unset: as the mapping does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<PairDirection>,
    /// Transforms, in order from source to target.
    #[serde(default, rename = "transform", skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<TransformSpec>,
    /// A blank on the side that it flows from is refused, never written.
    #[serde(default)]
    pub required: bool,
    /// Its values are in no log line, error text or printed plan.
    #[serde(default)]
    pub sensitive: bool,
    /// How its conflicts are decided; unset: as the mapping says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<Strategies>,
    /// How it is decided when linked records hold different values; unset: as the mapping says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_link: Option<Strategies>,
    /// What is done with an edit against its direction.
    #[serde(default)]
    pub drift: Drift,
    /// Pairs of one group conflict together: one side wins all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its values refer to records of this mapping's endpoints, and are translated by its links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<MappingName>,
    /// What is done when its transform was changed.
    #[serde(default)]
    pub on_change: OnChange,
    /// What is kept of its values.
    #[serde(default)]
    pub base: BaseKeeping,
}

impl FieldPair {
    /// A pair of these fields with everything by default.
    pub fn new(source: Vec<FieldName>, target: Vec<FieldName>) -> Self {
        Self {
            id: None,
            source,
            target,
            direction: None,
            transforms: Vec::new(),
            required: false,
            sensitive: false,
            conflicts: None,
            first_link: None,
            drift: Drift::Leave,
            group: None,
            reference: None,
            on_change: OnChange::Keep,
            base: BaseKeeping::Values,
        }
    }

    /// The fields of a side.
    pub fn fields(&self, side: Side) -> &[FieldName] {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Its name: the given one, or `source fields = target fields`, hashed if that is long.
    pub fn id(&self) -> PairId {
        if let Some(id) = &self.id {
            return id.clone();
        }
        let name = self.label();
        PairId::new(&name).unwrap_or_else(|_| {
            let hash = crate::model::Fingerprint::of(&[name.as_bytes()]).to_string();
            // 32 hexadecimal digits are a valid id.
            PairId::new(hash).unwrap_or_else(|_| unreachable!("a hash is a valid pair id"))
        })
    }

    /// Its fields for people: `phone = phones.primary`.
    pub fn label(&self) -> String {
        let join = |fields: &[FieldName]| {
            fields.iter().map(FieldName::as_str).collect::<Vec<_>>().join("+")
        };
        format!("{} = {}", join(&self.source), join(&self.target))
    }

    /// What makes of one side's value the other's, in words that differ where that does.
    pub(super) fn translation(&self) -> String {
        match &self.reference {
            Some(mapping) => format!("{:?} by the links of {mapping}", self.transforms),
            None => format!("{:?}", self.transforms),
        }
    }
}

/// How a match key is brought into one form on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    /// Without regard to case and white space.
    Text,
    /// As an e-mail: without case, and only if there is an @ within it.
    Email,
    /// As a phone: digits and a leading +, at least five digits.
    Phone,
    /// As a phone in E.164. Needs the feature `phone`.
    PhoneE164 {
        /// The region of numbers without a country code.
        region: String,
    },
}

/// Records with the same values in these fields are the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRule {
    /// The source's fields, together the key.
    #[serde(with = "one_or_many")]
    pub source: Vec<FieldName>,
    /// The target's fields, together the key.
    #[serde(with = "one_or_many")]
    pub target: Vec<FieldName>,
    /// How each field is brought into one form; unset: by the fields' types, and phones as the
    /// pair of the same fields has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forms: Option<Vec<KeyForm>>,
}

impl MatchRule {
    /// Its fields for people.
    pub fn label(&self) -> String {
        FieldPair::new(self.source.clone(), self.target.clone()).label()
    }

    /// The fields of a side.
    pub fn fields(&self, side: Side) -> &[FieldName] {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

/// One field, or a list of fields.
mod one_or_many {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::model::FieldName;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(FieldName),
        Many(Vec<FieldName>),
    }

    pub(super) fn serialize<S: Serializer>(fields: &[FieldName], s: S) -> Result<S::Ok, S::Error> {
        match fields {
            [one] => one.serialize(s),
            many => many.serialize(s),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<FieldName>, D::Error> {
        Ok(match OneOrMany::deserialize(d)? {
            OneOrMany::One(field) => vec![field],
            OneOrMany::Many(fields) => fields,
        })
    }
}
