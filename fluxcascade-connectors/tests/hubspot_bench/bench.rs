//! An adapter in front of a simulated portal, and short ways to ask both.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::http::HttpSettings;
use fluxcascade_connectors::hubspot::{HubSpot, HubSpotBuilder};
use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim, Limits};
use fluxcascade_core::Reader;
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{
    ChangesRequest, Connector, FetchRequest, FindRequest, Position, Write, WriteAction,
    WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{
    FieldName, ObjectType, Observation, OperationId, Projection, RecordId, Reference, Slot, State,
    Value,
};

/// How late search is.
pub(crate) const LAG: Duration = Duration::from_secs(8);

pub(crate) const DEAL: [(&str, &str); 3] =
    [("dealname", "Fence"), ("dealstage", "qualifiedtobuy"), ("pipeline", "default")];

/// A portal, its clock, and the adapter that looks at one object type of it.
pub(crate) struct Bench {
    pub(crate) sim: HubSpotSim,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hubspot: HubSpot,
    pub(crate) object: ObjectType,
    pub(crate) projection: Projection,
}

/// Without limits.
pub(crate) fn at_ease() -> HubSpotOptions {
    HubSpotOptions { limits: Limits::Off, search_lag: (LAG, LAG), ..HubSpotOptions::default() }
}

impl Bench {
    /// Contacts.
    pub(crate) async fn new() -> Self {
        Self::with(at_ease()).await
    }

    /// Contacts of such a portal.
    pub(crate) async fn with(options: HubSpotOptions) -> Self {
        let fields = &["email", "firstname", "phone", "annualrevenue"];
        Self::set_up("contacts", fields, options, |builder| builder).await
    }

    /// Some object type with these fields.
    pub(crate) async fn of(object: &str, fields: &[&str]) -> Self {
        Self::set_up(object, fields, at_ease(), |builder| builder).await
    }

    pub(crate) async fn set_up(
        object: &str,
        fields: &[&str],
        options: HubSpotOptions,
        settings: impl FnOnce(HubSpotBuilder) -> HubSpotBuilder,
    ) -> Self {
        let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
        let config = SimConfig::steered(7, Arc::clone(&clock));
        let sim = HubSpotSim::start_with(config, options).await.unwrap();
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let http = HttpSettings {
            request_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(1),
            ..HttpSettings::default()
        };
        let builder = HubSpot::builder().token("pat-na1-test").base_url(sim.base_url()).http(http);
        let hubspot = settings(builder.clock(shared)).build().unwrap();
        let projection = Projection::new(fields.iter().map(|field| name(field)));
        Self { sim, clock, hubspot, object: ObjectType::new(object).unwrap(), projection }
    }

    /// Looks at another object type from now on.
    pub(crate) fn look_at(&mut self, object: &str, fields: &[&str]) {
        self.object = ObjectType::new(object).unwrap();
        self.projection = Projection::new(fields.iter().map(|field| name(field)));
    }

    /// Reads on to the end; gives what was seen and where the next read begins.
    pub(crate) async fn follow(&self, from: Position) -> (Vec<Observation>, Position) {
        let (mut seen, mut position) = (Vec::new(), from);
        loop {
            let (object, projection) = (self.object.clone(), self.projection.clone());
            let request = ChangesRequest { object, projection, position, limit: 100 };
            let page = self.hubspot.changes(request).await.unwrap();
            seen.extend(page.observations);
            position = Position::After(page.cursor);
            if !page.more {
                return (seen, position);
            }
        }
    }

    pub(crate) async fn fetch(&self, id: &str) -> State {
        let records = vec![RecordId::new(id).unwrap()];
        let (object, projection) = (self.object.clone(), self.projection.clone());
        let request = FetchRequest { object, projection, records };
        self.hubspot.fetch(request).await.unwrap().remove(0).state
    }

    /// What a read by id shows of a field.
    pub(crate) async fn slot(&self, id: &str, field: &str) -> Slot {
        let slot = self.projection.slot(field).unwrap();
        let state = self.fetch(id).await;
        let State::Known { values, .. } = state else { panic!("{state:?}") };
        values[slot].clone()
    }

    pub(crate) async fn find(&self, field: &str, value: &str) -> Vec<String> {
        let (field, values) = (name(field), vec![Value::from(value)]);
        let (object, projection) = (self.object.clone(), self.projection.clone());
        let request = FindRequest { object, projection, field, values };
        let found = self.hubspot.find(request).await.unwrap();
        found.into_iter().map(|found| found.observation.record.to_string()).collect()
    }

    pub(crate) async fn write(&self, writes: Vec<Write>) -> Vec<WriteOutcome> {
        let not_after = self.clock.now() + Duration::from_secs(240);
        let (object, projection) = (self.object.clone(), self.projection.clone());
        self.hubspot.write(WriteRequest { object, projection, writes, not_after }).await
    }

    pub(crate) async fn write_one(&self, write: Write) -> WriteOutcome {
        self.write(vec![write]).await.remove(0)
    }

    /// How often each of these kinds of request was sent since this was last asked.
    pub(crate) fn sent(&self, kinds: &[&str]) -> Vec<u64> {
        kinds.iter().map(|kind| self.hubspot.requests().of(kind)).collect()
    }
}

pub(crate) fn name(text: &str) -> FieldName {
    FieldName::new(text).unwrap()
}

pub(crate) fn write(action: WriteAction, fields: &[(&str, Value)]) -> Write {
    let fields = fields.iter().map(|(field, value)| (name(field), value.clone())).collect();
    Write { operation: OperationId::of(&[b"test"]), action, fields }
}

pub(crate) fn texts<'a>(fields: &[(&'a str, &str)]) -> Vec<(&'a str, Value)> {
    fields.iter().map(|(field, text)| (*field, Value::from(*text))).collect()
}

