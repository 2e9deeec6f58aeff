//! The nouns: everything that crosses a wall between the engine, the systems and storage.
//!
//! Nothing here has behaviour beyond its own consistency: no async, no I/O, no policy.

pub mod answer;
pub mod conflict;
pub mod cursor;
pub mod hold;
pub mod id;
pub mod link;
pub mod log;
pub mod match_keys;
pub mod operation;
pub mod record;
pub mod schema;
pub mod time;
pub mod value;
pub mod work;

pub use answer::{Answer, AnswerOutcome, AnswerTo, Choice};
pub use conflict::{Conflict, ConflictKind, ConflictStatus, Winner};
pub use cursor::Cursor;
pub use hold::{AskedPair, Awaited, Hold, HoldKey, HoldReason, Withheld};
pub use id::{
    ConflictId, ConnectionName, Endpoint, FieldName, Fingerprint, IdError, LinkId, MappingKey,
    MappingName, ObjectType, OperationId, PairId, RecordId, RunNumber, Side, Sides, SystemName,
    TenantId, WorkerName,
};
pub use link::{
    Base, Ending, Layout, LayoutPair, Link, LinkStatus, Linked, Revision, WriteOrigin, Written,
};
pub use log::{Cause, LogKind, LogPair, LogRow, RunRow, RunStatus};
pub use match_keys::MatchKeys;
pub use operation::{Operation, OperationKind, OperationPair, Stamp};
pub use record::{DeleteEvidence, Observation, Projection, Provenance, State, Values};
pub use schema::{FieldSchema, FieldType, ObjectSchema, SeenBy};
pub use time::{Modified, Timestamp, Version};
pub use value::{Money, Reference, Slot, Value, Zoned};
pub use work::{Candidates, InboxEntry, KeyHolder, Work, WorkKey};
