//! Operations whose outcome is not known, and whether anything waits on a link.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::codec::{decode, encode};
use fluxcascade_core::model::{LinkId, Operation, OperationId, RecordId, Side};
use fluxcascade_core::store::{Begun, Made};
use tokio_postgres::Row;

use super::fault::Fault;
use super::keys::{Key, key, key_arrays};
use super::ledger::{Gate, Ledger, Pass, Places, link_id, place, record, side};
use super::links::id_bytes;
use crate::columns::side_number;
use crate::rules;

/// All operations of records, and whether each serves a link that does not exist, or has ended.
pub(super) const NAMING: &str = "SELECT p.side, p.record, o.operation, NOT EXISTS
         (SELECT 1 FROM links l WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = o.link
         AND l.status < 2 OFFSET 0)
     FROM unnest($3::smallint[], $4::text[]) p (side, record)
     CROSS JOIN LATERAL (SELECT r.operation AS id FROM operation_records r
         WHERE r.tenant = $1 AND r.mapping = $2 AND r.side = p.side AND r.record = p.record
         OFFSET 0) r
     CROSS JOIN LATERAL (SELECT o.link, o.operation FROM operations o
         WHERE o.tenant = $1 AND o.mapping = $2 AND o.id = r.id OFFSET 0) o
     ORDER BY r.id";

/// The creates that claim keys.
pub(super) const CLAIMING: &str = "SELECT p.rule, p.fingerprint, o.side, o.origin
     FROM unnest($3::integer[], $4::bytea[]) p (rule, fingerprint)
     CROSS JOIN LATERAL (SELECT k.operation AS id FROM operation_keys k
         WHERE k.tenant = $1 AND k.mapping = $2
         AND k.rule = p.rule AND k.fingerprint = p.fingerprint OFFSET 0) k
     CROSS JOIN LATERAL (SELECT o.side, o.origin FROM operations o
         WHERE o.tenant = $1 AND o.mapping = $2 AND o.id = k.id OFFSET 0) o";

/// Links that have holds, own operations, or strays of either record.
pub(super) const WAITING: &str = "SELECT p.link FROM unnest($3::bytea[]) p (link) WHERE EXISTS
     (SELECT 1 FROM holds h
         WHERE h.tenant = $1 AND h.mapping = $2 AND h.link = p.link OFFSET 0)
     OR EXISTS (SELECT 1 FROM operations o
         WHERE o.tenant = $1 AND o.mapping = $2 AND o.link = p.link AND o.link <> '' OFFSET 0)
     OR EXISTS (SELECT 1
         FROM (SELECT k.source, k.target FROM links k
             WHERE k.tenant = $1 AND k.mapping = $2 AND k.id = p.link OFFSET 0) k
         CROSS JOIN LATERAL (VALUES (0::smallint, k.source), (1::smallint, k.target))
             s (side, record)
         CROSS JOIN LATERAL (SELECT r.operation AS id FROM operation_records r
             WHERE r.tenant = $1 AND r.mapping = $2
             AND r.side = s.side AND r.record = s.record OFFSET 0) r
         CROSS JOIN LATERAL (SELECT o.link FROM operations o
             WHERE o.tenant = $1 AND o.mapping = $2 AND o.id = r.id OFFSET 0) o
         WHERE NOT EXISTS (SELECT 1 FROM links l
             WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = o.link AND l.status < 2 OFFSET 0)
         OFFSET 0)";

/// An operation that names a record.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) operation: Operation,
    /// Whether it serves a link that does not exist, or has ended.
    pub(super) strays: bool,
}

/// The operations of records, in order of their ids.
pub(super) type Naming = BTreeMap<(Side, RecordId), Vec<Named>>;

impl Ledger {
    pub(super) async fn begin(&self, operations: &[Operation]) -> Result<Vec<Begun>, Fault> {
        if operations.iter().any(|operation| !rules::claims(operation).is_empty()) {
            self.pass_gate(Gate::Claims, Pass::Alone).await?;
        }
        let mut others = self.others(operations).await?;
        let answers: Vec<Begun> =
            operations.iter().map(|operation| others.ask(operation)).collect();
        let begun = || {
            let all = operations.iter().zip(&answers);
            all.filter(|(_, answer)| **answer == Begun::Yes).map(|(operation, _)| operation)
        };
        self.forget_ended(&others).await?;
        // Of several with one id the last is the one that counts.
        let last: BTreeMap<OperationId, &Operation> =
            begun().map(|operation| (operation.id, operation)).collect();
        self.close(&last.keys().copied().collect::<Vec<_>>(), &[]).await?;
        self.free_claims(begun()).await?;
        let last: Vec<&Operation> = last.into_values().collect();
        self.put_operations(&last).await?;
        let claiming: Vec<_> = last.iter().map(|operation| (*operation, None)).collect();
        self.set_claims(&claiming).await?;
        Ok(answers)
    }

