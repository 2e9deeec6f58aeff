//! Records are forgotten, and old rows let go.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use fluxcascade_core::codec::decode;
use fluxcascade_core::model::{
    Conflict, ConnectionName, Hold, HoldReason, Link, LinkId, LogRow, MappingKey, MappingName,
    ObjectType, OperationId, RecordId, Side, Sides, TenantId, Timestamp,
};
use fluxcascade_core::store::{
    Prune, Pruned, Receipt, Removed, Retained, StoreError, Subject, Upkeep,
};
use rusqlite::{Transaction, params};

use super::SqliteStore;
use super::fault::Fault;
use super::forgotten::keep;
use super::ledger::{self, Ledger, blob};
use super::tokens;
use super::worker::Access;
use crate::columns::{int, natural, size};
use crate::upkeep::{self, Loose, Place};

#[async_trait]
impl Upkeep for SqliteStore {
    async fn forget(&self, subject: &Subject, now: Timestamp) -> Result<Receipt, StoreError> {
        let subject = subject.clone();
        let job = move |session: &mut super::worker::Session| session.forget(&subject, now);
        self.worker.run(job).await?
    }

    async fn prune(&self, mapping: &MappingKey, prune: &Prune) -> Result<Pruned, StoreError> {
        let (mapping, prune) = (mapping.clone(), prune.clone());
        let call = move |transaction: &Transaction<'_>| match Ledger::find(transaction, &mapping)? {
            Some(ledger) => ledger.prune(&prune),
            None => Ok(Pruned { removed: 0, next: None }),
        };
        self.worker.call(Access::Write, call).await
    }

    /// Writes the file anew, and cuts its log off. What is removed is overwritten at once; but where
    /// SQLite moved a row from page to page before, a trace of it may be left in what pages do not use.
    async fn scrub(&self) -> Result<(), StoreError> {
        self.worker.run(super::worker::Session::scrub).await?
    }
}

/// What a step of pruning looks at, and how a row of it goes.
pub(super) const LOG: &str =
    "SELECT place, entry FROM log WHERE mapping = ?1 AND place >= ?3 ORDER BY place LIMIT ?2";
pub(super) const CONFLICTS: &str = "SELECT place, conflict FROM conflicts
     WHERE mapping = ?1 AND place >= ?3 ORDER BY place LIMIT ?2";
const REFUSED: &str = "SELECT place, hold FROM holds WHERE mapping = ?1 AND reason = ?4
     ORDER BY kind, on_link, side, name LIMIT ?2 OFFSET ?3";

const ENTRY: &str = "DELETE FROM inbox WHERE mapping = ?1 AND side = ?2 AND record = ?3";
const HOLD: &str = "DELETE FROM holds
     WHERE mapping = ?1 AND kind = 2 AND on_link = x'' AND side = ?2 AND name = ?3";

/// Whether a record has keys, or an operation names it.
const KNOWN: [&str; 2] = [
    "SELECT 1 FROM match_keys WHERE mapping = ?1 AND side = ?2 AND record = ?3 LIMIT 1",
    "SELECT 1 FROM operation_records WHERE mapping = ?1 AND side = ?2 AND record = ?3 LIMIT 1",
];

/// Live records without a link that have a key.
const UNLINKED_HOLDERS: &str = "SELECT k.record FROM match_keys k
     WHERE k.mapping = ?1 AND k.rule = ?2 AND k.fingerprint = ?3 AND k.side = ?4
     AND NOT k.archived AND NOT EXISTS (SELECT 1 FROM linked d
         WHERE d.mapping = k.mapping AND d.side = k.side AND d.record = k.record)";

/// Rows that name a record.
const FORMER_LOG: Sides<&str> = Sides {
    source: "SELECT place, entry FROM log WHERE mapping = ?1 AND source = ?2",
    target: "SELECT place, entry FROM log WHERE mapping = ?1 AND target = ?2",
};
const FORMER_CONFLICTS: Sides<&str> = Sides {
    source: "SELECT place, conflict FROM conflicts WHERE mapping = ?1 AND source = ?2",
    target: "SELECT place, conflict FROM conflicts WHERE mapping = ?1 AND target = ?2",
};

