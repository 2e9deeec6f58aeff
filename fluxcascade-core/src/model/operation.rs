//! Operations: writes that were decided. Their intents are durable before a request leaves.

use serde::{Deserialize, Serialize};

use super::conflict::Conflict;
use super::id::{
    FieldName, Fingerprint, LinkId, OperationId, PairId, RecordId, RunNumber, Side, Sides,
};
use super::log::Cause;
use super::time::Timestamp;
use super::value::Value;

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// A new record is made.
    Create,
    /// An existing record is changed.
    Update {
        /// The record.
        record: RecordId,
    },
    /// An existing record is put away.
    Archive {
        /// The record.
        record: RecordId,
    },
    /// An existing record is removed for good.
    Delete {
        /// The record.
        record: RecordId,
    },
    /// An archived record is brought back.
    Restore {
        /// The record.
        record: RecordId,
    },
}

impl OperationKind {
    /// The existing record that it is about.
    pub fn record(&self) -> Option<&RecordId> {
        match self {
            OperationKind::Create => None,
            OperationKind::Update { record }
            | OperationKind::Archive { record }
            | OperationKind::Delete { record }
            | OperationKind::Restore { record } => Some(record),
        }
    }
}

/// The id of the other side's record, written into a field of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The field.
    pub field: FieldName,
    /// The id.
    pub id: RecordId,
}

/// One pair of an intent: all that is needed to settle it without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationPair {
    /// The pair.
    pub pair: PairId,
    /// The fields that it tied when this was decided: a later revision of the mapping may tie others
    /// under the same id. None in what was stored in the first format.
    pub fields: Sides<Vec<FieldName>>,
    /// The origin's value that the plan was made from.
    pub origin: Vec<Value>,
    /// The value that the plan had for the written side (*p*); empty for a create.
    pub planned: Vec<Value>,
    /// The value sent (*v*).
    pub sent: Vec<Value>,
    /// Why.
    pub cause: Cause,
    /// Whether the other half writes it too: then that one says what the other side holds.
    pub joint: bool,
}

impl OperationPair {
    /// Whether a value of it is known by its fingerprint alone.
    pub(crate) fn is_kept(&self) -> bool {
        [&self.origin, &self.planned, &self.sent].into_iter().flatten().any(Value::is_kept)
    }
}

/// A write that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// The link that it serves; for a create, the link that will be made.
    pub link: LinkId,
    /// The side that is written.
    pub side: Side,
    /// The record on the other side, which the values come from.
    pub origin: RecordId,
    /// What it does.
    pub kind: OperationKind,
    /// The pairs written.
    pub pairs: Vec<OperationPair>,
    /// The conflict rows that come with it.
    pub conflicts: Vec<Conflict>,
    /// The match keys that a create claims, by rule.
    pub keys: Vec<(u16, Fingerprint)>,
    /// What a create claims among all mappings of its tenant: fingerprints of its endpoint and keys.
    pub claims: Vec<Fingerprint>,
    /// The id that is written with it.
    pub stamp: Option<Stamp>,
    /// The other half, if pairs of it are written on both sides: neither is done without the other.
    pub joint: Option<OperationId>,
    /// The run that decided it.
    pub run: RunNumber,
    /// The fencing number of the lease under which it was begun.
    pub fence: u64,
    /// When it was begun.
    pub begun: Timestamp,
    /// No request for it leaves after this.
    pub not_after: Timestamp,
}

impl Operation {
    /// Whether it is the half on the source of a write to both sides: it is sent once the other half
    /// is confirmed, and is owed until it is carried out or given up.
    pub fn is_second_half(&self) -> bool {
        self.joint.is_some() && self.side == Side::Source
    }

    /// The pairs that are written on both sides.
    pub(crate) fn joint(&self) -> impl Iterator<Item = &OperationPair> {
        self.pairs.iter().filter(|written| written.joint)
    }

    /// Whether it carries more than the pairs that are written on both sides.
    pub(crate) fn carries_more(&self) -> bool {
        self.pairs.iter().any(|written| !written.joint)
    }

    /// The pairs that are written on both sides alone.
    pub(crate) fn only_joint(&self) -> Self {
        let pairs = self.joint().cloned().collect();
        Self { pairs, conflicts: Vec::new(), ..self.clone() }
    }

    /// What it carries besides them, with its conflict rows.
    pub(crate) fn without_joint(&self) -> Self {
        let mut rest = self.clone();
        rest.pairs.retain(|written| !written.joint);
        rest
    }

    /// Whether these values of the pair are its half of what is written on both sides.
    pub(crate) fn is_joint(&self, pair: &PairId, values: &[Value]) -> bool {
        self.joint().any(|written| written.pair == *pair && written.sent == values)
    }

    /// What a hold keeps of the create that it asks about: an answer is to that one alone.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&[&self.id.0, &self.begun.micros().to_le_bytes()])
    }
}
