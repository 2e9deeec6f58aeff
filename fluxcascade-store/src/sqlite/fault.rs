//! What goes wrong inside this backend, and the one place where it becomes a [`StoreError`].

use std::path::Path;

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
    /// The error; where the storage is to blame, with the file that it is about.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let error = StoreError::from(self);
        match error.kind {
            StoreErrorKind::Newer | StoreErrorKind::Damaged | StoreErrorKind::Failed => {
                let message = format!("{}: {}", path.display(), error.message);
                StoreError::new(error.kind, message)
            }
            StoreErrorKind::Busy
            | StoreErrorKind::LeaseLost
            | StoreErrorKind::Locked
            | StoreErrorKind::Misuse
            | StoreErrorKind::Unanswered => error,
        }
    }

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
        Some(ErrorCode::ReadOnly) => StoreError::failed(format_args!(
            "the file may not be written ({error}): check its permissions and those of its folder"
        )),
        Some(ErrorCode::CannotOpen) => StoreError::failed(format_args!(
            "the file cannot be opened ({error}): check the path and its permissions"
        )),
        Some(ErrorCode::SystemIoFailure) => StoreError::failed(format_args!(
            "the disk failed ({error}): check it, and restore the store from a backup if it was damaged"
        )),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::failed(
            format_args!("another program keeps the file locked ({error}): close it and run again"),
        ),
        _ => StoreError::failed(error),
    }
}
