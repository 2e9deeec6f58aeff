//! The wall to the systems: [`Reader`] for what a dry run may do, [`Connector`] for writing.
//!
//! Requests and replies are structs that can grow. The nouns in them live in [`crate::model`].

mod capability;
mod error;
mod provision;
mod subscribe;
mod webhook;

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use capability::{Capabilities, Consistency, DeleteSignal};
pub use error::{ConnectorError, ErrorKind};
pub use provision::{ExternalIdField, Provisioner};
pub use subscribe::{SubscribeRequest, Subscription, Subscriptions};
pub use webhook::{Delivery, DeliveryError, Notice, WebhookSource};

pub use crate::model::Cursor;
use crate::model::{
    FieldName, Modified, ObjectSchema, ObjectType, Observation, OperationId, Projection, RecordId,
    SystemName, Timestamp, Value, Values, Version,
};

/// Reads one account of one system. This is all that a dry run can reach.
///
/// Each sentence of a contract is a rule of the suite that `connector_conformance!` (feature
/// `testkit`) makes, and its test has its name.
///
/// # Contract
///
/// - Every size that is declared is at least one.
/// - An object type that is not known is an error.
/// - Every observation has one slot per field of the projection, in its order.
/// - The same record has the same id in every answer: an id is canonical.
/// - What changes return is listed, and what is read by id is fetched: a look-up says which of both
///   its answer is as fresh as.
/// - Values are of the types that the schema says.
/// - A field that holds nothing is blank and not absent: absent is what the answer does not have.
/// - A changed record has a newer version, as far as it has versions that can be compared.
/// - A failed read is an error, and never an empty answer.
#[async_trait]
pub trait Reader: Debug + Send + Sync + 'static {
    /// The system.
    fn system(&self) -> &SystemName;

    /// What the system can do with this object type. Callers ask before they call.
    fn capabilities(&self, object: &ObjectType) -> Capabilities;

    /// The account behind the credentials.
    ///
    /// # Contract
    /// - The account has the same id in every answer.
    ///
    /// # Errors
    /// If the system refuses the credentials, or does not answer.
    async fn account(&self) -> Result<Account, ConnectorError>;

    /// The object type's fields.
    ///
    /// # Contract
    /// - The schema names each field once.
    ///
    /// # Errors
    /// If the object type is not known, or the system does not answer.
    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError>;

    /// One page of what changed since the position.
    ///
    /// # Contract
    /// - A page has at most as many rows as are asked for.
    /// - A full read returns every record that exists: from [`Position::Start`], following the
    ///   cursors until `more` is false, with the fields of the projection.
    /// - Rows of one time at a page's edge are all returned.
    /// - A change during a full read is returned by it or by the next: the last cursor stands before
    ///   every change made since the read began that its pages do not have.
    /// - A later change is returned by the next read, at least once, from a cursor with `more`
    ///   false.
    /// - A row that shows late is returned within the look-back.
    /// - A delete shows as declared: a feed has it, a flag is on the record, or it is not there.
    /// - What is archived shows its values, where a flag says so: on a full read and by id.
    /// - The same cursor may be read again.
    /// - A cursor that is not taken any more is position lost: the error `PositionLost`, whatever
    ///   else is wrong.
    ///
    /// # Errors
    /// If the page could not be read whole.
    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError>;

    /// Records by id.
    ///
    /// # Contract
    /// - There is one observation per id, in the order asked.
    /// - An id that is asked for twice is answered twice.
    /// - An id that is not known is missing, and never left out, nor an error.
    ///
    /// # Errors
    /// If the system could not be asked.
    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError>;

    /// Records that hold one of these values in a field.
    ///
    /// # Contract
    /// - A record is found by its value once the look-up shows it, as late as is declared.
    /// - Only records with an equivalent value are found.
    /// - What is found names the place of its value.
    ///
    /// # Errors
    /// If the system could not be asked; or [`ConnectorError::no_look_up`], if it has no look-up by this
    /// field. Nothing else is taken for that: a record that cannot be looked for now is looked for later.
    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError>;
}

