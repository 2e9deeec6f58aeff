//! The audit (P28): all links compared on what both systems hold now. Nothing is written anywhere,
//! and no lease is taken; a sync that is under way may show as edits that are pending.

mod show;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::pull::{bound, scope};
use super::{Compiled, Engine, SyncError};
use crate::connector::{FetchRequest, Reader};
use crate::mapping::{CompiledMapping, CompiledPair, FingerprintKey};
use crate::model::{
    Cause, Conflict, Hold, HoldKey, HoldReason, Link, LinkId, LinkStatus, LogKind, LogRow,
    MappingName, Observation, RecordId, Side, Sides, Slot, State, Value, Winner,
};
use crate::plan::{recall_link, referred};
use crate::seeded::{self, Bug};
use crate::store::Page;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The mapping.
    pub mapping: MappingName,
    /// Its ends, for people.
    pub ends: Sides<String>,
    /// Links in use: all of them were compared.
    pub links: u64,
    /// What was found, with how often and some examples.
    pub findings: BTreeMap<Divergence, Finding>,
}

/// How a pair of a link stands, or the link as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divergence {
    /// Both sides mean the same.
    Agreed,
    /// The sides differ, both hold what they were last confirmed to hold, and the log says why.
    AsStored(Reason),
    /// The pair, or its link, waits.
    Held(HoldReason),
    /// A side was edited, and the next run carries it.
    Pending,
    /// A field is not in the system's answer: nothing is decided for the pair.
    Absent,
    /// A record of the link was not found.
    Missing,
    /// A record of the link is deleted, merged, out of scope or unreadable.
    NotThere,
    /// The link is suspended: nothing is written for it.
    Suspended,
    /// The sides differ, nothing waits, and the log does not say why: a defect, or a store that was
    /// changed by others.
    Unexplained,
}

/// Why two sides differ for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An edit against a one-way pair's direction was left, or its origin was blank.
    Left,
    /// A system stored another value than was sent.
    Rewritten,
    /// A conflict was left as it is.
    Skipped,
    /// Both sides were taken as found when they were linked.
    TakenAsFound,
    /// The pair's transform was changed, and both sides stay.
    TransformChanged,
}

/// How often something was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Finding {
    /// So many pairs, or links.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<Example>,
}

/// One of what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The records.
    pub records: Sides<RecordId>,
    /// The pair; `None`: the link as a whole.
    pub pair: Option<String>,
}

/// How many examples are kept of each.
const MOST_EXAMPLES: usize = 5;

impl Verification {
    /// Pairs, or links, that stand like this.
    pub fn count(&self, of: Divergence) -> u64 {
        self.findings.get(&of).map_or(0, |finding| finding.count)
    }

    /// Whether everything that differs is explained.
    pub fn is_explained(&self) -> bool {
        self.count(Divergence::Unexplained) == 0
    }

    fn note(&mut self, what: Divergence, link: &Link, pair: Option<&CompiledPair>) {
        let finding = self.findings.entry(what).or_default();
        finding.count += 1;
        if what != Divergence::Agreed && finding.examples.len() < MOST_EXAMPLES {
            let pair = pair.map(|pair| pair.label.clone());
            finding.examples.push(Example { records: link.records.clone(), pair });
        }
    }
}

impl Engine {
    /// Compares all links of a mapping on what both systems hold now, and says of each pair how it
    /// stands. Nothing is written, to any system or to the store.
    ///
    /// # Errors
    /// If there is no such mapping, a system cannot be read, or the store fails.
    pub async fn verify(&self, mapping: &str) -> Result<Verification, SyncError> {
        self.verifying(mapping).await
    }

    fn verifying<'a>(&'a self, mapping: &'a str) -> Compiled<'a, Result<Verification, SyncError>> {
        Box::pin(async move {
            let mapping = self.compiled(mapping).await?;
            let mut audit = Audit {
                engine: self,
                found: Verification {
                    mapping: mapping.mapping.name.clone(),
                    ends: Sides::from_fn(|side| mapping.endpoint(side).to_string()),
                    links: 0,
                    findings: BTreeMap::new(),
                },
                holds: audit_holds(self, &mapping).await?,
                key: FingerprintKey::new(self.store().fingerprint_key(&mapping.key).await?),
                mapping: &mapping,
            };
            let mut after = None;
            loop {
                let limit = self.inner.settings.batch;
                let mut links = self.store().links(&mapping.key, after, limit).await?;
                let Some(last) = links.last() else { break };
                after = Some(last.id);
                self.relay(&mapping, &mut links).await?;
                audit.links(links).await?;
            }
            Ok(audit.found)
        })
    }
}

