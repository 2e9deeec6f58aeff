//! A system, its clock, and short ways to ask it.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{
    ChangesPage, ChangesRequest, Connector, ConnectorError, FetchRequest, FindRequest, Position,
    Reader, Write, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{
    FieldName, FieldType, ObjectType, Observation, OperationId, Projection, RecordId, State, Value,
};
use fluxcascade_core::testkit::{Mishap, SimProfile, SimSystem};
use futures::executor::block_on;

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) crm: SimSystem,
}

pub(crate) fn name(text: &str) -> FieldName {
    FieldName::new(text).unwrap()
}

fn object() -> ObjectType {
    ObjectType::new("contacts").unwrap()
}

fn projection() -> Projection {
    Projection::new([name("email"), name("name")])
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn write(action: WriteAction, fields: &[(&str, &str)]) -> Write {
    let fields = fields.iter().map(|(field, value)| (name(field), Value::from(*value))).collect();
    Write { operation: OperationId::of(&[b"test"]), action, fields }
}

pub(crate) fn create(email: &str) -> Write {
    write(WriteAction::Create, &[("email", email)])
}

pub(crate) fn upsert(email: &str, who: &str) -> Write {
    write(WriteAction::Upsert { by: name("email") }, &[("email", email), ("name", who)])
}

pub(crate) fn rename(record: &RecordId, to: &str) -> Write {
    let action = WriteAction::Update { record: record.clone(), if_tag: None };
    write(action, &[("name", to)])
}

pub(crate) fn act(action: WriteAction) -> Write {
    write(action, &[])
}

/// The name in a state; why there is none.
pub(crate) fn named(state: &State) -> Result<String, String> {
    match state {
        State::Known { values, .. } => {
            Ok(values[1].value().and_then(Value::as_text).unwrap_or_default().to_owned())
        }
        State::Archived(_)
        | State::Deleted(_)
        | State::Missing
        | State::MergedInto(_)
        | State::OutOfScope
        | State::Unreadable(_) => Err(state.word().to_owned()),
    }
}

pub(crate) fn ids(observations: &[Observation]) -> Vec<&RecordId> {
    observations.iter().map(|seen| &seen.record).collect()
}

impl World {
    pub(crate) fn new(profile: SimProfile) -> Self {
        let noon = "2026-03-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::starting(noon));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let crm = SimSystem::new("crm", "contacts", profile, shared)
            .typed_field("email", FieldType::Email)
            .field("name")
            .unique("email");
        Self { clock, crm }
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(secs(seconds));
    }

    /// People of these names, a second apart.
    pub(crate) fn people(&self, names: &[&str]) -> Vec<RecordId> {
        let insert = |who: &&str| {
            self.wait(1);
            self.crm.insert([("email", format!("{who}@x.io")), ("name", (*who).to_owned())])
        };
        names.iter().map(insert).collect()
    }

    pub(crate) fn page(&self, position: Position) -> Result<ChangesPage, ConnectorError> {
        let (object, projection) = (object(), projection());
        let request = ChangesRequest { object, projection, position, limit: 1000 };
        block_on(self.crm.changes(request))
    }

    /// All pages from here.
    pub(crate) fn pass(&self, from: &Position) -> (Vec<Observation>, Position) {
        let (mut seen, mut position) = (Vec::new(), from.clone());
        loop {
            let page = self.page(position).unwrap();
            seen.extend(page.observations);
            position = Position::After(page.cursor);
            if !page.more {
                return (seen, position);
            }
        }
    }

    pub(crate) fn fetch(&self, record: &RecordId) -> State {
        let records = vec![record.clone()];
        let request = FetchRequest { object: object(), projection: projection(), records };
        block_on(self.crm.fetch(request)).unwrap().remove(0).state
    }

    pub(crate) fn find(&self, email: &str) -> Vec<RecordId> {
        let (field, values) = (name("email"), vec![Value::from(email)]);
        let (object, projection) = (object(), projection());
        let request = FindRequest { object, projection, field, values };
        let found = block_on(self.crm.find(request)).unwrap();
        found.into_iter().map(|found| found.observation.record).collect()
    }

    pub(crate) fn write(&self, writes: Vec<Write>) -> Vec<WriteOutcome> {
        let not_after = self.clock.now() + secs(60);
        let (object, projection) = (object(), projection());
        block_on(self.crm.write(WriteRequest { object, projection, writes, not_after }))
    }

    pub(crate) fn mishaps(&self) -> Vec<Mishap> {
        self.crm.ledger().into_iter().filter_map(|call| call.mishap).collect()
    }
}
