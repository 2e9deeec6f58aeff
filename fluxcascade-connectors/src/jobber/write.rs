//! Writes: edits in documents of several, creates one by one, and what became of each.
//!
//! What an edit depends on, a list or an address, is read directly before it. An answer is no
//! proof of what was stored, so no outcome has values; `updatedAt` is taken as the version.

use std::collections::HashMap;

use fluxcascade_core::connector::{
    ConnectorError, ErrorKind, Write, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{RecordId, State, Timestamp};

use super::client::{Api, Sending, envelope};
use super::convert;
use super::convert::input::{Change, Current};
use super::document::{ClientEdit, Document};
use super::error;
use super::fields::{ClientField, known_fields};
use super::read::{LookedUp, READ_BATCH, by_id, is_separable};
use super::wire::{ByAlias, GraphError, Payload, Segment};
use crate::http::{Failure, Fate};

/// An edit on its way, with its place among the writes.
struct Pending {
    place: usize,
    record: RecordId,
    change: Change,
}

/// An edit that is ready to be sent.
struct Ready {
    place: usize,
    edit: ClientEdit,
    fields: Vec<ClientField>,
}

/// A batch of writes under way.
pub(super) struct Writing<'a> {
    api: &'a Api,
    not_after: Timestamp,
    /// The fields whose values somebody watches.
    watched: Vec<ClientField>,
    outcomes: Vec<Option<WriteOutcome>>,
}

/// Carries out a batch; edits are sent this many in a document.
pub(super) async fn write(
    api: &Api,
    edits_per_request: usize,
    request: WriteRequest,
) -> Vec<WriteOutcome> {
    let count = request.writes.len();
    let watched = match known_fields(request.projection.fields()) {
        Ok(watched) => watched,
        Err(error) => return vec![WriteOutcome::NotSent(error); count],
    };
    let mut writing =
        Writing { api, not_after: request.not_after, watched, outcomes: vec![None; count] };
    let (edits, creates) = writing.sort(&request.writes);
    for group in groups(edits, edits_per_request) {
        writing.edit(group).await;
    }
    for (place, change) in creates {
        writing.create(place, &change).await;
    }
    writing.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(nothing_heard)).collect()
}

/// Cuts edits into documents. One record is never twice in one: the second edit depends on what
/// the first leaves.
fn groups(edits: Vec<Pending>, size: usize) -> Vec<Vec<Pending>> {
    let mut groups: Vec<Vec<Pending>> = Vec::new();
    for edit in edits {
        match groups.last_mut() {
            Some(group)
                if group.len() < size.clamp(1, READ_BATCH)
                    && group.iter().all(|other| other.record != edit.record) =>
            {
                group.push(edit);
            }
            Some(_) | None => groups.push(vec![edit]),
        }
    }
    groups
}

