//! [`SimSystem`]: a connector in memory that behaves as its profile says, keeps a ledger of calls,
//! and lets a test edit records and break calls at any step.

mod event;
mod fault;
mod history;
mod list;
mod people;
mod profile;
mod read;
mod record;
mod testify;
mod write;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::record::{Fields, Life, Records};
use crate::clock::Clock;
use crate::connector::Write;
use crate::model::{
    FieldName, FieldSchema, FieldType, ObjectSchema, ObjectType, Projection, RecordId, Side,
    SystemName, Timestamp, Value,
};
use crate::testkit::oracle::{Author, Witness};

pub use event::{EventFault, EventKind, SimEvent};
pub use fault::{Call, CallKind, Fault, FaultPlan, Mishap};
pub use profile::{MergeSignal, Normaliser, SimProfile};

/// A hook that runs once, before a call is carried out.
type Hook = Box<dyn FnOnce(&SimSystem) + Send>;

/// A system in memory.
///
/// It is a [`Connector`](crate::Connector) that an engine can have, and has methods for what people
/// do behind the engine's back. Clones are the same system. Nothing in it is random, and it reads
/// no clock but the one that it is given.
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
/// crm.delete(&ann);
/// assert!(crm.records().is_empty());
/// crm.restore(&ann);
/// assert_eq!(crm.records(), [ann]);
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
    records: Records,
    created: u64,
    account: Option<String>,
    /// Seconds by which the clock has jumped.
    jumped: i64,
    ledger: Vec<Call>,
    faults: VecDeque<(CallKind, Fault)>,
    plan: Option<FaultPlan>,
    /// Calls since the plan was made, by kind.
    planned: BTreeMap<CallKind, u64>,
    hooks: Vec<(CallKind, Hook)>,
    refused: BTreeSet<FieldName>,
    later: Vec<Later>,
    /// `None`: nobody listens.
    events: Option<Vec<SimEvent>>,
    event_faults: VecDeque<EventFault>,
    witness: Option<(Witness, Side)>,
    /// Whose doing what happens now is.
    author: Author,
    /// Of a write that is carried out late: after how many requests it was sent.
    sent_as: Option<SentAs>,
}

/// How many requests the engine had begun when it sent a write that is carried out later.
type SentAs = u64;

/// What happens when its time has come.
struct Later {
    at: Timestamp,
    what: Pending,
}

enum Pending {
    /// A write whose caller has stopped waiting.
    Write(Write, Projection, SentAs),
    /// The automation's edits.
    Edit(RecordId, Fields),
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

    /// Adds a field with everything that is to be said about it. A create without a required
    /// field is refused, and so is any write of one that is read-only; both are named.
    #[must_use]
    pub fn schema_field(self, field: FieldSchema) -> Self {
        self.state().schema.push(field);
        self
    }

    /// Keeps a field's values unique: with `refuses_duplicates` a create that repeats one is
    /// refused, and the record that has it is named; an update that does is refused. People are
    /// not stopped.
    #[must_use]
    pub fn unique(self, name: &str) -> Self {
        for field in &mut self.state().schema {
            field.unique |= field.name.as_str() == name;
        }
        self
    }

    /// From now on a witness notes all that happens to the records, as those of this side.
    pub fn witnessed_by(&self, witness: &Witness, side: Side) {
        self.state().witness = Some((witness.clone(), side));
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

    /// The next call of this kind goes wrong; said twice, so do the next two.
    pub fn fail_next(&self, kind: CallKind, fault: Fault) {
        self.state().faults.push_back((kind, fault));
    }

    /// From now on calls go wrong as the plan has it; what [`fail_next`](Self::fail_next) says
    /// goes before.
    pub fn fail_by(&self, plan: FaultPlan) {
        let mut state = self.state();
        state.plan = Some(plan);
        state.planned.clear();
    }

    /// Nothing goes wrong any more: plans and orders are forgotten.
    pub fn fail_no_more(&self) {
        let mut state = self.state();
        state.plan = None;
        state.faults.clear();
    }

    /// Writes of this field are refused from now on.
    pub fn refuse(&self, field: &str) {
        self.state().refused.insert(field_name(field));
    }

    /// Writes of this field are taken again.
    pub fn accept(&self, field: &str) {
        self.state().refused.remove(field);
    }

    /// Somebody takes a field out of the schema; records keep what they hold.
    pub fn drop_field(&self, name: &str) {
        self.state().schema.retain(|field| field.name.as_str() != name);
    }

    /// The credentials now lead to another account, with the same records.
    pub fn switch_account(&self, id: &str) {
        self.state().account = Some(id.to_owned());
    }

    /// The system's clock jumps by so many seconds.
    pub fn jump_clock(&self, seconds: i64) {
        self.state().jumped += seconds;
    }

    /// Runs this before the next call of this kind is carried out: an edit between two calls.
    pub fn before_next(&self, kind: CallKind, hook: impl FnOnce(&SimSystem) + Send + 'static) {
        self.state().hooks.push((kind, Box::new(hook)));
    }

    /// The state, with all that was to happen by now.
    fn state(&self) -> MutexGuard<'_, SimState> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.catch_up(&mut state);
        state
    }

