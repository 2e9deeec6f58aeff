//! What a pair's policy does in every case: told by deciding representative cases with the planner
//! itself, and not by a text beside it.

use std::fmt;
use std::time::Duration;

use super::context::{Gate, PlanContext, SettleRule, Writing};
use super::entry::{Entry, PairAction};
use super::plan;
use crate::mapping::{CompiledMapping, CompiledPair, ConflictScope, FingerprintKey};
use crate::model::{
    Base, Cause, ConflictStatus, HoldReason, InboxEntry, Link, LinkId, LinkStatus, Observation,
    PairId, RecordId, RunNumber, Side, Sides, Slot, State, Timestamp, Value, Version, Winner,
    Withheld, Work, WorkKey,
};

mod sample;

use sample::Sample;

/// What a pair's policy does in every case.
///
/// ```
/// use fluxcascade_core::mapping::{CompiledMapping, Mapping};
/// use fluxcascade_core::model::{
///     FieldName, FieldSchema, FieldType, ObjectSchema, ObjectType, PairId, Sides, TenantId,
/// };
///
/// # let schema = || ObjectSchema {
/// #     object: ObjectType::new("contacts").unwrap(),
/// #     fields: ["email", "name"]
/// #         .map(|name| FieldSchema::new(FieldName::new(name).unwrap(), FieldType::Text))
/// #         .into(),
/// # };
/// # let (a, b) = (schema(), schema());
/// let mapping = Mapping::builder("contacts")
///     .source("crm", "contacts")
///     .target("erp", "contacts")
///     .match_on("email", "email")
///     .pair_with("name", "name", |pair| pair.id("name").source_only())
///     .build()?;
/// let compiled = CompiledMapping::new(TenantId::default(), mapping, Sides::new(&a, &b))?;
/// let policy = compiled.explain_policy(&PairId::new("name")?).expect("the mapping has the pair");
/// let drift = policy.rows.iter().find(|row| row.case == "only the target was edited").unwrap();
/// assert_eq!(drift.outcome, "both stay: edited against the pair's direction: left");
/// println!("{policy}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTable {
    /// The pair, as people call it.
    pub pair: String,
    /// What it conflicts together with, in words; empty if it conflicts alone.
    pub together: String,
    /// The strategies by name: for two edits, and for records that are linked.
    pub strategies: (String, String),
    /// Each case with what is done.
    pub rows: Vec<PolicyRow>,
}

/// A case, and what is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// What happened, in words.
    pub case: String,
    /// What is done, in words.
    pub outcome: String,
}

impl fmt::Display for PolicyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}{}", self.pair, self.together)?;
        let (edits, first) = &self.strategies;
        writeln!(f, "conflicts: {edits}; when linked: {first}")?;
        let width = self.rows.iter().map(|row| row.case.len()).max().unwrap_or(0);
        self.rows.iter().try_for_each(|row| writeln!(f, "  {:width$}  {}", row.case, row.outcome))
    }
}

impl CompiledMapping {
    /// What the policy of a pair does in every case; `None` if there is no such pair.
    ///
    /// The cases are decided with values of the fields' types, without the pair's transform and its
    /// references, and by the pair alone.
    pub fn explain_policy(&self, pair: &PairId) -> Option<PolicyTable> {
        let index = self.pair_index(pair)?;
        let pair = &self.pairs[index];
        let alone = alone(self, pair);
        let sample = Sample::of(&pair.ends);
        let row = |case: &Case| PolicyRow {
            case: case.words.to_owned(),
            outcome: outcome(&alone, case, &sample),
        };
        Some(PolicyTable {
            pair: pair.label.clone(),
            together: together(self, pair),
            strategies: (pair.conflicts.name(), pair.first_link.name()),
            rows: CASES.iter().map(row).collect(),
        })
    }
}

fn together(mapping: &CompiledMapping, pair: &CompiledPair) -> String {
    if mapping.mapping.conflict_scope == ConflictScope::Record {
        return ", in conflict together with all other pairs that flow both ways".into();
    }
    let others = mapping.pairs.iter().filter(|other| other.id != pair.id);
    let same = others.filter(|other| pair.group.is_some() && other.group == pair.group);
    let labels: Vec<&str> = same.map(|other| other.label.as_str()).collect();
    if labels.is_empty() {
        return String::new();
    }
    format!(", in conflict together with {}", labels.join(", "))
}

