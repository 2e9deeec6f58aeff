//! The conflict that a whole record waits for: which of the pairs in question stand as they did when a
//! person was asked, and what is done of what they said.

use super::conflict::Unit;
use super::entry::{Entry, Need};
use super::merge::Case;
use super::told::{ToldAlone, asked};
use super::unit::{Seen, Want};
use crate::mapping::PairDirection;
use crate::model::{AskedPair, Choice, Conflict, ConflictStatus, Hold, HoldKey, HoldReason, Side};

/// What the record waits for, none of whose pairs has been edited since.
pub(super) struct Question<'a> {
    seen: &'a Seen<'a>,
    hold: &'a Hold,
    /// Those that both sides hold as they did.
    cases: Vec<Case<'a>>,
    /// The places of those of which a side does not show a field.
    hidden: Vec<usize>,
}

impl<'a> Question<'a> {
    /// What the record still waits for. It is over where both sides agree by now, or hold what they hold
    /// by our own writes; where one of its pairs was edited since, its row is stale.
    pub(super) fn of(seen: &'a Seen<'a>, entry: &mut Entry, needs: &mut Vec<Need>) -> Option<Self> {
        let hold = seen.record_hold()?;
        let mut question = Self { seen, hold, cases: Vec::new(), hidden: Vec::new() };
        let asked = needs.len();
        let (mut is_edited, mut is_smaller) = (false, false);
        for pair in &hold.pairs {
            let Some(index) = seen.mapping.pair_index(&pair.pair) else {
                is_smaller = true;
                continue;
            };
            if seen.hides(index) {
                question.hidden.push(index);
                continue;
            }
            let Some(case) = seen.case(index, Want::All, entry, needs) else { continue };
            // What is said of a pair that waits by itself is done first.
            let is_done = matches!(case.told_alone(entry), Some(ToldAlone::Done(_)));
            if is_done || case.equivalent && question.is_agreed(pair, &case) {
                is_smaller = true;
            } else if !case.equivalent && pair.values == case.fingerprints() {
                question.cases.push(case);
            } else if case.equivalent || !is_ours(&case, entry) {
                is_edited = true;
            }
        }
        if needs.len() > asked {
            return None;
        }
        if is_edited || question.is_parted() || question.is_joined(entry, needs) {
            entry.judged.extend(hold.conflict.map(|row| (row, ConflictStatus::Stale)));
            return None;
        }
        // What was refused after an answer is asked to its end; else, what one side alone has edited is in
        // no conflict any more.
        let is_first = hold.answer.is_none() && hold.attempts == 0;
        if is_smaller && is_first && !question.is_of_both(&[]) {
            return None;
        }
        let is_left = !question.cases.is_empty() || !question.hidden.is_empty();
        is_left.then_some(question)
    }

    /// Whether both sides agree by what was said, or before anything was: an edit after an answer is one
    /// that it does not know of.
    fn is_agreed(&self, pair: &AskedPair, case: &Case<'_>) -> bool {
        match self.choice() {
            Some(Choice::Take(side)) => pair.values[*side] == case.fingerprints()[*side],
            Some(_) | None => true,
        }
    }

    /// Whether the mapping does not put all of it to the strategies together any more, or nothing of it: a
    /// pair that flows one way is in no conflict.
    fn is_parted(&self) -> bool {
        let places = self.places();
        let Some((&first, others)) = places.split_first() else { return false };
        let together = self.seen.together(first);
        let is_apart = |&index: &usize| together.is_none() || self.seen.together(index) != together;
        let is_one_way = |&index: &usize| {
            self.seen.mapping.pairs[index].direction != PairDirection::Bidirectional
        };
        others.iter().any(is_apart) || places.iter().any(is_one_way)
    }

