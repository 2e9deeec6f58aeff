//! Rows as they stand, read and written anew in place. Their marks are their places in the file.

use async_trait::async_trait;
use fluxcascade_core::codec::{decode, encode, encode_base};
use fluxcascade_core::model::{
    ConnectionName, MappingKey, MappingName, Observation, Side, TenantId,
};
use fluxcascade_core::store::{
    MarkedRow, Rewrite, Row, RowMark, Rows, StoreError, StoredToken, Table, TokenKey,
};
use rusqlite::{Transaction, params};

use super::SqliteStore;
use super::fault::Fault;
use super::inbox::read_entry_at;
use super::ledger::{Ledger, blob};
use super::links::read_link_at;
use super::tokens;
use super::worker::Access;
use crate::columns::{int, natural, size};
use crate::upkeep;

#[async_trait]
impl Rows for SqliteStore {
    async fn mappings(&self, tenant: &TenantId) -> Result<Vec<MappingName>, StoreError> {
        let tenant = tenant.clone();
        let call = move |transaction: &Transaction<'_>| {
            let mut statement = transaction.prepare_cached(
                "SELECT name FROM mappings WHERE tenant = ?1 AND fence > 0 ORDER BY name",
            )?;
            let names = statement.query_map([tenant.as_str()], |row| row.get::<_, String>(0))?;
            let read = |name: Result<String, _>| -> Result<MappingName, Fault> {
                MappingName::new(name?).map_err(|_| Fault::damaged("mapping name"))
            };
            names.map(read).collect()
        };
        self.worker.call(Access::Read, call).await
    }

    async fn rows(
        &self,
        mapping: &MappingKey,
        table: Table,
        after: Option<&RowMark>,
        limit: usize,
    ) -> Result<Vec<MarkedRow>, StoreError> {
        let after = after.map_or(0, place);
        self.read(mapping, move |ledger| ledger.rows(table, after, limit)).await
    }

    async fn rewrite(&self, mapping: &MappingKey, rows: &[Rewrite]) -> Result<u64, StoreError> {
        upkeep::check_same(rows)?;
        let (mapping, rows) = (mapping.clone(), rows.to_vec());
        let call = move |transaction: &Transaction<'_>| {
            let Some(ledger) = Ledger::find(transaction, &mapping)? else { return Ok(0) };
            let mut written = 0;
            for row in &rows {
                written += ledger.rewrite_row(row)?;
            }
            Ok(written)
        };
        self.worker.call(Access::Write, call).await
    }

    async fn credentials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(ConnectionName, StoredToken)>, StoreError> {
        let tenant = tenant.clone();
        let call = move |transaction: &Transaction<'_>| {
            let mut statement = transaction.prepare_cached(
                "SELECT connection, generation, secret FROM tokens
                 WHERE tenant = ?1 AND generation > 0 ORDER BY connection",
            )?;
            let mut rows = statement.query([tenant.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let name = ConnectionName::new(row.get::<_, String>(0)?);
                let token =
                    StoredToken { generation: natural(row.get(1)?)?, secret: blob(row, 2)? };
                found.push((name.map_err(|_| Fault::damaged("connection name"))?, token));
            }
            Ok(found)
        };
        self.worker.call(Access::Read, call).await
    }

    async fn rewrite_credential(
        &self,
        key: &TokenKey,
        from: &StoredToken,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        let (key, from, secret) = (key.clone(), from.clone(), secret.to_vec());
        let call = move |transaction: &Transaction<'_>| {
            let changed = transaction
                .prepare_cached(
                    "UPDATE tokens SET secret = ?5 WHERE tenant = ?1 AND connection = ?2
                     AND generation = ?3 AND secret = ?4",
                )?
                .execute(params![
                    key.tenant.as_str(),
                    key.connection.as_str(),
                    int(from.generation),
                    from.secret,
                    secret
                ])?;
            Ok(changed > 0)
        };
        self.worker.call(Access::Write, call).await
    }

    async fn renew_fingerprint_key(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        let call = move |transaction: &Transaction<'_>| {
            tokens::renew_fingerprint_key(transaction, &tenant)
        };
        self.worker.call(Access::Write, call).await
    }
}

/// The place that a mark stands for; what is no mark of ours stands for the end.
fn place(mark: &RowMark) -> i64 {
    mark.0.as_slice().try_into().map_or(i64::MAX, i64::from_be_bytes)
}

