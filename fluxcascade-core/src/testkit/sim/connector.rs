//! [`SimSystem`] as a connector: pages, look-ups and writes by its profile, faults included.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Call, CallKind, Fault, SimRecord, SimSnapshot, SimSystem, record_id};
use crate::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Cursor,
    ErrorKind, Extensions, FetchRequest, FindRequest, Found, Position, Reader, Write, WriteAction,
    WriteOutcome, WriteRequest,
};
use crate::model::{
    FieldName, FieldSchema, ObjectSchema, ObjectType, Observation, Projection, RecordId, Slot,
    State, SystemName, Timestamp, Value, Values, Version,
};

/// Where a read stands. `after` is the last row handed out: its time and id.
#[derive(Debug, Serialize, Deserialize)]
struct SimCursor {
    format: u8,
    phase: Phase,
    /// Everything before this has been handed out when the pass ends.
    mark: Timestamp,
    since: Option<Timestamp>,
    after: Option<(Timestamp, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Reading,
    Between,
}

impl SimSystem {
    /// Notes the call, runs the hooks that wait for it, and says what goes wrong with it.
    fn call(&self, kind: CallKind, records: usize) -> Option<Fault> {
        loop {
            let hook = {
                let mut state = self.state();
                let at = state.hooks.iter().position(|(waits_for, _)| *waits_for == kind);
                at.map(|at| state.hooks.remove(at).1)
            };
            let Some(hook) = hook else { break };
            hook(self);
        }
        let mut state = self.state();
        let at = self.clock.now();
        state.ledger.push(Call { kind, records, at });
        let at = state.faults.iter().position(|(waits_for, _)| *waits_for == kind)?;
        state.faults.remove(at).map(|(_, fault)| fault)
    }

    fn read_call(&self, kind: CallKind, records: usize) -> Result<(), ConnectorError> {
        match self.call(kind, records) {
            None => Ok(()),
            Some(Fault::Unauthorised) => Err(unauthorised()),
            Some(Fault::RequestLost | Fault::AnswerLost | Fault::Unavailable) => Err(unavailable()),
        }
    }

    fn position(&self, position: &Position) -> Result<SimCursor, ConnectorError> {
        let cursor = match position {
            Position::Start => None,
            Position::After(cursor) => {
                let read = serde_json::from_str::<SimCursor>(cursor.as_str());
                Some(read.map_err(|error| {
                    ConnectorError::new(
                        ErrorKind::PositionLost,
                        format!("not a cursor of ours: {error}"),
                    )
                })?)
            }
        };
        let mark = self.own_time();
        Ok(match cursor {
            None => SimCursor { format: 1, phase: Phase::Reading, mark, since: None, after: None },
            Some(cursor) if cursor.phase == Phase::Reading => cursor,
            Some(cursor) => SimCursor {
                format: 1,
                phase: Phase::Reading,
                mark,
                since: Some(cursor.mark - self.profile.capabilities.look_back),
                after: None,
            },
        })
    }

    /// The rows that a listing shows now: each record as of the lag before now.
    fn listing(&self, since: Option<Timestamp>) -> Vec<(Timestamp, RecordId, SimSnapshot)> {
        let shown = self.now() - self.profile.list_lag;
        let state = self.state();
        let mut rows: Vec<_> = state
            .records
            .iter()
            .filter(|(_, record)| !record.deleted)
            .filter_map(|(id, record)| Some((id, record.as_of(shown)?)))
            .filter(|(_, row)| since.is_none_or(|since| row.modified >= since))
            .map(|(id, row)| (row.modified, id.clone(), row.clone()))
            .collect();
        rows.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        rows
    }

    fn version(&self, snapshot: &SimSnapshot) -> Version {
        let mut version = Version::modified(snapshot.modified, self.profile.granularity);
        if self.profile.capabilities.conditional_writes {
            version.tag = Some(format!("{}", snapshot.at.micros()).into());
        }
        version
    }

