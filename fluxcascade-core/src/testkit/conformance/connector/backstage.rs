//! What a connector's author brings: the connector, names of fields, and somebody who does what
//! people do behind the connector's back.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::{Clock, ManualClock};
use crate::connector::Connector;
use crate::model::{FieldName, ObjectType, RecordId, Timestamp, Value};
use crate::testkit::{CallKind, Fault, SimProfile, SimSystem};

/// What goes wrong with the next call that writes, or reads changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// A batch of creates is carried out, and the answer never arrives.
    CreateAnswerLost,
    /// A batch of updates is carried out, and the answer never arrives.
    UpdateAnswerLost,
    /// The pages of changes fail, for long enough that the connector gives up.
    ChangesFail,
}

/// Whether a fixture can do what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Possible {
    /// It is done.
    Done,
    /// It cannot be done here: the rules that need it do not apply.
    Not,
}

/// Somebody who does to the system what people do to it, without the connector.
#[async_trait]
pub trait Backstage: Debug + Send + Sync {
    /// Makes a record with these values.
    async fn insert(&self, fields: Vec<(FieldName, Value)>) -> RecordId;

    /// Edits a field.
    async fn edit(&self, record: &RecordId, field: &FieldName, value: Value);

    /// Deletes or archives a record, as people do.
    async fn delete(&self, record: &RecordId);

    /// The time by the connector's clock.
    fn now(&self) -> Timestamp;

    /// Lets this much time pass, for the connector and its system.
    async fn wait(&self, time: Duration);

    /// Makes the next call go wrong.
    async fn break_next(&self, outage: Outage) -> Possible;
}

/// A connector to be put to the rules, with an empty system of its own behind it.
#[derive(Debug)]
pub struct Fixture {
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// The object type.
    pub object: ObjectType,
    /// Who acts behind its back.
    pub backstage: Arc<dyn Backstage>,
    /// A field of text whose value differs in each record, as an e-mail does. If the system has a
    /// unique field, or one that it can be searched by, it is this one.
    pub key: FieldName,
    /// Two other fields of text that can be written, cleared and left out.
    pub fields: [FieldName; 2],
    /// Values that each new record needs besides.
    pub required: Vec<(FieldName, Value)>,
    /// Which of these fields people fill and the connector cannot write. The rules of writing them
    /// do not apply.
    pub read_only: Vec<FieldName>,
    /// The id of a record that never was, in the system's own form.
    pub unknown: RecordId,
    /// How many keys were handed out.
    pub(super) keys: AtomicUsize,
}

impl Fixture {
    /// A connector with what its author says of it.
    pub fn new(
        connector: Arc<dyn Connector>,
        object: ObjectType,
        backstage: Arc<dyn Backstage>,
        key: FieldName,
        fields: [FieldName; 2],
        unknown: RecordId,
    ) -> Self {
        let (required, read_only, keys) = (Vec::new(), Vec::new(), AtomicUsize::new(0));
        Self { connector, object, backstage, key, fields, required, read_only, unknown, keys }
    }

    /// The same with a field that only people fill, for objects with few fields of text.
    #[must_use]
    pub fn cannot_write(mut self, field: FieldName) -> Self {
        self.read_only.push(field);
        self
    }

    /// The same with a value that each new record needs.
    #[must_use]
    pub fn needs(mut self, field: FieldName, value: Value) -> Self {
        self.required.push((field, value));
        self
    }

    /// A simulated system of this profile, with its own clock. `wrap` may put something between it
    /// and the rules.
    pub fn wrapped(
        profile: SimProfile,
        wrap: impl FnOnce(SimSystem) -> Arc<dyn Connector>,
    ) -> Self {
        let clock = Arc::new(ManualClock::starting(Timestamp::from_secs(1_772_373_600)));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let system = SimSystem::new("simulated", "contacts", profile, shared)
            .typed_field("email", crate::model::FieldType::Email)
            .field("first")
            .field("second")
            .unique("email");
        let names = ["email", "first", "second"].map(named);
        let [key, first, second] = names;
        let connector = wrap(system.clone());
        let backstage = Arc::new(Simulated { system, clock });
        let object = backstage.system.object_type().clone();
        Self::new(connector, object, backstage, key, [first, second], unknown())
    }

    /// A simulated system of this profile, with its own clock.
    pub fn simulated(profile: SimProfile) -> Self {
        Self::wrapped(profile, |system| Arc::new(system))
    }

    /// A key that was not handed out before.
    pub(super) fn new_key(&self) -> Value {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        Value::Text(format!("person{number}@example.com"))
    }
}

#[allow(clippy::expect_used)]
fn named(name: &str) -> FieldName {
    FieldName::new(name).expect("a field's name")
}

#[allow(clippy::expect_used)]
fn unknown() -> RecordId {
    RecordId::new("simulated-999999").expect("a record's id")
}

/// Behind a simulated system.
#[derive(Debug)]
struct Simulated {
    system: SimSystem,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl Backstage for Simulated {
    async fn insert(&self, fields: Vec<(FieldName, Value)>) -> RecordId {
        self.system.insert_fields(fields.into_iter().collect())
    }

    async fn edit(&self, record: &RecordId, field: &FieldName, value: Value) {
        self.system.edit(record, field.as_str(), value);
    }

    async fn delete(&self, record: &RecordId) {
        self.system.delete(record);
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    async fn break_next(&self, outage: Outage) -> Possible {
        let (kind, fault) = match outage {
            Outage::CreateAnswerLost => (CallKind::Create, Fault::AnswerLost),
            Outage::UpdateAnswerLost => (CallKind::Update, Fault::AnswerLost),
            Outage::ChangesFail => (CallKind::Changes, Fault::Unavailable),
        };
        self.system.fail_next(kind, fault);
        Possible::Done
    }
}
