//! The thread that has the connection. Callers send it closures and await what they return.
//!
//! Each call is a transaction of its own, or a part of one that is undone by itself: calls that
//! write and wait at the same time share one, so that the disk is waited for once. None of them is
//! told that it is done before that. A caller that stops waiting does not stop the call.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

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

/// The most calls that share a transaction: each waits for all of them.
const MOST: usize = 64;

/// What may be left of records that were forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remains {
    Nothing,
    /// What the log had of them before.
    Log,
}

/// The open file. The connection is closed before the lock is let go.
pub(super) struct Session {
    pub(super) connection: Connection,
    path: Arc<Path>,
    /// The pragma that is in force.
    synchronous: &'static str,
    /// What of forgotten records may be there still.
    remains: Remains,
    /// The pragma as it was when each transaction that wrote was about to be committed.
    #[cfg(test)]
    pub(super) committed: Vec<i64>,
    _lock: StoreLock,
}

/// What the thread is sent.
enum Job {
    Call(Access, Box<dyn Call>),
    /// Something that makes its own transactions, or none.
    Alone(Box<dyn FnOnce(&mut Session) + Send>),
}

/// A call that waits for its transaction.
trait Call: Send {
    /// Does it. What it returns is kept back until the transaction has ended.
    fn run(self: Box<Self>, transaction: &Transaction<'_>) -> Answer;

    /// Tells the caller that there was no transaction.
    fn refuse(self: Box<Self>, error: StoreError);
}

/// What became of a call within its transaction, and how its caller is told: what it returned, or
/// why the transaction was undone.
struct Answer {
    outcome: Result<(), StoreError>,
    tell: Box<dyn FnOnce(Result<(), StoreError>)>,
}

/// A closure, whose file it is about, and who waits for what it returns.
struct Waiting<C, T> {
    call: C,
    path: Arc<Path>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<C, T> Call for Waiting<C, T>
where
    C: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send,
    T: Send + 'static,
{
    fn run(self: Box<Self>, transaction: &Transaction<'_>) -> Answer {
        let Self { call, path, caller } = *self;
        let returned = call(transaction).map_err(|fault| fault.at(&path));
        Answer {
            outcome: returned.as_ref().map(|_| ()).map_err(Clone::clone),
            tell: Box::new(|ended| drop(caller.send(ended.and(returned)))),
        }
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.caller.send(Err(error)));
    }
}

/// The handle of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    /// The file.
    pub(super) path: Arc<Path>,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread, and opens the file there.
    pub(super) async fn start(path: PathBuf) -> Result<Self, StoreError> {
        let path: Arc<Path> = lock::locate(&path)?.into();
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (opened, answer) = oneshot::channel();
        let place = Arc::clone(&path);
        let body = move || match Session::open(&place) {
            Ok(mut session) => {
                if opened.send(Ok(())).is_ok() {
                    session.serve(&inbox);
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let thread = thread::Builder::new()
            .name("fluxcascade-sqlite".into())
            .spawn(body)
            .map_err(StoreError::failed)?;
        // From here on, dropping the future drops the worker, which waits for the thread.
        let worker = Self { path, jobs: Some(jobs), thread: Some(thread) };
        answer.await.unwrap_or_else(|_| Err(gone())).map(|()| worker)
    }

    /// Runs a closure in a transaction; an error of it undoes all that it did.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        access: Access,
        call: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, answer) = oneshot::channel();
        let waiting = Waiting { call, path: Arc::clone(&self.path), caller };
        self.send(Job::Call(access, Box::new(waiting)))?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Runs a closure on the thread.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Session) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        self.send(Job::Alone(Box::new(move |session| drop(done.send(job(session))))))?;
        answer.await.map_err(|_| gone())
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(gone()) }
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
    fn open(path: &Arc<Path>) -> Result<Self, StoreError> {
        let lock = StoreLock::take(path)?;
        lock::make_file(path)?;
        let connection = schema::open(path)?;
        Ok(Self {
            connection,
            path: Arc::clone(path),
            synchronous: "FULL",
            remains: Remains::Nothing,
            #[cfg(test)]
            committed: Vec::new(),
            _lock: lock,
        })
    }

