//! Where conflicts come from: which fields and which records have the most of them. An operator looks
//! for a field that two teams edit, or a record that somebody's automation writes again and again.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Engine, SyncError};
use crate::model::{
    Conflict, ConflictStatus, LinkId, MappingKey, PairId, RecordId, RunNumber, Sides, Timestamp,
};
use crate::store::Page;

/// How often there were conflicts in a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictPatterns {
    /// From when, and until when: the end is not in it.
    pub span: Range<Timestamp>,
    /// All of them.
    pub all: ConflictNumbers,
    /// By pair, the most frequent first; `None` is a conflict of the whole record.
    pub pairs: Vec<(Option<PairId>, ConflictNumbers)>,
    /// The records with the most conflicts, the most frequent first: at most
    /// [`ConflictPatterns::MOST_RECORDS`].
    pub records: Vec<(Sides<RecordId>, ConflictNumbers)>,
}

impl ConflictPatterns {
    /// How many records are told.
    pub const MOST_RECORDS: usize = 100;
}

/// How many conflicts there were, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConflictNumbers {
    /// A strategy decided.
    pub decided: u64,
    /// A person answered, or both sides came to agree.
    pub resolved: u64,
    /// Another edit came before anybody answered.
    pub overtaken: u64,
    /// They wait for a person.
    pub open: u64,
}

impl ConflictNumbers {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.decided + self.resolved + self.overtaken + self.open
    }

    fn add(&mut self, status: ConflictStatus) {
        match status {
            ConflictStatus::Auto => self.decided += 1,
            ConflictStatus::Resolved => self.resolved += 1,
            ConflictStatus::Stale => self.overtaken += 1,
            ConflictStatus::Open => self.open += 1,
        }
    }
}

/// So many rows are read at a time.
const PAGE: usize = 1_000;

/// So many records are counted at a time: beyond that, those with one conflict are forgotten.
const MOST_COUNTED: usize = 100_000;

impl Engine {
    /// Counts a mapping's conflicts in a span of time, by field and by record.
    ///
    /// What is read grows with the conflicts since the span began, what is held with the fields and with
    /// at most a hundred thousand records.
    ///
    /// # Errors
    /// If there is no such mapping, or the store fails.
    pub async fn conflict_patterns(
        &self,
        mapping: &str,
        span: Range<Timestamp>,
    ) -> Result<ConflictPatterns, SyncError> {
        let key = self.mapping(mapping)?.key.clone();
        let mut counting = Counting::default();
        let Some(runs) = self.runs_since(&key, span.start).await? else {
            return Ok(counting.told(span));
        };
        let mut page = Page { runs: Some(runs), limit: PAGE, ..Page::default() };
        loop {
            let rows = self.store().conflicts(&key, &page).await?;
            for row in rows.iter().filter(|row| span.contains(&row.at)) {
                counting.add(row);
            }
            if rows.len() < page.limit {
                return Ok(counting.told(span));
            }
            page.skip += rows.len();
        }
    }

    /// The runs that may have found something in a span of time, and all later ones: a row has the run
    /// that decided it, which may be long after it was found.
    async fn runs_since(
        &self,
        key: &MappingKey,
        start: Timestamp,
    ) -> Result<Option<(RunNumber, RunNumber)>, SyncError> {
        let mut page = Page { limit: PAGE, ..Page::default() };
        let (mut first, mut last) = (None, None);
        loop {
            let runs = self.store().runs(key, &page).await?;
            for run in &runs {
                if run.ended.is_some_and(|ended| ended < start) {
                    return Ok(first.zip(last));
                }
                last = last.or(Some(run.number));
                first = Some(run.number);
            }
            if runs.len() < page.limit {
                return Ok(first.zip(last));
            }
            page.skip += runs.len();
        }
    }
}

/// What was counted so far.
#[derive(Default)]
struct Counting {
    all: ConflictNumbers,
    pairs: HashMap<Option<PairId>, ConflictNumbers>,
    records: HashMap<LinkId, (Sides<RecordId>, ConflictNumbers)>,
}

impl Counting {
    fn add(&mut self, row: &Conflict) {
        self.all.add(row.status);
        self.pairs.entry(row.pair.clone()).or_default().add(row.status);
        if self.records.len() >= MOST_COUNTED && !self.records.contains_key(&row.link) {
            self.records.retain(|_, (_, numbers)| numbers.total() > 1);
        }
        let counted = self.records.entry(row.link);
        counted
            .or_insert_with(|| (row.records.clone(), ConflictNumbers::default()))
            .1
            .add(row.status);
    }

    fn told(self, span: Range<Timestamp>) -> ConflictPatterns {
        let mut pairs: Vec<_> = self.pairs.into_iter().collect();
        pairs
            .sort_by(|(a, of_a), (b, of_b)| of_b.total().cmp(&of_a.total()).then_with(|| a.cmp(b)));
        let mut records: Vec<_> = self.records.into_values().collect();
        records.sort_by(|(a, of_a), (b, of_b)| {
            of_b.total().cmp(&of_a.total()).then_with(|| a.source.cmp(&b.source))
        });
        records.truncate(ConflictPatterns::MOST_RECORDS);
        ConflictPatterns { span, all: self.all, pairs, records }
    }
}

impl fmt::Display for ConflictPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.span;
        writeln!(f, "conflicts from {start} to {end}: {}", self.all)?;
        for (pair, numbers) in &self.pairs {
            match pair {
                Some(pair) => writeln!(f, "  {pair}: {numbers}")?,
                None => writeln!(f, "  whole records: {numbers}")?,
            }
        }
        for (records, numbers) in &self.records {
            writeln!(f, "  {} ↔ {}: {numbers}", records.source, records.target)?;
        }
        Ok(())
    }
}

impl fmt::Display for ConflictNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.total())?;
        let parts = [
            (self.decided, "decided by a strategy"),
            (self.resolved, "resolved"),
            (self.overtaken, "overtaken by another edit"),
            (self.open, "waiting for a person"),
        ];
        let mut joint = " (";
        for (number, what) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{joint}{number} {what}")?;
            joint = ", ";
        }
        if joint == ", " { f.write_str(")") } else { Ok(()) }
    }
}
