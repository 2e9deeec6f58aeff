//! What happens to records, for those who are told of it.

use fluxcascade_core::Timestamp;

use super::record::Author;

/// Something that happened to a record.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// The object type's id.
    pub(super) object: String,
    pub(super) id: u64,
    pub(super) what: What,
    pub(super) by: Author,
    pub(super) at: Timestamp,
}

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum What {
    Creation,
    PropertyChange { name: String, value: String },
    Deletion,
    PrivacyDeletion,
    Restore,
    Merge { primary: u64, others: Vec<u64>, new: Option<u64> },
    Association { to_object: String, to: u64, type_id: u64, removed: bool, primary: bool },
}
