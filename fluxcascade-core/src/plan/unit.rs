//! The pairs of a link put together: which are looked at, and which of them conflict together.

use std::collections::BTreeSet;

use super::conflict::{Unit, waiting};
use super::context::PlanContext;
use super::decide::{Decision, decide_with_base, decide_without_base};
use super::detect::{Change, View, change, pair_values};
use super::entry::{Entry, Need};
use super::first_sync::first_sync;
use super::merge::Case;
use super::question::Question;
use super::told::ToldAlone;
use super::{kept, reference, retransform};
use crate::mapping::{
    CompiledForeignId, CompiledMapping, CompiledPair, ConflictScope, PairDirection,
};
use crate::model::{
    ConflictStatus, Hold, HoldKey, HoldReason, Link, PairId, Side, Sides, Slot, Value, Version,
    Work,
};
use crate::seeded::{self, Bug};

/// A link whose two records are both seen.
pub(super) struct Seen<'a> {
    pub(super) mapping: &'a CompiledMapping,
    pub(super) work: &'a Work,
    /// The link with its bases, after what was settled.
    pub(super) link: &'a Link,
    pub(super) views: Sides<View<'a>>,
    pub(super) context: &'a PlanContext,
}

/// Which pairs conflict together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Together<'a> {
    /// All that flow both ways.
    Record,
    /// Those of this group.
    Group(&'a str),
}

/// Decides every pair of the link.
pub(super) fn decide_pairs(seen: &Seen<'_>, entry: &mut Entry, needs: &mut Vec<Need>) {
    end_removed(seen, entry);
    if seen.leaves_record() {
        leave_pairs(seen, entry, needs);
    } else {
        decide_each(seen, entry, needs);
    }
    keep_asserted_rows(entry);
}

/// A person left both records as they are, with all that is held of them.
fn leave_pairs(seen: &Seen<'_>, entry: &mut Entry, needs: &mut Vec<Need>) {
    for index in 0..seen.mapping.pairs.len() {
        if let Some(case) = seen.case(index, Want::InPlay, entry, needs) {
            case.leave_with_record(entry);
        }
    }
}

/// Decides pairs one by one, or those together that conflict together; first what the whole record waits
/// for.
fn decide_each(seen: &Seen<'_>, entry: &mut Entry, needs: &mut Vec<Need>) {
    let asked = needs.len();
    let question = Question::of(seen, entry, needs);
    if needs.len() > asked {
        return;
    }
    let mut in_question = Vec::new();
    if let Some(question) = question {
        question.decide(entry, needs);
        in_question = question.places();
    }
    let mut done: BTreeSet<Together<'_>> = BTreeSet::new();
    for index in (0..seen.mapping.pairs.len()).filter(|index| !in_question.contains(index)) {
        match seen.together(index) {
            None => {
                if let Some(case) = seen.case(index, Want::InPlay, entry, needs) {
                    case.decide(entry, needs);
                }
            }
            Some(together) => {
                if done.insert(together) {
                    decide_unit(seen, together, &in_question, entry, needs);
                }
            }
        }
    }
}

/// A row that is asked again, or comes with what is done, is neither overtaken nor resolved by it.
fn keep_asserted_rows(entry: &mut Entry) {
    if entry.judged.is_empty() {
        return;
    }
    let asked = entry.holds.iter().filter_map(|hold| hold.conflict);
    let done = entry.pairs.iter().filter_map(|pair| pair.conflict()).map(|row| row.id);
    let settled = entry.settled.iter().flat_map(|settled| &settled.conflicts);
    let stored = entry.conflicts.iter().chain(settled).map(|row| row.id);
    let asserted: Vec<_> = asked.chain(done).chain(stored).collect();
    entry.judged.retain(|(row, _)| !asserted.contains(row));
}

/// What is held for a pair that the mapping no longer has ends with it.
fn end_removed(seen: &Seen<'_>, entry: &mut Entry) {
    let is_of_id = |pair: &PairId| {
        let ids = Side::BOTH.into_iter().filter_map(|side| seen.mapping.foreign_ids[side].as_ref());
        ids.map(CompiledForeignId::pair_id).any(|id| id == *pair)
    };
    for hold in &seen.work.holds {
        let Some(pair) = hold.key.pair() else { continue };
        if seen.mapping.pair_index(pair).is_none() && !is_of_id(pair) {
            entry.released.push(hold.key.clone());
            entry.judged.extend(hold.conflict.map(|row| (row, ConflictStatus::Stale)));
        }
    }
}

