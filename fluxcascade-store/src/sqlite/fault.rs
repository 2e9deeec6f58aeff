//! What goes wrong inside this backend, and the one place where it becomes a [`StoreError`].

use fluxcascade_core::codec::CodecError;
use fluxcascade_core::store::{StoreError, StoreErrorKind};
use rusqlite::{Error, ErrorCode};

use crate::columns;

/// An error on the way to being a [`StoreError`].
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite's.
    Sql(Error),
    /// One of ours.
    Store(StoreError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Sql(error)
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
            Fault::Sql(error) => of_sql(&error),
            Fault::Store(error) => error,
        }
    }
}

impl Fault {
    /// Something stored is not what it must be.
    pub(super) fn damaged(what: &str) -> Self {
        Fault::Store(columns::damaged(what))
    }
}

fn of_sql(error: &Error) -> StoreError {
    let damaged = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    ) || matches!(
        error,
        Error::InvalidColumnType(..)
            | Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
    );
    if damaged {
        return StoreError::new(
            StoreErrorKind::Damaged,
            format!("the store's file is damaged ({error}): restore it from a backup"),
        );
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            StoreError::failed(format_args!("the disk is full ({error}): make room and run again"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::failed(
            format_args!("another program keeps the file locked ({error}): close it and run again"),
        ),
        _ => StoreError::failed(error),
    }
}
