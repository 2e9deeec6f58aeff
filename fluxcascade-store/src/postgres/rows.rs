//! Rows as they stand, read and written anew in place. Their marks are their keys.

use std::sync::Arc;

use async_trait::async_trait;
use fluxcascade_core::codec::{decode, encode, encode_base};
use fluxcascade_core::model::{
    ConnectionName, MappingKey, MappingName, Observation, Side, TenantId,
};
use fluxcascade_core::store::{
    MarkedRow, Rewrite, Row, RowMark, Rows, StoreError, StoredToken, Table, TokenKey,
};

use super::PostgresStore;
use super::fault::Fault;
use super::inbox::read_entry;
use super::ledger::{Ledger, side};
use super::links::read_link;
use super::session::{Access, Session, Value};
use super::tokens;
use crate::columns::{int, natural, size};
use crate::upkeep;

#[async_trait]
impl Rows for PostgresStore {
    async fn mappings(&self, tenant: &TenantId) -> Result<Vec<MappingName>, StoreError> {
        let call = |session: Arc<Session>| async move {
            let sql = "SELECT name FROM mappings WHERE tenant = $1 AND fence > 0 ORDER BY name";
            let rows = session.rows(sql, &[&tenant.as_str()]).await?;
            let named = |row: &tokio_postgres::Row| {
                MappingName::new(row.try_get::<_, &str>(0)?)
                    .map_err(|_| Fault::damaged("mapping name"))
            };
            rows.iter().map(named).collect()
        };
        self.sessions.call(Access::Read, call).await
    }

    async fn rows(
        &self,
        mapping: &MappingKey,
        table: Table,
        after: Option<&RowMark>,
        limit: usize,
    ) -> Result<Vec<MarkedRow>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.rows_after(table, after, limit).await };
        self.read(mapping, ask).await.map(Option::unwrap_or_default)
    }

    async fn rewrite(&self, mapping: &MappingKey, rows: &[Rewrite]) -> Result<u64, StoreError> {
        upkeep::check_same(rows)?;
        let call = |session: Arc<Session>| async move {
            let Some(ledger) = Ledger::find(&session, mapping).await? else { return Ok(0) };
            let mut written = 0;
            for row in rows {
                written += ledger.rewrite_row(row).await?;
            }
            Ok(written)
        };
        self.sessions.call(Access::Write, call).await
    }

    async fn credentials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(ConnectionName, StoredToken)>, StoreError> {
        let call = |session: Arc<Session>| async move {
            let sql = "SELECT connection, generation, secret FROM tokens
                 WHERE tenant = $1 AND generation > 0 ORDER BY connection";
            let rows = session.rows(sql, &[&tenant.as_str()]).await?;
            let read = |row: &tokio_postgres::Row| {
                let name = ConnectionName::new(row.try_get::<_, &str>(0)?)
                    .map_err(|_| Fault::damaged("connection name"))?;
                let generation = natural(row.try_get(1)?)?;
                Ok((name, StoredToken { generation, secret: row.try_get(2)? }))
            };
            rows.iter().map(read).collect()
        };
        self.sessions.call(Access::Read, call).await
    }

    async fn rewrite_credential(
        &self,
        key: &TokenKey,
        from: &StoredToken,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        let call = |session: Arc<Session>| async move {
            let sql = "UPDATE tokens SET secret = $5 WHERE tenant = $1 AND connection = $2
                 AND generation = $3 AND secret = $4";
            let (tenant, connection) = (key.tenant.as_str(), key.connection.as_str());
            let (generation, old) = (int(from.generation), from.secret.as_slice());
            let values: [Value<'_>; 5] = [&tenant, &connection, &generation, &old, &secret];
            session.run(sql, &values).await
        };
        Ok(self.sessions.call(Access::Write, call).await? > 0)
    }

    async fn renew_fingerprint_key(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let renew = |session| tokens::renew_fingerprint_key(session, tenant);
        self.sessions.call(Access::Write, renew).await
    }
}

/// A row's key, as statements are given it: unused parts are null.
#[derive(Debug)]
struct Key<'a> {
    /// A hold's kind, and an entry's side.
    first: i16,
    /// An id, or the link of a hold.
    id: &'a [u8],
    /// The side of a hold.
    side: i16,
    /// A record, or the name in a hold's key.
    name: &'a str,
    /// The place of a log row, the number of a run.
    place: i64,
}

impl<'a> Key<'a> {
    /// Before all rows.
    const START: Key<'static> = Key { first: -1, id: &[], side: -1, name: "", place: -1 };

    fn of(table: Table, mark: &'a [u8]) -> Option<Self> {
        let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).ok();
        Some(match table {
            Table::Inbox => {
                let (first, record) = mark.split_first()?;
                Key { first: i16::from(*first), name: text(record)?, ..Key::START }
            }
            Table::Links | Table::Operations | Table::Conflicts => Key { id: mark, ..Key::START },
            Table::Holds => {
                let (kind, rest) = mark.split_first()?;
                let (id, rest) = rest.split_at_checked(if *kind < 2 { 16 } else { 0 })?;
                let (side, name) = rest.split_first()?;
                let (first, side) = (i16::from(*kind), i16::from(*side));
                Key { first, id, side, name: text(name)?, place: -1 }
            }
            Table::Log | Table::Runs => {
                let place = u64::from_be_bytes(mark.try_into().ok()?);
                Key { place: int(place), ..Key::START }
            }
        })
    }
}