/// Pairs that conflict together: one by one unless both sides have news among them. What a person
/// said of one of them that waited by itself is done first: it is not in question any more.
fn decide_unit(
    seen: &Seen<'_>,
    together: Together<'_>,
    in_question: &[usize],
    entry: &mut Entry,
    needs: &mut Vec<Need>,
) {
    let asked = needs.len();
    let mut members: Vec<usize> = (0..seen.mapping.pairs.len())
        .filter(|index| seen.together(*index) == Some(together) && !in_question.contains(index))
        .collect();
    let cases = |members: &[usize], want, entry: &mut Entry, needs: &mut Vec<Need>| {
        let case = |&index| seen.case(index, want, entry, needs);
        members.iter().filter_map(case).collect::<Vec<Case<'_>>>()
    };
    let mut in_play = cases(&members, Want::InPlay, entry, needs);
    if needs.len() > asked {
        return; // nothing of it is decided before all of it can be
    }
    tell_alone(&mut in_play, &mut members, together, entry);
    let hidden = Hidden::of(seen, &members, &in_play);
    let is_news = |case: &Case<'_>, side| {
        let waits = together == Together::Record && case.waits_as_found();
        !case.equivalent && case.has_news(side) && !waits
    };
    let news = |side| in_play.iter().any(|case| is_news(case, side)) || hidden.news[side];
    if !(news(Side::Source) && news(Side::Target)) {
        for case in &in_play {
            case.decide(entry, needs);
        }
        return;
    }
    let waits = !hidden.members.is_empty() && !is_answered(&in_play);
    if waits && !seeded::is(Bug::GroupDecidedUnseen) {
        hidden.wait(&in_play, entry, needs);
        return;
    }
    let all = cases(&members, Want::All, entry, needs);
    if needs.len() > asked {
        return;
    }
    let (same, differ): (Vec<&Case<'_>>, Vec<&Case<'_>>) =
        all.iter().partition(|case| case.equivalent);
    let as_found =
        |case: &&Case<'_>| matches!(case.decision, Decision::AdoptAsFound | Decision::TakeAsFound);
    if !in_play.iter().any(|case| case.base.is_some()) && differ.iter().any(as_found) {
        // Blanks are not filled from both sides: that would be one value of two halves.
        for case in all.iter().filter(|case| case.is_in_play()) {
            case.take(entry);
        }
        return;
    }
    for case in same.into_iter().filter(|case| case.is_in_play()) {
        case.decide(entry, needs);
    }
    match differ.as_slice() {
        [] => {}
        cases => Unit { seen, cases, together: Some(together) }.decide(entry, needs),
    }
}

/// Whether a person has said what becomes of the conflict: what is hidden changes nothing of that.
fn is_answered(in_play: &[Case<'_>]) -> bool {
    let mut asked = in_play.iter().filter_map(waiting);
    asked.any(|hold| hold.answer.is_some())
}

/// Pairs of a unit of which a side does not show a field: nothing is decided for them.
struct Hidden<'a> {
    seen: &'a Seen<'a>,
    members: Vec<usize>,
    /// Whether a side that shows one of them was edited there.
    news: Sides<bool>,
}

