//! What became of a write: out of the answer to its mutation, or out of what came instead.

use std::ops::Range;

use fluxcascade_core::connector::{ConnectorError, ErrorKind, WriteOutcome};
use fluxcascade_core::model::{RecordId, State};

use super::super::client::envelope;
use super::super::convert;
use super::super::document::Document;
use super::super::error;
use super::super::fields::Field;
use super::super::mutation::Mutation;
use super::super::object::Object;
use super::super::read::is_separable;
use super::super::wire::{ByAlias, GraphError, Payload, Segment};
use super::{Goal, Ready};
use crate::http::{Failure, Fate};

/// The answer to one mutation of a document.
pub(super) struct Answered<'a> {
    pub(super) document: &'a Document,
    pub(super) errors: &'a [GraphError],
    pub(super) n: usize,
    pub(super) part: &'a Mutation,
}

impl Answered<'_> {
    /// What became of a change of a record that was there.
    pub(super) fn of_change(
        &self,
        object: Object,
        payloads: &ByAlias,
        ready: &Ready,
    ) -> WriteOutcome {
        let payload = match self.payload(object, payloads, &ready.fields) {
            Ok(payload) => payload,
            Err(outcome) => return *outcome,
        };
        match payload.written(self.part.payload) {
            Some(written) => applied(ready.record.clone(), written.updated_at.as_deref()),
            // What is gone need not be shown once more.
            None if ready.goal == Goal::Deleted => applied(ready.record.clone(), None),
            // Nothing written and no refusal: what was done may be hidden from this app.
            None => nothing_heard(),
        }
    }

    /// What became of a create.
    pub(super) fn of_create(
        &self,
        object: Object,
        payloads: &ByAlias,
        written: &[Field],
    ) -> WriteOutcome {
        let payload = match self.payload(object, payloads, written) {
            Ok(payload) => payload,
            Err(outcome) => return *outcome,
        };
        let Some(made) = payload.written(self.part.payload) else { return nothing_heard() };
        match convert::record_id(&made.id) {
            Ok(record) => applied(record, made.updated_at.as_deref()),
            Err(error) => WriteOutcome::Unknown(error),
        }
    }

    /// The payload, if it refuses nothing.
    fn payload(
        &self,
        object: Object,
        payloads: &ByAlias,
        written: &[Field],
    ) -> Result<Payload, Box<WriteOutcome>> {
        let Some(raw) = payloads.get(&alias(self.n)).and_then(Option::as_deref) else {
            let own = about(self.errors, self.n..self.n + 1);
            let failed = |own| failed_alone(object, own, self.document);
            return Err(Box::new(own.map_or_else(nothing_heard, failed)));
        };
        let Ok(payload) = serde_json::from_str::<Payload>(raw.get()) else {
            return Err(Box::new(nothing_heard()));
        };
        if payload.user_errors.is_empty() {
            return Ok(payload);
        }
        let (fields, mut error) = error::of_user_errors(object, &payload.user_errors, written);
        error.message = self.document.scrub(&error.message);
        Err(Box::new(WriteOutcome::Rejected { fields, error }))
    }
}

fn alias(n: usize) -> String {
    format!("e{n}")
}

/// The first error that is about one of these mutations.
pub(super) fn about(errors: &[GraphError], parts: Range<usize>) -> Option<&GraphError> {
    let mut aliases = parts.map(|n| Segment::Key(alias(n)));
    aliases.find_map(|alias| errors.iter().find(|error| error.path.first() == Some(&alias)))
}

pub(super) fn applied(record: RecordId, updated_at: Option<&str>) -> WriteOutcome {
    let version = convert::version(updated_at).unwrap_or_default();
    WriteOutcome::Applied { record, version, values: None }
}

pub(super) fn rejected(error: ConnectorError) -> WriteOutcome {
    WriteOutcome::Rejected { fields: error.fields.clone(), error }
}

pub(super) fn not_there(object: Object, state: &State) -> ConnectorError {
    let kind = match state {
        State::Archived(_) | State::Missing | State::Deleted(_) | State::MergedInto(_) => {
            ErrorKind::NotFound
        }
        State::OutOfScope => ErrorKind::Permission,
        State::Known { .. } | State::Unreadable(_) => ErrorKind::Protocol,
    };
    let one = object.one();
    ConnectorError::new(kind, format!("the {one} cannot be edited: it is {}", state.word()))
}

pub(super) fn nothing_heard() -> WriteOutcome {
    WriteOutcome::Unknown(ConnectorError::new(
        ErrorKind::Protocol,
        "jobber does not say what became of the write",
    ))
}

pub(super) fn unread(error: ConnectorError) -> Failure {
    Failure { fate: Fate::Unknown, error, answer: None }
}

/// The errors of GraphQL in an answer that had no data.
pub(super) fn errors_of(failure: &Failure) -> Vec<GraphError> {
    failure.answer.as_deref().and_then(envelope).map(|envelope| envelope.errors).unwrap_or_default()
}

/// What became of a write whose whole document failed.
pub(super) fn failed(object: Object, failure: &Failure) -> WriteOutcome {
    let errors = errors_of(failure);
    // Said of the whole document, so that none of it was begun.
    let of_all = errors.iter().find(|error| error.path.is_empty() && error::is_hidden(error));
    if let Some(of_all) = of_all.filter(|_| failure.fate == Fate::Unknown) {
        return WriteOutcome::NotSent(error::no_write_scope(object, of_all));
    }
    let error = failure.error.clone();
    match failure.fate {
        Fate::Unknown => WriteOutcome::Unknown(error),
        // The content is refused for good; a token, a scope or a version can be set right.
        Fate::Refused if is_separable(failure) => rejected(error),
        Fate::NotSent | Fate::Refused => WriteOutcome::NotSent(error),
    }
}

/// What became of a write that an error of GraphQL names.
pub(super) fn failed_alone(
    object: Object,
    error: &GraphError,
    document: &Document,
) -> WriteOutcome {
    if error::lacks_write_scope(error) {
        return WriteOutcome::NotSent(error::no_write_scope(object, error));
    }
    // Below the mutation only its answer failed: it was carried out, whatever the answer lacks.
    let is_done = error.path.len() > 1;
    let mut error = error::of_graph(error);
    error.message = document.scrub(&error.message);
    if is_done {
        return WriteOutcome::Unknown(error);
    }
    match error.kind {
        ErrorKind::RateLimited | ErrorKind::Auth => WriteOutcome::NotSent(error),
        ErrorKind::Validation | ErrorKind::NotFound | ErrorKind::Permanent => rejected(error),
        // Hidden may be the answer alone; an inner failure may be half a success.
        ErrorKind::Permission
        | ErrorKind::Transient
        | ErrorKind::PreconditionFailed
        | ErrorKind::PositionLost
        | ErrorKind::Protocol => WriteOutcome::Unknown(error),
    }
}