    async fn put_operations(&self, operations: &[&Operation]) -> Result<(), Fault> {
        if operations.is_empty() {
            return Ok(());
        }
        self.run(
            "INSERT INTO operations (tenant, mapping, id, link, side, origin, operation)
             SELECT $1, $2, p.* FROM unnest($3::bytea[], $4::bytea[], $5::smallint[], $6::text[],
                 $7::bytea[]) p",
            &[
                &operations.iter().map(|o| &o.id.0[..]).collect::<Vec<_>>(),
                &operations.iter().map(|o| &o.link.0[..]).collect::<Vec<_>>(),
                &operations.iter().map(|o| side_number(o.side)).collect::<Vec<_>>(),
                &operations.iter().map(|o| o.origin.as_str()).collect::<Vec<_>>(),
                &operations.iter().map(|o| encode(*o)).collect::<Vec<_>>(),
            ],
        )
        .await?;
        let Traces { places, owners, keys, claimants } = Traces::of(operations.iter().copied());
        self.run(
            "INSERT INTO operation_records (tenant, mapping, side, record, operation)
             SELECT $1, $2, p.* FROM unnest($3::smallint[], $4::text[], $5::bytea[]) p
             ON CONFLICT DO NOTHING",
            &[&places.sides, &places.records, &owners],
        )
        .await?;
        if keys.is_empty() {
            return Ok(());
        }
        let (rules, prints) = key_arrays(keys);
        self.run(
            "INSERT INTO operation_keys (tenant, mapping, rule, fingerprint, operation)
             SELECT $1, $2, p.* FROM unnest($3::integer[], $4::bytea[], $5::bytea[]) p
             ON CONFLICT DO NOTHING",
            &[&rules, &prints, &claimants],
        )
        .await?;
        Ok(())
    }

