//! Which cells of the decision tables a plan hit, told from the work and what was decided, not from
//! the code that decides.

use std::collections::BTreeMap;

use fluxcascade_core::mapping::{CompiledMapping, CompiledPair, PairDirection};
use fluxcascade_core::model::{
    HoldReason, Link, LinkStatus, RecordId, Side, Sides, Slot, State, Value, Values, Work,
};
use fluxcascade_core::plan::{Entry, PairAction, Plan, PlanContext, Step};

/// How often each cell was hit.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    pub(crate) counts: BTreeMap<String, u64>,
}

/// What a side shows of a pair against its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pair {
    Same,
    Changed,
    NoBase(Blank),
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    Yes,
    No,
}

impl Cells {
    fn hit(&mut self, cell: impl Into<String>) {
        *self.counts.entry(cell.into()).or_default() += 1;
    }

    pub(crate) fn count(
        &mut self,
        mapping: &CompiledMapping,
        works: &[Work],
        context: &PlanContext,
        plan: &Plan,
    ) {
        for (work, entry) in works.iter().zip(&plan.entries) {
            match entry.step {
                Step::Unchanged | Step::Decided => {}
                Step::Needs | Step::Follows | Step::Waits { .. } => continue,
                Step::Ignored => {
                    self.hit("unlinked: nothing is created");
                    continue;
                }
            }
            match &work.link {
                Some(link) => self.linked(mapping, work, link, context, entry),
                None => self.unlinked(entry),
            }
        }
    }

    fn unlinked(&mut self, entry: &Entry) {
        if let Some(link) = &entry.link {
            let how =
                if link.settles.is_some() { "a create is found" } else { "one on both sides" };
            self.hit(format!("unlinked: {how}, linked"));
        } else if let Some(side) = entry.create {
            self.hit(format!("unlinked: none, created on the {side}"));
        }
        for hold in &entry.holds {
            let what = match hold.reason {
                HoldReason::Ambiguous => "several or taken, parked",
                HoldReason::UnknownOutcome => "a create without an answer",
                HoldReason::Conflict
                | HoldReason::Reference
                | HoldReason::Rejected
                | HoldReason::Oscillating
                | HoldReason::Schema
                | HoldReason::Unsettled
                | HoldReason::Unreadable
                | HoldReason::Missing
                | HoldReason::Invalid
                | HoldReason::Guard
                | HoldReason::Excluded => "held",
            };
            self.hit(format!("unlinked: {what}"));
        }
    }

    fn linked(
        &mut self,
        mapping: &CompiledMapping,
        work: &Work,
        link: &Link,
        context: &PlanContext,
        entry: &Entry,
    ) {
        for settled in &entry.settled {
            let how = if settled.holds.is_empty() { "settled" } else { "held as unsettled" };
            self.hit(format!("operation without an answer: {how}"));
        }
        for update in entry.before.iter().chain(&entry.after) {
            let ending = update.ending.map(|ending| format!(", {ending:?}")).unwrap_or_default();
            let ending = ending.split('(').next().unwrap_or_default().to_owned();
            self.hit(format!("link: {}{ending}", update.kind));
        }
        if let Some((_, action)) = entry.record {
            self.hit(format!("record: {action:?}"));
        }
        if link.status != LinkStatus::Active || !work.operations.is_empty() {
            return;
        }
        let states =
            Sides::from_fn(|side| state(mapping, work, side, &link.records[side], context));
        let shown = Sides::from_fn(|side| shown(mapping, link, side, states[side]));
        self.hit(format!("linked: source {}, target {}", shown.source, shown.target));
        for (index, pair) in mapping.pairs.iter().enumerate() {
            let is = Sides::from_fn(|side| pair_state(pair, link, side, states[side]));
            let action = entry.pairs.iter().find(|p| p.index == index).map(|p| &p.action);
            self.pair(pair, is, action);
        }
    }

