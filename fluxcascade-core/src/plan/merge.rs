//! From a pair's decision to what is done: values carried over, refusals held, guards asked.
//! What decides a conflict is in `conflict`, what ends a hold in `told`.

use super::conflict::Unit;
use super::decide::Decision;
use super::detect::Change;
use super::entry::{Entry, Need, PairAction, PairPlan};
use super::guarded::guarded;
use super::oscillation::{self, Look};
use super::reference::{self, Blocked};
use super::told::Held;
use super::unit::Seen;
use crate::mapping::{CompiledPair, Drift, FirstSync, PairDirection, refs};
use crate::model::{
    Awaited, Cause, Conflict, ConflictStatus, Fingerprint, Hold, HoldKey, HoldReason, LogPair,
    Side, Sides, Value, Withheld,
};

/// A pair of a link on which something is to be decided.
pub(super) struct Case<'a> {
    pub(super) seen: &'a Seen<'a>,
    pub(super) index: usize,
    /// How each side stands against its base.
    pub(super) changes: Sides<Change>,
    /// What each side holds.
    pub(super) values: Sides<Vec<&'a Value>>,
    /// What each side was last confirmed to hold; `None` where it is decided without a base.
    pub(super) base: Option<Sides<Vec<&'a Value>>>,
    /// The hold that the pair is under.
    pub(super) hold: Option<Hold>,
    /// Whether both sides mean the same.
    pub(super) equivalent: bool,
    /// Whether it is decided because its transform was changed.
    pub(super) retransformed: bool,
    /// What the tables say of the pair by itself.
    pub(super) decision: Decision,
}

/// How freely a pair may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Guards are asked, and a value that flaps is held.
    Guarded,
    /// The same, and a person has let this through.
    Allowed(Withheld),
    /// A person has decided.
    Told,
}