    /// Forgets operations; one that is not open is no error. The claims of one that has made a
    /// record stay for a time.
    pub(super) async fn close(&self, ids: &[OperationId], made: &[Made]) -> Result<(), Fault> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<&[u8]> = ids.iter().map(|id| &id.0[..]).collect();
        let rows = self
            .rows(
                "DELETE FROM operations WHERE ctid = ANY(ARRAY(SELECT o.ctid
                     FROM unnest($3::bytea[]) p (id)
                     CROSS JOIN LATERAL (SELECT o.ctid FROM operations o
                         WHERE o.tenant = $1 AND o.mapping = $2 AND o.id = p.id OFFSET 0) o))
                 RETURNING operation",
                &[&ids],
            )
            .await?;
        let closed: Vec<Operation> =
            rows.iter().map(|row| read_operation(row, 0)).collect::<Result<_, _>>()?;
        if closed.is_empty() {
            return Ok(());
        }
        self.forget_traces(&closed).await?;
        let made_by = |operation: &Operation| made.iter().find(|m| m.operation == operation.id);
        self.free_claims(closed.iter().filter(|operation| made_by(operation).is_none())).await?;
        let kept = closed.iter().filter_map(|o| made_by(o).map(|made| (o, Some(made))));
        self.set_claims(&kept.collect::<Vec<_>>()).await
    }

    async fn forget_traces(&self, operations: &[Operation]) -> Result<(), Fault> {
        let Traces { places, owners, keys, claimants } = Traces::of(operations);
        self.run(
            "DELETE FROM operation_records WHERE ctid = ANY(ARRAY(SELECT r.ctid
                 FROM unnest($3::smallint[], $4::text[], $5::bytea[]) p (side, record, operation)
                 CROSS JOIN LATERAL (SELECT r.ctid FROM operation_records r
                     WHERE r.tenant = $1 AND r.mapping = $2
                     AND r.side = p.side AND r.record = p.record
                     AND r.operation = p.operation OFFSET 0) r))",
            &[&places.sides, &places.records, &owners],
        )
        .await?;
        if keys.is_empty() {
            return Ok(());
        }
        let (rules, prints) = key_arrays(keys);
        self.run(
            "DELETE FROM operation_keys WHERE ctid = ANY(ARRAY(SELECT k.ctid
                 FROM unnest($3::integer[], $4::bytea[], $5::bytea[])
                     p (rule, fingerprint, operation)
                 CROSS JOIN LATERAL (SELECT k.ctid FROM operation_keys k
                     WHERE k.tenant = $1 AND k.mapping = $2 AND k.rule = p.rule
                     AND k.fingerprint = p.fingerprint AND k.operation = p.operation
                     OFFSET 0) k))",
            &[&rules, &prints, &claimants],
        )
        .await?;
        Ok(())
    }

    /// Links' own operations, in order of their ids.
    pub(super) async fn operations_of_links(
        &self,
        links: impl IntoIterator<Item = &LinkId>,
    ) -> Result<BTreeMap<LinkId, Vec<Operation>>, Fault> {
        let mut operations: BTreeMap<LinkId, Vec<Operation>> = BTreeMap::new();
        let links = id_bytes(links);
        if links.is_empty() {
            return Ok(operations);
        }
        let sql = "SELECT p.link, o.operation FROM unnest($3::bytea[]) p (link)
             CROSS JOIN LATERAL (SELECT o.id, o.operation FROM operations o
                 WHERE o.tenant = $1 AND o.mapping = $2 AND o.link = p.link AND o.link <> ''
                 OFFSET 0) o
             ORDER BY o.id";
        for row in self.rows(sql, &[&links]).await? {
            operations.entry(link_id(&row, 0)?).or_default().push(read_operation(&row, 1)?);
        }
        Ok(operations)
    }

    pub(super) async fn naming(&self, places: &Places<'_>) -> Result<Naming, Fault> {
        let mut naming = Naming::new();
        if places.is_empty() {
            return Ok(naming);
        }
        for row in self.rows(NAMING, &[&places.sides, &places.records]).await? {
            let named = Named { operation: read_operation(&row, 2)?, strays: row.try_get(3)? };
            naming.entry(place(&row, 0)?).or_default().push(named);
        }
        Ok(naming)
    }

    /// The sides and origins of the creates that claim keys.
    pub(super) async fn claiming(
        &self,
        keys: &BTreeSet<Key>,
    ) -> Result<BTreeMap<Key, Vec<(Side, RecordId)>>, Fault> {
        let mut claiming: BTreeMap<Key, Vec<_>> = BTreeMap::new();
        if keys.is_empty() {
            return Ok(claiming);
        }
        let (rules, prints) = key_arrays(keys);
        for row in self.rows(CLAIMING, &[&rules, &prints]).await? {
            claiming.entry(key(&row, 0)?).or_default().push((side(&row, 2)?, record(&row, 3)?));
        }
        Ok(claiming)
    }

    /// The links among these on which, or on whose records, anything waits.
    pub(super) async fn held(&self, links: &BTreeSet<LinkId>) -> Result<BTreeSet<LinkId>, Fault> {
        if links.is_empty() {
            return Ok(BTreeSet::new());
        }
        let rows = self.rows(WAITING, &[&id_bytes(links)]).await?;
        rows.iter().map(|row| link_id(row, 0)).collect()
    }
}

/// What operations leave beside their rows, as statements are given it.
struct Traces<'a> {
    places: Places<'a>,
    owners: Vec<&'a [u8]>,
    keys: Vec<&'a Key>,
    claimants: Vec<&'a [u8]>,
}

impl<'a> Traces<'a> {
    fn of(operations: impl IntoIterator<Item = &'a Operation>) -> Self {
        let (mut touched, mut owners) = (Vec::new(), Vec::new());
        let (mut keys, mut claimants) = (Vec::new(), Vec::new());
        for operation in operations {
            for place in rules::touched(operation) {
                touched.push(place);
                owners.push(&operation.id.0[..]);
            }
            for key in rules::claimed_keys(operation) {
                keys.push(key);
                claimants.push(&operation.id.0[..]);
            }
        }
        Self { places: Places::from_refs(touched), owners, keys, claimants }
    }
}

fn read_operation(row: &Row, column: usize) -> Result<Operation, Fault> {
    Ok(decode("operation", row.try_get(column)?)?)
}