    fn state_of(&self, record: Option<&SimRecord>, projection: &Projection) -> State {
        match record.filter(|record| !record.deleted).and_then(SimRecord::now) {
            Some(now) => {
                State::Known { values: project(now, projection), version: self.version(now) }
            }
            None => State::Missing,
        }
    }

    /// The record that a create would repeat a unique value of.
    fn existing(&self, write: &Write) -> Option<RecordId> {
        if write.action != WriteAction::Create || !self.profile.capabilities.refuses_duplicates {
            return None;
        }
        let state = self.state();
        let unique = state.schema.iter().filter(|field| field.unique);
        let sent: Vec<(&FieldSchema, &Value)> = unique
            .filter_map(|field| {
                let (_, value) = write.fields.iter().find(|(name, _)| *name == field.name)?;
                Some((field, value))
            })
            .collect();
        let repeats = |record: &SimRecord| {
            let held = |name| record.now().and_then(|now| now.values.get(name));
            sent.iter().any(|(field, value)| {
                held(&field.name).is_some_and(|held| held.equivalent(value, &field.field_type))
            })
        };
        let mut live = state.records.iter().filter(|(_, record)| !record.deleted);
        live.find(|(_, record)| repeats(record)).map(|(id, _)| id.clone())
    }

    fn apply(&self, write: &Write, projection: &Projection) -> WriteOutcome {
        let refused: Vec<FieldName> = {
            let state = self.state();
            write
                .fields
                .iter()
                .map(|(n, _)| n)
                .filter(|n| state.refused.contains(*n))
                .cloned()
                .collect()
        };
        if !refused.is_empty() {
            let error = ConnectorError::new(ErrorKind::Validation, "the value is not accepted");
            return WriteOutcome::Rejected { fields: refused, error };
        }
        if let Some(existing) = self.existing(write) {
            return WriteOutcome::Exists(existing);
        }
        let record = match &write.action {
            WriteAction::Create => self.create(write.fields.iter().cloned().collect()),
            WriteAction::Update { record, if_tag } => {
                let state = self.state();
                let found = state.records.get(record).filter(|found| !found.deleted);
                let Some(now) = found.and_then(SimRecord::now) else {
                    let error = ConnectorError::new(ErrorKind::NotFound, "there is no such record");
                    return WriteOutcome::Rejected { fields: Vec::new(), error };
                };
                if self.profile.capabilities.conditional_writes
                    && if_tag.is_some()
                    && *if_tag != self.version(now).tag
                {
                    return WriteOutcome::PreconditionFailed;
                }
                drop(state);
                self.change(record, write.fields.iter().cloned());
                record.clone()
            }
            WriteAction::Upsert { .. }
            | WriteAction::Archive { .. }
            | WriteAction::Delete { .. }
            | WriteAction::Restore { .. } => {
                let error = ConnectorError::new(ErrorKind::Permanent, "it cannot do this");
                return WriteOutcome::Rejected { fields: Vec::new(), error };
            }
        };
        let state = self.state();
        let now = state.records.get(&record).and_then(SimRecord::now);
        WriteOutcome::Applied {
            version: now.map(|now| self.version(now)).unwrap_or_default(),
            values: now
                .filter(|_| self.profile.answers_with_values)
                .map(|now| project(now, projection)),
            record,
        }
    }
}

fn project(snapshot: &SimSnapshot, projection: &Projection) -> Values {
    projection
        .values(|field| Slot::Present(snapshot.values.get(field).cloned().unwrap_or(Value::Null)))
}

fn unavailable() -> ConnectorError {
    ConnectorError::new(ErrorKind::Transient, "the system is not there: try again later")
}

fn unauthorised() -> ConnectorError {
    ConnectorError::new(ErrorKind::Auth, "the credentials are refused: reconnect")
}

#[async_trait]
impl Reader for SimSystem {
    fn system(&self) -> &SystemName {
        &self.name
    }

