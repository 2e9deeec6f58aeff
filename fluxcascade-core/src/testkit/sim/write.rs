//! [`SimSystem`] as a connector: batches of writes, what each comes to, and what faults do to them.

use async_trait::async_trait;

use super::read::{failed, limited, no_answer, project, unauthorised, unavailable};
use super::record::{Fields, Life, Record, Sight};
use super::{CallKind, Fault, Later, Pending, SimState, SimSystem, Struck};
use crate::connector::{
    Connector, ConnectorError, ErrorKind, Extensions, Write, WriteAction, WriteOutcome,
    WriteRequest,
};
use crate::model::{FieldName, FieldSchema, Projection, RecordId, Timestamp, Value};
use crate::testkit::oracle::Author;

/// The outcome of a write that is not carried out.
type Refusal = Box<WriteOutcome>;

impl CallKind {
    fn of(action: &WriteAction) -> Self {
        match action {
            WriteAction::Create | WriteAction::Upsert { .. } => CallKind::Create,
            WriteAction::Update { .. } => CallKind::Update,
            WriteAction::Archive { .. } => CallKind::Archive,
            WriteAction::Delete { .. } => CallKind::Delete,
            WriteAction::Restore { .. } => CallKind::Restore,
        }
    }
}

#[async_trait]
impl Connector for SimSystem {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        let writes = request.writes.iter().enumerate();
        let writes: Vec<(usize, &Write)> = writes.collect();
        let mut outcomes: Vec<(usize, WriteOutcome)> = Vec::with_capacity(writes.len());
        for kind in CallKind::ALL.into_iter().filter(|kind| kind.writes()) {
            let of_kind = writes.iter().filter(|(_, write)| CallKind::of(&write.action) == kind);
            let of_kind: Vec<(usize, &Write)> = of_kind.copied().collect();
            for batch in of_kind.chunks(self.batch(kind)) {
                let places = batch.iter().map(|(place, _)| *place);
                let writes: Vec<&Write> = batch.iter().map(|(_, write)| *write).collect();
                outcomes.extend(places.zip(self.send(kind, &writes, &request)));
            }
        }
        outcomes.sort_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn extensions(&self) -> Extensions<'_> {
        if self.profile.field_times {
            Extensions::none().field_history(self)
        } else {
            Extensions::none()
        }
    }
}

impl SimSystem {
    fn batch(&self, kind: CallKind) -> usize {
        let capabilities = &self.profile.capabilities;
        let size = if kind == CallKind::Create {
            capabilities.create_batch
        } else {
            capabilities.write_batch
        };
        size.max(1)
    }

    /// One request of one kind.
    fn send(&self, kind: CallKind, writes: &[&Write], request: &WriteRequest) -> Vec<WriteOutcome> {
        if self.now() > request.not_after {
            let late = ConnectorError::new(ErrorKind::Transient, "too late to be sent");
            return vec![WriteOutcome::NotSent(late); writes.len()];
        }
        let struck = self.call(kind, writes.len());
        self.carry_out(&struck, writes, &request.projection)
    }

