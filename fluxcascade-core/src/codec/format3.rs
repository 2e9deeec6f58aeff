//! The third format: holds as they were stored before they named the pairs that are in question.
//!
//! Never changed: files that were written then are read by it.

use serde::Deserialize;

use crate::model::{
    Answer, Awaited, ConflictId, Fingerprint, Hold, HoldKey, HoldReason, RecordId, Side, Sides,
    Timestamp, Withheld,
};

#[derive(Debug, Deserialize)]
pub struct Hold3 {
    key: HoldKey,
    reason: HoldReason,
    detail: String,
    candidates: Vec<(Side, RecordId)>,
    conflict: Option<ConflictId>,
    values: Sides<Option<Fingerprint>>,
    attempts: u32,
    not_before: Option<Timestamp>,
    since: Timestamp,
    waits_for: Option<Awaited>,
    withheld: Option<Withheld>,
    asked: Option<Fingerprint>,
    answer: Option<Answer>,
}

impl From<Hold3> for Hold {
    fn from(old: Hold3) -> Self {
        Self {
            candidates: old.candidates,
            conflict: old.conflict,
            values: old.values,
            attempts: old.attempts,
            not_before: old.not_before,
            waits_for: old.waits_for,
            withheld: old.withheld,
            asked: old.asked,
            answer: old.answer,
            ..Hold::new(old.key, old.reason, old.detail, old.since)
        }
    }
}
