//! A copy of the store that is whole, made while the store is in use.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

#[cfg(doc)]
use fluxcascade_core::store::Upkeep;
use fluxcascade_core::store::{StoreError, StoreErrorKind};
use futures::channel::oneshot;
use rusqlite::{Connection, OpenFlags};

use super::SqliteStore;
use super::fault::Fault;
use super::lock;

impl SqliteStore {
    /// Copies the store to a new file while it is in use: all that was committed before the call,
    /// and of every other commit all or nothing. The copy is a store like this one, readable for
    /// its owner alone, with the same credentials in it.
    ///
    /// Nobody waits for it: it reads beside the calls that write. The file appears at its place
    /// once it is whole and on the disk, and not before; what is left of a copy that was cut off is
    /// a file whose name begins with this one's and ends in `.part`. Another copy of the files, with
    /// the store's write-ahead log, is whole only if it is of one moment: a snapshot, or made while
    /// the process is stopped.
    ///
    /// A record that is forgotten meanwhile is in the copy as it was, or not at all. A copy forgets
    /// nothing by itself: what is forgotten later is in it as long as it is kept. If one is put in the
    /// store's place, the receipts from after it was made name what is to be forgotten there again,
    /// before anything is synced: forgetting may be repeated ([`Upkeep::forget`]). In the store's own
    /// file, what was forgotten while a copy was made is overwritten at the latest when the next call
    /// after it is done. A copy has no trace of what was ever removed or overwritten.
    ///
    /// The copy goes on if the caller stops waiting.
    ///
    /// # Errors
    /// `Misuse` if there is something at that path already: it is left as it is. `Damaged` if the
    /// store is. `Failed` if the copy cannot be written there.
    ///
    /// ```
    /// use fluxcascade_store::SqliteStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), fluxcascade_core::store::StoreError> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("sync.db");
    /// let store = SqliteStore::open(&path).await?;
    /// let monday = folder.path().join("monday.db");
    /// store.back_up(&monday).await?;
    /// assert!(store.back_up(&monday).await.is_err()); // it is there already
    /// SqliteStore::open(&monday).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn back_up(&self, to: impl AsRef<Path>) -> Result<(), StoreError> {
        let (from, to) = (Arc::clone(&self.worker.path), to.as_ref().to_owned());
        let (done, answer) = oneshot::channel();
        thread::Builder::new()
            .name("fluxcascade-backup".into())
            .spawn(move || drop(done.send(copy(&from, &to))))
            .map_err(StoreError::failed)?;
        let copied = answer
            .await
            .unwrap_or_else(|_| Err(StoreError::failed("the copy was cut off: make it again")));
        // What was forgotten while it was made is in the log until nobody reads it any more.
        self.worker.run(super::worker::Session::cut_off_remains).await?;
        copied
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let to = lock::locate(to)?;
    if fs::symlink_metadata(&to).is_ok() {
        return Err(taken(&to));
    }
    let part = Part::beside(&to)?;
    write(from, &part.path).map_err(|fault| fault.at(&part.path))?;
    part.publish(&to)
}

/// Reads all of one moment, beside whoever writes.
fn write(from: &Path, to: &Path) -> Result<(), Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(super::schema::PATIENCE)?;
    let name = to.to_str().ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Misuse,
            format!("{} is no UTF-8: give another path", to.display()),
        )
    })?;
    source.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

/// The copy before it is whole. Dropping it removes it.
struct Part {
    path: PathBuf,
}

impl Part {
    /// An empty file beside the place where the copy is to be, with a name of its own.
    fn beside(to: &Path) -> Result<Self, StoreError> {
        let mut dice = [0; 8];
        getrandom::fill(&mut dice).map_err(StoreError::failed)?;
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{:016x}.part", u64::from_be_bytes(dice)));
        let path = PathBuf::from(name);
        lock::make_file(&path)?;
        Ok(Self { path })
    }

    /// Puts it at its place, unless something is there by now.
    fn publish(&self, to: &Path) -> Result<(), StoreError> {
        let synced = File::open(&self.path).and_then(|file| file.sync_all());
        synced.map_err(|error| failed(to, &error))?;
        fs::hard_link(&self.path, to).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                taken(to)
            } else {
                failed(to, &error)
            }
        })?;
        // The name itself is on the disk with its folder.
        #[cfg(unix)]
        if let Some(folder) = to.parent() {
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(|error| failed(to, &error))?;
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It has another name by now, or is of no use.
        drop(fs::remove_file(&self.path));
    }
}

fn taken(to: &Path) -> StoreError {
    StoreError::new(
        StoreErrorKind::Misuse,
        format!("{} is there already and was left as it is: give a new name", to.display()),
    )
}

fn failed(to: &Path, error: &io::Error) -> StoreError {
    StoreError::failed(format_args!(
        "{} cannot be written ({error}): check the path, its permissions and the space",
        to.display()
    ))
}