    fn carry_out(
        &self,
        struck: &Struck,
        writes: &[&Write],
        projection: &Projection,
    ) -> Vec<WriteOutcome> {
        let not_sent = |error| vec![WriteOutcome::NotSent(error); writes.len()];
        let unknown = |error| vec![WriteOutcome::Unknown(error); writes.len()];
        let outcomes = match struck.fault {
            None
            | Some(
                Fault::PositionLost
                | Fault::Truncated
                | Fault::Reordered
                | Fault::Invisible(_)
                | Fault::Stale
                | Fault::Empty,
            ) => return self.apply_all(writes, projection),
            Some(Fault::RequestLost) => unknown(no_answer()),
            Some(Fault::AnswerLost) => {
                self.apply_all(writes, projection);
                unknown(no_answer())
            }
            Some(Fault::Timeout(after)) => {
                let at = self.now() + after;
                let mut state = self.state();
                let sent_as = state.calls();
                let late = writes.iter().map(|write| Later {
                    at,
                    what: Pending::Write((*write).clone(), projection.clone(), sent_as),
                });
                state.later.extend(late);
                drop(state);
                unknown(no_answer())
            }
            Some(Fault::DoneTwice) => {
                self.apply_all(writes, projection);
                self.apply_all(writes, projection)
            }
            Some(Fault::Partial(done)) => {
                let mut outcomes =
                    self.apply_all(&writes[..writes.len().min(done + 1)], projection);
                if done >= writes.len() {
                    return outcomes; // nothing was cut off
                }
                outcomes[done] = WriteOutcome::Unknown(no_answer());
                outcomes.resize(writes.len(), WriteOutcome::NotSent(unavailable()));
                outcomes
            }
            Some(Fault::Unavailable) => not_sent(unavailable()),
            Some(Fault::ServerError) => unknown(failed()),
            Some(Fault::RateLimited(wait)) => not_sent(limited(wait)),
            Some(Fault::Unauthorised) => not_sent(unauthorised()),
            Some(Fault::ClockJump(_)) => self.apply_all(writes, projection),
        };
        self.took_effect(struck);
        outcomes
    }

    fn apply_all(&self, writes: &[&Write], projection: &Projection) -> Vec<WriteOutcome> {
        let (at, mut state) = (self.now(), self.state());
        writes.iter().map(|write| self.apply(&mut state, write, projection, at)).collect()
    }

    /// Carries out one write.
    pub(super) fn apply(
        &self,
        state: &mut SimState,
        write: &Write,
        projection: &Projection,
        at: Timestamp,
    ) -> WriteOutcome {
        let record = match self.check(state, write) {
            Err(refusal) => return *refusal,
            Ok(record) => record,
        };
        let before = std::mem::replace(&mut state.author, Author::Engine(write.operation));
        let outcome = self.write_checked(state, write, projection, (record, at));
        state.author = before;
        outcome
    }

    fn write_checked(
        &self,
        state: &mut SimState,
        write: &Write,
        projection: &Projection,
        (record, at): (Option<RecordId>, Timestamp),
    ) -> WriteOutcome {
        let fields: Fields = write.fields.iter().cloned().collect();
        let record = match (&write.action, record) {
            (WriteAction::Create | WriteAction::Upsert { .. }, None) => {
                self.make(state, at, fields.clone())
            }
            (WriteAction::Archive { .. }, Some(record)) => {
                return self.end(state, &record, at, Life::Binned);
            }
            (WriteAction::Delete { .. }, Some(record)) => {
                return self.end(state, &record, at, Life::Erased);
            }
            (WriteAction::Restore { .. }, Some(record)) => {
                let is_gone = state.records.get(&record).is_some_and(|r| r.live().is_none());
                if is_gone {
                    self.put(state, &record, at, Life::Live, Fields::new());
                }
                record
            }
            (
                WriteAction::Create | WriteAction::Upsert { .. } | WriteAction::Update { .. },
                Some(record),
            ) => {
                self.put(state, &record, at, Life::Live, fields.clone());
                record
            }
            (
                WriteAction::Update { .. }
                | WriteAction::Archive { .. }
                | WriteAction::Delete { .. }
                | WriteAction::Restore { .. },
                None,
            ) => return *not_found(),
        };
        self.automate(state, &record, at, fields);
        self.applied(state, record, projection)
    }

    /// What the automation makes of a write, when its time has come.
    fn automate(&self, state: &mut SimState, record: &RecordId, at: Timestamp, fields: Fields) {
        let Some(automation) = &self.profile.automation else { return };
        let edits = fields.into_iter().filter_map(|(field, value)| {
            let edited = automation(&field, &value).filter(|edited| *edited != value)?;
            Some((field, edited))
        });
        let edits: Fields = edits.collect();
        if !edits.is_empty() {
            let at = at + self.profile.automation_delay;
            state.later.push(Later { at, what: Pending::Edit(record.clone(), edits) });
        }
    }

