//! What a changed mapping would do (P20), told from the store: links and their bases. No record is
//! read, and nothing is stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::builder::check;
use super::run::check_ends;
use super::{Engine, SyncError};
use crate::mapping::{CompiledMapping, CompiledPair, ConfigError, Endpoint, Mapping, OnChange};
use crate::model::{
    LayoutPair, Link, LinkStatus, MappingName, ObjectSchema, Revision, Side, Sides, Slot, Value,
};
use crate::report::counted;

/// What a changed mapping would do to the links that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIf {
    /// The mapping.
    pub mapping: MappingName,
    /// Links in use.
    pub links: u64,
    /// Whether the next run reads both sides whole: what is read, or how it is matched, is another.
    pub reads_whole: bool,
    /// Pairs that are other than they were; the rest goes on as it is.
    pub pairs: Vec<PairChange>,
}

/// How a pair changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairChange {
    /// What people call it.
    pub label: String,
    /// In which way.
    pub change: Change,
    /// Links for which it means anything.
    pub links: u64,
}

/// In which way a pair changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new: each link decides it as if the records had just been linked.
    New,
    /// It ties other fields now: the same.
    Redirected,
    /// It is no longer in the mapping: both sides stay as they are.
    Removed,
    /// Its transform is another, and these links' sides no longer mean the same by it.
    Transform(OnChange),
}

impl Engine {
    /// What a changed mapping of the same name would do, from the store alone.
    ///
    /// # Errors
    /// If an engine would not be built with the mapping, or a run of it refused: it is not valid, or
    /// names other endpoints than those that its links are of. If a system does not give its schema,
    /// or the store fails.
    pub async fn what_if(&self, mapping: Mapping) -> Result<WhatIf, SyncError> {
        let current = self.compiled(mapping.name.as_str()).await?;
        let changed = self.try_out(mapping).await?;
        let revisions = self.store().revisions(&current.key).await?;
        if let Some(last) = revisions.last() {
            check_ends(self, &changed, last).await?;
        }
        let mut tried = changed.clone();
        let new = tried.adopt(&revisions).revision().is_some();
        let mut counted = Counted::new(&tried, revisions.last());
        let mut after = None;
        loop {
            let limit = self.inner.settings.batch;
            let links = self.store().links(&tried.key, after, limit).await?;
            let Some(last) = links.last() else { break };
            after = Some(last.id);
            for link in links {
                counted.link(&tried, link, &revisions);
            }
        }
        Ok(WhatIf {
            mapping: tried.mapping.name,
            links: counted.links,
            reads_whole: new,
            pairs: counted.pairs.into_iter().map(|(change, _)| change).collect(),
        })
    }

    /// A mapping compiled against the systems' schemas and checked, as the builder does it.
    pub(super) async fn try_out(&self, mapping: Mapping) -> Result<CompiledMapping, SyncError> {
        let of_engine = self.inner.mappings.values();
        let others: Vec<&CompiledMapping> =
            of_engine.filter(|other| other.mapping.name != mapping.name).collect();
        let all: Vec<&Mapping> =
            others.iter().map(|other| &other.mapping).chain([&mapping]).collect();
        let mut findings = Vec::new();
        check::connections(&mapping, &self.inner.connections, &mut findings);
        // Others may refer to the records of this one.
        for one in &all {
            check::references(one, &all, &mut findings);
        }
        ConfigError::unless_empty(findings)?;
        let mut schemas: Vec<ObjectSchema> = Vec::new();
        for side in Side::BOTH {
            let Endpoint { connection, object } = mapping.endpoint(side);
            let schema = self.inner.connections[connection].connector.schema(object).await;
            schemas.push(schema.map_err(|error| SyncError::Connector {
                connection: connection.clone(),
                error: Box::new(error),
            })?);
        }
        let both = Sides::new(&schemas[0], &schemas[1]);
        let compiled = check::compiled(&self.inner.tenant, &mapping, both, &self.inner.connections)
            .map_err(|findings| ConfigError { findings })?;
        let mut findings = Vec::new();
        for mapping in others.into_iter().chain([&compiled]) {
            check::referred(mapping, &all, &mut findings);
        }
        ConfigError::unless_empty(findings)?;
        Ok(compiled)
    }
}

