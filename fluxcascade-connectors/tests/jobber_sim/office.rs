//! A simulator with its clock and the adapter on it, for any object.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::Jobber;
use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::jobber::{JobberOptions, JobberSim};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{
    ChangesRequest, Connector, FetchRequest, Position, Reader, Write, WriteAction, WriteOutcome,
    WriteRequest,
};
use fluxcascade_core::model::value::Reference;
use fluxcascade_core::model::{
    FieldName, ObjectType, Observation, OperationId, Projection, RecordId, Slot, State, Value,
};

pub(crate) struct Office {
    pub(crate) sim: JobberSim,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) jobber: Jobber,
}

pub(crate) fn name(text: &str) -> FieldName {
    FieldName::new(text).unwrap()
}

pub(crate) fn object(text: &str) -> ObjectType {
    ObjectType::new(text).unwrap()
}

pub(crate) fn reference(of: &str, id: &str) -> Value {
    Value::Ref(Reference { object: object(of), id: RecordId::new(id).unwrap() })
}

pub(crate) fn update(id: &str) -> WriteAction {
    WriteAction::Update { record: RecordId::new(id).unwrap(), if_tag: None }
}

pub(crate) fn record_of(outcome: &WriteOutcome) -> String {
    let WriteOutcome::Applied { record, .. } = outcome else { panic!("{outcome:?}") };
    record.as_str().to_owned()
}

/// The fields and the words of a refusal.
pub(crate) fn refusal(outcome: &WriteOutcome) -> (Vec<String>, String) {
    let WriteOutcome::Rejected { fields, error } = outcome else { panic!("{outcome:?}") };
    (fields.iter().map(ToString::to_string).collect(), error.message.clone())
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::with(JobberOptions::default(), 50).await
    }

    pub(crate) async fn with(options: JobberOptions, page_size: usize) -> Self {
        let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
        let secret = options.client_secret.clone();
        let config = SimConfig::steered(7, Arc::clone(&clock)).token("s3cret");
        let sim = JobberSim::start_with(config, options).await.unwrap();
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let jobber = Jobber::builder()
            .token("s3cret")
            .base_url(sim.base_url())
            .clock(shared)
            .page_size(page_size)
            .webhook_secret(secret)
            .build()
            .unwrap();
        Self { sim, clock, jobber }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Reads from a position to the end.
    pub(crate) async fn pass(
        &self,
        of: &str,
        fields: &[&str],
        mut position: Position,
    ) -> (Vec<Observation>, Position) {
        let mut all = Vec::new();
        loop {
            let projection = Projection::new(fields.iter().map(|field| name(field)));
            let request = ChangesRequest { object: object(of), projection, position, limit: 1000 };
            let page = self.jobber.changes(request).await.unwrap();
            all.extend(page.observations);
            position = Position::After(page.cursor);
            if !page.more {
                return (all, position);
            }
        }
    }

    /// The ids of what a read returns, in its order.
    pub(crate) async fn ids(&self, of: &str, position: Position) -> (Vec<String>, Position) {
        let (seen, position) = self.pass(of, &[], position).await;
        (seen.iter().map(|seen| seen.record.to_string()).collect(), position)
    }

    pub(crate) async fn fetch(&self, of: &str, ids: &[&str], fields: &[&str]) -> Vec<State> {
        let projection = Projection::new(fields.iter().map(|field| name(field)));
        let records = ids.iter().map(|id| RecordId::new(id).unwrap()).collect();
        let request = FetchRequest { object: object(of), projection, records };
        let seen = self.jobber.fetch(request).await.unwrap();
        seen.into_iter().map(|seen| seen.state).collect()
    }

    /// The values of a record that is known, or archived.
    pub(crate) async fn values(&self, of: &str, id: &str, fields: &[&str]) -> Vec<Value> {
        let state = self.fetch(of, &[id], fields).await.remove(0);
        let (State::Known { values, .. } | State::Archived(values)) = state else {
            panic!("{id} is {state:?}")
        };
        let value = |slot: &Slot| slot.value().cloned().expect("a field that is not hidden");
        values.slots().iter().map(value).collect()
    }

    pub(crate) async fn write(
        &self,
        of: &str,
        action: WriteAction,
        fields: &[(&str, Value)],
    ) -> WriteOutcome {
        self.batch(of, vec![(action, fields.to_vec())]).await.remove(0)
    }

    pub(crate) async fn batch(
        &self,
        of: &str,
        writes: Vec<(WriteAction, Vec<(&str, Value)>)>,
    ) -> Vec<WriteOutcome> {
        let writes = writes.into_iter().map(|(action, fields)| Write {
            operation: OperationId([0; 16]),
            action,
            fields: fields.into_iter().map(|(field, value)| (name(field), value)).collect(),
        });
        let request = WriteRequest {
            object: object(of),
            projection: Projection::new([]),
            writes: writes.collect(),
            not_after: self.clock.now() + Duration::from_secs(120),
        };
        self.jobber.write(request).await
    }

    /// Makes a record, which must be taken. Its id.
    pub(crate) async fn make(&self, of: &str, fields: &[(&str, Value)]) -> String {
        record_of(&self.write(of, WriteAction::Create, fields).await)
    }

    /// Edits a record, which must be taken.
    pub(crate) async fn edit(&self, of: &str, id: &str, fields: &[(&str, Value)]) {
        assert_eq!(record_of(&self.write(of, update(id), fields).await), id);
    }
}