impl Writing<'_> {
    /// Sorts edits from creates, and refuses what cannot be written at all.
    fn sort(&mut self, writes: &[Write]) -> (Vec<Pending>, Vec<(usize, Change)>) {
        let (mut edits, mut creates) = (Vec::new(), Vec::new());
        for (place, write) in writes.iter().enumerate() {
            let change = match Change::of(&write.fields) {
                Ok(change) => change,
                Err(error) => {
                    self.set(place, rejected(error));
                    continue;
                }
            };
            match &write.action {
                WriteAction::Create => creates.push((place, change)),
                WriteAction::Update { record, if_tag: None } => {
                    edits.push(Pending { place, record: record.clone(), change });
                }
                WriteAction::Update { if_tag: Some(_), .. } => {
                    let error = ConnectorError::new(
                        ErrorKind::Permanent,
                        "jobber has no conditional writes; write without a tag",
                    );
                    self.set(place, WriteOutcome::NotSent(error));
                }
                WriteAction::Upsert { .. }
                | WriteAction::Archive { .. }
                | WriteAction::Delete { .. }
                | WriteAction::Restore { .. } => {
                    self.set(
                        place,
                        rejected(ConnectorError::new(
                            ErrorKind::Permanent,
                            "this adapter creates and updates alone, as its capabilities say",
                        )),
                    );
                }
            }
        }
        (edits, creates)
    }

    fn set(&mut self, place: usize, outcome: WriteOutcome) {
        self.outcomes[place] = Some(outcome);
    }

    fn sending(&self) -> Sending {
        Sending::Write { not_after: self.not_after }
    }

    async fn edit(&mut self, group: Vec<Pending>) {
        let mut current = match self.current(&group).await {
            Ok(current) => current,
            Err(error) => {
                for pending in group {
                    self.set(pending.place, WriteOutcome::NotSent(error.clone()));
                }
                return;
            }
        };
        let mut ready = Vec::with_capacity(group.len());
        for Pending { place, record, change } in group {
            let now = match current.remove(&record).transpose() {
                Ok(now) => now,
                Err(error) => {
                    self.set(place, rejected(error));
                    continue;
                }
            };
            let watched = self.watched_with(&change);
            match change.edit_input(now.as_ref(), &watched) {
                Err(error) => self.set(place, rejected(error)),
                // It is as it should be already, say after an answer that was lost.
                Ok(input) if input.is_empty() => self.set(place, applied(record, None)),
                Ok(input) => ready.push(Ready {
                    place,
                    edit: ClientEdit { record, input },
                    fields: change.fields,
                }),
            }
        }
        self.send(ready).await;
    }

    /// What the clients have now of what the edits depend on.
    async fn current(
        &self,
        group: &[Pending],
    ) -> Result<HashMap<RecordId, Result<Current, ConnectorError>>, ConnectorError> {
        let ids: Vec<RecordId> = group
            .iter()
            .filter(|pending| pending.change.reads().next().is_some())
            .map(|pending| pending.record.clone())
            .collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let fields: Vec<ClientField> =
            group.iter().flat_map(|pending| pending.change.reads()).collect();
        let found = match by_id(self.api, &ids, &fields, self.sending()).await {
            // One id may be at fault, and must not keep the others from being written.
            Err(failure) if is_separable(&failure) => {
                let mut one_by_one = HashMap::new();
                for id in ids {
                    let one = by_id(self.api, std::slice::from_ref(&id), &fields, self.sending());
                    let current = match one.await {
                        Err(failure) if !is_separable(&failure) => return Err(failure.error),
                        Err(failure) => Err(failure.error),
                        Ok(mut one) => one.pop().map_or(Err(not_there(&State::Missing)), current),
                    };
                    one_by_one.insert(id, current);
                }
                return Ok(one_by_one);
            }
            found => found?,
        };
        Ok(ids.into_iter().zip(found.into_iter().map(current)).collect())
    }

    /// The fields that are not to change: those asked for, and those written.
    fn watched_with(&self, change: &Change) -> Vec<ClientField> {
        self.watched.iter().chain(&change.fields).copied().collect()
    }

    async fn send(&mut self, mut ready: Vec<Ready>) {
        if ready.is_empty() {
            return;
        }
        match self.attempt(&ready).await {
            // One of them may be at fault; nothing was done yet, so each can be sent alone.
            Err(failure) if ready.len() > 1 && is_separable(&failure) => {
                for one in ready.drain(..) {
                    let one = [one];
                    if let Err(failure) = self.attempt(&one).await {
                        self.fail(&one, &failure);
                    }
                }
            }
            Err(failure) => self.fail(&ready, &failure),
            Ok(()) => {}
        }
    }

    /// Sends edits in one document, and sets what became of each if there is an answer.
    async fn attempt(&mut self, ready: &[Ready]) -> Result<(), Failure> {
        let edits: Vec<ClientEdit> = ready.iter().map(|ready| ready.edit.clone()).collect();
        let document = Document::edit(&edits);
        let reply = self.api.send(&document, self.sending()).await?;
        let payloads: ByAlias = reply.data().map_err(unread)?;
        for (n, one) in ready.iter().enumerate() {
            let answer = Answered { document: &document, errors: &reply.errors, n };
            let outcome = answer.outcome(&payloads, &one.fields);
            let outcome = self.explained(&one.edit.record, outcome).await;
            self.set(one.place, outcome);
        }
        Ok(())
    }

    /// A refusal of Jobber's has no code: where it names no field, it is asked whether the client
    /// is there at all.
    async fn explained(&self, record: &RecordId, outcome: WriteOutcome) -> WriteOutcome {
        let WriteOutcome::Rejected { fields, error } = &outcome else { return outcome };
        if !fields.is_empty() || error.kind != ErrorKind::Validation {
            return outcome;
        }
        let found = by_id(self.api, std::slice::from_ref(record), &[], self.sending()).await;
        let found = found.ok().and_then(|mut found| found.pop());
        match found.filter(|found| found.client.is_none()) {
            Some(gone) => rejected(not_there(&gone.state)),
            None => outcome,
        }
    }

    fn fail(&mut self, ready: &[Ready], failure: &Failure) {
        let errors = errors_of(failure);
        for (n, one) in ready.iter().enumerate() {
            let alias = Segment::Key(format!("e{n}"));
            let own = errors.iter().find(|error| error.path.first() == Some(&alias));
            let outcome = match own {
                Some(own) => failed_alone(own),
                None => failed(failure),
            };
            self.set(one.place, outcome);
        }
    }

    async fn create(&mut self, place: usize, change: &Change) {
        let document = Document::create(&change.create_input(&self.watched_with(change)));
        let outcome = match self.api.send(&document, self.sending()).await {
            Err(failure) => failed(&failure),
            Ok(reply) => match reply.data::<ByAlias>() {
                Err(error) => WriteOutcome::Unknown(error),
                Ok(payloads) => {
                    let answer = Answered { document: &document, errors: &reply.errors, n: 0 };
                    answer.outcome(&payloads, &change.fields)
                }
            },
        };
        self.set(place, outcome);
    }
}

