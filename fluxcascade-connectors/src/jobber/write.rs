//! Writes: edits in documents of several, creates one by one. What became of each is told in
//! [`outcome`].
//!
//! What an edit depends on, a list or an address, is read directly before it. An answer is no
//! proof of what was stored, so no outcome has values; `updatedAt` is taken as the version.

mod outcome;
mod property;

use std::collections::HashMap;

use fluxcascade_core::connector::{
    ConnectorError, ErrorKind, Write, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{RecordId, State, Timestamp};

use super::client::{Api, Sending};
use super::convert::input::{Change, Current};
use super::custom::Fields;
use super::document::Document;
use super::fields::Field;
use super::mutation::{self, Mutation, Shelve};
use super::object::Object;
use super::read::{LookedUp, READ_BATCH, by_id, in_parts, is_separable};
use super::wire::{ByAlias, Field as Has, Identified};
use crate::http::Failure;
use outcome::{Answered, applied, errors_of, failed, failed_alone, not_there, rejected, unread};

/// What is to be done with a record that is there.
enum Work {
    Edit(Change),
    Shelve(Shelve),
    Delete,
}

/// What a record is to be afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Edited,
    Archived,
    Restored,
    Deleted,
}

/// A change on its way, with its place among the writes.
struct Pending {
    place: usize,
    record: RecordId,
    work: Work,
}

/// A change that is ready to be sent.
struct Ready {
    place: usize,
    record: RecordId,
    parts: Vec<Mutation>,
    fields: Vec<Field>,
    goal: Goal,
}

/// A batch of writes under way.
pub(super) struct Writing<'a> {
    api: &'a Api,
    object: Object,
    not_after: Timestamp,
    /// The fields whose values somebody watches.
    watched: Vec<Field>,
    outcomes: Vec<Option<WriteOutcome>>,
}

