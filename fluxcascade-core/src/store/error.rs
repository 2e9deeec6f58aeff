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
    /// The answer to a commit was lost: the call has done all that it was to do, or nothing. Which
    /// of both stands once the mapping's next lease is given, and is read then.
    Unanswered,
}

/// An error of a store. The call that it answers has changed nothing, unless it is
/// [`Unanswered`](StoreErrorKind::Unanswered).
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

    /// The answer to a call's commit was lost, and why.
    pub fn unanswered(why: impl std::fmt::Display) -> Self {
        Self::new(
            StoreErrorKind::Unanswered,
            format!(
                "the answer to a commit was lost ({why}): it may have been done, so read what is stored before doing it again; a run does"
            ),
        )
    }

    /// Whether another run may work later. A single call may be made again, too, unless it was
    /// [`Unanswered`](StoreErrorKind::Unanswered): it could be done twice.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            StoreErrorKind::Busy | StoreErrorKind::Failed | StoreErrorKind::Unanswered => true,
            StoreErrorKind::LeaseLost
            | StoreErrorKind::Newer
            | StoreErrorKind::Damaged
            | StoreErrorKind::Locked
            | StoreErrorKind::Misuse => false,
        }
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
