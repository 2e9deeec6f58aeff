//! Which records stay forgotten: keyed fingerprints of their ids, among the tenant's secrets.

use std::collections::BTreeSet;

use fluxcascade_core::model::{
    ConnectionName, Fingerprint, MappingName, ObjectType, RecordId, Side, TenantId,
};
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
            Some(()) => Some(tokens::forgotten_key(transaction, tenant)?),
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
        for print in key.known_by(connection, object, record) {
            if self.keeps(&print)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Which keys of a record are those of a create whose origin was forgotten.
    pub(super) fn creates<'k>(
        &self,
        mapping: &MappingName,
        side: Side,
        keys: impl Iterator<Item = &'k (u16, Fingerprint)>,
    ) -> Result<Vec<[u8; 16]>, Fault> {
        let Some(key) = &self.key else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for shown in keys {
            let print = key.created(mapping, side, *shown);
            if self.keeps(&print)? {
                found.push(print);
            }
        }
        Ok(found)
    }

    /// Keeps the record that a create has made in place of the create's keys.
    pub(super) fn replace(
        &self,
        keys: &[[u8; 16]],
        (connection, object): (&ConnectionName, &ObjectType),
        record: &RecordId,
    ) -> Result<(), Fault> {
        let Some(key) = &self.key else { return Ok(()) };
        let tenant = TenantId::new(&self.tenant).map_err(|_| Fault::damaged("tenant"))?;
        keep(self.transaction, &tenant, &[key.print(connection, object, record)].into())?;
        for print in keys {
            self.transaction
                .prepare_cached("DELETE FROM secrets WHERE tenant = ?1 AND name = ?2")?
                .execute(params![self.tenant, forgotten_name(print)])?;
        }
        Ok(())
    }

    fn keeps(&self, print: &[u8; 16]) -> Result<bool, Fault> {
        let name = forgotten_name(print);
        let found = self
            .transaction
            .prepare_cached("SELECT 1 FROM secrets WHERE tenant = ?1 AND name = ?2")?
            .query_row(params![self.tenant, name], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }
}