impl<'a> Hidden<'a> {
    fn of(seen: &'a Seen<'a>, members: &[usize], in_play: &[Case<'_>]) -> Self {
        let is_hidden = |index: &usize| seen.hides(*index) && !seen.is_said(*index);
        let members: Vec<usize> = members.iter().copied().filter(is_hidden).collect();
        let is_first = in_play.iter().all(|case| case.base.is_none());
        let is_news = |index: usize, side: Side| match seen.change(index, side) {
            Change::Changed => true,
            Change::NoBase => {
                let pair = &seen.mapping.pairs[index];
                let held = pair_values(pair, side, seen.views[side], &seen.link.bases[side]);
                is_first && held.is_some_and(|held| held.iter().any(|value| !value.is_blank()))
            }
            Change::Same | Change::Absent => false,
        };
        let news = Sides::from_fn(|side| members.iter().any(|&index| is_news(index, side)));
        Self { seen, members, news }
    }

    /// Both sides have news, and what is hidden would be decided by itself when it is shown: half of
    /// the unit would be one side's and half the other's. It waits until all of it is shown.
    fn wait(&self, in_play: &[Case<'_>], entry: &mut Entry, needs: &mut Vec<Need>) {
        let labels = self.members.iter().map(|&i| self.seen.mapping.pairs[i].label.as_str());
        let why = format!(
            "edited on both sides together with {}, which is not shown on both: it is decided \
             when it is",
            labels.collect::<Vec<_>>().join(", ")
        );
        for case in in_play {
            let waits = |hold: &Hold| hold.values == case.fingerprints();
            if case.equivalent {
                case.decide(entry, needs);
            } else if !case.hold.as_ref().is_some_and(waits) {
                case.wait(HoldReason::Unreadable, &why, entry);
            }
        }
    }
}

/// Carries out what a person said of pairs that wait by themselves, and leaves them out.
fn tell_alone(
    in_play: &mut Vec<Case<'_>>,
    members: &mut Vec<usize>,
    together: Together<'_>,
    entry: &mut Entry,
) {
    in_play.retain(|case| match case.told_alone(entry) {
        Some(ToldAlone::Done(done)) => {
            *entry = *done;
            members.retain(|&index| index != case.index);
            false
        }
        None if together == Together::Record && case.is_asked_on() => {
            members.retain(|&index| index != case.index);
            false
        }
        Some(ToldAlone::Asked(_)) | None => true,
    });
}

impl Unit<'_> {
    /// What a guard withholds of one pair of a group, it withholds of all: half a group is written
    /// nowhere, also when a person lets a part of it through. The unit's own holds begin at the place
    /// `first`.
    pub(super) fn withhold_whole(&self, first: usize, entry: &mut Entry) {
        let of_unit = |hold: &&Hold| {
            hold.reason == HoldReason::Guard
                && self.cases.iter().any(|case| hold.key.pair() == Some(&case.pair().id))
        };
        let waits = || {
            let mut before = self.cases.iter().filter_map(|case| case.hold.as_ref());
            before.find(|hold| of_unit(hold) && !entry.released.contains(&hold.key))
        };
        let withheld = entry.holds.iter().skip(first).find(of_unit).or_else(waits);
        let Some(what) = withheld.and_then(|hold| hold.withheld) else { return };
        let written = |case: &&&Case<'_>| {
            entry.pairs.iter().any(|plan| plan.index == case.index && plan.is_write())
        };
        let others: Vec<&Case<'_>> = self.cases.iter().filter(written).copied().collect();
        if others.is_empty() || !matches!(self.together, Some(Together::Group(_))) {
            return;
        }
        entry.pairs.retain(|plan| !others.iter().any(|case| case.index == plan.index));
        for case in others {
            case.withhold(case.flows_to(), what, entry);
        }
    }
}

/// Which pairs are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Those for which something may be done by themselves.
    InPlay,
    /// All that can be seen.
    All,
}

