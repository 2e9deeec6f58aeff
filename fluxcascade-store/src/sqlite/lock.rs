//! Who may have the store open: one store object in one process.
//!
//! The lock is the operating system's, so it ends with the process, however that ends. It is on a
//! file beside the store's: closing a second handle of SQLite's own file would drop SQLite's locks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use fluxcascade_core::store::{StoreError, StoreErrorKind};

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock of the store at this path.
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let mut name = store.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let file = private().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| cannot_open(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::new(
                StoreErrorKind::Busy,
                format!(
                    "the store {} is open already, here or in another process: share that one, or close it first",
                    store.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(StoreError::failed(format_args!(
                "{} cannot be locked ({error}): put the store on a file system with locks",
                path.display()
            ))),
        }
    }
}

/// The path without links and relative parts, so that one file has one lock.
pub(super) fn locate(path: &Path) -> Result<PathBuf, StoreError> {
    if let Ok(found) = path.canonicalize() {
        return Ok(found);
    }
    let name = path.file_name().ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Misuse,
            format!("{:?} names no file: give the path of the store's file", path.display()),
        )
    })?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|error| cannot_open(folder, &error))?;
    Ok(folder.join(name))
}

/// Makes an empty file that only its owner can read, if there is none: tokens will be in it. One
/// that is there must be one that may be written: SQLite would find that out after it has put files
/// of its own beside it. The caller holds the lock, so that SQLite does not have it open.
pub(super) fn make_file(path: &Path) -> Result<(), StoreError> {
    let opened = match private().create_new(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).open(path)
        }
        opened => opened,
    };
    opened.map(drop).map_err(|error| cannot_open(path, &error))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn cannot_open(path: &Path, error: &io::Error) -> StoreError {
    StoreError::failed(format_args!(
        "{} cannot be opened ({error}): check the path and its permissions",
        path.display()
    ))
}
