//! Records are forgotten, and old rows let go.
//!
//! Forgetting locks all mappings of the tenant in order of their names, as every call locks its own:
//! nothing of the tenant is written meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use fluxcascade_core::codec::decode;
use fluxcascade_core::model::{
    Conflict, ConnectionName, Hold, HoldReason, LinkId, LogRow, MappingKey, MappingName,
    ObjectType, OperationId, RecordId, Side, Sides, TenantId, Timestamp,
};
use fluxcascade_core::store::{
    Prune, Pruned, Receipt, Removed, Retained, StoreError, Subject, Upkeep,
};

use super::PostgresStore;
use super::fault::Fault;
use super::ledger::{self, Ledger, Places, hash, link_id, record};
use super::session::{Access, Session, Value};
use super::{forgotten, tokens};
use crate::columns::{int, natural, side_number, size};
use crate::rules::{self, Kept};
use crate::upkeep::{self, Loose, Place};

#[async_trait]
impl Upkeep for PostgresStore {
    async fn forget(&self, subject: &Subject, now: Timestamp) -> Result<Receipt, StoreError> {
        self.sessions.call(Access::Write, |session| forget(session, subject, now)).await
    }

    async fn prune(&self, mapping: &MappingKey, prune: &Prune) -> Result<Pruned, StoreError> {
        let call = |session: Arc<Session>| async move {
            match Ledger::find(&session, mapping).await? {
                Some(ledger) => ledger.prune(prune).await,
                None => Ok(Pruned { removed: 0, next: None }),
            }
        };
        self.sessions.call(Access::Write, call).await
    }

