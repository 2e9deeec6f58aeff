//! Opening: whose the schema is, which version it has, and bringing that up to date.
//!
//! A schema that is not ours, or of a later version, is refused before anything is written to it.

use std::sync::Arc;

use fluxcascade_core::store::{StoreError, StoreErrorKind};

use super::fault::Fault;
use super::session::{Access, Session, Sessions, quoted};

/// What brings a database from each schema to the next; the last one's place is the current schema.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../migrations/postgres/0001_first.sql"),
    include_str!("../../migrations/postgres/0002_turns.sql"),
    include_str!("../../migrations/postgres/0003_key_indexes.sql"),
    include_str!("../../migrations/postgres/0004_former_records.sql"),
];

/// Whoever migrates holds this; `FLXC` and the schema's hash, so that stores in other schemas of
/// the database do not wait.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1179408451, hashtext($1))";

/// The tables and the indexes' tables of a schema, ours or not.
const TABLES: &str = "SELECT c.relname::text FROM pg_catalog.pg_class c
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY 1";

/// What the role may not do that a store needs.
const MISSING_RIGHTS: &str = "SELECT c.relname::text FROM pg_catalog.pg_class c
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT (
         has_table_privilege(c.oid, 'SELECT') AND (c.relname = 'fluxcascade_store' OR
         has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
         AND has_table_privilege(c.oid, 'DELETE'))) ORDER BY 1";

/// What a server is, for this role and database.
const SERVER: &str = "SELECT current_setting('server_encoding'),
     current_setting('default_transaction_read_only'), pg_catalog.pg_is_in_recovery()";

/// The table that says whose the schema is.
const OURS: &str = "fluxcascade_store";

/// What a schema is.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// It is not there, or nothing is in it.
    Empty,
    Foreign,
    Schema(usize),
}

/// Makes the schema ready.
pub(super) async fn open(sessions: &Sessions) -> Result<(), StoreError> {
    let schema = sessions.schema();
    prepare(sessions, schema).await.map_err(|error| match error.kind {
        StoreErrorKind::Damaged => {
            StoreError::new(error.kind, format!("the schema {schema}: {}", error.message))
        }
        StoreErrorKind::Busy
        | StoreErrorKind::LeaseLost
        | StoreErrorKind::Newer
        | StoreErrorKind::Locked
        | StoreErrorKind::Misuse
        | StoreErrorKind::Failed
        | StoreErrorKind::Unanswered => error,
    })
}

async fn prepare(sessions: &Sessions, schema: &str) -> Result<(), StoreError> {
    let found = sessions.call(Access::Read, |session| look(session, schema)).await?;
    if accept(schema, &found)? < MIGRATIONS.len() {
        sessions.call(Access::Write, |session| migrate(session, schema)).await?;
    }
    sessions.call(Access::Read, |session| check_rights(session, schema)).await
}

async fn look(session: Arc<Session>, schema: &str) -> Result<Found, Fault> {
    let server = session.rows(SERVER, &[]).await?;
    let server = server.first().ok_or_else(|| Fault::damaged("settings of the server"))?;
    fit(server.try_get(0)?, server.try_get(1)?, server.try_get(2)?)?;
    let tables = session.rows(TABLES, &[&schema]).await?;
    if tables.is_empty() {
        return Ok(Found::Empty);
    }
    let names: Vec<&str> = tables.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if !names.contains(&OURS) {
        return Ok(Found::Foreign);
    }
    let sql = format!("SELECT version FROM {}.{OURS}", quoted(schema));
    let version = match session.rows(&sql, &[]).await?.as_slice() {
        [row] => row.try_get::<_, i32>(0)?,
        _ => return Err(Fault::damaged("schema number")),
    };
    usize::try_from(version).map(Found::Schema).map_err(|_| Fault::damaged("schema number"))
}

/// Whether a server can have a store at all. That it takes no writes would else come out in the
/// middle of the first run: nothing need be written to open a store.
fn fit(encoding: &str, read_only: &str, standby: bool) -> Result<(), StoreError> {
    let what = match (standby, read_only) {
        (true, _) => "a standby",
        (false, "on") => "set to read only, for all or for this database or role",
        (false, _) => "",
    };
    if !what.is_empty() {
        return Err(StoreError::failed(format_args!(
            "the server is {what}: give the address of a server that may be written"
        )));
    }
    if encoding != "UTF8" {
        return Err(StoreError::new(
            StoreErrorKind::Misuse,
            "the database does not keep its texts as UTF-8: make one with the encoding UTF8",
        ));
    }
    Ok(())
}

/// How far the schema is, if it is one that this version may use.
fn accept(schema: &str, found: &Found) -> Result<usize, StoreError> {
    match found {
        Found::Empty => Ok(0),
        Found::Foreign => Err(foreign(schema)),
        Found::Schema(version) if *version > MIGRATIONS.len() => Err(newer(schema, *version)),
        Found::Schema(version) => Ok(*version),
    }
}

/// All of it in one transaction: a database is of one schema or another, never between. Who comes
/// second waits, and finds it done.
async fn migrate(session: Arc<Session>, schema: &str) -> Result<(), Fault> {
    session.rows(LOCK, &[&schema]).await?;
    let from = accept(schema, &look(Arc::clone(&session), schema).await?)?;
    if from == MIGRATIONS.len() {
        return Ok(());
    }
    if from == 0 && session.rows(NAMESPACE, &[&schema]).await?.is_empty() {
        session.script(&format!("CREATE SCHEMA {}", quoted(schema))).await?;
    }
    for step in MIGRATIONS.iter().skip(from) {
        session.script(step).await?;
    }
    let version = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    session
        .script(&format!("DELETE FROM {OURS}; INSERT INTO {OURS} (version) VALUES ({version})"))
        .await
}

const NAMESPACE: &str = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1";

/// Found out now rather than in the middle of a run.
async fn check_rights(session: Arc<Session>, schema: &str) -> Result<(), Fault> {
    let missing = session.rows(MISSING_RIGHTS, &[&schema]).await?;
    let Some(row) = missing.first() else { return Ok(()) };
    let table: &str = row.try_get(0)?;
    Err(StoreError::failed(format_args!(
        "the role may not read and write the table {schema}.{table}: grant it SELECT, INSERT, UPDATE and DELETE on all tables of the schema"
    ))
    .into())
}

fn foreign(schema: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Misuse,
        format!(
            "the schema {schema} has tables of another program and was left as it is: give another schema"
        ),
    )
}

fn newer(schema: &str, version: usize) -> StoreError {
    StoreError::new(
        StoreErrorKind::Newer,
        format!(
            "the schema {schema} has version {version} and this program reads up to {}; it was left as it is: use the program that wrote it, or a newer one",
            MIGRATIONS.len()
        ),
    )
}
