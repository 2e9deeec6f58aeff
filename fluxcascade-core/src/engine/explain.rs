//! Why a field holds what it holds: told from the link, its bases, the log, conflicts and holds.

mod show;

use serde::{Deserialize, Serialize};

use super::{Compiled, Engine, SyncError};
use crate::mapping::{CompiledMapping, CompiledPair};
use crate::model::{
    Conflict, ConflictStatus, FieldName, Hold, HoldKey, HoldReason, Link, LinkId, LinkStatus,
    LogKind, LogRow, MappingName, RecordId, RunNumber, Side, Sides, Slot, Timestamp, Value, Winner,
};
use crate::store::Page;

/// Why a field of a record holds what it holds, as far as this engine knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The mapping.
    pub mapping: MappingName,
    /// Its ends, for people.
    pub ends: Sides<String>,
    /// The record's side.
    pub side: Side,
    /// The record.
    pub record: RecordId,
    /// The field.
    pub field: FieldName,
    /// The record's link, if it has one.
    pub link: Option<ExplainedLink>,
    /// What the mapping does with the field, pair by pair; empty: it is in no pair.
    pub pairs: Vec<ExplainedPair>,
    /// Why the whole record waits, if it does.
    pub waits: Vec<Waiting>,
}

/// The link of a record that is explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedLink {
    /// Its id.
    pub id: LinkId,
    /// Both records.
    pub records: Sides<RecordId>,
    /// Whether it is in use.
    pub status: LinkStatus,
}

/// A pair that the field is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedPair {
    /// What people call it.
    pub label: String,
    /// Its values are not shown.
    pub sensitive: bool,
    /// What both sides were last confirmed to hold; `None`: never, or sensitive.
    pub confirmed: Sides<Option<Vec<Value>>>,
    /// What was written or noted, newest first.
    pub log: Vec<ExplainedWrite>,
    /// Its conflicts, newest first.
    pub conflicts: Vec<ExplainedConflict>,
    /// Why it waits, if it does.
    pub waits: Option<Waiting>,
}

/// What was written to the pair, or noted about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedWrite {
    /// When it was committed.
    pub at: Timestamp,
    /// The run.
    pub run: RunNumber,
    /// What the log row tells of.
    pub kind: LogKind,
    /// The side.
    pub side: Side,
    /// What it held before; `None` if the pair is sensitive.
    pub before: Option<Vec<Value>>,
    /// What it holds since.
    pub after: Option<Vec<Value>>,
    /// Why: the cause, with the rule or strategy.
    pub cause: String,
}

/// A conflict of the pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedConflict {
    /// When it was found.
    pub at: Timestamp,
    /// The run.
    pub run: RunNumber,
    /// What each side held; `None` if the pair is sensitive.
    pub values: Sides<Option<Vec<Value>>>,
    /// The strategy.
    pub strategy: String,
    /// Whose value stands.
    pub winner: Option<Winner>,
    /// Why.
    pub why: String,
    /// Where it stands.
    pub status: ConflictStatus,
}

/// Why something waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The reason.
    pub reason: HoldReason,
    /// What happened, in words.
    pub detail: String,
    /// What happens next, or what a person can do.
    pub next: String,
    /// Since when.
    pub since: Timestamp,
}

impl Waiting {
    fn of(hold: &Hold) -> Self {
        Self {
            reason: hold.reason,
            detail: hold.detail.clone(),
            next: hold.next_step(),
            since: hold.since,
        }
    }
}

/// How many log rows and conflicts are told.
const MOST: usize = 10;

impl Engine {
    /// Says why a field of a record holds what it holds, from what is stored: what both sides were
    /// last confirmed to hold, what was written and why, what is in conflict, and what waits.
    ///
    /// A field that is in no pair has an explanation without pairs.
    ///
    /// # Errors
    /// If there is no such mapping, or the store fails.
    pub async fn explain(
        &self,
        mapping: &str,
        side: Side,
        record: &RecordId,
        field: &FieldName,
    ) -> Result<Explanation, SyncError> {
        self.explaining(mapping, side, record, field).await
    }

