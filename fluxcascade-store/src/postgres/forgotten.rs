//! Which records stay forgotten: keyed fingerprints of their ids, among the tenant's secrets.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxcascade_core::model::{ConnectionName, ObjectType, RecordId, TenantId};

use super::fault::Fault;
use super::session::Session;
use super::tokens;
use crate::upkeep::{ForgottenKey, forgotten_name};

/// Keeps fingerprints of records that are forgotten.
pub(super) async fn keep(
    session: &Session,
    tenant: &TenantId,
    prints: &BTreeSet<[u8; 16]>,
) -> Result<(), Fault> {
    let names: Vec<String> = prints.iter().map(forgotten_name).collect();
    session
        .run(
            "INSERT INTO secrets (tenant, name, secret)
             SELECT $1, name, '' FROM unnest($2::text[]) p (name) ON CONFLICT DO NOTHING",
            &[&tenant.as_str(), &names],
        )
        .await?;
    Ok(())
}

/// Which of these records of an object type are forgotten.
pub(super) async fn among<'a>(
    session: &Arc<Session>,
    tenant: &TenantId,
    (connection, object): (&ConnectionName, &ObjectType),
    records: impl Iterator<Item = &'a RecordId>,
) -> Result<BTreeSet<RecordId>, Fault> {
    let any = session
        .rows(
            "SELECT 1 FROM secrets
             WHERE tenant = $1 AND name > 'forgotten ' AND name < 'forgotten!' LIMIT 1",
            &[&tenant.as_str()],
        )
        .await?;
    if any.is_empty() {
        return Ok(BTreeSet::new());
    }
    let key = ForgottenKey(tokens::fingerprint_key(Arc::clone(session), tenant).await?);
    let asked: Vec<(String, &RecordId)> = records
        .map(|record| (forgotten_name(&key.print(connection, object, record)), record))
        .collect();
    let names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
    let rows = session
        .rows(
            "SELECT s.name FROM unnest($2::text[]) p (name)
             CROSS JOIN LATERAL (SELECT s.name FROM secrets s
                 WHERE s.tenant = $1 AND s.name = p.name OFFSET 0) s",
            &[&tenant.as_str(), &names],
        )
        .await?;
    let found: BTreeSet<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let forgotten = asked.iter().filter(|(name, _)| found.contains(name.as_str()));
    Ok(forgotten.map(|(_, record)| (*record).clone()).collect())
}