impl<'a> Case<'a> {
    pub(super) fn pair(&self) -> &'a CompiledPair {
        &self.seen.mapping.pairs[self.index]
    }

    pub(super) fn owned(&self) -> Sides<Vec<Value>> {
        Sides::from_fn(|side| self.values[side].iter().map(|&value| value.clone()).collect())
    }

    pub(super) fn fingerprints(&self) -> Sides<Option<Fingerprint>> {
        let print = |side| self.pair().print(side, &self.owned()[side], &self.seen.context.key);
        Sides::from_fn(|side| Some(print(side)))
    }

    /// Whether a side says something that the other may not know: an edit, or, without a base, a
    /// value.
    pub(super) fn has_news(&self, side: Side) -> bool {
        match self.changes[side] {
            Change::Changed => true,
            Change::NoBase => !is_blank(&self.values[side]),
            Change::Same | Change::Absent => false,
        }
    }

    /// Whether what differs from the base is what a system made of our last write, which waits as it was
    /// found then: nobody has edited it.
    pub(super) fn waits_as_found(&self) -> bool {
        let is_it = |hold: &Hold| {
            hold.reason == HoldReason::Unsettled && hold.values == self.fingerprints()
        };
        self.hold.as_ref().is_some_and(is_it)
    }

    /// Whether something may be done for it by itself.
    pub(super) fn is_in_play(&self) -> bool {
        self.changes != Sides::new(Change::Same, Change::Same)
            || self.hold.is_some()
            || self.retransformed
    }

    /// Turns the decision into what is done, and notes it in the entry.
    pub(super) fn decide(&self, entry: &mut Entry, needs: &mut Vec<Need>) {
        match self.held(entry) {
            Held::Waits | Held::Told => {}
            Held::Goes(pass) => self.act(pass, entry, needs),
        }
    }

    pub(super) fn act(&self, pass: Pass, entry: &mut Entry, needs: &mut Vec<Need>) {
        match self.decision {
            Decision::Nothing => {}
            Decision::Adopt => self.adopt(entry, None),
            Decision::AdoptAsFound => self.take(entry),
            Decision::Write(to) if self.base.is_none() => {
                self.write(to, Cause::Fill, None, pass, entry);
            }
            Decision::Write(to) => self.write(to, Cause::Edit, None, pass, entry),
            Decision::WriteOver(to) => self.write(to, Cause::EditOverwrites, None, pass, entry),
            Decision::OverwriteAtFirstLink(to) if self.retransformed => {
                self.write(to, Cause::TransformChanged, None, pass, entry);
            }
            Decision::TakeAsFound => self.adopt(entry, Some((Side::Target, Cause::TakenAsFound))),
            Decision::OverwriteAtFirstLink(to) => {
                self.write(to, Cause::FirstLinkOverwrites, None, pass, entry);
            }
            Decision::Drift(side) => match self.pair().drift {
                Drift::Leave => self.adopt(entry, Some((side, Cause::DriftLeft))),
                Drift::Restore => self.write(side, Cause::DriftRestored, None, pass, entry),
            },
            Decision::Conflict | Decision::FirstLinkConflict => {
                let unit = Unit { seen: self.seen, cases: &[self], together: None };
                unit.resolve(entry, needs, &|_, _| Some(pass));
            }
        }
    }

    /// The side that a one-way pair writes; the target of one that flows both ways.
    pub(super) fn flows_to(&self) -> Side {
        if self.pair().direction.writes_to(Side::Target) { Side::Target } else { Side::Source }
    }

    /// Both sides are taken as they were found when the records were linked.
    pub(super) fn take(&self, entry: &mut Entry) {
        let both_ways = self.pair().direction == PairDirection::Bidirectional;
        let cause = match self.seen.mapping.mapping.first_sync {
            FirstSync::LinkOnly | FirstSync::Rebuild => Cause::TakenAsFound,
            FirstSync::FillBlanks if both_ways => Cause::TakenAsFound,
            FirstSync::FillBlanks | FirstSync::Merge | FirstSync::UpdateExisting => {
                Cause::LeftAsFound
            }
        };
        let note = (!self.equivalent).then(|| (self.flows_to(), cause));
        self.adopt(entry, note);
    }

    /// What both sides hold becomes the base; an edit that is left is noted.
    pub(super) fn adopt(&self, entry: &mut Entry, note: Option<(Side, Cause)>) {
        let values = self.owned();
        if let Some((side, cause)) = note {
            let before = self.base.as_ref().map_or(&self.values[side], |base| &base[side]);
            entry.notes.push((
                side,
                LogPair {
                    pair: self.pair().id.clone(),
                    before: before.iter().map(|&value| value.clone()).collect(),
                    after: values[side].clone(),
                    cause,
                },
            ));
        }
        entry.pairs.push(PairPlan { index: self.index, values, action: PairAction::Adopt });
    }

    /// Carries the other side's value to this side, if nothing stands against it.
    pub(super) fn write(
        &self,
        to: Side,
        cause: Cause,
        row: Option<Conflict>,
        pass: Pass,
        entry: &mut Entry,
    ) {
        let pair = self.pair();
        let origin = &self.values[to.other()];
        if pair.required && is_blank(origin) {
            let why = format!("required, and blank on the {}: fill it in there", to.other());
            return self.refuse(&why, row, pass, entry);
        }
        match reference::carry(pair, to.other(), origin, &self.values[to], self.seen.context) {
            Err(Blocked::Refused(refusal)) => {
                let why = format!("the value on the {} is refused: {refusal}", to.other());
                self.refuse(&why, row, pass, entry);
            }
            Err(Blocked::Waits(awaited)) => {
                let mut hold = self.awaits(awaited);
                if let (Pass::Told, Some(asked)) = (pass, &self.hold) {
                    // What a person said is done when the link is there.
                    hold.answer.clone_from(&asked.answer);
                    hold.conflict = asked.conflict;
                }
                entry.holds.push(hold);
            }
            Ok(send) => self.send(to, send, cause, row, pass, entry),
        }
    }

    /// Writes a value to a side, as that side stores it.
    pub(super) fn send(
        &self,
        to: Side,
        send: Vec<Value>,
        cause: Cause,
        row: Option<Conflict>,
        pass: Pass,
        entry: &mut Entry,
    ) {
        if self.pair().same(to, &refs(&send), &self.values[to]) {
            entry.conflicts.extend(row);
            return self.adopt(entry, None);
        }
        if pass != Pass::Told && self.is_rewritten(to, &send) {
            return;
        }
        let sends = [(to, send.as_slice())];
        if !self.may_send(&sends, &cause, row.as_ref(), pass, entry) {
            return;
        }
        entry.pairs.push(PairPlan {
            index: self.index,
            values: self.owned(),
            action: PairAction::Write { to, send, cause, conflict: row.map(Box::new) },
        });
    }

    /// Whether what differs is what the side's system made of this very value: writing it again, for
    /// another pair that is decided together with this one, would change nothing (P22).
    fn is_rewritten(&self, to: Side, send: &[Value]) -> bool {
        self.changes == Sides::new(Change::Same, Change::Same)
            && oscillation::was_written_last(self, to, send)
    }

    /// Writes a value to both sides, each as that side stores it; a side that holds it is left out.
    pub(super) fn send_both(
        &self,
        send: Sides<Vec<Value>>,
        cause: Cause,
        row: Option<Conflict>,
        pass: Pass,
        entry: &mut Entry,
    ) {
        let pair = self.pair();
        if pair.required && send.as_ref().map(|values| is_blank(&refs(values))) == ALL_BLANK {
            let why = "required, and would be blank on both sides: fill it in on one of them";
            return self.refuse(why, row, pass, entry);
        }
        let holds = |side: Side| pair.same(side, &refs(&send[side]), &self.values[side]);
        let to = match (holds(Side::Source), holds(Side::Target)) {
            (false, false) => None,
            (true, _) => Some(Side::Target),
            (false, true) => Some(Side::Source),
        };
        if let Some(to) = to {
            let Sides { source, target } = send;
            let send = if to == Side::Source { source } else { target };
            return self.send(to, send, cause, row, pass, entry);
        }
        let sends = [(Side::Source, &*send.source), (Side::Target, &*send.target)];
        if self.may_send(&sends, &cause, row.as_ref(), pass, entry) {
            entry.pairs.push(PairPlan {
                index: self.index,
                values: self.owned(),
                action: PairAction::WriteBoth { send, cause, conflict: row.map(Box::new) },
            });
        }
    }

    /// Whether guards and the last writes let these values through; else the pair is held.
    fn may_send(
        &self,
        sends: &[(Side, &[Value])],
        cause: &Cause,
        row: Option<&Conflict>,
        pass: Pass,
        entry: &mut Entry,
    ) -> bool {
        if pass == Pass::Told {
            return true;
        }
        for &(to, send) in sends {
            let Some(what) = guarded(&self.values[to], send, cause, row) else { continue };
            if pass != Pass::Allowed(what) && !self.seen.context.gate.lets(what) {
                self.withhold(to, what, entry);
                return false;
            }
        }
        for &(to, send) in sends {
            match oscillation::look(self, to, send) {
                Look::Fresh => {}
                Look::Rewriting => entry.rewritings.push(self.index),
                Look::Flaps(why) => {
                    self.wait(HoldReason::Oscillating, &why, entry);
                    return false;
                }
            }
        }
        true
    }

    pub(super) fn withhold(&self, to: Side, what: Withheld, entry: &mut Entry) {
        let becomes = match what {
            Withheld::Blanking => "blanked",
            Withheld::Overwrite => "overwritten",
            Withheld::Delete | Withheld::Archive | Withheld::Create => "changed",
        };
        let why = format!(
            "the value on the {to} would be {becomes}, which waits until the whole run is \
             planned: let it through, or leave both sides as they are"
        );
        let mut hold = self.new_hold(HoldReason::Guard, &why);
        hold.withheld = Some(what);
        hold.keep_count(self.hold.as_ref());
        entry.holds.push(hold);
    }

    /// Holds the pair.
    pub(super) fn wait(&self, reason: HoldReason, why: &str, entry: &mut Entry) {
        entry.holds.push(self.new_hold(reason, why));
    }

    /// Holds a pair whose value is refused. If it has won a conflict, that is open until another
    /// value can be written: both edits are in its row. What a person chose, and cannot be done, is
    /// asked again.
    fn refuse(&self, why: &str, row: Option<Conflict>, pass: Pass, entry: &mut Entry) {
        if let (Pass::Told, Some(asked)) = (pass, &self.hold) {
            self.asks_again(asked, why, entry);
            return;
        }
        let mut hold = self.new_hold(HoldReason::Invalid, why);
        if let Some(row) = row {
            hold.conflict = Some(row.id);
            let known = self.hold.as_ref().and_then(|hold| hold.conflict);
            if known != Some(row.id) {
                let why = format!("{}, but {why}", row.why);
                let status = ConflictStatus::Open;
                entry.conflicts.push(Conflict { status, winner: None, why, ..row });
            }
        }
        entry.holds.push(hold);
    }

    /// The pair waits until a record that it refers to is linked.
    pub(super) fn awaits(&self, awaited: Awaited) -> Hold {
        let why = format!(
            "refers to the {} record {} of {}, which is not linked there yet: it is written when \
             it is",
            awaited.side, awaited.record, awaited.mapping
        );
        let mut hold = self.new_hold(HoldReason::Reference, &why);
        hold.waits_for = Some(awaited);
        hold
    }

    pub(super) fn new_hold(&self, reason: HoldReason, why: &str) -> Hold {
        let pair = self.pair();
        let key = HoldKey::Pair(self.seen.link.id, pair.id.clone());
        let now = self.seen.context.now;
        let mut hold = Hold::new(key, reason, format!("{}: {why}", pair.label), now);
        hold.values = self.fingerprints();
        hold
    }
}

const ALL_BLANK: Sides<bool> = Sides { source: true, target: true };

/// Whether all of these are blank.
pub(super) fn is_blank(values: &[&Value]) -> bool {
    values.iter().all(|value| value.is_blank())
}
