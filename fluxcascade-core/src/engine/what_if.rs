//! What a changed mapping would do (P20), told from the store: links and their bases. No record is
//! read, and nothing is stored.

mod settings;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::builder::check;
use super::run::check_ends;
use super::{Compiled, Engine, SyncError};
use crate::mapping::{
    Adopted, CompiledMapping, CompiledPair, ConfigError, Endpoint, Mapping, OnChange,
};
use crate::model::{
    LayoutPair, Link, LinkStatus, MappingName, ObjectSchema, Revision, Side, Sides, Slot,
    Timestamp, Value,
};
use crate::report::counted;

pub use settings::{Setting, SettingChange};

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
    /// What else is said otherwise than by the mapping that the engine has: filters, match rules,
    /// policies.
    pub settings: Vec<SettingChange>,
    /// Pairs that are not in the mapping, and whose bases are kept.
    pub kept: Vec<KeptBase>,
}

/// A pair that is not in the mapping, whose base is kept in case it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBase {
    /// What people call it.
    pub label: String,
    /// Since when the mapping has it no more.
    pub since: Timestamp,
    /// From then on it is decided as a new one.
    pub until: Timestamp,
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
    /// It is in the mapping again, and goes on from the base that these links kept of it.
    Returned {
        /// Since when it was not in the mapping.
        since: Timestamp,
    },
    /// It has not been in the mapping for longer than bases are kept.
    Forgotten {
        /// Since when.
        since: Timestamp,
    },
    /// Its transform is another, and these links' sides no longer mean the same by it.
    Transform(OnChange),
    /// Its transform is another; fingerprints alone are kept of its values, so that it is seen in the
    /// next run in which of these links the sides no longer mean the same.
    TransformUnseen(OnChange),
}

impl Engine {
    /// What a changed mapping of the same name would do, from the store alone.
    ///
    /// # Errors
    /// If an engine would not be built with the mapping, or a run of it refused: it is not valid, or
    /// names other endpoints than those that its links are of. If a system does not give its schema,
    /// or the store fails.
    pub async fn what_if(&self, mapping: Mapping) -> Result<WhatIf, SyncError> {
        self.trying(mapping).await
    }

    fn trying(&self, mapping: Mapping) -> Compiled<'_, Result<WhatIf, SyncError>> {
        Box::pin(async move {
            let current = self.compiled(mapping.name.as_str()).await?;
            let changed = self.try_out(mapping).await?;
            let revisions = self.store().revisions(&current.key).await?;
            if let Some(last) = revisions.last() {
                check_ends(self, &changed, last).await?;
            }
            let mut tried = changed.clone();
            let reads_whole = match self.adopt(&mut tried, &revisions) {
                Adopted::New(_) => true,
                Adopted::Known | Adopted::Redecides(_) => false,
            };
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
                mapping: tried.mapping.name.clone(),
                links: counted.links,
                reads_whole,
                settings: settings::compare(&current, &tried),
                pairs: counted.changes(),
                kept: kept(&tried, self.inner.settings.retention),
            })
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

/// The changes, each with the links that it concerns.
struct Counted {
    links: u64,
    pairs: Vec<(PairChange, Concerns)>,
}

/// Which links a change means anything for, with the place of its pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Concerns {
    All,
    /// Those whose sides no longer mean the same.
    Differing(usize),
    /// Those that have a base of it.
    Based(usize),
    /// Those that have none.
    Baseless(usize),
}