impl Ledger<'_> {
    fn prune(&self, prune: &Prune) -> Result<Pruned, Fault> {
        let (limit, from) = (size(prune.limit), int(prune.from));
        let before = prune.before;
        let looked: Vec<(i64, bool)> = match prune.what {
            Retained::Log => self.all(LOG, params![self.mapping, limit, from], |row| {
                let entry: LogRow = decode("log row", &blob(row, 1)?)?;
                Ok((row.get(0)?, upkeep::log_is_old(&entry, before)))
            })?,
            Retained::Conflicts => {
                self.all(CONFLICTS, params![self.mapping, limit, from], |row| {
                    let conflict: Conflict = decode("conflict", &blob(row, 1)?)?;
                    Ok((row.get(0)?, upkeep::conflict_is_old(&conflict, before)))
                })?
            }
            Retained::DeadLetters => {
                let reason = HoldReason::Rejected.word();
                self.all(REFUSED, params![self.mapping, limit, from, reason], |row| {
                    let hold: Hold = decode("hold", &blob(row, 1)?)?;
                    Ok((row.get(0)?, upkeep::letter_is_old(&hold, before)))
                })?
            }
        };
        let delete = match prune.what {
            Retained::Log => "DELETE FROM log WHERE place = ?1",
            Retained::Conflicts => "DELETE FROM conflicts WHERE place = ?1",
            Retained::DeadLetters => "DELETE FROM holds WHERE place = ?1",
        };
        let old: Vec<i64> = looked.iter().filter(|(_, old)| *old).map(|(n, _)| *n).collect();
        for place in &old {
            self.run(delete, [place])?;
        }
        Ok(match prune.what {
            Retained::Log | Retained::Conflicts => {
                let places = looked.iter().map(|(place, _)| natural(*place));
                upkeep::pruned_to(prune, &places.collect::<Result<Vec<_>, _>>()?, old.len())
            }
            Retained::DeadLetters => upkeep::pruned(prune, looked.len(), old.len()),
        })
    }

    /// The object types that a side is read from.
    fn ends(&self, side: Side) -> Result<Vec<(ConnectionName, ObjectType)>, Fault> {
        self.all(
            "SELECT connection, object FROM feeds WHERE mapping = ?1 AND sides & ?2",
            params![self.mapping, 1_u8 << side.number()],
            |row| {
                let connection = ConnectionName::new(row.get::<_, String>(0)?);
                let object = ObjectType::new(row.get::<_, String>(1)?);
                let damaged = |_| Fault::damaged("feed");
                Ok((connection.map_err(damaged)?, object.map_err(damaged)?))
            },
        )
    }

    /// All links that name a record, tombstones too.
    fn naming(&self, side: Side, record: &RecordId) -> Result<Vec<Link>, Fault> {
        let mut links = self.ended(side, record)?;
        if let Some(id) = self.linked(side, record)? {
            links.extend(self.link(id)?);
        }
        Ok(links)
    }

    /// Whether a record was not taken in before: what else is known of it is a hint, or a hold.
    pub(super) fn is_new(&self, side: Side, record: &RecordId) -> Result<bool, Fault> {
        for sql in KNOWN {
            let place = params![self.mapping, side.number(), record.as_str()];
            if self.one(sql, place, |_| Ok(()))?.is_some() {
                return Ok(false);
            }
        }
        Ok(self.naming(side, record)?.is_empty())
    }

    /// Removes what is known of a record that is new.
    pub(super) fn remove_new(&self, side: Side, record: &RecordId) -> Result<(), Fault> {
        for sql in [ENTRY, HOLD] {
            self.run(sql, params![self.mapping, side.number(), record.as_str()])?;
        }
        Ok(())
    }

    /// What the open create of a record's partner leaves behind.
    fn loose(&self, side: Side, record: &RecordId) -> Result<Option<Loose>, Fault> {
        let Some(create) = self.open_create(side, record)? else { return Ok(None) };
        let mut unlinked = BTreeSet::new();
        for (rule, print) in &create.keys {
            let key = params![self.mapping, rule, print.0, create.side.number()];
            unlinked.extend(self.all(UNLINKED_HOLDERS, key, |row| ledger::record(row, 0))?);
        }
        Ok(Some(upkeep::loose(&create, unlinked)))
    }

    fn remove(&self, forgotten: &BTreeSet<Place>) -> Result<Removed, Fault> {
        // Whoever has the lease has read what is no more.
        self.run("UPDATE mappings SET fence = fence + 1 WHERE number = ?1", [self.mapping])?;
        let mut removed = Removed::default();
        let mut links = BTreeSet::new();
        for (side, record) in forgotten {
            links.extend(self.naming(*side, record)?.into_iter().map(|link| link.id));
        }
        removed.operations = self.remove_operations(&links, forgotten)?;
        for (side, record) in forgotten {
            let gone = |sql| -> Result<u64, Fault> {
                Ok(self.run(sql, params![self.mapping, side.number(), record.as_str()])? as u64)
            };
            removed.entries += gone(ENTRY)?;
            removed.keys +=
                gone("DELETE FROM match_keys WHERE mapping = ?1 AND side = ?2 AND record = ?3")?;
            removed.holds += gone(HOLD)?;
            gone("DELETE FROM linked WHERE mapping = ?1 AND side = ?2 AND record = ?3")?;
            gone("DELETE FROM seen WHERE mapping = ?1 AND side = ?2 AND record = ?3")?;
            let told = match side {
                Side::Source => [
                    "DELETE FROM log WHERE mapping = ?1 AND source = ?2",
                    "DELETE FROM conflicts WHERE mapping = ?1 AND source = ?2",
                ],
                Side::Target => [
                    "DELETE FROM log WHERE mapping = ?1 AND target = ?2",
                    "DELETE FROM conflicts WHERE mapping = ?1 AND target = ?2",
                ],
            };
            removed.log += self.run(told[0], params![self.mapping, record.as_str()])? as u64;
            removed.conflicts += self.run(told[1], params![self.mapping, record.as_str()])? as u64;
            removed.claims += self.run(
                "DELETE FROM claims WHERE tenant = (SELECT tenant FROM mappings WHERE number = ?1)
                 AND mapping = ?1 AND record = ?2",
                params![self.mapping, record.as_str()],
            )? as u64;
        }
        for link in &links {
            let place = params![self.mapping, link.0];
            removed.holds += self
                .run("DELETE FROM holds WHERE mapping = ?1 AND kind < 2 AND on_link = ?2", place)?
                as u64;
            removed.links +=
                self.run("DELETE FROM links WHERE mapping = ?1 AND id = ?2", place)? as u64;
        }
        self.remove_former(&links, &mut removed)?;
        Ok(removed)
    }

    fn remove_operations(
        &self,
        links: &BTreeSet<LinkId>,
        forgotten: &BTreeSet<Place>,
    ) -> Result<u64, Fault> {
        let mut ids = BTreeSet::new();
        for (side, record) in forgotten {
            ids.extend(self.all(
                "SELECT operation FROM operation_records
                 WHERE mapping = ?1 AND side = ?2 AND record = ?3",
                params![self.mapping, side.number(), record.as_str()],
                |row| Ok(OperationId(row.get(0)?)),
            )?);
        }
        for link in links {
            ids.extend(self.operations_of_link(*link)?.into_iter().map(|operation| operation.id));
        }
        for id in &ids {
            self.close(*id, None)?;
        }
        Ok(ids.len() as u64)
    }

    /// Rows of links from before they followed what their records were merged into.
    fn remove_former(&self, links: &BTreeSet<LinkId>, removed: &mut Removed) -> Result<(), Fault> {
        for link in links {
            let former: Vec<(Side, RecordId)> = self.all(
                "SELECT side, record FROM former WHERE mapping = ?1 AND link = ?2",
                params![self.mapping, link.0],
                |row| Ok((ledger::side(row, 0)?, ledger::record(row, 1)?)),
            )?;
            for (side, record) in former {
                let place = params![self.mapping, record.as_str()];
                let of_link = self.all(FORMER_LOG[side], place, |row| {
                    let entry: LogRow = decode("log row", &blob(row, 1)?)?;
                    Ok((entry.link == Some(*link)).then_some(row.get::<_, i64>(0)?))
                })?;
                for place in of_link.into_iter().flatten() {
                    removed.log += self.run("DELETE FROM log WHERE place = ?1", [place])? as u64;
                }
                let of_link = self.all(FORMER_CONFLICTS[side], place, |row| {
                    let conflict: Conflict = decode("conflict", &blob(row, 1)?)?;
                    Ok((conflict.link == *link).then_some(row.get::<_, i64>(0)?))
                })?;
                for place in of_link.into_iter().flatten() {
                    removed.conflicts +=
                        self.run("DELETE FROM conflicts WHERE place = ?1", [place])? as u64;
                }
            }
            let sql = "DELETE FROM former WHERE mapping = ?1 AND link = ?2";
            self.run(sql, params![self.mapping, link.0])?;
        }
        Ok(())
    }

    /// Makes holds due that name records which were forgotten in a mapping.
    fn reconsider(
        &self,
        (name, awaited): (&str, &BTreeSet<Place>),
        here: &BTreeSet<Place>,
    ) -> Result<(), Fault> {
        let named =
            self.all("SELECT hold FROM holds WHERE mapping = ?1", [self.mapping], |row| {
                let hold: Hold = decode("hold", &blob(row, 0)?)?;
                Ok(upkeep::reconsidered(&hold, (name, awaited), here))
            })?;
        for hold in named.into_iter().flatten() {
            // Not in place of the old one, whose answer it would keep.
            self.release_hold(&hold.key)?;
            self.put_hold(&hold)?;
        }
        Ok(())
    }
}

