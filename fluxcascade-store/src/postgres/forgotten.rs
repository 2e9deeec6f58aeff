//! Which records stay forgotten: keyed fingerprints of their ids, among the tenant's secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxcascade_core::model::{ConnectionName, MappingKey, ObjectType, RecordId, TenantId};
use fluxcascade_core::store::Intake;

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
    let Some(key) = key(session, tenant).await? else { return Ok(BTreeSet::new()) };
    let known_by = |record: &'a RecordId| {
        key.known_by(connection, object, record).map(move |print| (print, record))
    };
    let asked: Vec<([u8; 16], &RecordId)> = records.flat_map(known_by).collect();
    let found = kept(session, tenant, asked.iter().map(|(print, _)| print)).await?;
    let forgotten = asked.iter().filter(|(print, _)| found.contains(print));
    Ok(forgotten.map(|(_, record)| (*record).clone()).collect())
}

/// Which of these fingerprints are kept.
async fn kept<'a>(
    session: &Session,
    tenant: &TenantId,
    prints: impl Iterator<Item = &'a [u8; 16]>,
) -> Result<BTreeSet<[u8; 16]>, Fault> {
    let asked: BTreeMap<String, [u8; 16]> =
        prints.map(|print| (forgotten_name(print), *print)).collect();
    let names: Vec<&str> = asked.keys().map(String::as_str).collect();
    let rows = session
        .rows(
            "SELECT s.name FROM unnest($2::text[]) p (name)
             CROSS JOIN LATERAL (SELECT s.name FROM secrets s
                 WHERE s.tenant = $1 AND s.name = p.name OFFSET 0) s",
            &[&tenant.as_str(), &names],
        )
        .await?;
    let found: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(found.into_iter().filter_map(|name| asked.get(name).copied()).collect())
}

/// By record of a page's rows, which of its keys are those of a create whose origin was forgotten.
pub(super) async fn creates(
    session: &Arc<Session>,
    mapping: &MappingKey,
    page: &Intake,
) -> Result<BTreeMap<RecordId, Vec<[u8; 16]>>, Fault> {
    let Some(key) = key(session, &mapping.tenant).await? else { return Ok(BTreeMap::new()) };
    let mut asked: Vec<([u8; 16], &RecordId)> = Vec::new();
    for row in &page.rows {
        let keys = row.keys.iter().flat_map(|keys| &keys.valid);
        let prints = keys.map(|shown| key.created(&mapping.mapping, page.side, *shown));
        asked.extend(prints.map(|print| (print, &row.observation.record)));
    }
    let found = kept(session, &mapping.tenant, asked.iter().map(|(print, _)| print)).await?;
    let mut creates: BTreeMap<RecordId, Vec<[u8; 16]>> = BTreeMap::new();
    for (print, record) in asked.into_iter().filter(|(print, _)| found.contains(print)) {
        creates.entry(record.clone()).or_default().push(print);
    }
    Ok(creates)
}

/// Keeps a record that a create has made in place of the create's keys.
pub(super) async fn replace(
    session: &Arc<Session>,
    tenant: &TenantId,
    keys: &[[u8; 16]],
    (connection, object): (&ConnectionName, &ObjectType),
    record: &RecordId,
) -> Result<(), Fault> {
    let Some(key) = key(session, tenant).await? else { return Ok(()) };
    keep(session, tenant, &[key.print(connection, object, record)].into()).await?;
    let names: Vec<String> = keys.iter().map(forgotten_name).collect();
    let sql = "DELETE FROM secrets WHERE tenant = $1 AND name = ANY($2)";
    session.run(sql, &[&tenant.as_str(), &names]).await?;
    Ok(())
}

/// The key of forgotten records, if there are any.
async fn key(session: &Arc<Session>, tenant: &TenantId) -> Result<Option<ForgottenKey>, Fault> {
    let any = session
        .rows(
            "SELECT 1 FROM secrets
             WHERE tenant = $1 AND name > 'forgotten ' AND name < 'forgotten!' LIMIT 1",
            &[&tenant.as_str()],
        )
        .await?;
    if any.is_empty() {
        return Ok(None);
    }
    tokens::forgotten_key(session, tenant).await.map(Some)
}
