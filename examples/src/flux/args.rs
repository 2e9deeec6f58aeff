//! What `flux` is told on its command line. What it does is elsewhere.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use fluxcascade_core::model::{Side, Withheld};

/// Keeps records in sync by what a file says, without code.
#[derive(Debug, Parser)]
#[command(
    name = "flux",
    after_help = "Exit codes: 0 all is done; 1 it could not be done; 2 the file or the command line is \
                  wrong; 3 done as far as it goes, and something waits: for a person, or for a later run."
)]
pub struct Args {
    /// The file that names connections, the store and mappings.
    #[arg(long, global = true, default_value = "sync.toml")]
    pub config: PathBuf,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says everything that is wrong with the file; reads accounts and schemas, and nothing else.
    Check,
    /// Connects an account by OAuth: sends a browser to the system, and keeps the tokens in the store.
    Connect {
        /// The connection.
        connection: String,
        /// Takes another account than before, too: it takes that one's place.
        #[arg(long)]
        another: bool,
    },
    /// Lets go of an account that was connected by OAuth: tells the system, and forgets the tokens.
    Disconnect {
        /// The connection.
        connection: String,
    },
    /// Shows what a sync would do. Nothing is written to any system.
    Plan {
        /// The mappings; all of the file if none is named.
        mappings: Vec<String>,
        /// Keeps the plan in this file, so that it can be approved and applied.
        #[arg(short, long)]
        out: Option<PathBuf>,
        /// Reads both sides whole.
        #[arg(long)]
        full: bool,
        /// Shows at most so many records.
        #[arg(long, default_value_t = 50)]
        show: usize,
    },
    /// Does what an approved plan says, and nothing else.
    Apply {
        /// What `flux plan -o` made.
        plan: PathBuf,
    },
    /// Brings both sides together.
    Sync {
        /// The mappings; all of the file if none is named.
        mappings: Vec<String>,
        /// Reads both sides whole.
        #[arg(long)]
        full: bool,
        /// Lets through what guards hold back of these kinds, in this run alone.
        #[arg(long, value_delimiter = ',')]
        let_through: Vec<Guarded>,
        /// Takes it from this side that it has no records any more, in this run alone.
        #[arg(long)]
        accept_empty: Vec<End>,
    },
    /// Shows what was written: before, after, and why; the newest first. No system is asked.
    Log {
        /// The mapping; all of the file if none is named.
        mapping: Option<String>,
        /// Only what is about the record with this id, on either side.
        #[arg(long)]
        record: Option<String>,
        /// Only what this run did.
        #[arg(long)]
        run: Option<u64>,
        /// At most so many writes.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Shows what waits for a person, and takes answers.
    Desk {
        /// The mapping; all of the file if none is named.
        mapping: Option<String>,
        /// An answer.
        #[command(subcommand)]
        act: Option<Act>,
    },
}

/// What is said to the desk.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// Answers to something that waits; the next sync carries it out.
    Answer {
        /// The key that the desk shows for it.
        key: String,
        /// One of the answers that the desk shows for it: take-source, leave, "link-to 42", ...
        #[arg(required = true, num_args = 1..=2)]
        choice: Vec<String>,
        /// With `set`: the values of the source's fields, in their order.
        #[arg(long)]
        source: Vec<String>,
        /// With `set`: the values of the target's fields, in their order.
        #[arg(long)]
        target: Vec<String>,
    },
}

/// What guards hold back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Guarded {
    /// Records that would be deleted for good.
    Delete,
    /// Records that would be archived.
    Archive,
    /// Values that would be blanked.
    Blanking,
    /// Values that would be overwritten although nobody edited the others.
    Overwrite,
    /// Records that would be created.
    Create,
}

impl From<Guarded> for Withheld {
    fn from(kind: Guarded) -> Self {
        match kind {
            Guarded::Delete => Withheld::Delete,
            Guarded::Archive => Withheld::Archive,
            Guarded::Blanking => Withheld::Blanking,
            Guarded::Overwrite => Withheld::Overwrite,
            Guarded::Create => Withheld::Create,
        }
    }
}

/// A side of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum End {
    /// The one that is named first.
    Source,
    /// The other one.
    Target,
}

impl From<End> for Side {
    fn from(end: End) -> Self {
        match end {
            End::Source => Side::Source,
            End::Target => Side::Target,
        }
    }
}
