//! The first format: nouns as they were stored before they had answers, claims and endings.
//!
//! Never changed: files that were written then are read by it.

use serde::Deserialize;

use super::format3::Hold3;
use super::format4::Base4;
use super::{Stored, StoredBase};
use crate::model::conflict::{Conflict, ConflictKind, ConflictStatus, Winner};
use crate::model::hold::{Hold, HoldKey, HoldReason};
use crate::model::id::{
    ConflictId, Endpoint, FieldName, Fingerprint, LinkId, OperationId, PairId, RecordId, RunNumber,
    Side, Sides,
};
use crate::model::link::{Layout, LayoutPair, Revision, WriteOrigin, Written};
use crate::model::log::{Cause, LogRow, RunRow};
use crate::model::operation::{Operation, OperationKind, OperationPair};
use crate::model::record::Observation;
use crate::model::time::Timestamp;
use crate::model::value::Value;

impl Stored for Observation {
    type Format1 = Self;
    type Format3 = Self;
    type Format4 = Self;
}

impl Stored for LogRow {
    type Format1 = Self;
    type Format3 = Self;
    type Format4 = Self;
}

impl Stored for RunRow {
    type Format1 = Self;
    type Format3 = Self;
    type Format4 = Self;
}

impl Stored for Revision {
    type Format1 = Revision1;
    type Format3 = Self;
    type Format4 = Self;
}

impl Stored for Hold {
    type Format1 = Hold1;
    type Format3 = Hold3;
    type Format4 = Self;
}

impl Stored for Conflict {
    type Format1 = Conflict1;
    type Format3 = Self;
    type Format4 = Self;
}

impl Stored for Operation {
    type Format1 = Operation1;
    type Format3 = Self;
    type Format4 = Self;
}

impl Stored for StoredBase {
    type Format1 = Base4<Written1>;
    type Format3 = Base4<Written>;
    type Format4 = Base4<Written>;
}

#[derive(Debug, Deserialize)]
pub struct Revision1 {
    number: u32,
    fingerprint: Fingerprint,
    ends: Sides<Endpoint>,
    layout: Layout1,
}

#[derive(Debug, Deserialize)]
struct Layout1 {
    pairs: Vec<LayoutPair1>,
}

#[derive(Debug, Deserialize)]
struct LayoutPair1 {
    pair: PairId,
    fields: Sides<Vec<FieldName>>,
}

impl From<Revision1> for Revision {
    fn from(old: Revision1) -> Self {
        let pair = |p: LayoutPair1| LayoutPair {
            pair: p.pair,
            fields: p.fields,
            transform: None,
            retired: None,
            from: 0,
        };
        Self {
            number: old.number,
            fingerprint: old.fingerprint,
            policies: None,
            ends: old.ends,
            layout: Layout { pairs: old.layout.pairs.into_iter().map(pair).collect() },
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct Hold1 {
    key: HoldKey,
    reason: HoldReason1,
    detail: String,
    candidates: Vec<(Side, RecordId)>,
    conflict: Option<ConflictId>,
    values: Sides<Option<Fingerprint>>,
    attempts: u32,
    not_before: Option<Timestamp>,
    since: Timestamp,
}

impl From<Hold1> for Hold {
    fn from(old: Hold1) -> Self {
        Self {
            candidates: old.candidates,
            conflict: old.conflict,
            values: old.values,
            attempts: old.attempts,
            not_before: old.not_before,
            ..Hold::new(old.key, old.reason.into(), old.detail, old.since)
        }
    }
}

/// The reasons by their numbers, which are those of their order.
#[derive(Debug, Deserialize)]
enum HoldReason1 {
    Conflict,
    Reference,
    Rejected,
    Oscillating,
    Schema,
    Unsettled,
    Ambiguous,
    UnknownOutcome,
    Unreadable,
    Missing,
    Invalid,
    Guard,
    Gone,
}

impl From<HoldReason1> for HoldReason {
    fn from(old: HoldReason1) -> Self {
        match old {
            HoldReason1::Conflict => HoldReason::Conflict,
            HoldReason1::Reference => HoldReason::Reference,
            HoldReason1::Rejected => HoldReason::Rejected,
            HoldReason1::Oscillating => HoldReason::Oscillating,
            HoldReason1::Schema => HoldReason::Schema,
            HoldReason1::Unsettled => HoldReason::Unsettled,
            HoldReason1::Ambiguous => HoldReason::Ambiguous,
            HoldReason1::UnknownOutcome => HoldReason::UnknownOutcome,
            HoldReason1::Unreadable => HoldReason::Unreadable,
            // What a link does of which a record is gone was not decided yet. Without a mark of which
            // one it is, the record is looked for once more before it counts as deleted.
            HoldReason1::Missing | HoldReason1::Gone => HoldReason::Missing,
            HoldReason1::Invalid => HoldReason::Invalid,
            HoldReason1::Guard => HoldReason::Guard,
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct Conflict1 {
    id: ConflictId,
    link: LinkId,
    records: Sides<RecordId>,
    pair: PairId,
    kind: ConflictKind,
    base: Sides<Option<Vec<Value>>>,
    values: Sides<Vec<Value>>,
    times: Sides<Option<Timestamp>>,
    strategy: String,
    winner: Option<Winner>,
    why: String,
    status: ConflictStatus,
    run: RunNumber,
    at: Timestamp,
}

impl From<Conflict1> for Conflict {
    fn from(old: Conflict1) -> Self {
        Self {
            id: old.id,
            link: old.link,
            records: old.records,
            pair: Some(old.pair),
            kind: old.kind,
            base: old.base,
            values: old.values,
            times: old.times,
            strategy: old.strategy,
            winner: old.winner,
            why: old.why,
            status: old.status,
            run: old.run,
            at: old.at,
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct Operation1 {
    id: OperationId,
    link: LinkId,
    side: Side,
    origin: RecordId,
    kind: OperationKind,
    pairs: Vec<OperationPair1>,
    conflicts: Vec<Conflict1>,
    keys: Vec<(u16, Fingerprint)>,
    run: RunNumber,
    fence: u64,
    begun: Timestamp,
    not_after: Timestamp,
}

impl From<Operation1> for Operation {
    fn from(old: Operation1) -> Self {
        Self {
            id: old.id,
            link: old.link,
            side: old.side,
            origin: old.origin,
            kind: old.kind,
            pairs: old.pairs.into_iter().map(Into::into).collect(),
            conflicts: old.conflicts.into_iter().map(Into::into).collect(),
            keys: old.keys,
            claims: Vec::new(),
            stamp: None,
            joint: None,
            run: old.run,
            fence: old.fence,
            begun: old.begun,
            not_after: old.not_after,
        }
    }
}

#[derive(Debug, Deserialize)]
struct OperationPair1 {
    pair: PairId,
    origin: Vec<Value>,
    planned: Vec<Value>,
    sent: Vec<Value>,
    cause: Cause,
}

impl From<OperationPair1> for OperationPair {
    fn from(old: OperationPair1) -> Self {
        Self {
            pair: old.pair,
            fields: Sides::default(),
            origin: old.origin,
            planned: old.planned,
            sent: old.sent,
            cause: old.cause,
            joint: false,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Written1 {
    position: u32,
    fingerprint: Fingerprint,
    at: Timestamp,
}

impl From<Written1> for Written {
    fn from(old: Written1) -> Self {
        Self {
            position: old.position,
            fingerprint: old.fingerprint,
            at: old.at,
            origin: WriteOrigin::Person,
        }
    }
}