/// The columns of a table's rows, and of its key.
fn shape(table: Table) -> (&'static str, &'static str, &'static str) {
    match table {
        Table::Inbox => (
            "SELECT side, record, sequence, revision, not_before, attempts, observation FROM inbox",
            "(side, record)",
            "($3::smallint, $4::text)",
        ),
        Table::Links => (
            "SELECT id, status, source, target, source_base, target_base, ending FROM links",
            "(id)",
            "($3::bytea)",
        ),
        Table::Operations => ("SELECT operation FROM operations", "(id)", "($3::bytea)"),
        Table::Holds => (
            "SELECT hold FROM holds",
            "(kind, on_link, side, name)",
            "($3::smallint, $4::bytea, $5::smallint, $6::text)",
        ),
        Table::Conflicts => ("SELECT conflict FROM conflicts", "(id)", "($3::bytea)"),
        Table::Log => ("SELECT entry, place FROM log", "(place)", "($3::bigint)"),
        Table::Runs => ("SELECT run FROM runs", "(number)", "($3::bigint)"),
    }
}

fn values<'a>(table: Table, key: &'a Key<'a>) -> Vec<Value<'a>> {
    match table {
        Table::Inbox => vec![&key.first, &key.name],
        Table::Links | Table::Operations | Table::Conflicts => vec![&key.id],
        Table::Holds => vec![&key.first, &key.id, &key.side, &key.name],
        Table::Log | Table::Runs => vec![&key.place],
    }
}

fn read(table: Table, row: &tokio_postgres::Row) -> Result<MarkedRow, Fault> {
    let mut place = 0;
    let read = match table {
        Table::Inbox => Row::Entry(side(row, 0)?, read_entry(row)?),
        Table::Links => Row::Link(read_link(row)?),
        Table::Operations => Row::Operation(decode("operation", row.try_get(0)?)?),
        Table::Holds => Row::Hold(decode("hold", row.try_get(0)?)?),
        Table::Conflicts => Row::Conflict(decode("conflict", row.try_get(0)?)?),
        Table::Log => {
            place = natural(row.try_get(1)?)?;
            Row::Log(decode("log row", row.try_get(0)?)?)
        }
        Table::Runs => Row::Run(decode("run", row.try_get(0)?)?),
    };
    Ok(MarkedRow { mark: RowMark(upkeep::mark(&read, place)), row: read })
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

fn no_mark() -> Fault {
    Fault::damaged("mark of a row")
}

impl Ledger {
    async fn rows_after(
        &self,
        table: Table,
        after: Option<&RowMark>,
        limit: usize,
    ) -> Result<Vec<MarkedRow>, Fault> {
        let key = match after {
            Some(mark) => Key::of(table, &mark.0).ok_or_else(no_mark)?,
            None => Key::START,
        };
        let (select, columns, given) = shape(table);
        let mut values = values(table, &key);
        let sql = format!(
            "{select} WHERE tenant = $1 AND mapping = $2 AND {columns} > {given}
             ORDER BY {} LIMIT ${}",
            columns.trim_matches(['(', ')']),
            values.len() + 3
        );
        let limit = size(limit);
        values.push(&limit);
        let rows = self.rows(&sql, &values).await?;
        rows.iter().map(|row| read(table, row)).collect()
    }

    /// Writes a row anew if it is as it was; says how many it wrote. It stays locked from the look
    /// at it on: a hold may be changed by a call of another mapping.
    async fn rewrite_row(&self, rewrite: &Rewrite) -> Result<u64, Fault> {
        let table = table_of(&rewrite.from.row);
        let key = Key::of(table, &rewrite.from.mark.0).ok_or_else(no_mark)?;
        let (select, columns, given) = shape(table);
        let place = values(table, &key);
        let here = format!("WHERE tenant = $1 AND mapping = $2 AND {columns} = {given}");
        let there = self.rows(&format!("{select} {here} FOR UPDATE"), &place).await?;
        let there = there.first().map(|row| read(table, row)).transpose()?;
        if there.as_ref() != Some(&rewrite.from) {
            return Ok(0);
        }
        let set = |columns: &str| {
            let first = place.len() + 3;
            let sets = columns.split(' ').enumerate();
            let sets: Vec<_> = sets.map(|(n, name)| format!("{name} = ${}", first + n)).collect();
            sets.join(", ")
        };
        let write = async |into: &str, columns: &str, new: &[Value<'_>]| {
            let mut all = place.clone();
            all.extend_from_slice(new);
            self.run(&format!("UPDATE {into} SET {} {here}", set(columns)), &all).await
        };
        match &rewrite.to {
            Row::Entry(_, to) => {
                let seen = to.observation.as_ref().map(encode::<Observation>);
                write("inbox", "observation", &[&seen]).await
            }
            Row::Link(to) => {
                let print = |side: Side| to.bases[side].fingerprint.map(|print| print.0.to_vec());
                let bases = to.bases.as_ref().map(encode_base);
                let prints = (print(Side::Source), print(Side::Target));
                write(
                    "links",
                    "source_base target_base source_fingerprint target_fingerprint",
                    &[&bases.source, &bases.target, &prints.0, &prints.1],
                )
                .await
            }
            Row::Operation(to) => write("operations", "operation", &[&encode(to)]).await,
            Row::Hold(to) => write("holds", "hold", &[&encode(to)]).await,
            Row::Conflict(to) => {
                write("conflicts", "conflict id", &[&encode(to), &&to.id.0[..]]).await
            }
            Row::Log(to) => write("log", "entry", &[&encode(to)]).await,
            Row::Run(to) => write("runs", "run", &[&encode(to)]).await,
        }
    }
}