/// Reads and writes one account of one system.
#[async_trait]
pub trait Connector: Reader {
    /// Writes a batch.
    ///
    /// # Contract
    /// - There is one outcome per write, in the order of the writes.
    /// - No request leaves after `not_after`; what was not sent is `NotSent`.
    /// - A write that may have been carried out is unknown, never `NotSent`.
    /// - A create is sent at most once in a call, unless it is certain that it was not carried out.
    /// - Fields that are not in the write keep their values.
    /// - A blank clears a field.
    /// - One write's failure stops no other of the batch.
    /// - A write of a record that is not there is not found: rejected, as `NotFound`.
    /// - What an answer says of a record is what is stored.
    ///
    /// With the powers that are declared:
    ///
    /// - A create that repeats a key names the record that has it.
    /// - A write on condition is refused once the record has moved on: `PreconditionFailed`.
    /// - An upsert changes the record that has the value, and makes no other.
    /// - An upsert of a new value makes a record.
    /// - What is archived is gone, and archiving it again is applied.
    /// - What is deleted is gone, and deleting it again is applied.
    /// - What is restored has its id and its values.
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome>;

    /// Powers beyond these. [`Extensions::none`] is an answer.
    fn extensions(&self) -> Extensions<'_>;
}

const _: Option<&dyn Connector> = None; // stays object-safe

/// An account of a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The system's id of it: guards against another account behind the same connection.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// Where a read of changes goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// A full read begins.
    Start,
    /// The read goes on after a page.
    After(Cursor),
}

/// Asks for a page of changes.
#[derive(Debug, Clone)]
pub struct ChangesRequest {
    /// The object type.
    pub object: ObjectType,
    /// The fields wanted.
    pub projection: Projection,
    /// Where to go on.
    pub position: Position,
    /// At most this many records; the system's page size if that is smaller.
    pub limit: usize,
}

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesPage {
    /// What was seen, `Listed`. A record may be on several pages, in any order.
    pub observations: Vec<Observation>,
    /// Where the next page begins, also when there is none yet.
    pub cursor: Cursor,
    /// Whether there is another page now.
    pub more: bool,
}

/// Asks for records by id.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// The object type.
    pub object: ObjectType,
    /// The fields wanted.
    pub projection: Projection,
    /// The records; any number, the connector cuts batches.
    pub records: Vec<RecordId>,
}

/// Asks for records by a field's value.
#[derive(Debug, Clone)]
pub struct FindRequest {
    /// The object type.
    pub object: ObjectType,
    /// The fields wanted.
    pub projection: Projection,
    /// The field that is looked in.
    pub field: FieldName,
    /// The values that are looked for.
    pub values: Vec<Value>,
}

/// A record that was found by a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The place of the value among those asked for.
    pub value: usize,
    /// The record.
    pub observation: Observation,
}

/// Asks for a batch of writes.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The object type.
    pub object: ObjectType,
    /// The fields in which answers are wanted.
    pub projection: Projection,
    /// The writes; at most the system's write batch.
    pub writes: Vec<Write>,
    /// No request may leave after this, by the connector's clock.
    pub not_after: Timestamp,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The operation that it belongs to.
    pub operation: OperationId,
    /// What is done.
    pub action: WriteAction,
    /// The fields written; a blank clears the field.
    pub fields: Vec<(FieldName, Value)>,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAction {
    /// Makes a record.
    Create,
    /// Makes a record, or changes the one that holds the same value in a unique field; asked for
    /// only of a system that [upserts](Capabilities::upserts).
    Upsert {
        /// The unique field; its value is among the fields written.
        by: FieldName,
    },
    /// Changes a record.
    Update {
        /// The record.
        record: RecordId,
        /// The validator that must still hold, where the system has conditional writes.
        if_tag: Option<Box<str>>,
    },
    /// Puts a record away so that it can be restored; asked for only of a system that
    /// [archives](Capabilities::archives).
    Archive {
        /// The record.
        record: RecordId,
        /// The validator that must still hold, where the system has conditional writes.
        if_tag: Option<Box<str>>,
    },
    /// Removes a record for good; asked for only of a system that
    /// [deletes](Capabilities::deletes_for_good).
    Delete {
        /// The record.
        record: RecordId,
        /// The validator that must still hold, where the system has conditional writes.
        if_tag: Option<Box<str>>,
    },
    /// Brings an archived record back; asked for only of a system that
    /// [restores](Capabilities::restores).
    Restore {
        /// The record.
        record: RecordId,
    },
}