    /// What a person said of it.
    fn choice(&self) -> Option<&'a Choice> {
        self.hold.choice().filter(|_| self.hold.reason == HoldReason::Conflict)
    }

    /// Whether other pairs were edited since with which these conflict together: all of them are one
    /// question then. What one side alone has edited waits until this one is answered.
    fn is_joined(&self, entry: &mut Entry, needs: &mut Vec<Need>) -> bool {
        let places = self.places();
        let Some(together) = places.first().and_then(|&index| self.seen.together(index)) else {
            return false;
        };
        let others = (0..self.seen.mapping.pairs.len()).filter(|index| {
            !places.contains(index) && self.seen.together(*index) == Some(together)
        });
        let mut edited = Vec::new();
        for index in others {
            let Some(case) = self.seen.case(index, Want::InPlay, entry, needs) else { continue };
            let is_said = case.told_alone(entry).is_some() || case.is_asked_on();
            if !case.equivalent && !is_said && !is_ours(&case, entry) {
                edited.push(case);
            }
        }
        edited.iter().any(|case| case.has_news(Side::Source) || case.has_news(Side::Target))
            && self.is_of_both(&edited)
    }

    /// Whether both sides have edited something of it, or of these.
    fn is_of_both(&self, others: &[Case<'_>]) -> bool {
        let mut sides = Side::BOTH.into_iter();
        sides.all(|side| self.cases.iter().chain(others).any(|case| case.has_news(side)))
    }

    /// The pairs in question, by place: nothing else is decided for them.
    pub(super) fn places(&self) -> Vec<usize> {
        self.cases.iter().map(|case| case.index).chain(self.hidden.iter().copied()).collect()
    }

    /// Does what a person said, or asks on.
    pub(super) fn decide(&self, entry: &mut Entry, needs: &mut Vec<Need>) {
        let is_due = self.hold.not_before.is_none_or(|due| due <= self.seen.context.now);
        match self.choice() {
            // It could not be written, and is tried again later.
            Some(_) if !is_due => entry.holds.push(self.hold.clone()),
            Some(choice) if self.is_for_all(choice) => self.carry_out(choice, entry),
            Some(_) | None => self.ask_on(entry, needs),
        }
    }

    /// Whether a choice says what becomes of each of the pairs.
    fn is_for_all(&self, choice: &Choice) -> bool {
        match choice {
            Choice::Take(_) | Choice::Leave => true,
            Choice::Set(_) => self.hold.pairs.len() == 1,
            Choice::Retry
            | Choice::Allow
            | Choice::LinkTo(_)
            | Choice::Create
            | Choice::Never
            | Choice::NotMade
            | Choice::Recreate => false,
        }
    }

    /// The strategies may decide it by now; else the same is asked.
    fn ask_on(&self, entry: &mut Entry, needs: &mut Vec<Need>) {
        let cases: Vec<&Case<'_>> = self.cases.iter().collect();
        let together = cases.first().and_then(|case| self.seen.together(case.index));
        let unit = Unit { seen: self.seen, cases: &cases, together };
        // What a person was asked once more after a refusal is theirs: a time that became known since
        // decides nothing of it.
        let is_theirs = |unit: &Unit<'_>| {
            self.hold.attempts > 0 && self.hold.asked == Some(asked(unit.strategies()))
        };
        if !self.hidden.is_empty() || is_theirs(&unit) {
            return entry.holds.extend(self.hold.question());
        }
        unit.decide(entry, needs);
    }

    fn carry_out(&self, choice: &Choice, entry: &mut Entry) {
        let mut tried = entry.clone();
        for case in &self.cases {
            let own = Hold { conflict: None, ..case.new_hold(HoldReason::Conflict, "") };
            case.carry_out(&own, choice, &mut tried);
        }
        let new = tried.holds.iter_mut().skip(entry.holds.len());
        // What refers to a record that is not linked there yet is written when it is; the rest is now.
        for held in new.filter(|held| held.reason == HoldReason::Reference) {
            held.answer.clone_from(&self.hold.answer);
        }
        let mut new = tried.holds.iter().skip(entry.holds.len());
        if let Some(refused) = new.find(|held| held.reason != HoldReason::Reference) {
            // It is asked again, whole: nothing of it was done.
            let detail = match refused.attempts {
                0 => format!("what was decided cannot be done ({}): decide anew", refused.detail),
                _ => refused.detail.clone(), // it says so itself
            };
            let attempts = self.hold.attempts + 1;
            let asked = self.hold.clone();
            entry.holds.push(Hold { detail, attempts, not_before: None, answer: None, ..asked });
            return;
        }
        *entry = tried;
        let holds = &self.seen.work.holds;
        entry.released.retain(|key| holds.iter().any(|hold| hold.key == *key));
        if !self.cases.is_empty() {
            let row = self.answered_row(choice);
            entry.told = Some(row.id);
            entry.conflicts.push(row);
        }
        for &index in &self.hidden {
            entry.holds.extend(self.when_shown(index));
        }
    }

    /// The row of what is carried out: that of the question if it is all of it.
    fn answered_row(&self, choice: &Choice) -> Conflict {
        let cases: Vec<&Case<'_>> = self.cases.iter().collect();
        let together = self.seen.together(self.cases[0].index);
        let row = Unit { seen: self.seen, cases: &cases, together }.whole_row();
        let is_all = self.cases.len() == self.hold.pairs.len();
        let id = self.hold.conflict.filter(|_| is_all).unwrap_or(row.id);
        Conflict { id, ..row.answered(choice, self.hold.since) }
    }

    /// What is said of a field that is not shown is done when it is; the record does not wait for that.
    fn when_shown(&self, index: usize) -> Option<Hold> {
        let pair = &self.seen.mapping.pairs[index];
        let asked = self.hold.pairs.iter().find(|asked| asked.pair == pair.id)?;
        let key = HoldKey::Pair(self.seen.link.id, pair.id.clone());
        let detail = format!("{}: what was decided is done when both sides show it", pair.label);
        Some(Hold {
            values: asked.values,
            answer: self.hold.answer.clone(),
            ..Hold::new(key, HoldReason::Unreadable, detail, self.hold.since)
        })
    }
}

/// Whether what differs is what our own writes have left: of this pair nobody was asked.
fn is_ours(case: &Case<'_>, entry: &Entry) -> bool {
    let pair = &case.pair().id;
    let mut settled = entry.settled.iter().flat_map(|settled| &settled.log);
    !case.is_in_play() || case.waits_as_found() || settled.any(|written| written.pair == *pair)
}
