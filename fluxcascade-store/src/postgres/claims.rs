//! What creates claim among all mappings of their tenant, so that no two make the same record.

use std::collections::BTreeMap;

use fluxcascade_core::model::{Fingerprint, MappingName, Operation, RecordId, Timestamp};
use fluxcascade_core::store::{Begun, Made};

use super::fault::Fault;
use super::ledger::{Ledger, hash, record, time};
use crate::rules;

/// Who else holds claims, in order of the mappings' names.
pub(super) const CLAIMED: &str = "SELECT p.claim, m.name, c.record, c.until
     FROM (SELECT DISTINCT claim FROM unnest($3::bytea[]) u (claim)) p
     CROSS JOIN LATERAL (SELECT c.mapping, c.operation, c.record, c.until FROM claims c
         WHERE c.tenant = $1 AND c.claim = p.claim AND c.mapping <> $2 OFFSET 0) c
     CROSS JOIN LATERAL (SELECT m.name FROM mappings m
         WHERE m.tenant = $1 AND m.number = c.mapping OFFSET 0) m
     ORDER BY m.name, c.operation";

/// Claims of made records that have ended.
pub(super) const ENDED: &str = "DELETE FROM claims WHERE tenant = $1 AND until <= $2";

/// Who holds a claim.
#[derive(Debug)]
struct Holder {
    mapping: MappingName,
    made: Option<RecordId>,
    until: Option<Timestamp>,
}

/// The claims that other mappings hold, as operations begin one after another.
#[derive(Debug, Default)]
pub(super) struct Others {
    holders: BTreeMap<Fingerprint, Vec<Holder>>,
    /// The latest time at which an operation began: what ended by then is forgotten.
    now: Option<Timestamp>,
}

impl Others {
    /// Whether an operation may begin.
    pub(super) fn ask(&mut self, operation: &Operation) -> Begun {
        let claims = rules::claims(operation);
        if claims.is_empty() {
            return Begun::Yes;
        }
        self.now = self.now.max(Some(operation.begun));
        let holders = claims.iter().filter_map(|claim| self.holders.get(claim)).flatten();
        let mut holding =
            holders.filter(|holder| holder.until.is_none() || holder.until > self.now);
        match holding.next() {
            None => Begun::Yes,
            Some(Holder { mapping, made: None, .. }) => Begun::ClaimedBy(mapping.clone()),
            Some(Holder { mapping, made: Some(record), .. }) => {
                Begun::MadeBy(mapping.clone(), record.clone())
            }
        }
    }
}

impl Ledger {
    /// Who else holds what operations claim.
    pub(super) async fn others(&self, operations: &[Operation]) -> Result<Others, Fault> {
        let mut others = Others::default();
        let claims: Vec<&[u8]> =
            operations.iter().flat_map(rules::claims).map(|claim| &claim.0[..]).collect();
        if claims.is_empty() {
            return Ok(others);
        }
        for row in self.rows(CLAIMED, &[&claims]).await? {
            let mapping = MappingName::new(row.try_get::<_, &str>(1)?)
                .map_err(|_| Fault::damaged("mapping name"))?;
            let made: Option<&str> = row.try_get(2)?;
            let made = made.map(|_| record(&row, 2)).transpose()?;
            let holder = Holder { mapping, made, until: time(&row, 3)? };
            others.holders.entry(Fingerprint(hash(&row, 0)?)).or_default().push(holder);
        }
        Ok(others)
    }

    /// Forgets what has ended by the time at which operations began.
    pub(super) async fn forget_ended(&self, others: &Others) -> Result<(), Fault> {
        if let Some(now) = others.now {
            self.session.run(ENDED, &[&self.tenant, &now.micros()]).await?;
        }
        Ok(())
    }

    /// Sets the claims of operations: with a record, until a time.
    pub(super) async fn set_claims(
        &self,
        operations: &[(&Operation, Option<&Made>)],
    ) -> Result<(), Fault> {
        // One row per claim, in order, so that two such calls do not wait for each other.
        let mut rows = BTreeMap::new();
        for (operation, made) in operations {
            for claim in rules::claims(operation) {
                rows.insert((claim.0, operation.id.0), *made);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.run(
            "INSERT INTO claims (tenant, mapping, claim, operation, record, until)
             SELECT $1, $2, p.* FROM unnest($3::bytea[], $4::bytea[], $5::text[], $6::bigint[]) p
             ON CONFLICT (tenant, claim, mapping, operation)
             DO UPDATE SET record = excluded.record, until = excluded.until",
            &[
                &rows.keys().map(|(claim, _)| &claim[..]).collect::<Vec<_>>(),
                &rows.keys().map(|(_, operation)| &operation[..]).collect::<Vec<_>>(),
                &rows.values().map(|made| made.map(|m| m.record.as_str())).collect::<Vec<_>>(),
                &rows.values().map(|made| made.map(|m| m.until.micros())).collect::<Vec<_>>(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Frees the claims of operations.
    pub(super) async fn free_claims<'a>(
        &self,
        operations: impl IntoIterator<Item = &'a Operation>,
    ) -> Result<(), Fault> {
        let (mut claims, mut ids): (Vec<&[u8]>, Vec<&[u8]>) = (Vec::new(), Vec::new());
        for operation in operations {
            for claim in rules::claims(operation) {
                claims.push(&claim.0);
                ids.push(&operation.id.0);
            }
        }
        if claims.is_empty() {
            return Ok(());
        }
        self.run(
            "DELETE FROM claims WHERE ctid = ANY(ARRAY(SELECT c.ctid
                 FROM unnest($3::bytea[], $4::bytea[]) p (claim, operation)
                 CROSS JOIN LATERAL (SELECT c.ctid FROM claims c
                     WHERE c.tenant = $1 AND c.mapping = $2
                     AND c.claim = p.claim AND c.operation = p.operation FOR UPDATE) c))",
            &[&claims, &ids],
        )
        .await?;
        Ok(())
    }
}
