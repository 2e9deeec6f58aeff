//! From a pair's decision to what is done: values carried over, conflicts resolved, refusals held.

use super::decide::Decision;
use super::entry::{Entry, PairAction, PairPlan};
use crate::mapping::{CompiledMapping, CompiledPair, Drift, refs};
use crate::model::record::fingerprint_values;
use crate::model::{
    Cause, Conflict, ConflictId, ConflictKind, ConflictStatus, Hold, HoldKey, HoldReason, LinkId,
    LogPair, Modified, RecordId, RunNumber, Side, Sides, Timestamp, Value, WorkKey,
};
use crate::resolver::{ConflictCase, Resolution};

/// A pair of a link on which something is to be decided.
pub(super) struct Case<'a> {
    pub(super) mapping: &'a CompiledMapping,
    pub(super) index: usize,
    pub(super) link: LinkId,
    pub(super) records: &'a Sides<RecordId>,
    /// What each side holds.
    pub(super) values: Sides<Vec<&'a Value>>,
    /// What each side was last confirmed to hold; `None` without a base.
    pub(super) base: Option<Sides<Vec<&'a Value>>>,
    /// When each side's record was changed, if that is newer than its base.
    pub(super) times: Sides<Option<Modified>>,
    /// The hold that the pair is under.
    pub(super) hold: Option<&'a Hold>,
    /// The conflict row that the whole record waits for.
    pub(super) waits_for: Option<ConflictId>,
    pub(super) run: RunNumber,
    pub(super) now: Timestamp,
}