impl Counted {
    fn new(mapping: &CompiledMapping, last: Option<&Revision>) -> Self {
        let old: &[LayoutPair] = last.map_or(&[], |last| &last.layout.pairs);
        let mut pairs = Vec::new();
        let mut note = |label: &str, change: Change, concerns: Concerns| {
            pairs.push((PairChange { label: label.to_owned(), change, links: 0 }, concerns));
        };
        for (index, pair) in mapping.pairs.iter().enumerate() {
            let goes_on = |place: &&LayoutPair| pair.is_at(place) && pair.from == place.from;
            let Some(place) = old.iter().find(goes_on) else {
                let is_redirected = old.iter().any(|old| old.pair == pair.id && is_living(old));
                let change = if is_redirected { Change::Redirected } else { Change::New };
                note(&pair.label, change, Concerns::All);
                continue;
            };
            if let Some(since) = place.retired {
                note(&pair.label, Change::Returned { since }, Concerns::Based(index));
                note(&pair.label, Change::New, Concerns::Baseless(index));
            }
            if place.transform.is_some_and(|print| print != pair.transform_print) {
                if pair.is_kept() {
                    let change = Change::TransformUnseen(pair.on_change);
                    note(&pair.label, change, Concerns::Based(index));
                } else {
                    let change = Change::Transform(pair.on_change);
                    note(&pair.label, change, Concerns::Differing(index));
                }
            }
        }
        for place in old.iter().filter(|place| mapping.pair_index(&place.pair).is_none()) {
            let is_kept = mapping
                .retired
                .iter()
                .any(|kept| kept.pair == place.pair && kept.fields == place.fields);
            match place.retired {
                None => note(place.pair.as_str(), Change::Removed, Concerns::All),
                Some(since) if !is_kept => {
                    note(place.pair.as_str(), Change::Forgotten { since }, Concerns::All);
                }
                Some(_) => {}
            }
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
        for (change, concerns) in &mut self.pairs {
            let held = |index: usize| held(&mapping.pairs[index], &link);
            let is_concerned = match *concerns {
                Concerns::All => true,
                Concerns::Based(index) => held(index).is_some(),
                Concerns::Baseless(index) => held(index).is_none(),
                Concerns::Differing(index) => held(index).is_some_and(|held| {
                    !mapping.pairs[index].equivalent(&held.source, &held.target)
                }),
            };
            change.links += u64::from(is_concerned);
        }
    }

    /// What comes back with a base for all links is new for none.
    fn changes(self) -> Vec<PairChange> {
        let says = |(change, concerns): &(PairChange, Concerns)| match concerns {
            Concerns::Baseless(_) => change.links > 0,
            Concerns::All | Concerns::Differing(_) | Concerns::Based(_) => true,
        };
        self.pairs.into_iter().filter(says).map(|(change, _)| change).collect()
    }
}

/// The pairs whose bases are kept.
fn kept(mapping: &CompiledMapping, retention: Duration) -> Vec<KeptBase> {
    let kept = mapping.retired.iter().filter_map(|place| {
        let since = place.retired?;
        Some(KeptBase { label: place.pair.to_string(), since, until: since + retention })
    });
    kept.collect()
}

fn is_living(place: &LayoutPair) -> bool {
    place.retired.is_none()
}

/// What both sides were last confirmed to hold; `None` if the pair has no base.
fn held<'a>(pair: &CompiledPair, link: &'a Link) -> Option<Sides<Vec<&'a Value>>> {
    let of = |side: Side| {
        let slots = link.bases[side].slots[pair.ends[side].base.clone()].iter();
        slots.map(Slot::value).collect::<Option<Vec<&Value>>>()
    };
    Some(Sides::new(of(Side::Source)?, of(Side::Target)?))
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with these changes, on {}: ", self.mapping, counted(self.links, "link"))?;
        match (self.reads_whole, self.pairs.is_empty() && self.settings.is_empty()) {
            (false, true) => writeln!(f, "nothing changes")?,
            (true, true) => writeln!(f, "no pair changes; the next run reads both sides whole")?,
            (true, false) => writeln!(f, "the next run reads both sides whole")?,
            (false, false) => writeln!(f, "no side is read again")?,
        }
        for pair in &self.pairs {
            let links = counted(pair.links, "link");
            writeln!(f, "  {}: {}", pair.label, pair.change.words(&links))?;
        }
        for setting in &self.settings {
            writeln!(f, "  {setting}")?;
        }
        for KeptBase { label, since, until } in &self.kept {
            writeln!(
                f,
                "  {label}: not in the mapping since {since}; put back before {until}, it goes on \
                 from the base that it had"
            )?;
        }
        Ok(())
    }
}

/// What is done where the sides no longer mean the same.
fn in_words(then: OnChange) -> &'static str {
    match then {
        OnChange::Keep => "both sides stay, and the next edit flows",
        OnChange::RewriteTarget => "the target is written, under the guard",
        OnChange::RewriteSource => "the source is written, under the guard",
        OnChange::FirstLink => "they are decided as if they had just been linked",
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
            Change::Returned { since } => format!(
                "comes back with the base that {links} kept of it since {since}: what was edited \
                 meanwhile flows, and edits of both sides are a conflict"
            ),
            Change::Forgotten { since } => format!(
                "not in the mapping since {since}: the bases of {links} are kept no longer; put \
                 back, it is a new pair"
            ),
            Change::Transform(then) => {
                let then = in_words(then);
                format!("another transform: in {links} the sides no longer mean the same; {then}")
            }
            Change::TransformUnseen(then) => format!(
                "another transform: in which of {links} the sides no longer mean the same is seen \
                 in the next run, as fingerprints alone are kept; {}",
                in_words(then)
            ),
        }
    }
}