pub(crate) fn create(fields: &[(&str, &str)]) -> Write {
    write(WriteAction::Create, &texts(fields))
}

pub(crate) fn update(id: &str, fields: &[(&str, &str)]) -> Write {
    change(id, &texts(fields))
}

pub(crate) fn change(id: &str, fields: &[(&str, Value)]) -> Write {
    write(WriteAction::Update { record: RecordId::new(id).unwrap(), if_tag: None }, fields)
}

pub(crate) fn archive(id: &str) -> Write {
    write(WriteAction::Archive { record: RecordId::new(id).unwrap(), if_tag: None }, &[])
}

pub(crate) fn text(state: &State, slot: usize) -> String {
    let State::Known { values, .. } = state else { panic!("{state:?}") };
    values[slot].value().unwrap().to_string()
}

pub(crate) fn known(seen: &[Observation]) -> BTreeSet<String> {
    let known = seen.iter().filter(|seen| seen.known().is_some());
    known.map(|seen| seen.record.to_string()).collect()
}

/// What a read says of a record, the last time that it does.
pub(crate) fn seen_of<'a>(seen: &'a [Observation], id: &str) -> Option<&'a State> {
    seen.iter().rev().find(|seen| seen.record.as_str() == id).map(|seen| &seen.state)
}

pub(crate) fn all(sim: &HubSpotSim, object: &str) -> BTreeSet<String> {
    sim.records(object).into_iter().map(|record| record.id).collect()
}

pub(crate) fn merged_into(id: &str) -> State {
    State::MergedInto(RecordId::new(id).unwrap())
}

pub(crate) fn applied(outcome: &WriteOutcome) -> String {
    let WriteOutcome::Applied { record, .. } = outcome else { panic!("{outcome:?}") };
    record.to_string()
}

/// A reference to a record.
pub(crate) fn to(object: &str, id: &str) -> Value {
    let (object, id) = (ObjectType::new(object).unwrap(), RecordId::new(id).unwrap());
    Value::Ref(Reference { object, id })
}

/// References to records.
pub(crate) fn to_all(object: &str, ids: &[&str]) -> Value {
    Value::Set(ids.iter().map(|id| to(object, id)).collect())
}