/// The mapping with this pair alone, in the first places, and nothing carried over but as it is.
fn alone(mapping: &CompiledMapping, pair: &CompiledPair) -> CompiledMapping {
    let mut only = mapping.clone();
    let mut pair = pair.clone();
    pair.transform = None;
    pair.reference = None;
    pair.group = None;
    for side in Side::BOTH {
        let end = &mut pair.ends[side];
        end.base = 0..end.slots.len();
        only.base_width[side] = end.slots.len();
        only.base_places[side].clone_from(&end.slots);
    }
    only.mapping.conflict_scope = ConflictScope::Pair;
    only.pairs = vec![pair].into_boxed_slice();
    only.retired = Box::default();
    only
}

/// What a side holds in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Before,
    Own,
    Theirs,
    Blank,
    Nothing,
}

/// When the records were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    SourceLater,
    TargetLater,
    Together,
}

struct Case {
    words: &'static str,
    base: Option<Holds>,
    source: Holds,
    target: Holds,
    when: When,
}

const fn case(
    words: &'static str,
    base: Option<Holds>,
    source: Holds,
    target: Holds,
    when: When,
) -> Case {
    Case { words, base, source, target, when }
}

use Holds::{Before, Blank, Nothing, Own, Theirs};
use When::{SourceLater, TargetLater, Together};

/// The cases, in the order of the tables. `Own` is the source's new value, `Theirs` the target's.
const CASES: [Case; 23] = [
    case("neither was edited", Some(Before), Before, Before, Together),
    case("only the source was edited", Some(Before), Own, Before, SourceLater),
    case("only the target was edited", Some(Before), Before, Theirs, TargetLater),
    case("both were edited to the same", Some(Before), Own, Own, Together),
    case("both were edited, the source later", Some(Before), Own, Theirs, SourceLater),
    case("both were edited, the target later", Some(Before), Own, Theirs, TargetLater),
    case("both were edited at about one time", Some(Before), Own, Theirs, Together),
    case("the source was blanked", Some(Before), Blank, Before, SourceLater),
    case("the target was blanked", Some(Before), Before, Blank, TargetLater),
    case("both were blanked", Some(Before), Blank, Blank, Together),
    case(
        "the source was blanked, then the target edited",
        Some(Before),
        Blank,
        Theirs,
        TargetLater,
    ),
    case(
        "the target was edited, then the source blanked",
        Some(Before),
        Blank,
        Theirs,
        SourceLater,
    ),
    case("the target was blanked, then the source edited", Some(Before), Own, Blank, SourceLater),
    case("the source was edited, then the target blanked", Some(Before), Own, Blank, TargetLater),
    case("the source was blank and was filled", Some(Blank), Own, Blank, SourceLater),
    case("the target was blank and was filled", Some(Blank), Blank, Theirs, TargetLater),
    case("the source does not show the field", Some(Before), Nothing, Theirs, TargetLater),
    case("the target does not show the field", Some(Before), Own, Nothing, SourceLater),
    case("linked: both are blank", None, Blank, Blank, Together),
    case("linked: both hold the same", None, Own, Own, Together),
    case("linked: only the source holds a value", None, Own, Blank, Together),
    case("linked: only the target holds a value", None, Blank, Theirs, Together),
    case("linked: both hold another value", None, Own, Theirs, Together),
];

fn outcome(mapping: &CompiledMapping, case: &Case, sample: &Sample) -> String {
    let decide = |gate: Gate| {
        let context = PlanContext { gate, ..context() };
        plan(mapping, &[work(mapping, case, sample)], &context).entries.remove(0)
    };
    let asked = decide(Gate::Closed);
    let withheld = asked.holds.iter().find_map(|hold| hold.withheld);
    match withheld {
        Some(what) => {
            let open = Gate::Open([Withheld::Blanking, Withheld::Overwrite].into());
            format!("{}; under the guard ({what})", words(&decide(open)))
        }
        None => words(&asked),
    }
}