impl WriteAction {
    /// The existing record that it is about.
    pub fn record(&self) -> Option<&RecordId> {
        match self {
            WriteAction::Create | WriteAction::Upsert { .. } => None,
            WriteAction::Update { record, .. }
            | WriteAction::Archive { record, .. }
            | WriteAction::Delete { record, .. }
            | WriteAction::Restore { record } => Some(record),
        }
    }

    /// Whether it may make a record.
    pub fn may_create(&self) -> bool {
        self.record().is_none()
    }
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was carried out.
    Applied {
        /// The record.
        record: RecordId,
        /// Its version now, as far as the answer says.
        version: Version,
        /// Its values now, if the answer is proof of what was stored for each field written, and,
        /// for a create, for every field; others may be absent. `None`: it is read back.
        values: Option<Values>,
    },
    /// A create was refused because this record has the key.
    Exists(RecordId),
    /// The system refused it for good.
    Rejected {
        /// The fields that it named.
        fields: Vec<FieldName>,
        /// Why.
        error: ConnectorError,
    },
    /// The record is no longer at the version that the write was conditional on.
    PreconditionFailed,
    /// It was not carried out, and can be sent again.
    NotSent(ConnectorError),
    /// It may have been carried out.
    Unknown(ConnectorError),
}

/// Asks when fields were last changed.
#[derive(Debug, Clone)]
pub struct FieldTimesRequest {
    /// The object type.
    pub object: ObjectType,
    /// The records; any number, the connector cuts batches.
    pub records: Vec<RecordId>,
    /// The fields wanted.
    pub fields: Vec<FieldName>,
}

/// When a field of a record was last changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldTime {
    /// The field.
    pub field: FieldName,
    /// When, by the system's clock.
    pub modified: Modified,
}

/// A system that knows when each field was changed: asked for records in conflict only.
#[async_trait]
pub trait FieldHistory: Debug + Send + Sync {
    /// When the fields of records were last changed.
    ///
    /// # Contract
    /// - Times of fields are answered per record, in the order asked; a field whose time is not
    ///   known is left out.
    /// - A field that changed later has the later time.
    ///
    /// # Errors
    /// If the system could not be asked.
    async fn field_times(
        &self,
        request: FieldTimesRequest,
    ) -> Result<Vec<Vec<FieldTime>>, ConnectorError>;
}

/// Powers that a connector may have beyond reading and writing.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Extensions<'a> {
    /// When each field was changed.
    pub field_history: Option<&'a dyn FieldHistory>,
    /// What it sends when something changed.
    pub webhooks: Option<&'a dyn WebhookSource>,
    /// Where it is told what to send.
    pub subscriptions: Option<&'a dyn Subscriptions>,
    /// Fields for the other side's ids, made on request.
    pub provisioner: Option<&'a dyn Provisioner>,
}

impl<'a> Extensions<'a> {
    /// No such powers.
    pub fn none() -> Self {
        Self::default()
    }

    /// With the times of fields.
    #[must_use]
    pub fn field_history(mut self, history: &'a dyn FieldHistory) -> Self {
        self.field_history = Some(history);
        self
    }

    /// With webhooks.
    #[must_use]
    pub fn webhooks(mut self, source: &'a dyn WebhookSource) -> Self {
        self.webhooks = Some(source);
        self
    }

    /// With a way to be told what webhooks to send.
    #[must_use]
    pub fn subscriptions(mut self, subscriptions: &'a dyn Subscriptions) -> Self {
        self.subscriptions = Some(subscriptions);
        self
    }

    /// With fields that can be made.
    #[must_use]
    pub fn provisioner(mut self, provisioner: &'a dyn Provisioner) -> Self {
        self.provisioner = Some(provisioner);
        self
    }
}
