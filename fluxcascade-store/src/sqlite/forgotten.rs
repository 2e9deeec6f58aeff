//! Which records stay forgotten: keyed fingerprints of their ids, among the tenant's secrets.

use std::collections::BTreeSet;

use fluxcascade_core::model::{ConnectionName, ObjectType, RecordId, TenantId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::fault::Fault;
use super::tokens;
use crate::upkeep::{ForgottenKey, forgotten_name};

/// Keeps fingerprints of records that are forgotten.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    prints: &BTreeSet<[u8; 16]>,
) -> Result<(), Fault> {
    for print in prints {
        transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO secrets (tenant, name, secret) VALUES (?1, ?2, x'')",
            )?
            .execute(params![tenant.as_str(), forgotten_name(print)])?;
    }
    Ok(())
}

/// The records of a tenant that are forgotten.
pub(super) struct Forgotten<'a> {
    transaction: &'a Transaction<'a>,
    tenant: String,
    /// `None` if there are none.
    key: Option<ForgottenKey>,
}

impl<'a> Forgotten<'a> {
    pub(super) fn of(transaction: &'a Transaction<'a>, tenant: &TenantId) -> Result<Self, Fault> {
        let any = transaction
            .prepare_cached(
                "SELECT 1 FROM secrets WHERE tenant = ?1 AND name > 'forgotten ' AND name < 'forgotten!' LIMIT 1",
            )?
            .query_row([tenant.as_str()], |_| Ok(()))
            .optional()?;
        let key = match any {
            Some(()) => Some(ForgottenKey(tokens::fingerprint_key(transaction, tenant)?)),
            None => None,
        };
        Ok(Self { transaction, tenant: tenant.as_str().to_owned(), key })
    }

    /// Whether there are any.
    pub(super) fn are_any(&self) -> bool {
        self.key.is_some()
    }

    pub(super) fn has(
        &self,
        connection: &ConnectionName,
        object: &ObjectType,
        record: &RecordId,
    ) -> Result<bool, Fault> {
        let Some(key) = &self.key else { return Ok(false) };
        let name = forgotten_name(&key.print(connection, object, record));
        let found = self
            .transaction
            .prepare_cached("SELECT 1 FROM secrets WHERE tenant = ?1 AND name = ?2")?
            .query_row(params![self.tenant, name], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }
}
