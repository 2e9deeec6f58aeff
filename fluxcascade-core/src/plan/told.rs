//! What becomes of a pair that is held: it waits on, a person has said, or what it waited for is over.

use super::context::PlanContext;
use super::decide::Decision;
use super::entry::Entry;
use super::merge::{Case, Pass};
use super::retransform;
use super::unit::{Seen, Together};
use crate::model::{
    Cause, Choice, Conflict, ConflictStatus, Fingerprint, Hold, HoldKey, HoldReason, Side, Sides,
    Value, Values, WorkKey,
};
use crate::resolver::Strategies;
use crate::seeded::{self, Bug};

/// What a hold means for the pair now.
pub(super) enum Held {
    /// The pair waits on.
    Waits,
    /// A person's answer was carried out.
    Told,
    /// There is no hold, or it has ended: the pair is decided as usual.
    Goes(Pass),
}

/// What comes of an answer to a pair's own hold.
pub(super) enum ToldAlone {
    /// It is carried out, or will be: the entry with it.
    Done(Box<Entry>),
    /// It cannot be done: the pair is asked again, under this hold.
    Asked(Box<Hold>),
}

/// Which strategies were asked, for telling that others are asked now.
pub(super) fn asked(strategies: &Strategies) -> Fingerprint {
    Fingerprint::of(&[strategies.name().as_bytes()])
}