impl Case<'_> {
    fn pair(&self) -> &CompiledPair {
        &self.mapping.pairs[self.index]
    }

    fn owned(&self) -> Sides<Vec<Value>> {
        Sides::from_fn(|side| self.values[side].iter().map(|&value| value.clone()).collect())
    }

    fn fingerprints(&self) -> Sides<Option<crate::model::Fingerprint>> {
        self.owned().map(|values| Some(fingerprint_values(&values)))
    }

    /// Turns the decision into what is done, and notes it in the entry.
    pub(super) fn merge(&self, decision: Decision, entry: &mut Entry) {
        if !self.stays_held(decision, entry) {
            self.act(decision, entry);
        }
    }

    fn act(&self, decision: Decision, entry: &mut Entry) {
        match decision {
            Decision::Nothing => {}
            Decision::Adopt => self.adopt(entry, None),
            Decision::AdoptAsFound => {
                let side = if self.pair().direction.writes_to(Side::Target) {
                    Side::Target
                } else {
                    Side::Source
                };
                self.adopt(entry, Some((side, Cause::LeftAsFound)));
            }
            Decision::TakeAsFound => self.adopt(entry, Some((Side::Target, Cause::TakenAsFound))),
            Decision::Write(to) if self.base.is_none() => self.write(to, Cause::Fill, None, entry),
            Decision::Write(to) => self.write(to, Cause::Edit, None, entry),
            Decision::WriteOver(to) => self.write(to, Cause::EditOverwrites, None, entry),
            Decision::OverwriteAtFirstLink(to) => {
                self.write(to, Cause::FirstLinkOverwrites, None, entry);
            }
            Decision::Drift(side) => match self.pair().drift {
                Drift::Leave => self.adopt(entry, Some((side, Cause::DriftLeft))),
                Drift::Restore => self.write(side, Cause::DriftRestored, None, entry),
            },
            Decision::Conflict => self.conflict(ConflictKind::UpdateUpdate, entry),
            Decision::FirstLinkConflict => self.conflict(ConflictKind::FirstLink, entry),
        }
    }

    /// A held pair stays held while both sides hold what they held; else its hold ends, and its
    /// conflict row is resolved or stale.
    fn stays_held(&self, decision: Decision, entry: &mut Entry) -> bool {
        let Some(hold) = self.hold else { return false };
        let agreed = matches!(decision, Decision::Nothing | Decision::Adopt);
        let same = hold.values == self.fingerprints();
        let due = hold.not_before.is_some_and(|due| due <= self.now);
        let over = agreed && hold.reason == HoldReason::Conflict
            || hold.reason == HoldReason::Invalid && !self.is_refused_again(decision, hold);
        if same && !due && !over {
            return true;
        }
        entry.released.push(hold.key.clone());
        if let Some(conflict) = hold.conflict {
            let status = if agreed { ConflictStatus::Resolved } else { ConflictStatus::Stale };
            entry.judged.push((conflict, status));
        }
        false
    }

    /// Whether the mapping still takes no such value: its transforms may have been mended since.
    fn is_refused_again(&self, decision: Decision, hold: &Hold) -> bool {
        let mut anew = Entry::new(WorkKey::Link(self.link), Sides::default());
        self.act(decision, &mut anew);
        anew.holds.iter().any(|held| held.reason == hold.reason && held.detail == hold.detail)
    }

    fn adopt(&self, entry: &mut Entry, note: Option<(Side, Cause)>) {
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

    fn write(&self, to: Side, cause: Cause, conflict: Option<Conflict>, entry: &mut Entry) {
        let pair = self.pair();
        let origin = &self.values[to.other()];
        if pair.required && origin.iter().all(|value| value.is_blank()) {
            let why = format!("required, and blank on the {}: fill it in there", to.other());
            return self.hold(HoldReason::Invalid, &why, entry);
        }
        match pair.carry(to.other(), origin) {
            Err(refusal) => {
                let why = format!("the value on the {} is refused: {refusal}", to.other());
                self.hold(HoldReason::Invalid, &why, entry);
            }
            Ok(send) if pair.same(to, &refs(&send), &self.values[to]) => self.adopt(entry, None),
            Ok(send) => entry.pairs.push(PairPlan {
                index: self.index,
                values: self.owned(),
                action: PairAction::Write { to, send, cause, conflict: conflict.map(Box::new) },
            }),
        }
    }

    fn conflict(&self, kind: ConflictKind, entry: &mut Entry) {
        let pair = self.pair();
        let strategies = match kind {
            // A delete against an edit is decided by the mapping, for the whole record.
            ConflictKind::UpdateUpdate | ConflictKind::DeleteUpdate => &pair.conflicts,
            ConflictKind::FirstLink => &pair.first_link,
        };
        let resolution = strategies.resolve(&ConflictCase {
            pair: &pair.id,
            kind,
            base: self.base.clone(),
            values: self.values.clone(),
            types: pair.ends.as_ref().map(|end| &*end.types),
            times: self.times,
            primary: self.mapping.mapping.primary,
        });
        let mut row = self.row(kind, &strategies.name());
        match resolution {
            Resolution::Wins(winner, why) => {
                row.winner = Some(winner.into());
                row.status = ConflictStatus::Auto;
                row.why.clone_from(&why);
                let cause = Cause::Conflict { conflict: row.id, why };
                self.write(winner.other(), cause, Some(row), entry);
            }
            Resolution::Leaves(why) => {
                row.status = ConflictStatus::Auto;
                row.why = why;
                entry.conflicts.push(row);
                self.adopt(entry, None);
            }
            Resolution::AsksPerson(why) | Resolution::Declines(why) => {
                let words = format!(
                    "both sides differ, and {why}: decide which value stands, or edit one of them"
                );
                let hold = self.new_hold(HoldReason::Conflict, &words);
                self.wait(hold, row, why, entry);
            }
            Resolution::HoldsRecord(why) => {
                let words = format!(
                    "both sides differ, and {why}: decide which value stands, or edit one of them"
                );
                let mut hold = self.new_hold(HoldReason::Conflict, &words);
                hold.key = HoldKey::Link(self.link);
                self.wait(hold, row, why, entry);
            }
        }
    }

    /// The row is open, and what it is about waits.
    fn wait(&self, mut hold: Hold, mut row: Conflict, why: String, entry: &mut Entry) {
        row.why = why;
        hold.conflict = Some(row.id);
        entry.holds.push(hold);
        if self.waits_for != Some(row.id) {
            entry.conflicts.push(row);
        }
    }

    fn row(&self, kind: ConflictKind, strategy: &str) -> Conflict {
        let values = self.owned();
        let pair = self.pair().id.clone();
        let owned = |values: &Vec<&Value>| values.iter().map(|&value| value.clone()).collect();
        Conflict {
            id: Conflict::id_of(self.link, Some(&pair), &values),
            link: self.link,
            records: self.records.clone(),
            pair: Some(pair),
            kind,
            base: Sides::from_fn(|side| self.base.as_ref().map(|base| owned(&base[side]))),
            values,
            times: self.times.map(|modified| modified.map(|m| m.at)),
            strategy: strategy.to_owned(),
            winner: None,
            why: String::new(),
            status: ConflictStatus::Open,
            run: self.run,
            at: self.now,
        }
    }

    fn hold(&self, reason: HoldReason, why: &str, entry: &mut Entry) {
        entry.holds.push(self.new_hold(reason, why));
    }

    fn new_hold(&self, reason: HoldReason, why: &str) -> Hold {
        let pair = self.pair();
        let key = HoldKey::Pair(self.link, pair.id.clone());
        let mut hold = Hold::new(key, reason, format!("{}: {why}", pair.label), self.now);
        hold.values = self.fingerprints();
        hold
    }
}
