//! Which row something sealed belongs to: its associated data, and its name for people.

use std::fmt;

use fluxcascade_core::model::{
    ConflictId, HoldKey, LinkId, LogRow, MappingKey, OperationId, RecordId, RunNumber, Side,
    TenantId,
};
use fluxcascade_core::store::TokenKey;

use super::key::KeyId;

/// The identity of a row. What is sealed for one cannot be opened as another's.
#[derive(Debug, Clone)]
pub(super) struct RowId {
    tenant: String,
    /// Empty for what is the tenant's.
    mapping: String,
    table: &'static str,
    parts: Vec<String>,
}

impl RowId {
    fn of(mapping: &MappingKey, table: &'static str, parts: Vec<String>) -> Self {
        Self {
            tenant: mapping.tenant.as_str().to_owned(),
            mapping: mapping.mapping.as_str().to_owned(),
            table,
            parts,
        }
    }

    /// What a page said of a record.
    pub(super) fn observation(mapping: &MappingKey, side: Side, record: &RecordId) -> Self {
        Self::of(mapping, "inbox entry", vec![side.to_string(), record.to_string()])
    }

    /// The base of one side of a link.
    pub(super) fn base(mapping: &MappingKey, link: LinkId, side: Side) -> Self {
        Self::of(mapping, "base", vec![link.to_string(), side.to_string()])
    }

    pub(super) fn operation(mapping: &MappingKey, id: OperationId) -> Self {
        Self::of(mapping, "operation", vec![id.to_string()])
    }

    pub(super) fn hold(mapping: &MappingKey, key: &HoldKey) -> Self {
        Self::of(mapping, "hold", key_parts(key))
    }

    /// What a person answered to a hold.
    pub(super) fn answer(mapping: &MappingKey, key: &HoldKey) -> Self {
        Self::of(mapping, "answer", key_parts(key))
    }

    pub(super) fn conflict(mapping: &MappingKey, id: ConflictId) -> Self {
        Self::of(mapping, "conflict", vec![id.to_string()])
    }

    /// A log row has no id: it is what it says of itself.
    pub(super) fn log(mapping: &MappingKey, row: &LogRow) -> Self {
        let record = |record: &Option<RecordId>| {
            record.as_ref().map_or_else(String::new, RecordId::to_string)
        };
        let parts = vec![
            format!("run {}", row.run),
            row.kind.to_string(),
            row.side.to_string(),
            record(&row.records.source),
            record(&row.records.target),
            row.at.micros().to_string(),
            row.link.map_or_else(String::new, |id| id.to_string()),
            row.operation.map_or_else(String::new, |id| id.to_string()),
        ];
        Self::of(mapping, "log row", parts)
    }

    pub(super) fn run(mapping: &MappingKey, run: RunNumber) -> Self {
        Self::of(mapping, "run", vec![run.to_string()])
    }

    /// A credential: each of its generations is a row of its own.
    pub(super) fn token(key: &TokenKey, generation: u64) -> Self {
        Self {
            tenant: key.tenant.as_str().to_owned(),
            mapping: String::new(),
            table: "credential",
            parts: vec![key.connection.to_string(), format!("generation {generation}")],
        }
    }

    /// The secret from which a tenant's fingerprints are made.
    pub(super) fn secret(tenant: &TenantId) -> Self {
        Self {
            tenant: tenant.as_str().to_owned(),
            mapping: String::new(),
            table: "fingerprint secret",
            parts: Vec::new(),
        }
    }

    /// The associated data of what is sealed for this row with a key. Each part is framed, so that
    /// no two rows read alike.
    pub(super) fn associated(&self, key: &KeyId) -> Vec<u8> {
        let fixed = ["fluxcascade sealed 1", key.as_str(), &self.tenant, &self.mapping, self.table];
        let mut out = Vec::with_capacity(160);
        for part in fixed.into_iter().chain(self.parts.iter().map(String::as_str)) {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        out
    }
}

fn key_parts(key: &HoldKey) -> Vec<String> {
    match key {
        HoldKey::Pair(link, pair) => vec!["pair".into(), link.to_string(), pair.to_string()],
        HoldKey::Link(link) => vec!["link".into(), link.to_string()],
        HoldKey::Record(side, record) => {
            vec!["record".into(), side.to_string(), record.to_string()]
        }
    }
}

/// The row for people.
impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {}", self.table)?;
        for part in self.parts.iter().filter(|part| !part.is_empty()) {
            write!(f, " {part}")?;
        }
        if self.mapping.is_empty() {
            write!(f, " of tenant {}", self.tenant)
        } else {
            write!(f, " of mapping {}/{}", self.tenant, self.mapping)
        }
    }
}
