//! Goes through an adapter's whole life against any account: account, schema, create, read back, update,
//! find, incremental read, batch, clear a field, archive. It says of each what passed, what the account
//! lacks, and what failed; and removes what it made, also after a failure or an interruption.
//!
//! It touches no record that it did not make: its records carry a marker that is drawn for the run, and
//! only ids that its own creates answered are ever written. Where what it made cannot be removed, or a
//! create had no answer, it says what is left and by what it is found.

mod clean;
mod fields;
mod life;
mod own;
mod verdict;

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use fluxcascade_core::Value;
use fluxcascade_core::clock::Clock;
use fluxcascade_core::connector::{Connector, Cursor};
use fluxcascade_core::model::{ObjectType, RecordId};
use futures::future::{BoxFuture, FutureExt as _, Shared};

pub use verdict::Verdict;

use crate::progress::Progress;
use fields::{Fields, mark};
use own::Own;

/// Is ready when the probe is to stop: on Ctrl-C.
pub type Stop = Shared<BoxFuture<'static, ()>>;

/// A way to stop that is never taken.
pub fn never() -> Stop {
    futures::future::pending().boxed().shared()
}

/// What is probed.
#[derive(Debug)]
pub struct Wanted {
    /// The adapter, with the account's credentials.
    pub connector: Arc<dyn Connector>,
    /// The object type.
    pub object: ObjectType,
    /// Values for fields that a create needs and that cannot be made up, as text.
    pub given: Vec<(String, String)>,
    /// So many pages are read at most, to find where changes begin.
    pub most_pages: usize,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Shows what is waited for.
    pub progress: Arc<Progress>,
}

/// What a probe came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What became of each step.
    pub steps: Vec<(&'static str, Verdict)>,
    /// What it made and could not remove.
    pub left: Vec<RecordId>,
    /// Records that are called as its own are, and that none of its creates answered: a create that was
    /// carried out twice, or had no answer. They were not touched.
    pub strays: Vec<RecordId>,
    /// Marks of records that may have been made by a create that had no answer.
    pub doubtful: Vec<String>,
}

impl Report {
    /// Whether everything passed that the account can do, and what can be removed was.
    pub fn is_fine(&self) -> bool {
        self.doubtful.is_empty()
            && self.strays.is_empty()
            && self.steps.iter().all(|(_, verdict)| match verdict {
                Verdict::Passed(_) | Verdict::Lacks(_) => true,
                Verdict::Failed(_) | Verdict::NotTried(_) => false,
            })
    }
}

/// What is tried, in the order of a record's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Account,
    Schema,
    ReadAll,
    Create,
    ReadBack,
    Update,
    Find,
    Changes,
    Batch,
    Clear,
    Archive,
}

impl Step {
    const ALL: [Step; 11] = [
        Step::Account,
        Step::Schema,
        Step::ReadAll,
        Step::Create,
        Step::ReadBack,
        Step::Update,
        Step::Find,
        Step::Changes,
        Step::Batch,
        Step::Clear,
        Step::Archive,
    ];

    fn title(self) -> &'static str {
        match self {
            Step::Account => "account",
            Step::Schema => "schema",
            Step::ReadAll => "read all",
            Step::Create => "create",
            Step::ReadBack => "read back",
            Step::Update => "update",
            Step::Find => "find",
            Step::Changes => "incremental read",
            Step::Batch => "batch",
            Step::Clear => "clear a field",
            Step::Archive => "archive",
        }
    }
}

/// A probe that is under way.
struct Probe<'p> {
    own: Own,
    given: Vec<(String, String)>,
    most_pages: usize,
    fields: Option<Fields>,
    cursor: Option<Cursor>,
    first: Option<RecordId>,
    updated: Option<Value>,
    stop: Stop,
    progress: Arc<Progress>,
    steps: Vec<(&'static str, Verdict)>,
    strays: Vec<RecordId>,
    out: &'p mut (dyn Write + Send),
}

impl fmt::Debug for Probe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("own", &self.own)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// Probes, and says on `out` what it finds.
///
/// # Errors
/// If nothing can be said, or the system has no randomness. What was made is removed all the same.
pub async fn run(
    wanted: Wanted,
    stop: Stop,
    out: &mut (dyn Write + Send),
) -> std::io::Result<Report> {
    let mut drawn = [0; 4];
    getrandom::fill(&mut drawn).map_err(std::io::Error::other)?;
    let marker = format!("{:08x}", u32::from_be_bytes(drawn));
    let Wanted { connector, object, given, most_pages, clock, progress } = wanted;
    writeln!(
        out,
        "probing {} {object}; what is made is called {}…",
        connector.system(),
        mark(&marker, 1)
    )?;
    let mut probe = Probe {
        own: Own::new(connector, clock, object, marker),
        given,
        most_pages: most_pages.max(1),
        fields: None,
        cursor: None,
        first: None,
        updated: None,
        stop,
        progress,
        steps: Vec::new(),
        strays: Vec::new(),
        out,
    };
    let lived = probe.live().await;
    probe.progress.begin("clean up");
    let cleaned = probe.clean().await;
    lived.and(cleaned)?;
    let Probe { own, steps, strays, .. } = probe;
    Ok(Report { steps, left: own.left().to_vec(), strays, doubtful: own.doubtful })
}

impl Probe<'_> {
    /// All steps, until it is to stop. Without an account nothing else can be tried.
    async fn live(&mut self) -> std::io::Result<()> {
        for step in Step::ALL {
            if self.is_stopped() {
                return Ok(());
            }
            self.progress.begin(step.title());
            let verdict = match step {
                Step::Account => self.account().await,
                Step::Schema => self.schema().await,
                Step::ReadAll => self.read_all().await,
                Step::Create => self.create().await,
                Step::ReadBack => self.read_back().await,
                Step::Update => self.update().await,
                Step::Find => self.find().await,
                Step::Changes => self.changes().await,
                Step::Batch => self.batch().await,
                Step::Clear => self.clear().await,
                Step::Archive => self.archive().await,
            };
            self.progress.end();
            self.tell(step.title(), verdict)?;
            if step == Step::Account && !self.last_passed() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn tell(&mut self, step: &'static str, verdict: Verdict) -> std::io::Result<()> {
        writeln!(self.out, "{}  {step}: {}", verdict.word(), verdict.why())?;
        self.steps.push((step, verdict));
        self.out.flush()
    }

    fn last_passed(&self) -> bool {
        matches!(self.steps.last(), Some((_, Verdict::Passed(_))))
    }
}