impl Seen<'_> {
    /// What the pair conflicts together with. One-way pairs never conflict, and first links only
    /// within a group.
    pub(super) fn together(&self, index: usize) -> Option<Together<'_>> {
        let pair = &self.mapping.pairs[index];
        if pair.direction != PairDirection::Bidirectional {
            return None;
        }
        match self.mapping.mapping.conflict_scope {
            ConflictScope::Record if self.has_base(pair) => Some(Together::Record),
            ConflictScope::Record | ConflictScope::Pair => {
                pair.group.as_deref().map(Together::Group)
            }
        }
    }

    /// How a side stands against its base.
    fn change(&self, index: usize, side: Side) -> Change {
        let (view, base) = (self.views[side], &self.link.bases[side]);
        change(&self.mapping.pairs[index], side, view, base)
    }

    /// Whether a side does not show a field of a pair.
    pub(super) fn hides(&self, index: usize) -> bool {
        Side::BOTH.into_iter().any(|side| self.change(index, side) == Change::Absent)
    }

    /// Whether a person has said what becomes of a pair when it is shown.
    fn is_said(&self, index: usize) -> bool {
        let key = HoldKey::Pair(self.link.id, self.mapping.pairs[index].id.clone());
        let mut holds = self.work.holds.iter().filter(|hold| hold.key == key);
        holds.any(|hold| hold.reason == HoldReason::Unreadable && hold.answer.is_some())
    }

    /// Whether the link was not yet decided to its end: of a pair that has no base later on, the mode
    /// of the first sync says nothing.
    fn is_first(&self) -> bool {
        self.link.bases.iter().any(|(_, base)| base.version == Version::default())
    }

    fn has_base(&self, pair: &CompiledPair) -> bool {
        let of_side = |side| &self.link.bases[side].slots[pair.ends[side].base.clone()];
        let whole = |slots: &[Slot]| !slots.iter().any(Slot::is_absent);
        whole(of_side(Side::Source)) && whole(of_side(Side::Target))
    }

    /// The pair as it stands; `None` if nothing is to be decided for it, or not yet.
    pub(super) fn case<'s>(
        &'s self,
        index: usize,
        want: Want,
        entry: &mut Entry,
        needs: &mut Vec<Need>,
    ) -> Option<Case<'s>> {
        let pair = &self.mapping.pairs[index];
        let changes = Sides::from_fn(|side| self.change(index, side));
        let hold = self.hold(pair, entry);
        let unchanged = changes == Sides::new(Change::Same, Change::Same);
        let rewrites = if unchanged { retransform::applies(self, index) } else { None };
        let has_base = match (changes.source, changes.target) {
            (Change::Absent, _) | (_, Change::Absent) => return None,
            (Change::Same, Change::Same)
                if hold.is_none() && rewrites.is_none() && want == Want::InPlay =>
            {
                return None;
            }
            (Change::NoBase, _) | (_, Change::NoBase) => false,
            (Change::Same | Change::Changed, Change::Same | Change::Changed) => true,
        };
        let values = Sides::from_fn(|s| pair_values(pair, s, self.views[s], &self.link.bases[s]));
        let values = Sides::new(values.source?, values.target?);
        let asked = needs.len();
        needs.extend(kept::unread(self, &values));
        if needs.len() > asked {
            return None;
        }
        let unknown = reference::unanswered(pair, &values, self.context);
        if !unknown.is_empty() {
            needs.extend(unknown);
            return None;
        }
        let equivalent = reference::equivalent(pair, &values, self.context);
        let blank = |values: &Vec<&Value>| values.iter().all(|value| value.is_blank());
        let blanks = values.as_ref().map(blank);
        let anew = || decide_without_base(pair.direction, blanks, equivalent);
        let told = rewrites.filter(|_| !equivalent).map(|on_change| {
            if hold.is_none() && !entry.retransformed.contains(&index) {
                entry.retransformed.push(index);
            }
            retransform::decision(pair.direction, on_change, anew)
        });
        let decision = match told {
            Some(decision) => decision,
            None if has_base => {
                let mut edited = changes.map(|c| c == Change::Changed);
                edited.target &= !(seeded::is(Bug::BaseHidesBothChanged) && edited.source);
                if seeded::is(Bug::RecordTimeDecides) {
                    edited = self.is_later();
                }
                let is_same = equivalent && !seeded::is(Bug::SameEditIsConflict);
                decide_with_base(pair.direction, edited, is_same)
            }
            None if self.is_first() => first_sync(self.mapping.mapping.first_sync, anew()),
            None => anew(),
        };
        let first_link = !has_base || matches!(decision, Decision::FirstLinkConflict);
        Some(Case {
            seen: self,
            index,
            changes,
            base: (!first_link).then(|| self.base_of(pair)),
            values,
            hold,
            equivalent,
            retransformed: told.is_some(),
            decision,
        })
    }

    /// Which record was changed later than the other, for [`Bug::RecordTimeDecides`].
    fn is_later(&self) -> Sides<bool> {
        let at = Sides::from_fn(|side| self.changed_at(side).map(|modified| modified.at));
        Sides::new(at.source > at.target, at.target > at.source)
    }

    fn base_of(&self, pair: &CompiledPair) -> Sides<Vec<&Value>> {
        Sides::from_fn(|side| {
            let slots = &self.link.bases[side].slots[pair.ends[side].base.clone()];
            slots.iter().filter_map(Slot::value).collect()
        })
    }

    /// The hold that a pair is under: one that settling has just made, else the stored one.
    fn hold(&self, pair: &CompiledPair, entry: &Entry) -> Option<Hold> {
        if self.work.holds.is_empty() && entry.settled.is_empty() {
            return None;
        }
        let key = HoldKey::Pair(self.link.id, pair.id.clone());
        let new = entry.settled.iter().flat_map(|settled| &settled.holds);
        new.chain(&self.work.holds).find(|hold| hold.key == key).cloned()
    }
}