/// Carries out a batch; edits are sent this many in a document.
pub(super) async fn write(
    api: &Api,
    edits_per_request: usize,
    known: &Fields,
    request: WriteRequest,
) -> Vec<WriteOutcome> {
    let count = request.writes.len();
    let watched = match known.all_named(request.projection.fields()) {
        Ok(watched) => watched,
        Err(error) => return vec![WriteOutcome::NotSent(error); count],
    };
    let (object, not_after) = (known.object, request.not_after);
    let mut writing = Writing { api, object, not_after, watched, outcomes: vec![None; count] };
    let (edits, creates) = writing.sort(known, &request.writes);
    for group in groups(edits, edits_per_request) {
        writing.change(group).await;
    }
    for (place, change) in creates {
        let outcome = writing.create(&change).await;
        writing.set(place, outcome);
    }
    let outcomes = writing.outcomes.into_iter();
    outcomes.map(|outcome| outcome.unwrap_or_else(outcome::nothing_heard)).collect()
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

impl Pending {
    /// The fields that must be read before it can be done.
    fn reads(&self, object: Object) -> Vec<Field> {
        match &self.work {
            Work::Edit(change) => change.reads().cloned().collect(),
            // Its client removes it.
            Work::Delete if object == Object::Properties => {
                Field::known(object, "client").into_iter().collect()
            }
            Work::Delete | Work::Shelve(_) => Vec::new(),
        }
    }
}

impl Writing<'_> {
    /// Sorts edits from creates, and refuses what cannot be written at all.
    fn sort(&mut self, known: &Fields, writes: &[Write]) -> (Vec<Pending>, Vec<(usize, Change)>) {
        let (mut edits, mut creates) = (Vec::new(), Vec::new());
        for (place, write) in writes.iter().enumerate() {
            let work = match &write.action {
                WriteAction::Create | WriteAction::Update { .. } => {
                    match Change::of(known, &write.fields) {
                        Ok(change) => Work::Edit(change),
                        Err(error) => {
                            self.set(place, rejected(error));
                            continue;
                        }
                    }
                }
                WriteAction::Archive { .. } => Work::Shelve(Shelve::Archive),
                WriteAction::Restore { .. } => Work::Shelve(Shelve::Restore),
                WriteAction::Delete { .. } => Work::Delete,
                WriteAction::Upsert { .. } => {
                    self.set(place, rejected(self.cannot("has no upserts")));
                    continue;
                }
            };
            match (&write.action, work) {
                (WriteAction::Create, Work::Edit(change)) => creates.push((place, change)),
                (
                    WriteAction::Update { if_tag: Some(_), .. }
                    | WriteAction::Archive { if_tag: Some(_), .. }
                    | WriteAction::Delete { if_tag: Some(_), .. },
                    _,
                ) => {
                    let error = self.cannot("has no conditional writes; write without a tag");
                    self.set(place, WriteOutcome::NotSent(error));
                }
                (action, work) => {
                    if let Some(record) = action.record().cloned() {
                        edits.push(Pending { place, record, work });
                    }
                }
            }
        }
        (edits, creates)
    }

    fn cannot(&self, what: &str) -> ConnectorError {
        let (kind, many) = (ErrorKind::Permanent, self.object.many());
        ConnectorError::new(kind, format!("jobber {what} ({many}), as its capabilities say"))
    }

    fn set(&mut self, place: usize, outcome: WriteOutcome) {
        self.outcomes[place] = Some(outcome);
    }

    fn sending(&self) -> Sending {
        Sending::Write { not_after: self.not_after }
    }

    async fn change(&mut self, group: Vec<Pending>) {
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
        for pending in group {
            let now = current.remove(&pending.record).transpose();
            match self.ready(&pending, now) {
                Ok(one) => ready.push(one),
                Err(outcome) => self.set(pending.place, *outcome),
            }
        }
        self.send(ready).await;
    }

    /// What is sent for a change, or what became of it without.
    fn ready(
        &self,
        pending: &Pending,
        now: Result<Option<Current>, ConnectorError>,
    ) -> Result<Ready, Box<WriteOutcome>> {
        let (record, object) = (&pending.record, self.object);
        let done = || Box::new(applied(record.clone(), None));
        let refused = |error| Box::new(rejected(error));
        let (parts, fields, goal) = match &pending.work {
            Work::Edit(change) => {
                let now = now.map_err(refused)?;
                let watched = self.watched_with(change);
                let input = change.edit_input(now.as_ref(), &watched).map_err(refused)?;
                if input.is_empty() {
                    // It is as it should be already, say after an answer that was lost.
                    return Err(done());
                }
                (mutation::edit(object, record, input), change.fields.clone(), Goal::Edited)
            }
            Work::Shelve(how) => {
                let part = mutation::shelve(object, record, *how)
                    .ok_or_else(|| refused(self.cannot("neither archives nor restores these")))?;
                let goal = match how {
                    Shelve::Archive => Goal::Archived,
                    Shelve::Restore => Goal::Restored,
                };
                (vec![part], Vec::new(), goal)
            }
            Work::Delete if !object.can_be_deleted() => {
                return Err(refused(self.cannot("does not delete these")));
            }
            Work::Delete if object == Object::Properties => match now {
                Err(error) if error.kind == ErrorKind::NotFound => return Err(done()),
                now => {
                    let client = now.and_then(client_of).map_err(refused)?;
                    (vec![mutation::delete_property(record, &client)], Vec::new(), Goal::Deleted)
                }
            },
            Work::Delete => (vec![mutation::delete_visit(record)], Vec::new(), Goal::Deleted),
        };
        Ok(Ready { place: pending.place, record: record.clone(), parts, fields, goal })
    }

    /// What the records have now of what the changes depend on.
    async fn current(
        &self,
        group: &[Pending],
    ) -> Result<HashMap<RecordId, Result<Current, ConnectorError>>, ConnectorError> {
        let reading: Vec<(&RecordId, Vec<Field>)> =
            group.iter().map(|one| (&one.record, one.reads(self.object))).collect();
        let ids: Vec<RecordId> = reading
            .iter()
            .filter(|(_, fields)| !fields.is_empty())
            .map(|(record, _)| (*record).clone())
            .collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let fields: Vec<Field> = reading.into_iter().flat_map(|(_, fields)| fields).collect();
        let found = in_parts(self.api, self.object, &ids, &fields, self.sending()).await;
        let current = |(id, answer): (RecordId, Result<LookedUp, Failure>)| {
            let current = answer.map_err(|failure| failure.error);
            (id, current.and_then(|looked| self.current_of(looked)))
        };
        match found {
            Ok(found) => Ok(found.into_iter().map(current).collect()),
            // Sent again it would be refused again.
            Err(failure) if is_separable(&failure) => {
                Ok(ids.into_iter().map(|id| (id, Err(failure.error.clone()))).collect())
            }
            Err(failure) => Err(failure.error),
        }
    }

    fn current_of(&self, looked: LookedUp) -> Result<Current, ConnectorError> {
        looked.record.ok_or_else(|| not_there(self.object, &looked.state))
    }

    /// The fields that are not to change: those asked for, and those written.
    fn watched_with(&self, change: &Change) -> Vec<Field> {
        self.watched.iter().chain(&change.fields).cloned().collect()
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

    /// Sends changes in one document, and sets what became of each if there is an answer.
    async fn attempt(&mut self, ready: &[Ready]) -> Result<(), Failure> {
        let document = mutations_of(ready);
        let reply = self.api.send(&document, self.sending()).await?;
        let payloads: ByAlias = reply.data().map_err(unread)?;
        let mut n = 0;
        for one in ready {
            let answer = |n, part| Answered { document: &document, errors: &reply.errors, n, part };
            let mut outcome = None;
            for part in &one.parts {
                let told = answer(n, part).of_change(self.object, &payloads, one);
                n += 1;
                // What one part says of the record holds for the whole; a refusal comes first.
                if !matches!(outcome, Some(ref told) if !is_applied(told)) {
                    outcome = Some(told);
                }
            }
            let outcome = outcome.unwrap_or_else(outcome::nothing_heard);
            let outcome = self.explained(one, outcome).await;
            self.set(one.place, outcome);
        }
        Ok(())
    }

    /// A refusal of Jobber's has no code: where it names no field, it is asked whether the record
    /// is there at all, or is already what it was to be.
    async fn explained(&self, ready: &Ready, outcome: WriteOutcome) -> WriteOutcome {
        let WriteOutcome::Rejected { fields, error } = &outcome else { return outcome };
        if !fields.is_empty() || error.kind != ErrorKind::Validation {
            return outcome;
        }
        let ids = std::slice::from_ref(&ready.record);
        let found = by_id(self.api, self.object, ids, &[], self.sending()).await;
        let Some(found) = found.ok().and_then(|mut found| found.pop()) else { return outcome };
        let is_done = match ready.goal {
            Goal::Edited => false,
            Goal::Archived => matches!(found.state, State::Archived(_)),
            Goal::Restored => matches!(found.state, State::Known { .. }),
            Goal::Deleted => found.state == State::Missing,
        };
        match found.record {
            _ if is_done => applied(ready.record.clone(), None),
            Some(_) => outcome,
            None => rejected(not_there(self.object, &found.state)),
        }
    }

    fn fail(&mut self, ready: &[Ready], failure: &Failure) {
        let errors = errors_of(failure);
        let document = mutations_of(ready);
        let mut n = 0;
        for one in ready {
            let parts = n..n + one.parts.len();
            n = parts.end;
            let outcome = match outcome::about(&errors, parts) {
                Some(own) => failed_alone(self.object, own, &document),
                None => failed(self.object, failure),
            };
            self.set(one.place, outcome);
        }
    }

    async fn create(&self, change: &Change) -> WriteOutcome {
        let input = change.create_input(&self.watched_with(change));
        let property = match property::of_new(self, &input).await {
            Ok(property) => property,
            Err(outcome) => return outcome,
        };
        let mutation = match mutation::create(self.object, input, property.as_ref()) {
            Ok(mutation) => mutation,
            Err(error) => return rejected(error),
        };
        let document = Document::mutations("create", &[&mutation]);
        match self.api.send(&document, self.sending()).await {
            Err(failure) => match outcome::about(&errors_of(&failure), 0..1) {
                Some(own) => failed_alone(self.object, own, &document),
                None => failed(self.object, &failure),
            },
            Ok(reply) => match reply.data::<ByAlias>() {
                Err(error) => WriteOutcome::Unknown(error),
                Ok(payloads) => {
                    let errors = &reply.errors;
                    let answer = Answered { document: &document, errors, n: 0, part: &mutation };
                    answer.of_create(self.object, &payloads, &change.fields)
                }
            },
        }
    }
}

fn is_applied(outcome: &WriteOutcome) -> bool {
    matches!(outcome, WriteOutcome::Applied { .. })
}

/// The client of a property that is to be removed.
fn client_of(now: Option<Current>) -> Result<String, ConnectorError> {
    let client = now.map(|now| now.record.field::<Identified>("client"));
    if let Some(Ok(Has::Value(client))) = client {
        return Ok(client.id);
    }
    Err(ConnectorError::new(
        ErrorKind::Permission,
        "jobber does not say whose property it is, and only its client can remove it; give the app \
         the scope to read clients",
    ))
}

/// The changes of these records as one document.
fn mutations_of(ready: &[Ready]) -> Document {
    let mutations: Vec<&Mutation> = ready.iter().flat_map(|ready| &ready.parts).collect();
    Document::mutations("edit", &mutations)
}
