//! [`SimSystem`] as a reader: what it shows of a record, reads by id, look-ups, faults included.

use async_trait::async_trait;

use super::record::{Life, Record, Sight, Snapshot};
use super::{CallKind, Fault, SimState, SimSystem, Struck, held};
use crate::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, ConnectorError, DeleteSignal, ErrorKind,
    FetchRequest, FindRequest, Found, Position, Reader,
};
use crate::model::{
    DeleteEvidence, ObjectSchema, ObjectType, Observation, Projection, Provenance, RecordId, Slot,
    State, SystemName, Values, Version,
};

use super::MergeSignal;

impl SimSystem {
    /// The error that a read ends with, if one does.
    pub(super) fn read_fault(&self, struck: &Struck) -> Result<(), ConnectorError> {
        let error = match struck.fault {
            Some(Fault::RequestLost | Fault::AnswerLost | Fault::Timeout(_)) => no_answer(),
            Some(Fault::Unavailable) => unavailable(),
            Some(Fault::Partial(_) | Fault::Truncated) => {
                let message = "the answer breaks off: it is read again later";
                ConnectorError::new(ErrorKind::Transient, message)
            }
            Some(Fault::ServerError) => failed(),
            Some(Fault::RateLimited(wait)) => limited(wait),
            Some(Fault::Unauthorised) => unauthorised(),
            Some(Fault::PositionLost) => {
                let message = "the cursor is not taken any more: read from the start";
                ConnectorError::new(ErrorKind::PositionLost, message)
            }
            Some(Fault::ClockJump(_)) => {
                self.took_effect(struck);
                return Ok(());
            }
            None
            | Some(
                Fault::DoneTwice
                | Fault::Reordered
                | Fault::Invisible(_)
                | Fault::Stale
                | Fault::Empty,
            ) => return Ok(()),
        };
        self.took_effect(struck);
        Err(error)
    }

    /// What is shown of a record in this state; `None`: nothing.
    pub(super) fn shown(
        &self,
        state: &SimState,
        record: &Record,
        snapshot: &Snapshot,
        projection: &Projection,
        provenance: Provenance,
    ) -> Option<State> {
        match (&snapshot.life, provenance) {
            (Life::Live, _) => match (record.sight, provenance) {
                (Sight::Clear, _) => Some(State::Known {
                    values: project(record, snapshot, projection),
                    version: self.version(snapshot),
                }),
                (Sight::OutOfScope, Provenance::Listed) => None,
                (Sight::OutOfScope, Provenance::Fetched) => Some(State::OutOfScope),
                (Sight::Garbled, _) => Some(State::Unreadable(
                    "the answer is no record: ask the system's owner".into(),
                )),
            },
            (Life::Binned, _) => self.gone(record, snapshot, projection, provenance),
            (Life::Erased, _) => match self.profile.capabilities.deletes {
                DeleteSignal::Feed => self.gone(record, snapshot, projection, provenance),
                DeleteSignal::Absence | DeleteSignal::Flag => None,
            },
            (Life::MergedInto(into), _) => match (self.profile.merges, provenance) {
                (MergeSignal::Listed, _) | (MergeSignal::Fetched, Provenance::Fetched) => {
                    Some(State::MergedInto(survivor(state, into)))
                }
                (MergeSignal::Fetched, Provenance::Listed) => None,
                (MergeSignal::Unsaid, _) => self.gone(record, snapshot, projection, provenance),
            },
        }
    }

    fn gone(
        &self,
        record: &Record,
        snapshot: &Snapshot,
        projection: &Projection,
        provenance: Provenance,
    ) -> Option<State> {
        match (self.profile.capabilities.deletes, provenance) {
            (DeleteSignal::Absence, _) | (DeleteSignal::Feed, Provenance::Fetched) => None,
            (DeleteSignal::Flag, _) => Some(State::Archived(project(record, snapshot, projection))),
            (DeleteSignal::Feed, Provenance::Listed) => Some(State::Deleted(DeleteEvidence::Feed)),
        }
    }

    pub(super) fn version(&self, snapshot: &Snapshot) -> Version {
        let mut version = Version::modified(snapshot.modified, self.profile.granularity);
        if self.profile.order_numbers {
            version.order = Some(snapshot.number);
        }
        if self.profile.capabilities.conditional_writes {
            version.tag = Some(snapshot.number.to_string().into());
        }
        version
    }

    fn fetched(&self, state: &SimState, id: &RecordId, projection: &Projection) -> State {
        let at = self.now() - self.profile.fetch_lag;
        let found = state.records.get(id).and_then(|record| Some((record, record.as_of(at)?)));
        found
            .and_then(|(record, snapshot)| {
                self.shown(state, record, snapshot, projection, Provenance::Fetched)
            })
            .unwrap_or(State::Missing)
    }
}