    fn pair(&mut self, pair: &CompiledPair, is: Sides<Option<Pair>>, action: Option<&PairAction>) {
        let (Some(source), Some(target)) = (is.source, is.target) else { return };
        let direction = match pair.direction {
            PairDirection::Bidirectional => "bidirectional",
            PairDirection::SourceOnly => "source_only",
            PairDirection::TargetOnly => "target_only",
        };
        let drift = match (pair.direction, action) {
            (PairDirection::Bidirectional, _) => String::new(),
            (_, _) => format!(" ({:?})", pair.drift).to_lowercase(),
        };
        let adopts = matches!(action, Some(PairAction::Adopt));
        let what = match (source, target) {
            (Pair::Absent, _) | (_, Pair::Absent) => {
                self.hit("pair: a field is absent");
                return;
            }
            (Pair::NoBase(source), Pair::NoBase(target)) => {
                let blank = |blank: Blank| if blank == Blank::Yes { "blank" } else { "a value" };
                let how = if adopts { "taken" } else { "decided" };
                let (source, target) = (blank(source), blank(target));
                self.hit(format!("{direction} without a base: {source}, {target}: {how}"));
                return;
            }
            (Pair::NoBase(_), _) | (_, Pair::NoBase(_)) => return,
            (Pair::Same, Pair::Same) => "no, no".to_owned(),
            (Pair::Changed, Pair::Changed) if adopts => "yes, yes, equivalent".to_owned(),
            (Pair::Changed, Pair::Changed) => "yes, yes, another".to_owned(),
            (Pair::Changed, Pair::Same) | (Pair::Same, Pair::Changed) if adopts => {
                "one, to an equivalent".to_owned()
            }
            (Pair::Changed, Pair::Same) => format!("yes, no{drift}"),
            (Pair::Same, Pair::Changed) => format!("no, yes{drift}"),
        };
        self.hit(format!("{direction}: {what}"));
    }
}

/// What is known of a record: fetched in this run, else listed.
fn state<'a>(
    mapping: &CompiledMapping,
    work: &'a Work,
    side: Side,
    record: &RecordId,
    context: &'a PlanContext,
) -> Option<&'a State> {
    let fetched = context.fetched.get(&(side, record.clone()));
    let listed = work.entries[side].as_ref().filter(|entry| entry.revision == mapping.revision);
    let listed = listed.and_then(|entry| entry.observation.as_ref());
    fetched.or(listed).map(|observation| &observation.state)
}

fn known(state: Option<&State>) -> Option<&Values> {
    match state {
        Some(State::Known { values, .. }) => Some(values),
        _ => None,
    }
}

fn shown(
    mapping: &CompiledMapping,
    link: &Link,
    side: Side,
    state: Option<&State>,
) -> &'static str {
    match state {
        None => "unchanged",
        Some(State::Known { .. }) => {
            let changed = mapping.pairs.iter().any(|pair| {
                pair_state(pair, link, side, state).is_some_and(|is| is == Pair::Changed)
            });
            if changed { "changed" } else { "unchanged" }
        }
        Some(State::Archived(_) | State::Deleted(_)) => "deleted",
        Some(State::Missing) => "missing",
        Some(State::MergedInto(_)) => "merged",
        Some(State::OutOfScope) => "out of scope",
        Some(State::Unreadable(_)) => "unreadable",
    }
}

fn pair_state(pair: &CompiledPair, link: &Link, side: Side, state: Option<&State>) -> Option<Pair> {
    let end = &pair.ends[side];
    let base = link.bases[side].slots.get(end.base.clone())?;
    let has_base = !base.iter().any(|slot| matches!(slot, Slot::Absent));
    let Some(values) = known(state) else {
        return state.is_none().then_some(Pair::Same).filter(|_| has_base);
    };
    let mut held: Vec<&Value> = Vec::new();
    for &slot in &end.slots {
        match values[slot].value() {
            None => return Some(Pair::Absent),
            Some(value) => held.push(value),
        }
    }
    if !has_base {
        let blank = held.iter().all(|value| value.is_blank());
        return Some(Pair::NoBase(if blank { Blank::Yes } else { Blank::No }));
    }
    let changed = held.iter().zip(base).any(|(value, base)| match base {
        Slot::Present(base) => value.changed_from(base),
        Slot::Absent => true,
    });
    Some(if changed { Pair::Changed } else { Pair::Same })
}