/// Why links and pairs wait: O(holds), and no values.
async fn audit_holds(
    engine: &Engine,
    mapping: &CompiledMapping,
) -> Result<HashMap<HoldKey, HoldReason>, SyncError> {
    let mut reasons = HashMap::new();
    let mut page = Page { limit: 500, ..Page::default() };
    loop {
        let holds: Vec<Hold> = engine.store().holds(&mapping.key, &page).await?;
        if holds.is_empty() {
            return Ok(reasons);
        }
        page.skip += holds.len();
        reasons.extend(holds.into_iter().map(|hold| (hold.key, hold.reason)));
    }
}

struct Audit<'a> {
    engine: &'a Engine,
    mapping: &'a CompiledMapping,
    holds: HashMap<HoldKey, HoldReason>,
    /// By which it is told what only fingerprints are kept of.
    key: FingerprintKey,
    found: Verification,
}

type Seen = HashMap<(Side, RecordId), Observation>;

impl Audit<'_> {
    async fn links(&mut self, links: Vec<Link>) -> Result<(), SyncError> {
        let mut active = Vec::new();
        for link in links {
            match link.status {
                LinkStatus::Active => active.push(link),
                LinkStatus::Suspended => {
                    self.found.links += 1;
                    self.found.note(Divergence::Suspended, &link, None);
                }
                LinkStatus::Tombstone => {}
            }
        }
        let seen = self.fetch(&active).await?;
        for link in &mut active {
            recall_link(self.mapping, link, &self.key, |side, record| {
                let seen = seen.get(&(side, record.clone()));
                seen.and_then(Observation::values).into_iter().collect()
            });
            self.found.links += 1;
            self.link(link, &seen).await?;
        }
        Ok(())
    }

    async fn fetch(&self, links: &[Link]) -> Result<Seen, SyncError> {
        let mut seen = HashMap::new();
        for side in Side::BOTH {
            let records: Vec<RecordId> =
                links.iter().map(|link| link.records[side].clone()).collect();
            if records.is_empty() {
                continue;
            }
            let endpoint = self.mapping.endpoint(side);
            let reader: &dyn Reader =
                self.engine.inner.connections[&endpoint.connection].connector.as_ref();
            let request = FetchRequest {
                object: endpoint.object.clone(),
                projection: self.mapping.projections[side].clone(),
                records,
            };
            let fetched = reader.fetch(request).await.map_err(|error| SyncError::Connector {
                connection: endpoint.connection.clone(),
                error: Box::new(error),
            })?;
            for mut observation in fetched {
                bound(self.mapping, side, &mut observation);
                scope(self.mapping, side, &mut observation);
                seen.insert((side, observation.record.clone()), observation);
            }
        }
        Ok(seen)
    }

    async fn link(&mut self, link: &Link, seen: &Seen) -> Result<(), SyncError> {
        let mut values = Sides::new(None, None);
        for side in Side::BOTH {
            match seen.get(&(side, link.records[side].clone())).map(|seen| &seen.state) {
                Some(State::Known { values: known, .. }) => values[side] = Some(known),
                Some(State::Missing) | None => {
                    self.found.note(Divergence::Missing, link, None);
                    return Ok(());
                }
                Some(
                    State::Archived(_)
                    | State::Deleted(_)
                    | State::MergedInto(_)
                    | State::OutOfScope
                    | State::Unreadable(_),
                ) => {
                    self.found.note(Divergence::NotThere, link, None);
                    return Ok(());
                }
            }
        }
        let mut history = None;
        for pair in &self.mapping.pairs {
            let held = Sides::from_fn(|side| {
                let slots = pair.ends[side].slots.iter();
                slots.map(|&slot| values[side]?[slot].value()).collect::<Option<Vec<&Value>>>()
            });
            let (Some(source), Some(target)) = (&held.source, &held.target) else {
                self.found.note(Divergence::Absent, link, Some(pair));
                continue;
            };
            let same = self.mean_the_same(pair, source, target).await?;
            let what = if same || seeded::is(Bug::AuditFindsNothing) {
                Divergence::Agreed
            } else if let Some(reason) = self.held(link.id, pair) {
                Divergence::Held(reason)
            } else if !as_stored(link, pair, Side::Source, source)
                || !as_stored(link, pair, Side::Target, target)
            {
                Divergence::Pending
            } else {
                if history.is_none() {
                    history = Some(self.history(link).await?);
                }
                history
                    .as_ref()
                    .and_then(|history| history.reason(link, pair))
                    .map_or(Divergence::Unexplained, Divergence::AsStored)
            };
            self.found.note(what, link, Some(pair));
        }
        Ok(())
    }

    /// Whether both sides mean the same; records that they name are one if a link says so.
    async fn mean_the_same(
        &self,
        pair: &CompiledPair,
        source: &[&Value],
        target: &[&Value],
    ) -> Result<bool, SyncError> {
        let Some(mapping) = &pair.reference else { return Ok(pair.equivalent(source, target)) };
        let named = |values: &[&Value]| -> Vec<RecordId> {
            values.iter().flat_map(|value| referred(value)).collect()
        };
        let key = self.engine.mapping_key(mapping);
        let links = self.engine.store().linked(&key, Side::Source, &named(source)).await?;
        let mut there = named(target).into_iter().map(Some).collect::<Vec<_>>();
        let mut meant: Vec<_> = links.into_iter().map(|link| link.map(|l| l.partner)).collect();
        there.sort();
        meant.sort();
        Ok(there == meant)
    }

    fn held(&self, link: LinkId, pair: &CompiledPair) -> Option<HoldReason> {
        let of = |key| self.holds.get(&key).copied();
        of(HoldKey::Pair(link, pair.id.clone())).or_else(|| of(HoldKey::Link(link)))
    }

    async fn history(&self, link: &Link) -> Result<History, SyncError> {
        let record = Some((Side::Source, link.records.source.clone()));
        let page = Page { record, limit: usize::MAX, ..Page::default() };
        let store = self.engine.store();
        Ok(History {
            log: store.log(&self.mapping.key, &page).await?,
            conflicts: store.conflicts(&self.mapping.key, &page).await?,
        })
    }
}

