//! What goes wrong inside this backend, and the one place where it becomes a [`StoreError`].
//!
//! Only the server's own message and code are told, never its details: those quote values.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use fluxcascade_core::codec::CodecError;
use fluxcascade_core::store::{StoreError, StoreErrorKind};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::columns;

/// An error on the way to being a [`StoreError`].
#[derive(Debug)]
pub(super) enum Fault {
    /// The server's or the driver's; the transaction is undone.
    Sql(Error),
    /// No connection came from the pool.
    Pool(PoolError),
    /// The connection broke before the transaction began.
    NotBegun(Error),
    /// The server did not answer in time; the transaction is undone.
    Late,
    /// A commit was sent and its answer did not come.
    Unanswered(String),
    /// One of ours.
    Store(StoreError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        Fault::Pool(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl From<CodecError> for Fault {
    fn from(error: CodecError) -> Self {
        Fault::Store(error.into())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sql(error) | Fault::NotBegun(error) => of_sql(&error),
            Fault::Pool(error) => of_pool(&error),
            Fault::Late => StoreError::failed(
                "the server did not answer in time: see what keeps it busy, or allow it more time",
            ),
            Fault::Unanswered(why) => StoreError::unanswered(why),
            Fault::Store(error) => error,
        }
    }
}

impl Fault {
    /// Something stored is not what it must be.
    pub(super) fn damaged(what: &str) -> Self {
        Fault::Store(columns::damaged(what))
    }

    /// Whether nothing was committed, and the same call may work at once: others were in its way.
    pub(super) fn may_repeat(&self) -> bool {
        match self {
            Fault::Sql(error) => {
                [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]
                    .iter()
                    .any(|state| error.code() == Some(state))
            }
            Fault::NotBegun(_) => true,
            Fault::Pool(_) | Fault::Late | Fault::Unanswered(_) | Fault::Store(_) => false,
        }
    }

    /// Whether a statement was not looked at because another of its transaction had failed.
    pub(super) fn is_after_another(&self) -> bool {
        match self {
            Fault::Sql(error) => error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION),
            Fault::Pool(_)
            | Fault::NotBegun(_)
            | Fault::Late
            | Fault::Unanswered(_)
            | Fault::Store(_) => false,
        }
    }

    /// What became of a commit that was answered with an error. An error of the statement undoes the
    /// transaction; where the whole connection ended, nobody knows.
    pub(super) fn of_commit(error: Error) -> Self {
        let severity = error.as_db_error().and_then(DbError::parsed_severity);
        if severity == Some(Severity::Error) {
            Fault::Sql(error)
        } else {
            Fault::Unanswered(words(&error))
        }
    }
}

/// An error in words that quote no value and no secret.
pub(super) fn words(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{}, {}", error.message(), error.code().code());
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn of_pool(error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => of_sql(error),
        PoolError::Timeout(_) => StoreError::failed(
            "no connection came free in time: allow the pool more of them, or more time",
        ),
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            StoreError::failed(error)
        }
    }
}

/// How the driver begins what it says of TLS; it tells this apart in no other way.
const HANDSHAKE: &str = "error performing TLS handshake";

fn of_sql(error: &Error) -> StoreError {
    let said = words(error);
    let Some(code) = error.code() else {
        if said.starts_with(HANDSHAKE) {
            return StoreError::failed(format_args!(
                "{said}: give the certificate that the server's is signed with, or say sslmode=disable where it has no TLS and the way to it is your own"
            ));
        }
        return StoreError::failed(format_args!(
            "{said}: check that the server runs and can be reached"
        ));
    };
    let advice = match *code {
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "give the role the rights on the store's schema and tables"
        }
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "check the role and its password"
        }
        SqlState::INVALID_CATALOG_NAME => "make the database, or give another name",
        SqlState::DISK_FULL => "make room on the server and run again",
        SqlState::TOO_MANY_CONNECTIONS => "allow the server more connections, or the pool fewer",
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
            "see what keeps the server busy, or allow it more time"
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            "this server is a standby or read only: give the primary's address"
        }
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            "other calls were in the way again and again: run again"
        }
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            return StoreError::new(
                StoreErrorKind::Damaged,
                format!("the database is damaged ({said}): restore it from a backup"),
            );
        }
        _ => return StoreError::failed(said),
    };
    StoreError::failed(format_args!("{said}: {advice}"))
}