    fn explaining<'a>(
        &'a self,
        mapping: &'a str,
        side: Side,
        record: &'a RecordId,
        field: &'a FieldName,
    ) -> Compiled<'a, Result<Explanation, SyncError>> {
        Box::pin(async move {
            let mapping = self.compiled(mapping).await?;
            let store = self.store();
            let found = store.linked(&mapping.key, side, std::slice::from_ref(record)).await?;
            let link = match found.into_iter().flatten().next() {
                Some(linked) => self.link_by_id(&mapping, linked.link).await?,
                None => None,
            };
            let page = Page { record: Some((side, record.clone())), ..Page::default() };
            let stored = Stored {
                log: store.log(&mapping.key, &page).await?,
                conflicts: store.conflicts(&mapping.key, &page).await?,
                holds: self.holds_of(&mapping, side, record, link.as_ref()).await?,
                link,
            };
            let of_field = |pair: &&CompiledPair| pair.ends[side].names.contains(field);
            let pairs =
                mapping.pairs.iter().filter(of_field).map(|pair| stored.pair(pair)).collect();
            let whole = stored.holds.iter().filter(|hold| hold.key.pair().is_none());
            Ok(Explanation {
                ends: Sides::from_fn(|side| mapping.endpoint(side).to_string()),
                side,
                record: record.clone(),
                field: field.clone(),
                pairs,
                waits: whole.map(Waiting::of).collect(),
                link: stored.link.map(|link| ExplainedLink {
                    id: link.id,
                    records: link.records,
                    status: link.status,
                }),
                mapping: mapping.mapping.name,
            })
        })
    }

    async fn holds_of(
        &self,
        mapping: &CompiledMapping,
        side: Side,
        record: &RecordId,
        link: Option<&Link>,
    ) -> Result<Vec<Hold>, SyncError> {
        let is_of = |hold: &Hold| match &hold.key {
            HoldKey::Pair(id, _) | HoldKey::Link(id) => link.is_some_and(|link| link.id == *id),
            HoldKey::Record(s, r) => (*s, r) == (side, record),
        };
        let mut of_record = Vec::new();
        let mut page = Page { limit: 500, ..Page::default() };
        loop {
            let holds = self.store().holds(&mapping.key, &page).await?;
            if holds.is_empty() {
                return Ok(of_record);
            }
            page.skip += holds.len();
            of_record.extend(holds.into_iter().filter(is_of));
        }
    }
}

/// What is stored about a record.
struct Stored {
    link: Option<Link>,
    log: Vec<LogRow>,
    conflicts: Vec<Conflict>,
    holds: Vec<Hold>,
}

impl Stored {
    fn pair(&self, pair: &CompiledPair) -> ExplainedPair {
        let shown = |values: &[Value]| (!pair.sensitive).then(|| values.to_vec());
        let confirmed = Sides::from_fn(|side| {
            let slots = &self.link.as_ref()?.bases[side].slots[pair.ends[side].base.clone()];
            let values: Option<Vec<Value>> =
                slots.iter().map(Slot::value).map(Option::<&Value>::cloned).collect();
            shown(&values?)
        });
        let told = self.log.iter().flat_map(|row| {
            let of_pair = row.pairs.iter().rev().filter(|told| told.pair == pair.id);
            of_pair.map(move |told| (row, told))
        });
        let log = told.take(MOST).map(|(row, told)| ExplainedWrite {
            at: row.at,
            run: row.run,
            kind: row.kind,
            side: row.side,
            before: shown(&told.before),
            after: shown(&told.after),
            cause: told.cause.to_string(),
        });
        let of_pair = |row: &&Conflict| row.pair.as_ref().is_none_or(|id| *id == pair.id);
        let conflicts = self.conflicts.iter().filter(of_pair).take(MOST);
        let conflicts = conflicts.map(|row| ExplainedConflict {
            at: row.at,
            run: row.run,
            values: row.values.as_ref().map(|values| shown(values)),
            strategy: row.strategy.clone(),
            winner: row.winner,
            why: row.why.clone(),
            status: row.status,
        });
        let waits = self.holds.iter().find(|hold| hold.key.pair() == Some(&pair.id));
        ExplainedPair {
            label: pair.label.clone(),
            sensitive: pair.sensitive,
            confirmed,
            log: log.collect(),
            conflicts: conflicts.collect(),
            waits: waits.map(Waiting::of),
        }
    }
}