    fn catch_up(&self, state: &mut SimState) {
        let now = self.now();
        while let Some(at) = state.later.iter().position(|later| later.at <= now) {
            let later = state.later.remove(at);
            match later.what {
                Pending::Write(write, projection, sent_as) => {
                    state.sent_as = Some(sent_as);
                    self.apply(state, &write, &projection, later.at);
                    state.sent_as = None;
                }
                Pending::Edit(record, fields) => {
                    if state.records.get(&record).is_some_and(|found| found.live().is_some()) {
                        let before = std::mem::replace(&mut state.author, Author::System);
                        self.put(state, &record, later.at, Life::Live, fields);
                        state.author = before;
                    }
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the system's clock shows then, as finely as it tells it.
    fn own_time(&self, state: &SimState, at: Timestamp) -> Timestamp {
        let offset = self.profile.clock_offset + state.jumped;
        let by = Duration::from_secs(offset.unsigned_abs());
        let time = if offset < 0 { at - by } else { at + by };
        time.floor_to(self.profile.granularity)
    }

    /// Notes the call, runs the hooks that wait for it, and says what goes wrong with it.
    fn call(&self, kind: CallKind, records: usize) -> Struck {
        loop {
            let hook = {
                let mut state = self.state();
                let at = state.hooks.iter().position(|(waits_for, _)| *waits_for == kind);
                at.map(|at| state.hooks.remove(at).1)
            };
            let Some(hook) = hook else { break };
            hook(self);
        }
        let at = self.now();
        let mut state = self.state();
        let fault = state.next_fault(kind);
        let mishap = fault.map(|fault| Mishap { fault, took_effect: false });
        state.ledger.push(Call { kind, records, at, mishap });
        if let Some((witness, side)) = &state.witness {
            witness.called(*side);
        }
        if let Some(Fault::ClockJump(seconds)) = fault {
            state.jumped += seconds;
        }
        Struck { call: state.ledger.len() - 1, fault: fault.filter(|fault| fault.strikes(kind)) }
    }

    /// Notes that the call's fault made a difference.
    fn took_effect(&self, struck: &Struck) {
        let mut state = self.state();
        let call = state.ledger.get_mut(struck.call);
        if let Some(mishap) = call.and_then(|call| call.mishap.as_mut()) {
            mishap.took_effect = true;
        }
    }

    /// Adds a state to a record: somebody writes these fields.
    fn put(&self, state: &mut SimState, id: &RecordId, at: Timestamp, life: Life, fields: Fields) {
        let sent: Vec<(FieldName, Value)> =
            if state.witness.is_some() { fields.clone().into_iter().collect() } else { Vec::new() };
        self.hold(state, id, at, life, fields);
        state.testify(id, at, sent);
    }

    /// Adds a state to a record: it holds these values now, whoever once wrote them.
    fn hold(&self, state: &mut SimState, id: &RecordId, at: Timestamp, life: Life, fields: Fields) {
        let own = self.own_time(state, at);
        let mut values = state
            .records
            .get(id)
            .and_then(record::Record::now)
            .map_or_else(Arc::default, |now| Arc::clone(&now.values));
        let mut changed = Vec::new();
        if !fields.is_empty() {
            let values = Arc::make_mut(&mut values);
            for (field, value) in fields {
                let normalised = self.profile.normaliser.as_ref().and_then(|n| n(&field, &value));
                let value = normalised.unwrap_or(value);
                if self.profile.field_times && values.get(&field) != Some(&value) {
                    changed.push(field.clone());
                }
                values.insert(field, value);
            }
        }
        state.note_event(id, at, &life);
        let lags = [self.profile.list_lag, self.profile.find_lag, self.profile.fetch_lag];
        let longest = lags.into_iter().max().unwrap_or_default();
        state.records.push(id, (at, own), life, values, longest);
        if let Some(record) = state.records.get_mut(id) {
            record.times.extend(changed.into_iter().map(|field| (field, own)));
        }
    }

    fn make(&self, state: &mut SimState, at: Timestamp, fields: Fields) -> RecordId {
        state.created += 1;
        let id = record_id(&format!("{}-{:06}", self.name, state.created));
        self.put(state, &id, at, Life::Live, fields);
        id
    }

    fn schema_now(&self) -> ObjectSchema {
        ObjectSchema { object: self.object.clone(), fields: self.state().schema.clone() }
    }
}

/// A call, and what goes wrong with it.
struct Struck {
    /// Its place in the ledger.
    call: usize,
    fault: Option<Fault>,
}

impl SimState {
    fn next_fault(&mut self, kind: CallKind) -> Option<Fault> {
        let number = self.planned.entry(kind).or_default();
        *number += 1;
        if let Some(at) = self.faults.iter().position(|(waits_for, _)| *waits_for == kind) {
            return self.faults.remove(at).map(|(_, fault)| fault);
        }
        self.plan.as_ref().and_then(|plan| plan.draw(kind, *number))
    }

    fn field(&self, name: &FieldName) -> Option<&FieldSchema> {
        self.schema.iter().find(|field| field.name == *name)
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

/// What a field holds; null if there is nothing.
fn held(values: &Fields, field: &FieldName) -> Value {
    values.get(field).cloned().unwrap_or(Value::Null)
}