fn words(entry: &Entry) -> String {
    if let Some(hold) = entry.holds.first() {
        return match (hold.reason, hold.key.pair()) {
            (HoldReason::Conflict, Some(_)) => "waits for a person; other pairs go on".into(),
            (HoldReason::Conflict, None) => "the whole record waits for a person".into(),
            (reason, _) => format!("refused ({reason}): waits until it is mended"),
        };
    }
    let row = entry.pairs.iter().find_map(|pair| pair.conflict()).or(entry.conflicts.first());
    match (entry.pairs.first().map(|pair| &pair.action), row) {
        (None, _) => "nothing is done".into(),
        (Some(PairAction::Adopt), Some(row)) if row.status == ConflictStatus::Auto => {
            format!("both stay as they are ({})", row.why)
        }
        (Some(PairAction::Adopt), _) => match entry.notes.first() {
            Some((_, note)) => format!("both stay: {}", note.cause),
            None => "both agree: nothing is written".into(),
        },
        (Some(PairAction::WriteBoth { .. }), _) => "a value of both is written on both".into(),
        (Some(PairAction::Write { to, .. }), Some(row)) if row.winner == Some(Winner::Merged) => {
            format!("a value of both is written to the {to}")
        }
        (Some(PairAction::Write { to, cause: Cause::Conflict { why, .. }, .. }), _) => {
            let why = why.split_once(':').map_or(why.as_str(), |(rule, _)| rule);
            format!("the {} wins: written to the {to} ({why})", to.other())
        }
        (Some(PairAction::Write { to, cause, .. }), _) => {
            format!("written to the {to} ({cause})")
        }
    }
}

const BEFORE: Timestamp = Timestamp::from_secs(1_000);
const NOW: Timestamp = Timestamp::from_secs(100_000);
const STEP: Duration = Duration::from_secs(1);

fn context() -> PlanContext {
    let settle = SettleRule { fence: 0, sole_since: None, request_timeout: STEP };
    let key = FingerprintKey::new([0; 32]);
    PlanContext::new(RunNumber(1), NOW, Writing::Both, settle, key)
}

/// A link in that case, with both records read just now.
fn work(mapping: &CompiledMapping, case: &Case, sample: &Sample) -> Work {
    let link = LinkId([0; 16]);
    // One letter is a valid id.
    let record = |side: Side| {
        let id = if side == Side::Source { "s" } else { "t" };
        RecordId::new(id).unwrap_or_else(|_| unreachable!("one letter is a valid id"))
    };
    let bases = Sides::from_fn(|side| {
        let mut base = Base::empty(mapping.revision, mapping.base_width[side]);
        base.version = Version::modified(BEFORE, STEP);
        if let Some(holds) = case.base {
            base.slots = sample.slots(side, holds).into_boxed_slice();
        }
        base
    });
    let entries = Sides::from_fn(|side| {
        let holds = if side == Side::Source { case.source } else { case.target };
        let mut values = mapping.projections[side].values(|_| Slot::Present(Value::Null));
        let slots = &mapping.pairs[0].ends[side].slots;
        for (&place, slot) in slots.iter().zip(sample.slots(side, holds)) {
            values.slots_mut()[place] = slot;
        }
        let later = match (case.when, side) {
            (When::SourceLater, Side::Source) | (When::TargetLater, Side::Target) => 60,
            (When::SourceLater | When::Together, Side::Target)
            | (When::TargetLater | When::Together, Side::Source) => 0,
        };
        let version = Version::modified(Timestamp::from_secs(50_000 + later), STEP);
        let state = State::Known { values, version };
        Some(InboxEntry {
            observation: Some(Observation::fetched(record(side), state)),
            record: record(side),
            sequence: 1,
            revision: mapping.revision,
            not_before: None,
            attempts: 0,
        })
    });
    Work {
        key: WorkKey::Link(link),
        link: Some(Link {
            id: link,
            records: Sides::from_fn(record),
            status: LinkStatus::Active,
            bases,
            ending: None,
        }),
        entries,
        holds: Vec::new(),
        operations: Vec::new(),
        candidates: Vec::new(),
        tombstones: Vec::new(),
    }
}
