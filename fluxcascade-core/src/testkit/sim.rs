//! [`SimSystem`]: a connector in memory that behaves as its profile says, keeps a ledger of calls,
//! and lets a test edit records and break calls at any step.

mod connector;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::connector::{Capabilities, Consistency, DeleteSignal};
use crate::model::{
    FieldName, FieldSchema, FieldType, ObjectSchema, ObjectType, RecordId, SystemName, Timestamp,
    Value,
};

/// How a system writes values down: `None` keeps the value as it was sent.
pub type Normaliser = Arc<dyn Fn(&FieldName, &Value) -> Option<Value> + Send + Sync>;

/// How a simulated system behaves.
#[derive(Clone)]
pub struct SimProfile {
    /// What it declares.
    pub capabilities: Capabilities,
    /// How late its listing shows a write.
    pub list_lag: Duration,
    /// How late its look-up shows a write.
    pub find_lag: Duration,
    /// How finely it tells times.
    pub granularity: Duration,
    /// How far its clock is ahead of the test's, in seconds; negative: behind.
    pub clock_offset: i64,
    /// Whether a write's answer has the record's values.
    pub answers_with_values: bool,
    /// How it writes values down.
    pub normaliser: Option<Normaliser>,
}

impl fmt::Debug for SimProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimProfile")
            .field("capabilities", &self.capabilities)
            .field("list_lag", &self.list_lag)
            .field("find_lag", &self.find_lag)
            .field("granularity", &self.granularity)
            .field("clock_offset", &self.clock_offset)
            .field("answers_with_values", &self.answers_with_values)
            .finish_non_exhaustive()
    }
}

/// An easy system: consistent, millisecond times, batches of 100, values in each answer.
impl Default for SimProfile {
    fn default() -> Self {
        Self {
            capabilities: Capabilities {
                page: 100,
                read_batch: 100,
                write_batch: 100,
                create_batch: 100,
                list: Consistency::Consistent,
                find: Consistency::Consistent,
                fetch: Consistency::Consistent,
                look_back: Duration::from_secs(300),
                deletes: DeleteSignal::Absence,
                conditional_writes: false,
                ..Capabilities::default()
            },
            list_lag: Duration::ZERO,
            find_lag: Duration::ZERO,
            granularity: Duration::from_millis(1),
            clock_offset: 0,
            answers_with_values: true,
            normaliser: None,
        }
    }
}

/// What a call to a system was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// A page of changes.
    Changes,
    /// A read by id.
    Fetch,
    /// A look-up.
    Find,
    /// A batch of creates.
    Create,
    /// A batch of updates.
    Update,
}

/// One call in a system's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What it was.
    pub kind: CallKind,
    /// How many records it was about.
    pub records: usize,
    /// When.
    pub at: Timestamp,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request never arrives, and nobody can say so.
    RequestLost,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// The system is not there; nothing was done.
    Unavailable,
    /// The credentials are refused; nothing was done.
    Unauthorised,
}

/// A hook that runs once, before a call is carried out.
type Hook = Box<dyn FnOnce(&SimSystem) + Send>;

/// A system in memory.
///
/// ```
/// use fluxcascade_core::clock::ManualClock;
/// use fluxcascade_core::testkit::{SimProfile, SimSystem};
/// use std::sync::Arc;
///
/// let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
/// let crm = SimSystem::new("crm", "contacts", SimProfile::default(), clock).field("phone");
/// let ann = crm.insert([("phone", "555-0100")]);
/// assert_eq!(crm.text(&ann, "phone"), "555-0100");
/// ```
#[derive(Clone)]
pub struct SimSystem {
    name: SystemName,
    object: ObjectType,
    profile: SimProfile,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<SimState>>,
}

impl fmt::Debug for SimSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimSystem").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct SimState {
    schema: Vec<FieldSchema>,
    records: BTreeMap<RecordId, SimRecord>,
    created: u64,
    ledger: Vec<Call>,
    faults: VecDeque<(CallKind, Fault)>,
    hooks: Vec<(CallKind, Hook)>,
    refused: BTreeSet<FieldName>,
}

/// A record with all that it ever was: listings may show an older state.
#[derive(Debug, Clone, Default)]
struct SimRecord {
    states: Vec<SimSnapshot>,
    deleted: bool,
}

#[derive(Debug, Clone)]
struct SimSnapshot {
    at: Timestamp,
    modified: Timestamp,
    values: BTreeMap<FieldName, Value>,
}

impl SimRecord {
    fn now(&self) -> Option<&SimSnapshot> {
        self.states.last()
    }

    fn as_of(&self, at: Timestamp) -> Option<&SimSnapshot> {
        self.states.iter().rev().find(|state| state.at <= at)
    }
}

