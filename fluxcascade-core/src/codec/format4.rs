//! The fourth format: bases as they were stored before they said whose transform was changed.
//!
//! Never changed: files that were written then are read by it.

use serde::Deserialize;

use super::StoredBase;
use crate::model::{Fingerprint, Value, Version, Written};

#[derive(Debug, Deserialize)]
pub(super) struct Base4<W> {
    revision: u32,
    positions: u32,
    presence: Vec<u8>,
    values: Vec<Value>,
    fingerprint: Option<Fingerprint>,
    version: Version,
    written: Vec<W>,
}

impl<W: Into<Written>> From<Base4<W>> for StoredBase {
    fn from(old: Base4<W>) -> Self {
        Self {
            revision: old.revision,
            positions: old.positions,
            presence: old.presence,
            values: old.values,
            fingerprint: old.fingerprint,
            version: old.version,
            written: old.written.into_iter().map(Into::into).collect(),
            retransformed: Vec::new(),
        }
    }
}