    /// Nothing: what is left in the server's files is the server's to remove, see [`PostgresStore`].
    async fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Ledger {
    async fn prune(&self, prune: &Prune) -> Result<Pruned, Fault> {
        let (limit, from) = (size(prune.limit), int(prune.from));
        let before = prune.before;
        let pruned = match prune.what {
            Retained::Log => {
                let sql = "SELECT place, entry FROM log
                     WHERE tenant = $1 AND mapping = $2 AND place >= $4 ORDER BY place LIMIT $3";
                let rows = self.rows(sql, &[&limit, &from]).await?;
                let (mut looked, mut old) = (Vec::new(), Vec::<i64>::new());
                for row in &rows {
                    looked.push(natural(row.try_get(0)?)?);
                    let entry: LogRow = decode("log row", row.try_get(1)?)?;
                    if upkeep::log_is_old(&entry, before) {
                        old.push(row.try_get(0)?);
                    }
                }
                self.run(LOG_AT, &[&old]).await?;
                upkeep::pruned_to(prune, &looked, old.len())
            }
            Retained::Conflicts => {
                let sql = "SELECT place, conflict FROM conflicts
                     WHERE tenant = $1 AND mapping = $2 AND place > 0 AND place >= $4
                     ORDER BY place LIMIT $3";
                let rows = self.rows(sql, &[&limit, &from]).await?;
                let (mut looked, mut old) = (Vec::new(), Vec::<Vec<u8>>::new());
                for row in &rows {
                    looked.push(natural(row.try_get(0)?)?);
                    let conflict: Conflict = decode("conflict", row.try_get(1)?)?;
                    if upkeep::conflict_is_old(&conflict, before) {
                        old.push(conflict.id.0.to_vec());
                    }
                }
                self.run(CONFLICTS_AT, &[&old]).await?;
                upkeep::pruned_to(prune, &looked, old.len())
            }
            Retained::DeadLetters => {
                let reason = HoldReason::Rejected.word();
                let sql = super::holds::OF_REASON;
                let rows = self.rows(sql, &[&reason, &limit, &from]).await?;
                let mut old = Vec::new();
                for row in &rows {
                    let hold: Hold = decode("hold", row.try_get(0)?)?;
                    if upkeep::letter_is_old(&hold, before) {
                        old.push(hold.key);
                    }
                }
                self.change_holds(&old, &[]).await?;
                upkeep::pruned(prune, rows.len(), old.len())
            }
        };
        Ok(pruned)
    }

    /// The object types that a side is read from.
    async fn ends(&self, side: Side) -> Result<Vec<(ConnectionName, ObjectType)>, Fault> {
        let sql = "SELECT connection, object FROM feeds
             WHERE tenant = $1 AND mapping = $2 AND sides & $3 <> 0";
        let rows = self.rows(sql, &[&(1_i16 << side.number())]).await?;
        let damaged = |_| Fault::damaged("feed");
        rows.iter()
            .map(|row| {
                let connection = ConnectionName::new(row.try_get::<_, &str>(0)?);
                let object = ObjectType::new(row.try_get::<_, &str>(1)?);
                Ok((connection.map_err(damaged)?, object.map_err(damaged)?))
            })
            .collect()
    }

    /// All links that name a record, tombstones too, and the record on their other side.
    async fn naming_links(
        &self,
        side: Side,
        id: &RecordId,
    ) -> Result<Vec<(LinkId, RecordId)>, Fault> {
        let sql = match side {
            Side::Source => NAMED_BY_SOURCE,
            Side::Target => NAMED_BY_TARGET,
        };
        let rows = self.rows(sql, &[&side_number(side), &id.as_str()]).await?;
        rows.iter().map(|row| Ok((link_id(row, 0)?, record(row, 1)?))).collect()
    }

    /// Whether a record was not taken in before: what else is known of it is a hint, or a hold.
    pub(super) async fn is_new(&self, side: Side, id: &RecordId) -> Result<bool, Fault> {
        let place = Places::from_refs([(side, id)]);
        Ok(self.keys_of(&place).await?.is_empty()
            && self.naming(&place).await?.is_empty()
            && self.naming_links(side, id).await?.is_empty())
    }

    /// Removes what is known of a record that is new.
    pub(super) async fn remove_new(&self, side: Side, id: &RecordId) -> Result<(), Fault> {
        for sql in [ENTRY, HOLD] {
            self.run(sql, &[&side_number(side), &id.as_str()]).await?;
        }
        Ok(())
    }

    /// What the open create of a record's partner leaves behind.
    async fn loose(&self, side: Side, id: &RecordId) -> Result<Option<Loose>, Fault> {
        let naming = self.naming(&Places::from_refs([(side, id)])).await?;
        let mut named = naming.into_values().flatten().map(|named| named.operation);
        let Some(create) = named.find(|operation| rules::creates_for(operation, side, id)) else {
            return Ok(None);
        };
        let holders = self.holders(&create.keys.iter().copied().collect()).await?;
        let of_side = holders.into_iter().filter(|((_, side), _)| *side == create.side);
        let live = of_side.flat_map(|(_, holders)| holders).filter(|(_, k)| *k == Kept::Live);
        let live: BTreeSet<RecordId> = live.map(|(record, _)| record).collect();
        let places = Places::from_refs(live.iter().map(|record| (create.side, record)));
        let linked = self.links_of(&places).await?;
        let unlinked = live.iter().filter(|id| !linked.contains_key(&(create.side, (*id).clone())));
        Ok(Some(upkeep::loose(&create, unlinked.cloned().collect())))
    }

    async fn remove(&self, forgotten: &BTreeSet<Place>) -> Result<Removed, Fault> {
        // Whoever has the lease has read what is no more.
        let sql = "UPDATE mappings SET fence = fence + 1 WHERE tenant = $1 AND number = $2";
        self.run(sql, &[]).await?;
        let mut removed = Removed::default();
        let mut links = BTreeSet::new();
        for (side, record) in forgotten {
            links.extend(self.naming_links(*side, record).await?.into_iter().map(|(id, _)| id));
        }
        removed.operations = self.remove_operations(&links, forgotten).await?;
        for (side, record) in forgotten {
            let (side, record) = (side_number(*side), record.as_str());
            let place: [Value<'_>; 2] = [&side, &record];
            removed.entries += self.run(ENTRY, &place).await?;
            removed.keys += self.run(KEYS, &place).await?;
            removed.holds += self.run(HOLD, &place).await?;
            self.run(LINKED, &place).await?;
            self.run(SEEN, &place).await?;
            removed.log += self.run(LOG[usize::from(side == 1)], &[&record]).await?;
            removed.conflicts += self.run(CONFLICTS[usize::from(side == 1)], &[&record]).await?;
            removed.claims += self.run(CLAIMS, &[&record]).await?;
        }
        let ids: Vec<&[u8]> = links.iter().map(|link| &link.0[..]).collect();
        removed.holds += self.run(HOLDS_OF_LINKS, &[&ids]).await?;
        removed.links += self.run(LINKS, &[&ids]).await?;
        self.remove_former(&links, &mut removed).await?;
        Ok(removed)
    }

    async fn remove_operations(
        &self,
        links: &BTreeSet<LinkId>,
        forgotten: &BTreeSet<Place>,
    ) -> Result<u64, Fault> {
        let mut ids = BTreeSet::new();
        for (side, record) in forgotten {
            let sql = "SELECT operation FROM operation_records
                 WHERE tenant = $1 AND mapping = $2 AND side = $3 AND record = $4";
            let rows = self.rows(sql, &[&side_number(*side), &record.as_str()]).await?;
            for row in &rows {
                ids.insert(OperationId(hash(row, 0)?));
            }
        }
        let of_links = self.operations_of_links(links).await?;
        ids.extend(of_links.into_values().flatten().map(|operation| operation.id));
        self.close(&ids.iter().copied().collect::<Vec<_>>(), &[]).await?;
        Ok(ids.len() as u64)
    }

    /// Rows of links from before they followed what their records were merged into.
    async fn remove_former(
        &self,
        links: &BTreeSet<LinkId>,
        removed: &mut Removed,
    ) -> Result<(), Fault> {
        let ids: Vec<&[u8]> = links.iter().map(|link| &link.0[..]).collect();
        let sql = "DELETE FROM former WHERE tenant = $1 AND mapping = $2 AND link = ANY($3)
             RETURNING side, record";
        for row in self.rows(sql, &[&ids]).await? {
            let (side, record) = ledger::place(&row, 0)?;
            let record = record.as_str();
            let (mut log, mut conflicts): (Vec<i64>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
            for row in self.rows(FORMER_LOG[side], &[&record]).await? {
                let entry: LogRow = decode("log row", row.try_get(1)?)?;
                if entry.link.is_some_and(|link| links.contains(&link)) {
                    log.push(row.try_get(0)?);
                }
            }
            for row in self.rows(FORMER_CONFLICTS[side], &[&record]).await? {
                let conflict: Conflict = decode("conflict", row.try_get(0)?)?;
                if links.contains(&conflict.link) {
                    conflicts.push(conflict.id.0.to_vec());
                }
            }
            removed.log += self.run(LOG_AT, &[&log]).await?;
            removed.conflicts += self.run(CONFLICTS_AT, &[&conflicts]).await?;
        }
        Ok(())
    }

    /// Makes holds due that name records which were forgotten in a mapping.
    async fn reconsider(
        &self,
        (name, awaited): (&str, &BTreeSet<Place>),
        here: &BTreeSet<Place>,
    ) -> Result<(), Fault> {
        let sql = "SELECT hold FROM holds WHERE tenant = $1 AND mapping = $2";
        let mut changed = Vec::new();
        for row in self.rows(sql, &[]).await? {
            let hold: Hold = decode("hold", row.try_get(0)?)?;
            changed.extend(upkeep::reconsidered(&hold, (name, awaited), here));
        }
        // Not in place of the old ones, whose answers they would keep.
        let keys: Vec<_> = changed.iter().map(|hold| hold.key.clone()).collect();
        self.change_holds(&keys, &changed).await
    }
}

const NAMED_BY_SOURCE: &str = "SELECT l.id, l.target FROM links l
     WHERE l.tenant = $1 AND l.mapping = $2 AND l.status = 2 AND l.source = $4
     UNION ALL SELECT l.id, l.target FROM linked d
     CROSS JOIN LATERAL (SELECT l.id, l.target FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = d.link OFFSET 0) l
     WHERE d.tenant = $1 AND d.mapping = $2 AND d.side = $3 AND d.record = $4";
const NAMED_BY_TARGET: &str = "SELECT l.id, l.source FROM links l
     WHERE l.tenant = $1 AND l.mapping = $2 AND l.status = 2 AND l.target = $4
     UNION ALL SELECT l.id, l.source FROM linked d
     CROSS JOIN LATERAL (SELECT l.id, l.source FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = d.link OFFSET 0) l
     WHERE d.tenant = $1 AND d.mapping = $2 AND d.side = $3 AND d.record = $4";
const ENTRY: &str =
    "DELETE FROM inbox WHERE tenant = $1 AND mapping = $2 AND side = $3 AND record = $4";
const KEYS: &str = "DELETE FROM match_keys
     WHERE tenant = $1 AND mapping = $2 AND side = $3 AND record = $4 AND rule >= 0";
const HOLD: &str = "DELETE FROM holds WHERE tenant = $1 AND mapping = $2 AND kind = 2
     AND on_link = '' AND side = $3 AND name = $4";
const LINKED: &str =
    "DELETE FROM linked WHERE tenant = $1 AND mapping = $2 AND side = $3 AND record = $4";
const SEEN: &str =
    "DELETE FROM seen WHERE tenant = $1 AND mapping = $2 AND side = $3 AND record = $4";
/// By source, and by target.
const LOG: [&str; 2] = [
    "DELETE FROM log WHERE tenant = $1 AND mapping = $2 AND source = $3",
    "DELETE FROM log WHERE tenant = $1 AND mapping = $2 AND target = $3",
];
/// By source, and by target.
const CONFLICTS: [&str; 2] = [
    "DELETE FROM conflicts WHERE tenant = $1 AND mapping = $2 AND source = $3 AND place > 0",
    "DELETE FROM conflicts WHERE tenant = $1 AND mapping = $2 AND target = $3 AND place > 0",
];
/// Rows that name a record.
const FORMER_LOG: Sides<&str> = Sides {
    source: "SELECT place, entry FROM log WHERE tenant = $1 AND mapping = $2 AND source = $3",
    target: "SELECT place, entry FROM log WHERE tenant = $1 AND mapping = $2 AND target = $3",
};
const FORMER_CONFLICTS: Sides<&str> = Sides {
    source: "SELECT conflict FROM conflicts
        WHERE tenant = $1 AND mapping = $2 AND source = $3 AND place > 0",
    target: "SELECT conflict FROM conflicts
        WHERE tenant = $1 AND mapping = $2 AND target = $3 AND place > 0",
};
const LOG_AT: &str = "DELETE FROM log WHERE tenant = $1 AND mapping = $2 AND place = ANY($3)";
const CONFLICTS_AT: &str =
    "DELETE FROM conflicts WHERE tenant = $1 AND mapping = $2 AND id = ANY($3)";
const CLAIMS: &str = "DELETE FROM claims WHERE tenant = $1 AND mapping = $2 AND record = $3";
const HOLDS_OF_LINKS: &str = "DELETE FROM holds
     WHERE tenant = $1 AND mapping = $2 AND kind < 2 AND on_link = ANY($3)";
const LINKS: &str = "DELETE FROM links WHERE tenant = $1 AND mapping = $2 AND id = ANY($3)";

/// A mapping of the tenant.
struct Reached {
    ledger: Ledger,
    forgotten: BTreeSet<Place>,
}

async fn forget(
    session: Arc<Session>,
    subject: &Subject,
    now: Timestamp,
) -> Result<Receipt, Fault> {
    let tenant = &subject.tenant;
    let mut mappings = mappings(&session, tenant).await?;
    let key = tokens::forgotten_key(&session, tenant).await?;
    let mut prints: BTreeSet<[u8; 16]> =
        [key.print(&subject.connection, &subject.object, &subject.record)].into();
    let end = (&subject.connection, &subject.object);
    let mut ahead = readers(&session, tenant, end, &subject.record).await?;
    while let Some((name, side, record)) = ahead.pop() {
        let Some(reached) = mappings.get_mut(&name) else { continue };
        if !reached.forgotten.insert((side, record.clone())) {
            continue;
        }
        for (connection, object) in reached.ledger.ends(side).await? {
            prints.insert(key.print(&connection, &object, &record));
            ahead.extend(readers(&session, tenant, (&connection, &object), &record).await?);
        }
        for (_, partner) in reached.ledger.naming_links(side, &record).await? {
            ahead.push((name.clone(), side.other(), partner));
        }
        let to = side.other();
        match reached.ledger.loose(side, &record).await? {
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
        let removed = reached.ledger.remove(&reached.forgotten).await?;
        receipt.removed.insert(name.clone(), removed);
        let records = reached.forgotten.iter().cloned();
        receipt.records.extend(records.map(|(side, record)| (name.clone(), side, record)));
        for (other, of) in &mappings {
            let here = if other == name { reached.forgotten.clone() } else { BTreeSet::new() };
            of.ledger.reconsider((name.as_str(), &reached.forgotten), &here).await?;
        }
    }
    forgotten::keep(&session, tenant, &prints).await?;
    Ok(receipt)
}

/// All mappings of a tenant, locked, and no other one begins until this call ends. What has a mapping's
/// lock may be waiting at the gate, so that all that are there are locked first; one that began meanwhile
/// is locked behind the gate.
async fn mappings(
    session: &Arc<Session>,
    tenant: &TenantId,
) -> Result<BTreeMap<MappingName, Reached>, Fault> {
    let mut found = BTreeMap::new();
    lock_more(session, tenant, &mut found).await?;
    ledger::begin_alone(session, tenant).await?;
    lock_more(session, tenant, &mut found).await?;
    Ok(found)
}

/// Locks the mappings of a tenant that are not yet.
async fn lock_more(
    session: &Arc<Session>,
    tenant: &TenantId,
    found: &mut BTreeMap<MappingName, Reached>,
) -> Result<(), Fault> {
    let sql = "SELECT name FROM mappings WHERE tenant = $1 ORDER BY name";
    for row in session.rows(sql, &[&tenant.as_str()]).await? {
        let mapping = MappingName::new(row.try_get::<_, &str>(0)?);
        let mapping = mapping.map_err(|_| Fault::damaged("mapping name"))?;
        if found.contains_key(&mapping) {
            continue;
        }
        let key = MappingKey { tenant: tenant.clone(), mapping: mapping.clone() };
        if let Some(ledger) = Ledger::find(session, &key).await? {
            found.insert(mapping, Reached { ledger, forgotten: BTreeSet::new() });
        }
    }
    Ok(())
}

/// The places of a record in all mappings that read its object type.
async fn readers(
    session: &Session,
    tenant: &TenantId,
    (connection, object): (&ConnectionName, &ObjectType),
    record: &RecordId,
) -> Result<Vec<(MappingName, Side, RecordId)>, Fault> {
    let sql = "SELECT m.name, f.sides FROM feeds f
         JOIN mappings m ON m.tenant = $1 AND m.number = f.mapping
         WHERE f.tenant = $1 AND f.connection = $2 AND f.object = $3 AND f.object <> ''";
    let values: [Value<'_>; 3] = [&tenant.as_str(), &connection.as_str(), &object.as_str()];
    let mut found = Vec::new();
    for row in session.rows(sql, &values).await? {
        let name = MappingName::new(row.try_get::<_, &str>(0)?);
        let name = name.map_err(|_| Fault::damaged("mapping name"))?;
        let sides: i16 = row.try_get(1)?;
        let read = Side::BOTH.into_iter().filter(|side| sides & (1 << side.number()) != 0);
        found.extend(read.map(|side| (name.clone(), side, record.clone())));
    }
    Ok(found)
}
