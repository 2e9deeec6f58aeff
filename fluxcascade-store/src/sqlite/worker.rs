//! The thread that has the connection. Callers send it closures and await what they return.
//!
//! Each call is one transaction. A caller that stops waiting does not stop the call.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::{Receipt, StoreError, Subject};
use futures::channel::oneshot;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::fault::Fault;
use super::lock::{self, StoreLock};
use super::schema;

/// What a call needs of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads only.
    Read,
    /// What it writes is on the disk when the call returns.
    Write,
    /// What it writes may fall back at a power failure, and its cursor with it.
    Intake,
}

/// The open file. The connection is closed before the lock is let go.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// The pragma that is in force.
    synchronous: &'static str,
    _lock: StoreLock,
}

type Job = Box<dyn FnOnce(&mut Session) + Send>;

/// The handle of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread, and opens the file there.
    pub(super) async fn start(path: PathBuf) -> Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (opened, answer) = oneshot::channel();
        let body = move || match Session::open(&path) {
            Ok(mut session) => {
                if opened.send(Ok(())).is_ok() {
                    for job in inbox {
                        job(&mut session);
                    }
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let thread = thread::Builder::new()
            .name("fluxcascade-sqlite".into())
            .spawn(body)
            .map_err(StoreError::failed)?;
        // From here on, dropping the future drops the worker, which waits for the thread.
        let worker = Self { jobs: Some(jobs), thread: Some(thread) };
        answer.await.unwrap_or_else(|_| Err(gone())).map(|()| worker)
    }

    /// Runs a closure in one transaction; an error of it rolls everything back.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        access: Access,
        call: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(move |session| session.transact(access, call)).await?.map_err(StoreError::from)
    }

    /// Runs a closure on the thread.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Session) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |session| drop(done.send(job(session))));
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(gone());
        }
        answer.await.map_err(|_| gone())
    }
}

/// Waits until what was sent is done and the file is closed, so that it can be opened again.
impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told its callers.
            drop(thread.join());
        }
    }
}

impl Session {
    fn open(path: &std::path::Path) -> Result<Self, StoreError> {
        let path = lock::locate(path)?;
        let lock = StoreLock::take(&path)?;
        lock::make_file(&path)?;
        let connection = schema::open(&path)?;
        Ok(Self { connection, synchronous: "FULL", _lock: lock })
    }

    /// Forgets a record. What is removed is overwritten, and the log before it is moved into the file
    /// and cut off, so that it is not there either.
    pub(super) fn forget(&mut self, subject: &Subject, now: Timestamp) -> Result<Receipt, Fault> {
        self.connection.pragma_update(None, "secure_delete", true)?;
        let receipt = self.transact(Access::Write, |transaction| {
            super::upkeep::forget(transaction, subject, now)
        });
        // What was removed is so from here on: neither step may take its receipt away.
        drop(self.connection.pragma_update(None, "secure_delete", false));
        drop(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        receipt
    }

    fn transact<T>(
        &mut self,
        access: Access,
        call: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let behavior = match access {
            Access::Read => TransactionBehavior::Deferred,
            Access::Write | Access::Intake => {
                self.sync(access)?;
                TransactionBehavior::Immediate
            }
        };
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let answer = call(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// In a write-ahead log only `FULL` waits for the disk at each commit. It waits for all of
    /// the log, so that it also covers the intakes before it.
    fn sync(&mut self, access: Access) -> Result<(), Fault> {
        let word = if access == Access::Intake { "NORMAL" } else { "FULL" };
        if self.synchronous != word {
            self.connection.pragma_update(None, "synchronous", word)?;
            self.synchronous = word;
        }
        Ok(())
    }
}

fn gone() -> StoreError {
    StoreError::failed("its thread ended: open the store again")
}