    fn applied(&self, state: &SimState, record: RecordId, projection: &Projection) -> WriteOutcome {
        let found = state.records.get(&record).and_then(|r| Some((r, r.live()?)));
        WriteOutcome::Applied {
            version: found.map(|(_, now)| self.version(now)).unwrap_or_default(),
            values: found
                .filter(|_| self.profile.answers_with_values)
                .map(|(record, now)| project(record, now, projection)),
            record,
        }
    }

    /// Archives or deletes a record; one that is gone already stays as it is.
    fn end(
        &self,
        state: &mut SimState,
        record: &RecordId,
        at: Timestamp,
        life: Life,
    ) -> WriteOutcome {
        let now = state.records.get(record).and_then(Record::now).map(|now| now.life.clone());
        let moves = match (now, &life) {
            (Some(Life::Live), _) | (Some(Life::Binned), Life::Erased) => true,
            (Some(Life::Binned | Life::Erased | Life::MergedInto(_)) | None, _) => false,
        };
        if moves {
            self.put(state, record, at, life, Fields::new());
        }
        let now = state.records.get(record).and_then(Record::now);
        let version = now.map(|now| self.version(now)).unwrap_or_default();
        WriteOutcome::Applied { record: record.clone(), version, values: None }
    }

    /// The record that a write is about, `None` for one that it makes; or why it cannot be done.
    fn check(&self, state: &SimState, write: &Write) -> Result<Option<RecordId>, Refusal> {
        let capabilities = &self.profile.capabilities;
        let can = match &write.action {
            WriteAction::Create | WriteAction::Update { .. } => true,
            WriteAction::Upsert { .. } => capabilities.upserts,
            WriteAction::Archive { .. } => capabilities.archives,
            WriteAction::Delete { .. } => capabilities.deletes_for_good,
            WriteAction::Restore { .. } => capabilities.restores,
        };
        if !can {
            let message = "the system cannot do this: ask its capabilities first";
            return Err(rejected(ErrorKind::Permanent, message, Vec::new()));
        }
        match &write.action {
            WriteAction::Create => {
                check_fields(state, write, None)?;
                check_required(state, write)?;
                match self.holder(state, write, None) {
                    Some((_, holder)) => Err(Box::new(WriteOutcome::Exists(holder))),
                    None => Ok(None),
                }
            }
            WriteAction::Upsert { by } => check_upsert(state, write, by),
            WriteAction::Update { record, if_tag } => {
                let found = state.records.get(record).ok_or_else(not_found)?;
                let now = found.live().ok_or_else(not_found)?;
                check_sight(found)?;
                if capabilities.conditional_writes
                    && if_tag.is_some()
                    && *if_tag != self.version(now).tag
                {
                    return Err(Box::new(WriteOutcome::PreconditionFailed));
                }
                check_fields(state, write, Some(found))?;
                if let Some((field, _)) = self.holder(state, write, Some(record)) {
                    let message = "another record has the value";
                    return Err(rejected(ErrorKind::Validation, message, vec![field]));
                }
                Ok(Some(record.clone()))
            }
            WriteAction::Archive { record, if_tag } | WriteAction::Delete { record, if_tag } => {
                let now = state.records.get(record).and_then(Record::live);
                let moved_on = now.is_some_and(|now| *if_tag != self.version(now).tag);
                if capabilities.conditional_writes && if_tag.is_some() && moved_on {
                    return Err(Box::new(WriteOutcome::PreconditionFailed));
                }
                Ok(Some(record.clone()))
            }
            WriteAction::Restore { record } => {
                let now = state.records.get(record).and_then(Record::now);
                match now.map(|now| &now.life) {
                    Some(Life::Live | Life::Binned) => Ok(Some(record.clone())),
                    Some(Life::Erased | Life::MergedInto(_)) | None => Err(not_found()),
                }
            }
        }
    }

