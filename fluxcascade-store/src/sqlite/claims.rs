//! What creates claim among all mappings of their tenant, so that no two make the same record.

use fluxcascade_core::model::{MappingName, Operation, Timestamp};
use fluxcascade_core::store::{Begun, Made};
use rusqlite::params;

use super::fault::Fault;
use super::ledger::{Ledger, record};
use crate::rules;

/// Who holds a claim, other mappings first in order of their names.
pub(super) const CLAIMED: &str = "SELECT m.name, c.record FROM claims c
     CROSS JOIN mappings m ON m.number = c.mapping
     WHERE c.tenant = (SELECT tenant FROM mappings WHERE number = ?1) AND c.claim = ?2
     AND c.mapping <> ?1 ORDER BY m.name, c.operation LIMIT 1";

/// Claims of made records that have ended.
pub(super) const ENDED: &str = "DELETE FROM claims
     WHERE tenant = (SELECT tenant FROM mappings WHERE number = ?1) AND until <= ?2";

impl Ledger<'_> {
    /// Whether an operation may begin; forgets what has ended by then.
    pub(super) fn ask_claims(&self, operation: &Operation) -> Result<Begun, Fault> {
        let claims = rules::claims(operation);
        if claims.is_empty() {
            return Ok(Begun::Yes);
        }
        self.run(ENDED, params![self.mapping, operation.begun.micros()])?;
        for claim in claims {
            let holder = self.one(CLAIMED, params![self.mapping, claim.0], |row| {
                let name = MappingName::new(row.get::<_, String>(0)?)
                    .map_err(|_| Fault::damaged("mapping name"))?;
                let made: Option<String> = row.get(1)?;
                Ok(match made {
                    None => Begun::ClaimedBy(name),
                    Some(_) => Begun::MadeBy(name, record(row, 1)?),
                })
            })?;
            if let Some(holder) = holder {
                return Ok(holder);
            }
        }
        Ok(Begun::Yes)
    }

    pub(super) fn take_claims(&self, operation: &Operation) -> Result<(), Fault> {
        self.set_claims(operation, None)
    }

    /// Frees the claims of an operation, or keeps them for the record that it has made.
    pub(super) fn give_up_claims(
        &self,
        operation: &Operation,
        made: Option<&Made>,
    ) -> Result<(), Fault> {
        if made.is_some() {
            return self.set_claims(operation, made);
        }
        for claim in rules::claims(operation) {
            self.run(
                "DELETE FROM claims
                 WHERE tenant = (SELECT tenant FROM mappings WHERE number = ?1)
                 AND claim = ?2 AND mapping = ?1 AND operation = ?3",
                params![self.mapping, claim.0, operation.id.0],
            )?;
        }
        Ok(())
    }

    fn set_claims(&self, operation: &Operation, made: Option<&Made>) -> Result<(), Fault> {
        for claim in rules::claims(operation) {
            self.run(
                "INSERT OR REPLACE INTO claims (tenant, claim, mapping, operation, record, until)
                 SELECT tenant, ?2, ?1, ?3, ?4, ?5 FROM mappings WHERE number = ?1",
                params![
                    self.mapping,
                    claim.0,
                    operation.id.0,
                    made.map(|made| made.record.as_str()),
                    made.map(|made| made.until).map(Timestamp::micros),
                ],
            )?;
        }
        Ok(())
    }
}