/// Whether a side holds what it was last confirmed to hold.
fn as_stored(link: &Link, pair: &CompiledPair, side: Side, held: &[&Value]) -> bool {
    let base = &link.bases[side].slots[pair.ends[side].base.clone()];
    base.len() == held.len()
        && base.iter().zip(held).all(|(base, held)| match base {
            Slot::Present(base) => !held.changed_from(base),
            Slot::Absent => false,
        })
}

/// What is written down about a link's records, newest first.
struct History {
    log: Vec<LogRow>,
    conflicts: Vec<Conflict>,
}

impl History {
    /// Why a pair's sides differ for good: what the newest row that gives a reason says.
    fn reason(&self, link: &Link, pair: &CompiledPair) -> Option<Reason> {
        let skipped = self.conflicts.iter().find(|row| {
            row.link == link.id && row.pair.as_ref() == Some(&pair.id) && was_left(row)
        });
        let told = self
            .log
            .iter()
            .filter(|row| row.link == Some(link.id))
            .filter(|row| matches!(row.kind, LogKind::Note | LogKind::Update | LogKind::Create))
            .find_map(|row| {
                let mut of_pair = row.pairs.iter().rev().filter(|told| told.pair == pair.id);
                let reason = of_pair.find_map(|told| reason_of(&told.cause))?;
                Some((row.at, reason))
            });
        match (told, skipped) {
            (Some((at, _)), Some(row)) if row.at > at => Some(Reason::Skipped),
            (Some((_, reason)), _) => Some(reason),
            (None, Some(_)) => Some(Reason::Skipped),
            (None, None) => None,
        }
    }
}

/// Whether a conflict was decided by nobody's value.
fn was_left(row: &Conflict) -> bool {
    use crate::model::ConflictStatus as Status;
    let decided = match row.status {
        Status::Auto | Status::Resolved => true,
        Status::Open | Status::Stale => false,
    };
    decided && !matches!(row.winner, Some(Winner::Source | Winner::Target | Winner::Merged))
}

fn reason_of(cause: &Cause) -> Option<Reason> {
    match cause {
        Cause::DriftLeft | Cause::LeftAsFound => Some(Reason::Left),
        Cause::Rewritten => Some(Reason::Rewritten),
        Cause::TakenAsFound => Some(Reason::TakenAsFound),
        Cause::TransformChanged => Some(Reason::TransformChanged),
        Cause::Answered { .. } => Some(Reason::Skipped),
        Cause::Edit
        | Cause::EditOverwrites
        | Cause::Conflict { .. }
        | Cause::Fill
        | Cause::FirstLinkOverwrites
        | Cause::Create
        | Cause::DriftRestored
        | Cause::OtherId => None,
    }
}