impl SimSystem {
    /// An empty system with one object type that has no fields yet.
    ///
    /// # Panics
    /// If a name is empty.
    #[allow(clippy::expect_used)]
    pub fn new(name: &str, object: &str, profile: SimProfile, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: SystemName::new(name).expect("a system's name"),
            object: ObjectType::new(object).expect("an object type"),
            profile,
            clock,
            state: Arc::default(),
        }
    }

    /// Adds a field of text.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        self.typed_field(name, FieldType::Text)
    }

    /// Adds a field.
    #[must_use]
    pub fn typed_field(self, name: &str, field_type: FieldType) -> Self {
        self.schema_field(FieldSchema::new(field_name(name), field_type))
    }

    /// Adds a field with everything that is to be said about it.
    #[must_use]
    pub fn schema_field(self, field: FieldSchema) -> Self {
        self.state().schema.push(field);
        self
    }

    /// Keeps a field's values unique: with `refuses_duplicates` a create that repeats one is
    /// refused, and the record that has it is named.
    #[must_use]
    pub fn unique(self, name: &str) -> Self {
        for field in &mut self.state().schema {
            field.unique |= field.name.as_str() == name;
        }
        self
    }

    /// A person makes a record.
    pub fn insert<V: Into<Value>>(
        &self,
        values: impl IntoIterator<Item = (&'static str, V)>,
    ) -> RecordId {
        let values = values.into_iter().map(|(name, value)| (field_name(name), value.into()));
        self.create(values.collect())
    }

    /// A person edits a field.
    pub fn edit(&self, record: &RecordId, field: &str, value: impl Into<Value>) {
        self.change(record, [(field_name(field), value.into())]);
    }

    /// A person deletes a record.
    pub fn delete(&self, record: &RecordId) {
        if let Some(found) = self.state().records.get_mut(record) {
            found.deleted = true;
        }
    }

    /// What a field holds now; null if there is no such record or field.
    pub fn value(&self, record: &RecordId, field: &str) -> Value {
        let state = self.state();
        let found = state.records.get(record).filter(|found| !found.deleted);
        let value = found.and_then(SimRecord::now).and_then(|now| now.values.get(field));
        value.cloned().unwrap_or(Value::Null)
    }

    /// What a text field holds now; empty if there is nothing.
    pub fn text(&self, record: &RecordId, field: &str) -> String {
        self.value(record, field).as_text().unwrap_or_default().to_owned()
    }

    /// The records that exist, in order of their ids.
    pub fn records(&self) -> Vec<RecordId> {
        let state = self.state();
        let live = state.records.iter().filter(|(_, record)| !record.deleted);
        live.map(|(id, _)| id.clone()).collect()
    }

    /// The calls so far.
    pub fn ledger(&self) -> Vec<Call> {
        self.state().ledger.clone()
    }

    /// How many calls of a kind there were.
    pub fn calls(&self, kind: CallKind) -> usize {
        self.state().ledger.iter().filter(|call| call.kind == kind).count()
    }

    /// Forgets the calls so far.
    pub fn clear_ledger(&self) {
        self.state().ledger.clear();
    }

    /// The next call of this kind goes wrong.
    pub fn fail_next(&self, kind: CallKind, fault: Fault) {
        self.state().faults.push_back((kind, fault));
    }

    /// Writes of this field are refused from now on.
    pub fn refuse(&self, field: &str) {
        self.state().refused.insert(field_name(field));
    }

    /// Writes of this field are taken again.
    pub fn accept(&self, field: &str) {
        self.state().refused.remove(field);
    }

    /// Runs this before the next call of this kind is carried out: an edit between two calls.
    pub fn before_next(&self, kind: CallKind, hook: impl FnOnce(&SimSystem) + Send + 'static) {
        self.state().hooks.push((kind, Box::new(hook)));
    }

    fn state(&self) -> MutexGuard<'_, SimState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The system's own time, as finely as it tells it.
    fn own_time(&self) -> Timestamp {
        let offset = Duration::from_secs(self.profile.clock_offset.unsigned_abs());
        let time =
            if self.profile.clock_offset < 0 { self.now() - offset } else { self.now() + offset };
        time.floor_to(self.profile.granularity)
    }

    fn create(&self, values: BTreeMap<FieldName, Value>) -> RecordId {
        let id = {
            let mut state = self.state();
            state.created += 1;
            let id = record_id(&format!("{}-{:06}", self.name, state.created));
            state.records.insert(id.clone(), SimRecord::default());
            id
        };
        self.change(&id, values);
        id
    }

    fn change(&self, record: &RecordId, fields: impl IntoIterator<Item = (FieldName, Value)>) {
        let (at, modified) = (self.now(), self.own_time());
        let mut state = self.state();
        let Some(found) = state.records.get_mut(record) else { return };
        let mut values = found.now().map(|now| now.values.clone()).unwrap_or_default();
        for (field, value) in fields {
            let normalised = self.profile.normaliser.as_ref().and_then(|n| n(&field, &value));
            values.insert(field, normalised.unwrap_or(value));
        }
        found.states.push(SimSnapshot { at, modified, values });
    }

    fn schema_now(&self) -> ObjectSchema {
        ObjectSchema { object: self.object.clone(), fields: self.state().schema.clone() }
    }
}

#[allow(clippy::expect_used)]
fn field_name(name: &str) -> FieldName {
    FieldName::new(name).expect("a field's name")
}

#[allow(clippy::expect_used)]
fn record_id(id: &str) -> RecordId {
    RecordId::new(id).expect("a record's id")
}
