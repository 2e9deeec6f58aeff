//! Opening the file: whose it is, which schema it has, and bringing that up to date.
//!
//! A file that is not ours, or of a later version, is refused before anything is written to it.

use std::path::Path;
use std::time::Duration;

use fluxcascade_core::store::{StoreError, StoreErrorKind};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;

/// In the file's header: `FLXC`.
pub(super) const APPLICATION_ID: i32 = 0x464C_5843;

/// What brings a file from each schema to the next; the last one's place is the current schema.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_claims_sweeps_answers.sql"),
    include_str!("../../migrations/0003_turns.sql"),
    include_str!("../../migrations/0004_former_records.sql"),
];

/// The statements in this backend, with room to grow.
const STATEMENTS: usize = 128;

/// How long another program's lock is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What a file is, by its header.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Empty,
    Foreign,
    Schema(usize),
}

/// Opens the file and makes it ready. The caller holds its lock.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    prepare(path).map_err(|fault| {
        let error = StoreError::from(fault);
        StoreError::new(error.kind, format!("{}: {}", path.display(), error.message))
    })
}

fn prepare(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Closing a file that is refused must not move its log into it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let schema = match look(&connection)? {
        Found::Empty => 0,
        Found::Foreign => return Err(foreign().into()),
        Found::Schema(schema) if schema > MIGRATIONS.len() => return Err(newer(schema).into()),
        Found::Schema(schema) => schema,
    };
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut connection, schema)?;
    tune(&connection)?;
    take_over(&mut connection)?;
    // A process that ended may have left in its log what was forgotten meanwhile.
    drop(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    Ok(connection)
}

fn look(connection: &Connection) -> Result<Found, Fault> {
    let header = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if header("page_count")? == 0 {
        return Ok(Found::Empty);
    }
    if header("application_id")? != i64::from(APPLICATION_ID) {
        return Ok(Found::Foreign);
    }
    let schema = header("user_version")?;
    usize::try_from(schema).map(Found::Schema).map_err(|_| Fault::damaged("schema number"))
}

/// Each step is one transaction: a file is of one schema or the next, never between.
fn migrate(connection: &mut Connection, from: usize) -> Result<(), Fault> {
    for (done, step) in MIGRATIONS.iter().enumerate().skip(from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(done + 1).unwrap_or(0))?;
        transaction.commit()?;
    }
    Ok(())
}

fn tune(connection: &Connection) -> Result<(), Fault> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::failed(
            "its file system cannot keep a write-ahead log: put the store on a local disk",
        )
        .into());
    }
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // What a row held before is overwritten in the file: a record that is forgotten takes with it what
    // it was a year ago.
    connection.pragma_update(None, "secure_delete", true)?;
    // Small, so that a process holds as much for a million links as for ten thousand: the operating
    // system keeps the rest.
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Without this promise SQLite plans a statement anew whenever other values are bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// The lock shows that whoever had leases and claims is no more.
fn take_over(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "UPDATE mappings SET lease_until = NULL WHERE lease_until IS NOT NULL;
         UPDATE tokens SET claimed_until = NULL WHERE claimed_until IS NOT NULL;",
    )?;
    transaction.commit()?;
    Ok(())
}

fn foreign() -> StoreError {
    StoreError::new(
        StoreErrorKind::Misuse,
        "this SQLite file belongs to another program and was left as it is: give another path",
    )
}

fn newer(schema: usize) -> StoreError {
    StoreError::new(
        StoreErrorKind::Newer,
        format!(
            "the file has schema {schema} and this version reads up to {}; it was left as it is: use the version that wrote it, or a newer one",
            MIGRATIONS.len()
        ),
    )
}