/// Where a record that was merged lives on: its survivor may have been merged since.
fn survivor(state: &SimState, into: &RecordId) -> RecordId {
    let mut into = into;
    while let Some(Life::MergedInto(next)) =
        state.records.get(into).and_then(Record::now).map(|now| &now.life)
    {
        into = next;
    }
    into.clone()
}

pub(super) fn project(record: &Record, snapshot: &Snapshot, projection: &Projection) -> Values {
    projection.values(|field| {
        if record.hidden.contains(field) {
            Slot::Absent
        } else {
            Slot::Present(held(&snapshot.values, field))
        }
    })
}

pub(super) fn no_answer() -> ConnectorError {
    ConnectorError::new(ErrorKind::Transient, "there is no answer: try again later")
}

pub(super) fn unavailable() -> ConnectorError {
    let message = "the system is not there: try again later";
    ConnectorError { status: Some(503), ..ConnectorError::new(ErrorKind::Transient, message) }
}

pub(super) fn failed() -> ConnectorError {
    let message = "the system failed: try again later";
    ConnectorError { status: Some(500), ..ConnectorError::new(ErrorKind::Transient, message) }
}

pub(super) fn limited(wait: std::time::Duration) -> ConnectorError {
    let message = format!("too many requests: try again in {} s", wait.as_secs());
    let error = ConnectorError::new(ErrorKind::RateLimited, message);
    ConnectorError { status: Some(429), retry_after: Some(wait), ..error }
}

pub(super) fn unauthorised() -> ConnectorError {
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
        let id = self.state().account.clone();
        let id = id.unwrap_or_else(|| format!("{}-account", self.name));
        Ok(Account { id, name: self.name.to_string() })
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        self.check_object(object)?;
        Ok(self.schema_now())
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        self.check_object(&request.object)?;
        let cursor = Self::cursor(&request.position)?;
        let mut struck = self.call(CallKind::Changes, 0);
        if struck.fault == Some(Fault::PositionLost) && request.position == Position::Start {
            struck.fault = None; // there is no position to lose
        }
        self.read_fault(&struck)?;
        self.page(&request, cursor, &struck)
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        self.check_object(&request.object)?;
        let mut seen = Vec::with_capacity(request.records.len());
        for batch in request.records.chunks(self.profile.capabilities.read_batch.max(1)) {
            let struck = self.call(CallKind::Fetch, batch.len());
            self.read_fault(&struck)?;
            let state = self.state();
            if let Some((witness, side)) = &state.witness {
                for id in batch {
                    witness.read(*side, id, self.now());
                }
            }
            seen.extend(batch.iter().map(|id| {
                Observation::fetched(id.clone(), self.fetched(&state, id, &request.projection))
            }));
        }
        Ok(seen)
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        self.check_object(&request.object)?;
        let struck = self.call(CallKind::Find, request.values.len());
        self.read_fault(&struck)?;
        let state = self.state();
        let Some(field) = state.field(&request.field) else {
            let message = format!("there is no field {}: read the schema anew", request.field);
            return Err(ConnectorError::new(ErrorKind::Validation, message));
        };
        let mut found = Vec::new();
        let indexed_at = self.now() - self.profile.find_lag;
        for (id, record) in state.records.iter() {
            let hits = record.as_of(indexed_at).filter(|shown| shown.life == Life::Live);
            let Some(indexed) = hits.map(|shown| held(&shown.values, &field.name)) else {
                continue;
            };
            for (value, wanted) in request.values.iter().enumerate() {
                if !indexed.equivalent(wanted, &field.field_type) {
                    continue;
                }
                let one = Projection::new([field.name.clone()]);
                let now = self.fetched(&state, id, &one);
                let State::Known { values, .. } = now else { continue };
                // The index is late: the record may hold another value by now.
                if values[0].value().is_some_and(|now| now.equivalent(wanted, &field.field_type)) {
                    let seen = self.fetched(&state, id, &request.projection);
                    let observation = Observation::fetched(id.clone(), seen);
                    found.push(Found { value, observation });
                }
            }
        }
        Ok(found)
    }
}

impl SimSystem {
    pub(in crate::testkit) fn object_type(&self) -> &ObjectType {
        &self.object
    }

    fn check_object(&self, object: &ObjectType) -> Result<(), ConnectorError> {
        if *object == self.object {
            return Ok(());
        }
        let message = format!("{} has no object type {object}; it has {}", self.name, self.object);
        Err(ConnectorError::new(ErrorKind::NotFound, message))
    }
}
