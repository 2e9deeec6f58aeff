//! Operations whose outcome is not known, and whether anything waits on a link.

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::model::{Fingerprint, LinkId, Operation, OperationId, RecordId, Side, Sides};
use fluxcascade_core::store::{Begun, Made};
use rusqlite::{Row, params};

use super::fault::Fault;
use super::ledger::{Ledger, blob};
use crate::rules::{self, Held};

/// Operations of a record that serve a link which does not exist, or has ended. A cross join is
/// read in the order in which it is written; left to itself the planner reads all operations.
pub(super) const STRAYS: &str = "SELECT o.operation FROM operation_records r
     CROSS JOIN operations o ON o.mapping = r.mapping AND o.id = r.operation
     WHERE r.mapping = ?1 AND r.side = ?2 AND r.record = ?3 AND NOT EXISTS
     (SELECT 1 FROM links l WHERE l.mapping = o.mapping AND l.id = o.link AND l.status < 2)
     ORDER BY r.operation";

/// All operations of a record.
pub(super) const NAMING: &str = "SELECT o.operation FROM operation_records r
     CROSS JOIN operations o ON o.mapping = r.mapping AND o.id = r.operation
     WHERE r.mapping = ?1 AND r.side = ?2 AND r.record = ?3 ORDER BY r.operation";

/// The sides of creates that claim a key, but for those of one origin.
pub(super) const CLAIMING: &str = "SELECT o.side FROM operation_keys k
     CROSS JOIN operations o ON o.mapping = k.mapping AND o.id = k.operation
     WHERE k.mapping = ?1 AND k.rule = ?2 AND k.fingerprint = ?3
     AND NOT (o.side = ?4 AND o.origin = ?5)";

/// Holds, own operations, and strays of either record.
pub(super) const WAITING: &str = "SELECT 1 WHERE EXISTS
     (SELECT 1 FROM holds WHERE mapping = ?1 AND link = ?2)
     OR EXISTS (SELECT 1 FROM operations WHERE mapping = ?1 AND link = ?2)
     OR EXISTS (SELECT 1 FROM links k
         CROSS JOIN operation_records r ON r.mapping = k.mapping AND r.side = 0 AND r.record = k.source
         CROSS JOIN operations o ON o.mapping = r.mapping AND o.id = r.operation
         WHERE k.mapping = ?1 AND k.id = ?2 AND NOT EXISTS
         (SELECT 1 FROM links l WHERE l.mapping = o.mapping AND l.id = o.link AND l.status < 2))
     OR EXISTS (SELECT 1 FROM links k
         CROSS JOIN operation_records r ON r.mapping = k.mapping AND r.side = 1 AND r.record = k.target
         CROSS JOIN operations o ON o.mapping = r.mapping AND o.id = r.operation
         WHERE k.mapping = ?1 AND k.id = ?2 AND NOT EXISTS
         (SELECT 1 FROM links l WHERE l.mapping = o.mapping AND l.id = o.link AND l.status < 2))";

impl Ledger<'_> {
    pub(super) fn begin(&self, operations: &[Operation]) -> Result<Vec<Begun>, Fault> {
        operations.iter().map(|operation| self.begin_one(operation)).collect()
    }

    fn begin_one(&self, operation: &Operation) -> Result<Begun, Fault> {
        let answer = self.ask_claims(operation)?;
        if answer == Begun::Yes {
            self.close(operation.id, None)?;
            self.put_operation(operation)?;
            self.take_claims(operation)?;
        }
        Ok(answer)
    }

    fn put_operation(&self, operation: &Operation) -> Result<(), Fault> {
        self.run(
            "INSERT INTO operations (mapping, id, link, side, origin, operation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                self.mapping,
                operation.id.0,
                operation.link.0,
                operation.side.number(),
                operation.origin.as_str(),
                encode(operation)
            ],
        )?;
        for (side, record) in rules::touched(operation) {
            self.run(
                "INSERT OR IGNORE INTO operation_records (mapping, side, record, operation)
                 VALUES (?1, ?2, ?3, ?4)",
                params![self.mapping, side.number(), record.as_str(), operation.id.0],
            )?;
        }
        for (rule, print) in rules::claimed_keys(operation) {
            self.run(
                "INSERT OR IGNORE INTO operation_keys (mapping, rule, fingerprint, operation)
                 VALUES (?1, ?2, ?3, ?4)",
                params![self.mapping, rule, print.0, operation.id.0],
            )?;
        }
        Ok(())
    }

    /// Forgets an operation; one that is not open is no error. Its claims stay for a time if it has
    /// made a record.
    pub(super) fn close(&self, id: OperationId, made: Option<&Made>) -> Result<(), Fault> {
        let operation = self.one(
            "SELECT operation FROM operations WHERE mapping = ?1 AND id = ?2",
            params![self.mapping, id.0],
            read_operation,
        )?;
        let Some(operation) = operation else { return Ok(()) };
        for (side, record) in rules::touched(&operation) {
            self.run(
                "DELETE FROM operation_records
                 WHERE mapping = ?1 AND side = ?2 AND record = ?3 AND operation = ?4",
                params![self.mapping, side.number(), record.as_str(), id.0],
            )?;
        }
        for (rule, print) in rules::claimed_keys(&operation) {
            self.run(
                "DELETE FROM operation_keys
                 WHERE mapping = ?1 AND rule = ?2 AND fingerprint = ?3 AND operation = ?4",
                params![self.mapping, rule, print.0, id.0],
            )?;
        }
        self.give_up_claims(&operation, made)?;
        self.run(
            "DELETE FROM operations WHERE mapping = ?1 AND id = ?2",
            params![self.mapping, id.0],
        )?;
        Ok(())
    }

    /// A link's own operations, in order of their ids.
    pub(super) fn operations_of_link(&self, link: LinkId) -> Result<Vec<Operation>, Fault> {
        self.all(
            "SELECT operation FROM operations WHERE mapping = ?1 AND link = ?2 ORDER BY id",
            params![self.mapping, link.0],
            read_operation,
        )
    }

    /// Operations that name a record and serve a link that does not exist, or has ended.
    pub(super) fn stray_operations(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Vec<Operation>, Fault> {
        self.all(STRAYS, params![self.mapping, side.number(), record.as_str()], read_operation)
    }

    /// The open create of a record's partner.
    pub(super) fn open_create(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<Operation>, Fault> {
        let place = params![self.mapping, side.number(), record.as_str()];
        let named = self.all(NAMING, place, read_operation)?;
        Ok(named.into_iter().find(|operation| rules::creates_for(operation, side, record)))
    }

    /// How many creates on each side claim a key, those for the record itself not counted.
    pub(super) fn pending(
        &self,
        (rule, print): (u16, Fingerprint),
        side: Side,
        record: &RecordId,
    ) -> Result<Sides<u32>, Fault> {
        let mut pending = Sides::new(0, 0);
        let key = params![self.mapping, rule, print.0, side.other().number(), record.as_str()];
        let sides = self.all(CLAIMING, key, |row| super::ledger::side(row, 0))?;
        for side in sides {
            pending[side] += 1;
        }
        Ok(pending)
    }

    /// Whether anything waits on a link or its records.
    pub(super) fn held(&self, link: LinkId) -> Result<Held, Fault> {
        let found = self.one(WAITING, params![self.mapping, link.0], |_| Ok(()))?;
        Ok(if found.is_some() { Held::Yes } else { Held::No })
    }
}

fn read_operation(row: &Row<'_>) -> Result<Operation, Fault> {
    Ok(decode("operation", &blob(row, 0)?)?)
}