    /// Does what is sent, in its order, until nobody can send any more.
    fn serve(&mut self, inbox: &mpsc::Receiver<Job>) {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| inbox.recv().ok()) {
            match job {
                Job::Alone(job) => job(self),
                Job::Call(access, call) => {
                    let mut group = Group { access, calls: [call].into() };
                    next = group.gather(inbox);
                    self.together(group);
                }
            }
            self.cut_off_remains();
        }
    }

    /// Runs calls in one transaction, and tells them how it ended. Those after one that ended it
    /// have another.
    fn together(&mut self, mut group: Group) {
        while !group.calls.is_empty() {
            let mut answers = Vec::new();
            let ended = self.share(&mut group, &mut answers);
            match &ended {
                // It did not begin, and would not again.
                Err(error) if answers.is_empty() => {
                    for call in group.calls.drain(..) {
                        call.refuse(error.clone());
                    }
                }
                Ok(()) | Err(_) => {
                    for answer in answers {
                        (answer.tell)(ended.clone());
                    }
                }
            }
        }
    }

    /// One transaction: of all calls, or as far as one that undid it.
    fn share(&mut self, group: &mut Group, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        let path = Arc::clone(&self.path);
        let told = |error: rusqlite::Error| Fault::from(error).at(&path);
        let shared = group.calls.len() > 1;
        let transaction = begin(&mut self.connection, &mut self.synchronous, group.access);
        let transaction = transaction.map_err(told)?;
        while !group.calls.is_empty() {
            if shared {
                transaction.execute_batch("SAVEPOINT part").map_err(told)?;
            }
            let Some(call) = group.calls.pop_front() else { break };
            let answer = call.run(&transaction);
            let outcome = answer.outcome.clone();
            answers.push(answer);
            let parted = match outcome {
                // SQLite undoes all of it where the disk is full, or fails.
                Err(error) if transaction.is_autocommit() => return Err(error),
                Err(_) if shared => transaction.execute_batch("ROLLBACK TO part; RELEASE part"),
                Ok(()) if shared => transaction.execute_batch("RELEASE part"),
                Ok(()) | Err(_) => Ok(()),
            };
            parted.map_err(told)?;
        }
        if answers.iter().all(|answer| answer.outcome.is_err()) {
            return transaction.rollback().map_err(told);
        }
        #[cfg(test)]
        if group.access != Access::Read {
            let pragma = transaction.pragma_query_value(None, "synchronous", |row| row.get(0));
            self.committed.push(pragma.map_err(told)?);
        }
        transaction.commit().map_err(told)
    }

    /// Forgets a record. What is removed is overwritten, as always, and the log before it is moved
    /// into the file and cut off, so that it is not there either.
    pub(super) fn forget(
        &mut self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        let receipt = self.forget_within(subject, now).map_err(|fault| fault.at(&self.path))?;
        // What was removed is so from here on: this step may not take its receipt away.
        self.cut_off();
        Ok(receipt)
    }

    fn forget_within(&mut self, subject: &Subject, now: Timestamp) -> Result<Receipt, Fault> {
        let transaction = begin(&mut self.connection, &mut self.synchronous, Access::Write)?;
        let receipt = super::upkeep::forget(&transaction, subject, now)?;
        transaction.commit()?;
        Ok(receipt)
    }

    /// Moves the log into the file and cuts it off, unless somebody reads what was before it, as a
    /// copy does that is being made: then it is tried again after each call, and nobody waits for it.
    pub(super) fn cut_off(&mut self) {
        drop(self.connection.busy_timeout(Duration::ZERO));
        let cut = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            row.get::<_, i64>(0) // 0: nobody was in the way
        });
        drop(self.connection.busy_timeout(schema::PATIENCE));
        self.remains = if cut == Ok(0) { Remains::Nothing } else { Remains::Log };
    }

    /// Cuts the log off if that is still to be done.
    pub(super) fn cut_off_remains(&mut self) {
        match self.remains {
            Remains::Nothing => {}
            Remains::Log => self.cut_off(),
        }
    }

    /// Writes the file anew, without anything that is in none of its rows.
    pub(super) fn scrub(&mut self) -> Result<(), StoreError> {
        let written = self.write_anew();
        drop(self.connection.pragma_update(None, "temp_store", "MEMORY"));
        written.map_err(|error| Fault::from(error).at(&self.path))?;
        self.cut_off();
        Ok(())
    }

    fn write_anew(&self) -> rusqlite::Result<()> {
        // It is as large as the file, and has nothing in it that the file will not have.
        self.connection.pragma_update(None, "temp_store", "FILE")?;
        self.connection.execute_batch("VACUUM")
    }
}

/// Begins a transaction that is as durable as it must be. In a write-ahead log only `FULL` waits for
/// the disk at each commit. It waits for all of the log, so that it also covers the intakes before
/// it.
fn begin<'a>(
    connection: &'a mut Connection,
    synchronous: &mut &'static str,
    access: Access,
) -> rusqlite::Result<Transaction<'a>> {
    let (behavior, word) = match access {
        Access::Read => (TransactionBehavior::Deferred, *synchronous),
        Access::Write => (TransactionBehavior::Immediate, "FULL"),
        Access::Intake => (TransactionBehavior::Immediate, "NORMAL"),
    };
    // One that began although it said that it did not, or that could not be undone: nothing of it was
    // promised to anybody.
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    if *synchronous != word {
        connection.pragma_update(None, "synchronous", word)?;
        *synchronous = word;
    }
    connection.transaction_with_behavior(behavior)
}

/// Calls that share a transaction, in the order in which they came.
struct Group {
    access: Access,
    calls: VecDeque<Box<dyn Call>>,
}

impl Group {
    /// Adds what waits already and may share; returns what came next and may not.
    fn gather(&mut self, inbox: &mpsc::Receiver<Job>) -> Option<Job> {
        while self.access != Access::Read && self.calls.len() < MOST {
            match inbox.try_recv() {
                Ok(Job::Call(access @ (Access::Write | Access::Intake), call)) => {
                    // As durable as the one that must be most so.
                    if access == Access::Write {
                        self.access = access;
                    }
                    self.calls.push_back(call);
                }
                Ok(other) => return Some(other),
                Err(_) => return None,
            }
        }
        None
    }
}

fn gone() -> StoreError {
    StoreError::failed("its thread ended: open the store again")
}