/// The answer to one mutation of a document.
struct Answered<'a> {
    document: &'a Document,
    errors: &'a [GraphError],
    n: usize,
}

impl Answered<'_> {
    fn alias(&self) -> String {
        format!("e{}", self.n)
    }

    fn outcome(&self, payloads: &ByAlias, written: &[ClientField]) -> WriteOutcome {
        let alias = self.alias();
        let Some(raw) = payloads.get(&alias).and_then(Option::as_deref) else {
            let alias = Segment::Key(alias);
            let own = self.errors.iter().find(|error| error.path.first() == Some(&alias));
            return own.map_or_else(nothing_heard, failed_alone);
        };
        let Ok(payload) = serde_json::from_str::<Payload>(raw.get()) else {
            return nothing_heard();
        };
        if !payload.user_errors.is_empty() {
            let (fields, mut error) = error::of_user_errors(&payload.user_errors, written);
            error.message = self.document.scrub(&error.message);
            return WriteOutcome::Rejected { fields, error };
        }
        match payload.client.map(|client| (convert::record_id(&client.id), client.updated_at)) {
            Some((Ok(record), updated_at)) => applied(record, updated_at.as_deref()),
            Some((Err(error), _)) => WriteOutcome::Unknown(error),
            // No client and no refusal: what was done may be hidden from this app.
            None => nothing_heard(),
        }
    }
}

fn current(looked: LookedUp) -> Result<Current, ConnectorError> {
    match looked.client {
        Some((client, hidden)) => Ok(Current::new(client, hidden)),
        None => Err(not_there(&looked.state)),
    }
}

fn applied(record: RecordId, updated_at: Option<&str>) -> WriteOutcome {
    let version = convert::version(updated_at).unwrap_or_default();
    WriteOutcome::Applied { record, version, values: None }
}

fn rejected(error: ConnectorError) -> WriteOutcome {
    WriteOutcome::Rejected { fields: error.fields.clone(), error }
}

fn not_there(state: &State) -> ConnectorError {
    let kind = match state {
        State::Archived(_) | State::Missing | State::Deleted(_) | State::MergedInto(_) => {
            ErrorKind::NotFound
        }
        State::OutOfScope => ErrorKind::Permission,
        State::Known { .. } | State::Unreadable(_) => ErrorKind::Protocol,
    };
    ConnectorError::new(kind, format!("the client cannot be edited: it is {}", state.word()))
}

fn nothing_heard() -> WriteOutcome {
    WriteOutcome::Unknown(ConnectorError::new(
        ErrorKind::Protocol,
        "jobber does not say what became of the write",
    ))
}

fn unread(error: ConnectorError) -> Failure {
    Failure { fate: Fate::Unknown, error, answer: None }
}

/// The errors of GraphQL in an answer that had no data.
fn errors_of(failure: &Failure) -> Vec<GraphError> {
    failure.answer.as_deref().and_then(envelope).map(|envelope| envelope.errors).unwrap_or_default()
}

/// What became of a write whose whole document failed.
fn failed(failure: &Failure) -> WriteOutcome {
    let error = failure.error.clone();
    match failure.fate {
        Fate::Unknown => WriteOutcome::Unknown(error),
        // The content is refused for good; a token, a scope or a version can be set right.
        Fate::Refused if is_separable(failure) => rejected(error),
        Fate::NotSent | Fate::Refused => WriteOutcome::NotSent(error),
    }
}

/// What became of a write that an error of GraphQL names.
fn failed_alone(error: &GraphError) -> WriteOutcome {
    let error = error::of_graph(error);
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