impl Case<'_> {
    /// A held pair stays held while both sides hold what they held; else its hold ends, and its
    /// conflict row is resolved or stale.
    pub(super) fn held(&self, entry: &mut Entry) -> Held {
        let Some(hold) = &self.hold else { return Held::Goes(Pass::Guarded) };
        let same = hold.values == self.fingerprints();
        match hold.choice().filter(|_| same || seeded::is(Bug::StaleAnswerTaken)) {
            Some(choice) => self.carry_out(hold, choice, entry),
            None if same && !self.is_over(hold) => Held::Waits,
            None => {
                self.release(hold, entry);
                // By another transform, what a guard let through was another value.
                let is_it = same && !retransform::is_changed(self.seen, self.index);
                let through = hold.let_through().filter(|_| is_it);
                Held::Goes(through.map_or(Pass::Guarded, Pass::Allowed))
            }
        }
    }

    /// The hold ends.
    pub(super) fn release(&self, hold: &Hold, entry: &mut Entry) {
        entry.released.push(hold.key.clone());
        if let Some(conflict) = hold.conflict {
            let status =
                if self.is_agreed() { ConflictStatus::Resolved } else { ConflictStatus::Stale };
            entry.judged.push((conflict, status));
        }
    }

    fn is_agreed(&self) -> bool {
        matches!(self.decision, Decision::Nothing | Decision::Adopt)
    }

    /// Whether what is held need not wait any more, although both sides hold what they held.
    pub(super) fn is_over(&self, hold: &Hold) -> bool {
        let context = self.seen.context;
        if is_due(hold, context) {
            return true;
        }
        match hold.reason {
            HoldReason::Conflict => match self.decision {
                Decision::Conflict | Decision::FirstLinkConflict => self.is_asked_otherwise(hold),
                Decision::Nothing
                | Decision::Adopt
                | Decision::AdoptAsFound
                | Decision::TakeAsFound
                | Decision::Write(_)
                | Decision::WriteOver(_)
                | Decision::OverwriteAtFirstLink(_)
                | Decision::Drift(_) => hold.attempts == 0 || self.is_agreed(),
            },
            HoldReason::Invalid => !self.is_refused_again(hold),
            HoldReason::Guard => {
                self.is_agreed() || hold.withheld.is_none_or(|what| context.gate.lets(what))
            }
            HoldReason::Reference => {
                let now = hold.waits_for.as_ref().and_then(|link| context.references.get(link));
                self.is_agreed() || now.is_some_and(Option::is_some)
            }
            // What was hidden of its group is shown: else the pair is not looked at by itself.
            HoldReason::Unreadable => true,
            // Its record is tried again.
            HoldReason::Rejected => hold.is_beside(),
            HoldReason::Oscillating
            | HoldReason::Schema
            | HoldReason::Unsettled
            | HoldReason::Ambiguous
            | HoldReason::UnknownOutcome
            | HoldReason::Missing
            | HoldReason::Excluded => false,
        }
    }

    /// Whether the mapping asks other strategies than those that left it to a person.
    pub(super) fn is_asked_otherwise(&self, hold: &Hold) -> bool {
        hold.asked.is_some_and(|before| before != asked(self.strategies()))
    }

    /// The strategies that decide the pair by itself.
    pub(super) fn strategies(&self) -> &Strategies {
        let pair = self.pair();
        if self.base.is_some() { &pair.conflicts } else { &pair.first_link }
    }

    /// Whether the mapping still takes no such value: its transforms may have been mended since.
    /// What was asked again is told in words of its own, which stay.
    fn is_refused_again(&self, hold: &Hold) -> bool {
        let mut anew = Entry::new(WorkKey::Link(self.seen.link.id), Sides::default());
        self.act(Pass::Guarded, &mut anew, &mut Vec::new());
        let in_own_words = hold.attempts > 0;
        anew.holds
            .iter()
            .any(|held| held.reason == hold.reason && (in_own_words || held.detail == hold.detail))
    }

    /// What comes of an answer to what this pair waits for by itself, whatever else conflicts
    /// together with it; `None` if there is no answer, or one that only lets it be decided anew.
    pub(super) fn told_alone(&self, entry: &Entry) -> Option<ToldAlone> {
        // A conflict within a group is answered with the others of it; the pairs of a record that wait
        // by themselves are of those that are not asked together.
        let is_alone = self.seen.together(self.index) == Some(Together::Record);
        let by_itself = |hold: &&Hold| hold.reason != HoldReason::Conflict || is_alone;
        let hold = self.hold.as_ref().filter(by_itself)?;
        let choice = hold.choice().filter(|_| hold.values == self.fingerprints())?;
        match choice {
            Choice::Take(_) | Choice::Set(_) | Choice::Leave => {}
            Choice::Retry
            | Choice::Allow
            | Choice::LinkTo(_)
            | Choice::Create
            | Choice::Never
            | Choice::NotMade
            | Choice::Recreate => return None,
        }
        let mut tried = entry.clone();
        self.carry_out(hold, choice, &mut tried);
        let mut new = tried.holds.iter().skip(entry.holds.len());
        // What waits with its answer, for a link, is told all the same.
        match new.find(|held| held.answer.is_none()).cloned() {
            None => Some(ToldAlone::Done(Box::new(tried))),
            Some(asked) => Some(ToldAlone::Asked(Box::new(asked))),
        }
    }

    /// Whether a person is asked about it once more, by itself: that stays theirs, whatever else of the
    /// record is edited, while both sides differ and the mapping asks nobody else.
    pub(super) fn is_asked_on(&self) -> bool {
        let waits = self.hold.as_ref().filter(|_| !self.equivalent);
        waits.is_some_and(|hold| {
            hold.reason == HoldReason::Conflict
                && hold.attempts > 0
                && hold.values == self.fingerprints()
                && !self.is_asked_otherwise(hold)
        })
    }

    /// Does what a person said about the hold. What does not concern a pair, or cannot be done for
    /// it, leaves it waiting.
    pub(super) fn carry_out(&self, hold: &Hold, choice: &Choice, entry: &mut Entry) -> Held {
        match choice {
            Choice::Take(side) => {
                if !self.pair().direction.writes_to(side.other()) {
                    let why = format!("the pair is never written on the {}", side.other());
                    return self.asks_again(hold, &why, entry);
                }
                entry.released.push(hold.key.clone());
                let row = self.answered_row(hold, choice);
                self.write(side.other(), answered(choice), row, Pass::Told, entry);
            }
            Choice::Set(values) => {
                if let Err(why) = self.takes(values) {
                    return self.asks_again(hold, &why, entry);
                }
                entry.released.push(hold.key.clone());
                let row = self.answered_row(hold, choice);
                self.send_both(values.clone(), answered(choice), row, Pass::Told, entry);
            }
            Choice::Leave => {
                entry.released.push(hold.key.clone());
                entry.conflicts.extend(self.answered_row(hold, choice));
                self.leave(entry);
            }
            Choice::Retry => {
                self.release(hold, entry);
                return Held::Goes(hold.let_through().map_or(Pass::Guarded, Pass::Allowed));
            }
            Choice::Allow => match hold.withheld {
                Some(what) => {
                    self.release(hold, entry);
                    return Held::Goes(Pass::Allowed(what));
                }
                None => return Held::Waits,
            },
            Choice::LinkTo(_)
            | Choice::Create
            | Choice::Never
            | Choice::NotMade
            | Choice::Recreate => return Held::Waits,
        }
        Held::Told
    }

    /// Both sides stay as they are: that is the base from now on, and the log says why.
    pub(super) fn leave(&self, entry: &mut Entry) {
        self.adopt(entry, Some((self.flows_to(), answered(&Choice::Leave))));
    }

    /// A person left the whole record: what was held of this pair, or said of it before, ends.
    pub(super) fn leave_with_record(&self, entry: &mut Entry) {
        if let Some(hold) = &self.hold {
            entry.released.push(hold.key.clone());
            entry.judged.extend(hold.conflict.map(|row| (row, ConflictStatus::Resolved)));
        }
        self.leave(entry);
    }

    /// Whether a person's values can be written as they are.
    fn takes(&self, values: &Sides<Vec<Value>>) -> Result<(), String> {
        let pair = self.pair();
        if pair.is_kept() {
            return Err("fingerprints alone are kept of its values: write them in a system".into());
        }
        for side in Side::BOTH {
            let (given, fields) = (values[side].len(), pair.ends[side].names.len());
            if given != fields {
                return Err(format!("{given} values were given for {fields} fields on the {side}"));
            }
            let blank = values[side].iter().all(Value::is_blank);
            if pair.required && blank {
                return Err(format!("it is required, and the value for the {side} is blank"));
            }
            let now = &self.values[side];
            if !pair.direction.writes_to(side)
                && !pair.same(side, &crate::mapping::refs(&values[side]), now)
            {
                return Err(format!("the pair is never written on the {side}"));
            }
        }
        Ok(())
    }

    /// The answer cannot be carried out: the hold is another one from now on, without it.
    pub(super) fn asks_again(&self, hold: &Hold, why: &str, entry: &mut Entry) -> Held {
        entry.holds.push(hold.asks_again(&self.pair().label, why));
        Held::Waits
    }

    /// The conflict row of an answered hold, with its winner.
    fn answered_row(&self, hold: &Hold, choice: &Choice) -> Option<Conflict> {
        hold.conflict?;
        let row = self.row(&self.strategies().name(), self.times());
        Some(row.answered(choice, hold.since))
    }
}

impl Seen<'_> {
    /// Whether a person left both records as they are after a refusal of the whole record.
    pub(super) fn leaves_record(&self) -> bool {
        let seen: Sides<Option<&Values>> = self.views.map(|view| match view {
            super::detect::View::Known { values, .. } => Some(values),
            super::detect::View::Unseen
            | super::detect::View::IdOnly
            | super::detect::View::Other(_) => None,
        });
        let print = |side| Some(self.mapping.record_print(side, seen[side]?, &self.context.key));
        let prints = Sides::from_fn(print);
        self.work.holds.iter().any(|hold| {
            matches!(hold.key, HoldKey::Link(_))
                && hold.reason == HoldReason::Rejected
                && hold.choice() == Some(&Choice::Leave)
                && hold.values == prints
        })
    }
}

/// Whether the hold is looked at by itself now.
pub(super) fn is_due(hold: &Hold, context: &PlanContext) -> bool {
    hold.not_before.is_some_and(|due| due <= context.now)
}

/// The cause of what a person decided.
pub(super) fn answered(choice: &Choice) -> Cause {
    Cause::Answered { choice: choice.word().to_owned() }
}