/// A mapping of the tenant.
struct Reached<'a> {
    ledger: Ledger<'a>,
    forgotten: BTreeSet<Place>,
}

pub(super) fn forget(
    transaction: &Transaction<'_>,
    subject: &Subject,
    now: Timestamp,
) -> Result<Receipt, Fault> {
    let tenant = &subject.tenant;
    let key = tokens::forgotten_key(transaction, tenant)?;
    let mut mappings = mappings(transaction, tenant)?;
    let mut prints: BTreeSet<[u8; 16]> =
        [key.print(&subject.connection, &subject.object, &subject.record)].into();
    let mut ahead =
        readers(transaction, tenant, &subject.connection, &subject.object, &subject.record)?;
    while let Some((name, side, record)) = ahead.pop() {
        let Some(reached) = mappings.get_mut(&name) else { continue };
        if !reached.forgotten.insert((side, record.clone())) {
            continue;
        }
        for (connection, object) in reached.ledger.ends(side)? {
            prints.insert(key.print(&connection, &object, &record));
            ahead.extend(readers(transaction, tenant, &connection, &object, &record)?);
        }
        for link in reached.ledger.naming(side, &record)? {
            ahead.push((name.clone(), side.other(), link.records[side.other()].clone()));
        }
        let to = side.other();
        match reached.ledger.loose(side, &record)? {
            Some(Loose::Record(made)) => ahead.push((name.clone(), to, made)),
            Some(Loose::Keys(keys)) => {
                prints.extend(keys.into_iter().map(|of| key.created(&name, to, of)));
            }
            Some(Loose::Unclear) | None => {}
        }
    }
    let mut receipt =
        Receipt { subject: subject.clone(), at: now, records: Vec::new(), removed: [].into() };
    for (name, reached) in &mappings {
        if reached.forgotten.is_empty() {
            continue;
        }
        receipt.removed.insert(name.clone(), reached.ledger.remove(&reached.forgotten)?);
        let records = reached.forgotten.iter().cloned();
        receipt.records.extend(records.map(|(side, record)| (name.clone(), side, record)));
        for other in mappings.values() {
            let here = if other.ledger.mapping == reached.ledger.mapping {
                reached.forgotten.clone()
            } else {
                BTreeSet::new()
            };
            other.ledger.reconsider((name.as_str(), &reached.forgotten), &here)?;
        }
    }
    keep(transaction, tenant, &prints)?;
    Ok(receipt)
}