    /// The record that has a unique value which is written to another, and the field.
    fn holder(
        &self,
        state: &SimState,
        write: &Write,
        own: Option<&RecordId>,
    ) -> Option<(FieldName, RecordId)> {
        if !self.profile.capabilities.refuses_duplicates {
            return None;
        }
        let unique = state.schema.iter().filter(|field| field.unique);
        let sent: Vec<(&FieldSchema, &Value)> = unique
            .filter_map(|field| {
                let sent = write.fields.iter().find(|(name, _)| *name == field.name);
                sent.filter(|(_, value)| !value.is_blank()).map(|(_, value)| (field, value))
            })
            .collect();
        if sent.is_empty() {
            return None;
        }
        let mut others = state.records.iter().filter(|(id, _)| Some(*id) != own);
        others.find_map(|(id, record)| {
            let (field, _) = sent.iter().find(|(field, value)| has(record, field, value))?;
            Some((field.name.clone(), id.clone()))
        })
    }
}

fn check_upsert(
    state: &SimState,
    write: &Write,
    by: &FieldName,
) -> Result<Option<RecordId>, Refusal> {
    let value = write.fields.iter().find(|(name, _)| name == by).map(|(_, value)| value);
    let (field, value) = match (state.field(by), value) {
        (Some(field), Some(value)) if field.unique && !value.is_blank() => (field, value),
        (Some(_) | None, _) => {
            let message = "an upsert needs a value of a unique field";
            return Err(rejected(ErrorKind::Validation, message, vec![by.clone()]));
        }
    };
    let mut records = state.records.iter();
    let found = records.find(|(_, record)| has(record, field, value));
    check_fields(state, write, found.map(|(_, record)| record))?;
    if let Some((id, record)) = found {
        check_sight(record)?;
        Ok(Some(id.clone()))
    } else {
        check_required(state, write)?;
        Ok(None)
    }
}

/// Whether a record that is there has this value.
fn has(record: &Record, field: &FieldSchema, value: &Value) -> bool {
    let held = record.live().and_then(|now| now.values.get(&field.name));
    held.is_some_and(|held| held.equivalent(value, &field.field_type))
}

fn check_sight(record: &Record) -> Result<(), Refusal> {
    match record.sight {
        Sight::Clear | Sight::Garbled => Ok(()),
        Sight::OutOfScope => {
            Err(rejected(ErrorKind::Permission, "the record may not be written", Vec::new()))
        }
    }
}

fn check_fields(state: &SimState, write: &Write, record: Option<&Record>) -> Result<(), Refusal> {
    let refused = write.fields.iter().map(|(name, _)| name).filter(|name| {
        let is_hidden = record.is_some_and(|record| record.hidden.contains(*name));
        let is_writable = state.field(name).is_some_and(|field| !field.read_only);
        is_hidden || !is_writable || state.refused.contains(*name)
    });
    let refused: Vec<FieldName> = refused.cloned().collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(rejected(ErrorKind::Validation, "the value is not accepted", refused))
}

fn check_required(state: &SimState, write: &Write) -> Result<(), Refusal> {
    let is_sent = |field: &FieldSchema| {
        write.fields.iter().any(|(name, value)| *name == field.name && !value.is_blank())
    };
    let missing = state.schema.iter().filter(|field| field.required && !is_sent(field));
    let missing: Vec<FieldName> = missing.map(|field| field.name.clone()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(rejected(ErrorKind::Validation, "a record needs these fields", missing))
}

fn rejected(kind: ErrorKind, message: &str, fields: Vec<FieldName>) -> Refusal {
    let error = ConnectorError { fields: fields.clone(), ..ConnectorError::new(kind, message) };
    Box::new(WriteOutcome::Rejected { fields, error })
}

fn not_found() -> Refusal {
    rejected(ErrorKind::NotFound, "there is no such record", Vec::new())
}