/// Rows of a mapping by their places, which come first. Where no index has a mapping's rows in the order
/// of their places (`+mapping`), the table is gone through in it, past the rows of other mappings: any
/// other way reads all of the mapping's for each page, and sorts them.
fn by_place(table: Table) -> &'static str {
    match table {
        Table::Inbox => {
            "SELECT place, side, record, sequence, revision, not_before, attempts, observation
             FROM inbox WHERE +mapping = ?1 AND place"
        }
        Table::Links => {
            "SELECT place, id, status, source, target, source_base, target_base, ending
             FROM links WHERE +mapping = ?1 AND place"
        }
        Table::Operations => {
            "SELECT place, operation FROM operations WHERE +mapping = ?1 AND place"
        }
        Table::Holds => "SELECT place, hold FROM holds WHERE +mapping = ?1 AND place",
        Table::Conflicts => "SELECT place, conflict FROM conflicts WHERE mapping = ?1 AND place",
        Table::Log => "SELECT place, entry FROM log WHERE mapping = ?1 AND place",
        Table::Runs => "SELECT number, run FROM runs WHERE mapping = ?1 AND number",
    }
}

/// The rows after a place.
pub(super) fn after(table: Table) -> String {
    format!("{} > ?2 ORDER BY 1 LIMIT ?3", by_place(table))
}

/// The row at a place.
pub(super) fn at(table: Table) -> String {
    format!("{} = ?2", by_place(table))
}

fn table_of(row: &Row) -> Table {
    match row {
        Row::Entry(..) => Table::Inbox,
        Row::Link(_) => Table::Links,
        Row::Operation(_) => Table::Operations,
        Row::Hold(_) => Table::Holds,
        Row::Conflict(_) => Table::Conflicts,
        Row::Log(_) => Table::Log,
        Row::Run(_) => Table::Runs,
    }
}

fn read(table: Table, row: &rusqlite::Row<'_>) -> Result<MarkedRow, Fault> {
    let bytes = || blob(row, 1);
    let read = match table {
        Table::Inbox => {
            let side = super::ledger::side(row, 1)?;
            Row::Entry(side, read_entry_at(row, 2)?)
        }
        Table::Links => Row::Link(read_link_at(row, 1)?),
        Table::Operations => Row::Operation(decode("operation", &bytes()?)?),
        Table::Holds => Row::Hold(decode("hold", &bytes()?)?),
        Table::Conflicts => Row::Conflict(decode("conflict", &bytes()?)?),
        Table::Log => Row::Log(decode("log row", &bytes()?)?),
        Table::Runs => Row::Run(decode("run", &bytes()?)?),
    };
    let place: i64 = row.get(0)?;
    Ok(MarkedRow { mark: RowMark(place.to_be_bytes().to_vec()), row: read })
}

impl Ledger<'_> {
    fn rows(&self, table: Table, after: i64, limit: usize) -> Result<Vec<MarkedRow>, Fault> {
        let sql = self::after(table);
        self.all(&sql, params![self.mapping, after, size(limit)], |row| read(table, row))
    }

    fn row_at(&self, table: Table, place: i64) -> Result<Option<MarkedRow>, Fault> {
        self.one(&at(table), params![self.mapping, place], |row| read(table, row))
    }

    /// Writes a row anew if it is as it was; says how many it wrote.
    fn rewrite_row(&self, rewrite: &Rewrite) -> Result<u64, Fault> {
        let at = place(&rewrite.from.mark);
        let there = self.row_at(table_of(&rewrite.from.row), at)?;
        if there.as_ref() != Some(&rewrite.from) {
            return Ok(0);
        }
        let written = match &rewrite.to {
            Row::Entry(_, entry) => self.run(
                "UPDATE inbox SET observation = ?2 WHERE place = ?1",
                params![at, entry.observation.as_ref().map(encode::<Observation>)],
            )?,
            Row::Link(link) => {
                let print = |side: Side| link.bases[side].fingerprint.map(|print| print.0);
                self.run(
                    "UPDATE links SET source_base = ?2, target_base = ?3, source_fingerprint = ?4,
                     target_fingerprint = ?5 WHERE place = ?1",
                    params![
                        at,
                        encode_base(&link.bases.source),
                        encode_base(&link.bases.target),
                        print(Side::Source),
                        print(Side::Target)
                    ],
                )?
            }
            Row::Operation(to) => {
                let sql = "UPDATE operations SET operation = ?2 WHERE place = ?1";
                self.run(sql, params![at, encode(to)])?
            }
            Row::Hold(to) => {
                self.run("UPDATE holds SET hold = ?2 WHERE place = ?1", params![at, encode(to)])?
            }
            Row::Conflict(to) => {
                let sql = "UPDATE conflicts SET conflict = ?2, id = ?3 WHERE place = ?1";
                self.run(sql, params![at, encode(to), to.id.0])?
            }
            Row::Log(to) => {
                self.run("UPDATE log SET entry = ?2 WHERE place = ?1", params![at, encode(to)])?
            }
            Row::Run(to) => self.run(
                "UPDATE runs SET run = ?3 WHERE mapping = ?1 AND number = ?2",
                params![self.mapping, at, encode(to)],
            )?,
        };
        Ok(written as u64)
    }
}
