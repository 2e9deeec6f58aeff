//! What can go wrong at a system: a kind to branch on, and the vendor's words as data.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::FieldName;
use crate::model::cursor::CursorError;

/// What sort of error it is; the engine branches on this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The credentials are not accepted: reconnect.
    Auth,
    /// The credentials do not allow this.
    Permission,
    /// Too many requests; see `retry_after`.
    RateLimited,
    /// It does not exist.
    NotFound,
    /// The request's content is refused; see `fields`.
    Validation,
    /// The record has moved on.
    PreconditionFailed,
    /// A place in the changes is not taken any more: everything is read anew.
    PositionLost,
    /// It may work later: a network fault, an overloaded server.
    Transient,
    /// It will not work later either.
    Permanent,
    /// The answer is not what the system's documentation says.
    Protocol,
}

impl ErrorKind {
    /// What to do about it, in words.
    pub fn next_step(self) -> &'static str {
        match self {
            ErrorKind::Auth => "reconnect the account: its credentials are not accepted",
            ErrorKind::Permission => "give the account the permission, or leave the field out",
            ErrorKind::RateLimited => "nothing: it goes on when the system takes requests again",
            ErrorKind::NotFound => "look whether the record, or the field, still exists there",
            ErrorKind::Validation => "mend the value in the system that it comes from",
            ErrorKind::PreconditionFailed => "nothing: it is decided anew on what is there now",
            ErrorKind::PositionLost => "nothing: everything is read anew",
            ErrorKind::Transient => "nothing: it is tried again by itself",
            ErrorKind::Permanent => "change the record or the mapping: the system never takes this",
            ErrorKind::Protocol => {
                "report it with the connector's version: the answer is not as documented"
            }
        }
    }
}

/// An error at a system.
///
/// The text says what happened and what to do. No token and no value of a sensitive field is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorError {
    /// What sort of error it is.
    pub kind: ErrorKind,
    /// What happened, and what to do.
    pub message: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The vendor's code for it.
    pub code: Option<String>,
    /// The fields that the vendor named.
    pub fields: Vec<FieldName>,
    /// When to try again, as the vendor says.
    pub retry_after: Option<Duration>,
    /// The vendor's id of the request, for their support.
    pub correlation: Option<String>,
}

impl ConnectorError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            status: None,
            code: None,
            fields: Vec::new(),
            retry_after: None,
            correlation: None,
        }
    }

    /// What [`Reader::find`](super::Reader::find) says of a field by which there is no look-up, now or
    /// later: so records are not looked for by it any more, and a person is asked where nothing else tells.
    ///
    /// ```
    /// use fluxcascade_core::connector::ConnectorError;
    /// use fluxcascade_core::model::FieldName;
    /// let field = FieldName::new("birthday")?;
    /// let error = ConnectorError::no_look_up(field.clone(), "there is no look-up by `birthday`");
    /// assert!(error.is_no_look_up(&field));
    /// # Ok::<(), fluxcascade_core::model::IdError>(())
    /// ```
    pub fn no_look_up(field: FieldName, message: impl Into<String>) -> Self {
        Self { fields: vec![field], ..Self::new(ErrorKind::Permanent, message) }
    }

    /// Whether it says that there is no look-up by this field: a permanent error that names it alone, and
    /// that is the connector's own. What a system has answered may be about anything, and may pass.
    pub fn is_no_look_up(&self, field: &FieldName) -> bool {
        let is_own = self.status.is_none() && self.code.is_none() && self.correlation.is_none();
        is_own
            && self.kind == ErrorKind::Permanent
            && self.retry_after.is_none()
            && self.fields.as_slice() == std::slice::from_ref(field)
    }

    /// Whether the same request may work later.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::RateLimited | ErrorKind::Transient => true,
            ErrorKind::Auth
            | ErrorKind::Permission
            | ErrorKind::NotFound
            | ErrorKind::Validation
            | ErrorKind::PreconditionFailed
            | ErrorKind::PositionLost
            | ErrorKind::Permanent
            | ErrorKind::Protocol => false,
        }
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(status) = self.status {
            write!(f, " (HTTP {status}")?;
            if let Some(correlation) = &self.correlation {
                write!(f, ", correlation id {correlation}")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectorError {}

impl From<CursorError> for ConnectorError {
    fn from(error: CursorError) -> Self {
        Self::new(ErrorKind::Protocol, error.to_string())
    }
}
