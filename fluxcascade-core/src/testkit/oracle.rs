//! The oracle: it judges what is left when a sync has come to rest, and knows nothing of the engine.
//!
//! It has what a [`Witness`] saw happen to the records of both systems, in order, what the test says
//! is tied, and what the store has to say for itself: links, holds, conflict rows, the log. It finds
//! out whether the sides agree (P1), whether a value that a person wrote is lost (P3), whether one
//! was made up (P4), written too often (P5), or against a pair's direction (P10), whether a record
//! was made twice (P6), linked twice (P7), or removed with an edit that nobody has seen (P8), and
//! whether the log tells a write that was not made, or one twice (P26).
//!
//! Values must be unique: each edit of a test writes a value that nobody wrote before to the pair.

mod course;
mod creates;
mod edits;
mod remains;
mod rest;
#[cfg(test)]
mod tests;
mod tied;
mod told;
mod witness;
mod writes;

use std::fmt;
use std::time::Duration;

pub use remains::Remains;
pub use tied::{Flow, Form, Tied};
pub use witness::{Act, Author, Standing, Witness};

use self::course::Course;
use crate::model::{FieldName, RecordId, Side, Sides};

/// What a test says about its mapping, to judge a sync by.
///
/// ```
/// use std::sync::Arc;
/// use fluxcascade_core::clock::ManualClock;
/// use fluxcascade_core::model::Side;
/// use fluxcascade_core::testkit::{Oracle, Remains, SimProfile, SimSystem, Tied, Witness};
///
/// let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
/// let crm = SimSystem::new("crm", "contacts", SimProfile::default(), clock).field("phone");
/// let witness = Witness::new();
/// crm.witnessed_by(&witness, Side::Source);
/// crm.insert([("phone", "555-0100")]);
///
/// let oracle = Oracle::new([Tied::new("phone = tel", ["phone"], ["tel"])]);
/// let verdict = oracle.judge(&witness, &Remains::default());
/// assert_eq!(verdict.violations[0].property, "P1", "the record has no link, and no hold says why");
/// ```
#[derive(Debug, Clone)]
pub struct Oracle {
    pairs: Vec<Tied>,
    key: Option<Sides<FieldName>>,
    conditional: Sides<Overwrites>,
    rewriting: Rewriting,
    unlinked: Unlinked,
    widest: Option<u64>,
    ordered: Vec<(Side, RecordId)>,
}

/// Whether a write can overwrite an edit that was made since the record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Overwrites {
    /// Within the window of P15.
    #[default]
    InWindow,
    /// Never: writes are conditional.
    Never,
}

/// Whether a system writes values down in another way, so that they come back once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Rewriting {
    #[default]
    Never,
    Once,
}

/// Whether a record may be without a link though nothing says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Unlinked {
    /// Only where a link of it ended.
    #[default]
    Ended,
    /// The mapping creates nothing.
    Allowed,
}

impl Oracle {
    /// An oracle for these pairs.
    pub fn new(pairs: impl IntoIterator<Item = Tied>) -> Self {
        Self {
            pairs: pairs.into_iter().collect(),
            key: None,
            conditional: Sides::default(),
            rewriting: Rewriting::Never,
            unlinked: Unlinked::Ended,
            widest: None,
            ordered: Vec::new(),
        }
    }

    /// Records are told apart by these fields: a record is not made twice (P6).
    #[must_use]
    pub fn key(mut self, key: Sides<FieldName>) -> Self {
        self.key = Some(key);
        self
    }

    /// This side's writes are conditional, as finely as edits are made: none overwrites an edit
    /// that was made since the read (P15).
    #[must_use]
    pub fn conditional(mut self, side: Side) -> Self {
        self.conditional[side] = Overwrites::Never;
        self
    }

    /// Systems may write values down in another way: each may come back once (P22).
    #[must_use]
    pub fn systems_rewrite(mut self) -> Self {
        self.rewriting = Rewriting::Once;
        self
    }

    /// The mapping does not create records: one without a partner has no link and no hold.
    #[must_use]
    pub fn creates_nothing(mut self) -> Self {
        self.unlinked = Unlinked::Allowed;
        self
    }

    /// A person said of these records that another is to be made for each, whoever has its key: once
    /// for each time that it stands here (P6).
    #[must_use]
    pub fn ordered(mut self, records: impl IntoIterator<Item = (Side, RecordId)>) -> Self {
        self.ordered.extend(records);
        self
    }

    /// Edits may be overwritten in a window of at most so many requests from the record's read to
    /// its write (P15). A wider window is a violation if an edit was lost in it.
    #[must_use]
    pub fn widest_window(mut self, requests: u64) -> Self {
        self.widest = Some(requests);
        self
    }

    /// Judges what is left when everything has settled.
    pub fn judge(&self, witness: &Witness, remains: &Remains) -> Verdict {
        let course = Course::new(self, witness, remains);
        let mut verdict = Verdict::default();
        rest::judge(&course, &mut verdict);
        edits::judge(&course, &mut verdict);
        writes::judge(&course, &mut verdict);
        told::judge(&course, &mut verdict);
        creates::judge(&course, &mut verdict);
        verdict
    }
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The property: `P3`.
    pub property: &'static str,
    /// What was seen, with the records and values.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.what)
    }
}

/// How much there was to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judged {
    /// Values that persons or systems wrote.
    pub edits: u64,
    /// Those of them that the engine overwrote in the stated window of P15.
    pub in_window: u64,
    /// The widest window in which an edit was overwritten, in requests from read to write.
    pub widest_requests: u64,
    /// The same, in time.
    pub widest_time: Duration,
    /// Records that the engine wrote.
    pub writes: u64,
    /// Records that it made.
    pub creates: u64,
    /// Records that it removed.
    pub removals: u64,
}

/// What the oracle says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// What must not be; empty if all is well.
    pub violations: Vec<Violation>,
    /// How much was judged.
    pub judged: Judged,
}

impl Verdict {
    /// Fails a test if there is a violation.
    ///
    /// # Panics
    /// If there is a violation; the message has all of them.
    pub fn assert_clean(&self) {
        let all: Vec<String> = self.violations.iter().map(ToString::to_string).collect();
        assert!(all.is_empty(), "\n{}", all.join("\n"));
    }

    fn violate(&mut self, property: &'static str, what: String) {
        self.violations.push(Violation { property, what });
    }
}