/// The changes, each with the place of its pair.
struct Counted {
    links: u64,
    pairs: Vec<(PairChange, Option<usize>)>,
}

impl Counted {
    fn new(mapping: &CompiledMapping, last: Option<&Revision>) -> Self {
        let old: &[LayoutPair] = last.map_or(&[], |last| &last.layout.pairs);
        let mut pairs = Vec::new();
        for (index, pair) in mapping.pairs.iter().enumerate() {
            let change = match old.iter().find(|old| old.pair == pair.id) {
                None => Change::New,
                Some(old) if !same_fields(old, pair) => Change::Redirected,
                Some(old) if old.transform.is_some_and(|print| print != pair.transform_print) => {
                    Change::Transform(pair.on_change)
                }
                Some(_) => continue,
            };
            pairs.push((PairChange { label: pair.label.clone(), change, links: 0 }, Some(index)));
        }
        for old in old.iter().filter(|old| mapping.pair_index(&old.pair).is_none()) {
            let label = old.pair.to_string();
            pairs.push((PairChange { label, change: Change::Removed, links: 0 }, None));
        }
        Self { links: 0, pairs }
    }

    fn link(&mut self, mapping: &CompiledMapping, mut link: Link, revisions: &[Revision]) {
        match link.status {
            LinkStatus::Active | LinkStatus::Suspended => self.links += 1,
            LinkStatus::Tombstone => return,
        }
        for side in Side::BOTH {
            if link.bases[side].revision != mapping.revision {
                link.bases[side] = mapping.relay(side, &link.bases[side], revisions);
            }
        }
        for (change, index) in &mut self.pairs {
            let concerned = match (change.change, index) {
                (Change::New | Change::Redirected | Change::Removed, _) | (_, None) => true,
                (Change::Transform(_), Some(index)) => differs(&mapping.pairs[*index], &link),
            };
            change.links += u64::from(concerned);
        }
    }
}

fn same_fields(old: &LayoutPair, pair: &CompiledPair) -> bool {
    Side::BOTH.into_iter().all(|side| *old.fields[side] == *pair.ends[side].names)
}

/// Whether what both sides were last confirmed to hold no longer means the same.
fn differs(pair: &CompiledPair, link: &Link) -> bool {
    let held = Sides::from_fn(|side| {
        let slots = link.bases[side].slots[pair.ends[side].base.clone()].iter();
        slots.map(Slot::value).collect::<Option<Vec<&Value>>>()
    });
    match (held.source, held.target) {
        (Some(source), Some(target)) => !pair.equivalent(&source, &target),
        (None, _) | (_, None) => false,
    }
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with these changes, on {}: ", self.mapping, counted(self.links, "link"))?;
        match (self.reads_whole, self.pairs.is_empty()) {
            (false, true) => writeln!(f, "nothing changes")?,
            (true, true) => writeln!(f, "no pair changes; the next run reads both sides whole")?,
            (true, false) => writeln!(f, "the next run reads both sides whole")?,
            (false, false) => writeln!(f, "these pairs change")?,
        }
        for pair in &self.pairs {
            let links = counted(pair.links, "link");
            writeln!(f, "  {}: {}", pair.label, pair.change.words(&links))?;
        }
        Ok(())
    }
}

impl Change {
    fn words(self, links: &str) -> String {
        match self {
            Change::New => format!("new: {links} decide it as if they had just been made"),
            Change::Redirected => {
                format!("ties other fields: {links} decide it as if they had just been made")
            }
            Change::Removed => format!("removed: both sides of {links} stay as they are"),
            Change::Transform(then) => {
                let then = match then {
                    OnChange::Keep => "both sides stay, and the next edit flows",
                    OnChange::RewriteTarget => "the target is written, under the guard",
                    OnChange::RewriteSource => "the source is written, under the guard",
                    OnChange::FirstLink => "they are decided as if they had just been linked",
                };
                format!("another transform: in {links} the sides no longer mean the same; {then}")
            }
        }
    }
}
