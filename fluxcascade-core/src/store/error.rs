//! What can go wrong in a store.

use crate::codec::CodecError;

/// What sort of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// Another sync of the mapping is under way.
    Busy,
    /// A later lease was given: this one's holder must stop.
    LeaseLost,
    /// The store was written by a later version.
    Newer,
    /// What is stored cannot be read.
    Damaged,
    /// What is stored is sealed with a key that is not at hand.
    Locked,
    /// A call that breaks the contract: a defect of the caller.
    Misuse,
    /// The storage failed: disk, network, database.
    Failed,
}

/// An error of a store. The call that it answers has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What sort of error it is.
    pub kind: StoreErrorKind,
    /// What happened, and what to do.
    pub message: String,
}

impl StoreError {
    /// An error of this kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The storage failed, with its own words.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::new(StoreErrorKind::Failed, format!("the store failed: {error}"))
    }

    /// Whether the same call may work later.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy | StoreErrorKind::Failed)
    }
}

impl From<CodecError> for StoreError {
    fn from(error: CodecError) -> Self {
        let kind = match error {
            CodecError::Newer { .. } => StoreErrorKind::Newer,
            CodecError::Damaged { .. } => StoreErrorKind::Damaged,
        };
        Self::new(kind, error.to_string())
    }
}