fn mappings<'a>(
    transaction: &'a Transaction<'a>,
    tenant: &TenantId,
) -> Result<BTreeMap<MappingName, Reached<'a>>, Fault> {
    let mut statement =
        transaction.prepare_cached("SELECT name, number FROM mappings WHERE tenant = ?1")?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name = MappingName::new(row.get::<_, String>(0)?);
        let ledger = Ledger { transaction, mapping: row.get(1)? };
        let reached = Reached { ledger, forgotten: BTreeSet::new() };
        found.insert(name.map_err(|_| Fault::damaged("mapping name"))?, reached);
    }
    Ok(found)
}

/// The places of a record in all mappings that read its object type.
fn readers(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    connection: &ConnectionName,
    object: &ObjectType,
    record: &RecordId,
) -> Result<Vec<(MappingName, Side, RecordId)>, Fault> {
    let mut statement = transaction.prepare_cached(
        "SELECT m.name, f.sides FROM mappings m JOIN feeds f ON f.mapping = m.number
         WHERE m.tenant = ?1 AND f.connection = ?2 AND f.object = ?3",
    )?;
    let mut rows =
        statement.query(params![tenant.as_str(), connection.as_str(), object.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name = MappingName::new(row.get::<_, String>(0)?);
        let name = name.map_err(|_| Fault::damaged("mapping name"))?;
        let sides: u8 = row.get(1)?;
        let read = Side::BOTH.into_iter().filter(|side| sides & (1 << side.number()) != 0);
        found.extend(read.map(|side| (name.clone(), side, record.clone())));
    }
    Ok(found)
}