    fn capabilities(&self, _object: &ObjectType) -> Capabilities {
        self.profile.capabilities.clone()
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        Ok(Account { id: format!("{}-account", self.name), name: self.name.to_string() })
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        if *object == self.object {
            return Ok(self.schema_now());
        }
        let message = format!("{} has no object type {object}; it has {}", self.name, self.object);
        Err(ConnectorError::new(ErrorKind::NotFound, message))
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        let mut cursor = self.position(&request.position)?;
        self.read_call(CallKind::Changes, 0)?;
        let rows = self.listing(cursor.since);
        let limit = request.limit.min(self.profile.capabilities.page);
        let begin = match &cursor.after {
            None => 0,
            Some((at, id)) => {
                rows.partition_point(|row| (row.0, row.1.as_str()) <= (*at, id.as_str()))
            }
        };
        let page: Vec<_> = rows[begin..].iter().take(limit).collect();
        let more = begin + page.len() < rows.len();
        if let Some((at, id, _)) = page.last() {
            cursor.after = Some((*at, id.to_string()));
        }
        if !more {
            cursor.phase = Phase::Between;
            cursor.after = None;
        }
        let observations = page
            .into_iter()
            .map(|(_, id, row)| {
                Observation::listed(
                    id.clone(),
                    project(row, &request.projection),
                    self.version(row),
                )
            })
            .collect();
        let cursor = serde_json::to_string(&cursor)
            .map_err(|error| ConnectorError::new(ErrorKind::Protocol, error.to_string()))?;
        Ok(ChangesPage { observations, cursor: Cursor::new(cursor)?, more })
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        let mut seen = Vec::with_capacity(request.records.len());
        for batch in request.records.chunks(self.profile.capabilities.read_batch) {
            self.read_call(CallKind::Fetch, batch.len())?;
            let state = self.state();
            seen.extend(batch.iter().map(|id| {
                let state = self.state_of(state.records.get(id), &request.projection);
                Observation::fetched(id.clone(), state)
            }));
        }
        Ok(seen)
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        self.read_call(CallKind::Find, request.values.len())?;
        let schema = self.schema_now();
        let field_type = schema.field(&request.field).map(|field| field.field_type.clone());
        let Some(field_type) = field_type else {
            let message = format!("there is no field {}", request.field);
            return Err(ConnectorError::new(ErrorKind::Validation, message));
        };
        let state = self.state();
        let mut found = Vec::new();
        let shown = self.now() - self.profile.find_lag;
        for (id, record) in state.records.iter().filter(|(_, record)| !record.deleted) {
            let Some(held) = record.as_of(shown).and_then(|now| now.values.get(&request.field))
            else {
                continue;
            };
            for (value, wanted) in request.values.iter().enumerate() {
                if held.equivalent(wanted, &field_type) {
                    let state = self.state_of(Some(record), &request.projection);
                    let observation = Observation::fetched(record_id(id.as_str()), state);
                    found.push(Found { value, observation });
                }
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Connector for SimSystem {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        let creates = request.writes.iter().any(|write| write.action == WriteAction::Create);
        let kind = if creates { CallKind::Create } else { CallKind::Update };
        if self.now() > request.not_after {
            let late = || ConnectorError::new(ErrorKind::Transient, "too late to be sent");
            return request.writes.iter().map(|_| WriteOutcome::NotSent(late())).collect();
        }
        let fault = self.call(kind, request.writes.len());
        request
            .writes
            .iter()
            .map(|write| match fault {
                None => self.apply(write, &request.projection),
                Some(Fault::RequestLost) => WriteOutcome::Unknown(unavailable()),
                Some(Fault::AnswerLost) => {
                    let _ = self.apply(write, &request.projection);
                    WriteOutcome::Unknown(unavailable())
                }
                Some(Fault::Unavailable) => WriteOutcome::NotSent(unavailable()),
                Some(Fault::Unauthorised) => WriteOutcome::NotSent(unauthorised()),
            })
            .collect()
    }

    fn extensions(&self) -> Extensions<'_> {
        Extensions::none()
    }
}
