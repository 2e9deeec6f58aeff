//! Conflicts: pairs that conflict together are put to the strategies once, and one side wins all.

use super::entry::{Entry, Need};
use super::matching::owned;
use super::merge::{Case, Pass};
use super::reference::{self, Blocked};
use super::times::ChangedAt;
use super::told::{Held, ToldAlone, asked, is_due};
use super::unit::{Seen, Together};
use crate::mapping::refs;
use crate::model::record::fingerprint_values;
use crate::model::{
    AskedPair, Cause, Choice, Conflict, ConflictKind, ConflictStatus, FieldType, Hold, HoldKey,
    HoldReason, PairId, Side, Sides, Value, Winner,
};
use crate::resolver::{ConflictCase, Resolution, Strategies};

/// How freely a pair of the unit may be written; `None`: it waits for something else.
type PassOf<'p> = &'p dyn Fn(&Case<'_>, &mut Entry) -> Option<Pass>;

/// Pairs that conflict together.
pub(super) struct Unit<'a> {
    pub(super) seen: &'a Seen<'a>,
    /// Those that differ, at least one.
    pub(super) cases: &'a [&'a Case<'a>],
    pub(super) together: Option<Together<'a>>,
}

impl<'a> Unit<'a> {
    /// Decides pairs of a group or of a record that are in conflict.
    pub(super) fn decide(&self, entry: &mut Entry, needs: &mut Vec<Need>) {
        if self.is_told(entry) || self.waits_on() {
            return;
        }
        let first = entry.holds.len();
        let held_by_conflict = |case: &&&Case<'_>| {
            case.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::Conflict)
        };
        for case in self.cases.iter().filter(held_by_conflict) {
            case.hold.iter().for_each(|hold| case.release(hold, entry));
        }
        self.resolve(entry, needs, &|case, entry| match &case.hold {
            Some(hold) if hold.reason != HoldReason::Conflict => match case.held(entry) {
                Held::Goes(pass) => Some(pass),
                Held::Waits | Held::Told => None,
            },
            Some(_) | None => Some(Pass::Guarded),
        });
        self.withhold_whole(first, entry);
    }

    /// Carries out what a person said about the unit: one answer is for all of its pairs, and values
    /// of one's own are written when there are some for each.
    fn is_told(&self, entry: &mut Entry) -> bool {
        if self.together == Some(Together::Record) {
            return false;
        }
        let holds: Option<Vec<&Hold>> = self.cases.iter().map(|case| waiting(case)).collect();
        let Some(holds) = holds else { return false };
        let for_all = |choice: &&Choice| matches!(choice, Choice::Take(_) | Choice::Leave);
        let shared = holds.iter().filter_map(|hold| hold.choice()).find(for_all);
        let choices: Option<Vec<&Choice>> =
            holds.iter().map(|hold| hold.choice().or(shared)).collect();
        let Some(choices) = choices else { return false };
        for ((case, hold), choice) in self.cases.iter().zip(&holds).zip(choices) {
            case.carry_out(hold, choice, entry);
        }
        true
    }

    /// Whether all pairs wait for a person as they did.
    fn waits_on(&self) -> bool {
        let now = asked(self.strategies());
        let waits = |hold: &Hold| {
            !is_due(hold, self.seen.context) && hold.asked.is_none_or(|before| before == now)
        };
        self.together != Some(Together::Record)
            && self.cases.iter().all(|case| waiting(case).is_some_and(waits))
    }

    pub(super) fn kind(&self) -> ConflictKind {
        if self.cases.iter().any(|case| case.base.is_some()) {
            ConflictKind::UpdateUpdate
        } else {
            ConflictKind::FirstLink
        }
    }

    pub(super) fn strategies(&self) -> &Strategies {
        match (self.together, self.kind()) {
            (Some(Together::Record), ConflictKind::UpdateUpdate | ConflictKind::DeleteUpdate) => {
                &self.seen.mapping.mapping.conflicts
            }
            (_, ConflictKind::UpdateUpdate | ConflictKind::DeleteUpdate) => {
                &self.cases[0].pair().conflicts
            }
            (_, ConflictKind::FirstLink) => &self.cases[0].pair().first_link,
        }
    }

    /// Asks the strategies, and does what they say.
    pub(super) fn resolve(&self, entry: &mut Entry, needs: &mut Vec<Need>, pass: PassOf<'_>) {
        let strategies = self.strategies();
        let Some((times, timed_by)) = self.times(strategies, needs) else { return };
        if let Some(hold) = self.waits_for_link(strategies) {
            return entry.holds.push(hold);
        }
        let types = Sides::from_fn(|side| self.each(|case| case.pair().ends[side].types.to_vec()));
        let carried = Sides::from_fn(|side| self.carried(side));
        let all = |side: Side| self.each(|case| case.values[side].clone());
        let bases = |side: Side| {
            let of = |case: &&'a Case<'a>| Some(case.base.as_ref()?[side].clone());
            self.cases.iter().map(of).collect::<Option<Vec<_>>>().map(|bases| bases.concat())
        };
        let resolution = strategies.resolve(&ConflictCase {
            pair: &self.cases[0].pair().id,
            kind: self.kind(),
            base: match (bases(Side::Source), bases(Side::Target)) {
                (Some(source), Some(target)) => Some(Sides::new(source, target)),
                (Some(_) | None, _) => None,
            },
            values: Sides::from_fn(all),
            carried,
            types: types.as_ref().map(|types: &Vec<FieldType>| types.as_slice()),
            times,
            timed_by,
            primary: self.seen.mapping.mapping.primary,
        });
        match resolution {
            Resolution::Wins(winner, why) => self.wins(winner, &why, times, pass, entry),
            Resolution::Merges(values, why) => self.merges(&values, &why, times, pass, entry),
            Resolution::Leaves(why) => self.leaves(&why, times, pass, entry),
            Resolution::AsksPerson(why) | Resolution::Declines(why) => {
                self.asks(&why, times, entry);
            }
            Resolution::HoldsRecord(why) => self.holds_record(&why, times, entry),
        }
    }

    fn each<T>(&self, of: impl Fn(&'a Case<'a>) -> Vec<T>) -> Vec<T> {
        self.cases.iter().flat_map(|case| of(case)).collect()
    }

    /// A set of both sides' references is made when all of them are linked.
    fn waits_for_link(&self, strategies: &Strategies) -> Option<Hold> {
        let [case] = self.cases else { return None };
        let blocked = |side: Side| {
            let (own, now) = (&case.values[side], &case.values[side.other()]);
            reference::carry(case.pair(), side, own, now, self.seen.context).err()
        };
        let mut blocked = Side::BOTH.into_iter().filter_map(blocked);
        let awaited = blocked.find_map(|blocked| match blocked {
            Blocked::Waits(awaited) => Some(awaited),
            Blocked::Refused(_) => None,
        });
        awaited.filter(|_| strategies.unite()).map(|awaited| case.awaits(awaited))
    }

    /// What a side holds, as the other side stores it.
    fn carried(&self, side: Side) -> Option<Vec<Value>> {
        let mut all = Vec::new();
        for case in self.cases {
            let now = &case.values[side.other()];
            let own = &case.values[side];
            all.extend(reference::carry(case.pair(), side, own, now, self.seen.context).ok()?);
        }
        Some(all)
    }

    fn wins(&self, winner: Side, why: &str, times: ChangedAt, pass: PassOf<'_>, entry: &mut Entry) {
        let loser = winner.other();
        for case in self.cases {
            let Some(pass) = pass(case, entry) else { continue };
            let edited = case.has_news(winner) && !case.has_news(loser);
            if edited && self.cases.len() > 1 {
                // Only the winner has news of this one: nothing of the loser's is overwritten.
                let cause = if case.base.is_some() { Cause::Edit } else { Cause::Fill };
                case.write(loser, cause, None, pass, entry);
                continue;
            }
            let row = self.decided(case, Some(winner.into()), why, times);
            let cause = Cause::Conflict { conflict: row.id, why: why.to_owned() };
            case.write(loser, cause, Some(row), pass, entry);
        }
    }

    /// A value made of both is written where it differs.
    fn merges(
        &self,
        values: &Sides<Vec<Value>>,
        why: &str,
        times: ChangedAt,
        pass: PassOf<'_>,
        entry: &mut Entry,
    ) {
        if self.cases.iter().any(|case| case.pair().is_kept()) {
            // It would have to be kept until both sides have it.
            let why = "a value made of both is not written, as fingerprints alone are kept";
            return self.asks(why, times, entry);
        }
        let Some(parts) = self.split(values) else {
            let why = "the values that were made of both do not mean the same on both sides";
            return self.asks(why, times, entry);
        };
        for (case, send) in self.cases.iter().zip(parts) {
            let Some(pass) = pass(case, entry) else { continue };
            let row = self.decided(case, Some(Winner::Merged), why, times);
            let cause = Cause::Conflict { conflict: row.id, why: why.to_owned() };
            case.send_both(send, cause, Some(row), pass, entry);
        }
    }

    /// The values of each pair, if they mean the same on both sides.
    fn split(&self, values: &Sides<Vec<Value>>) -> Option<Vec<Sides<Vec<Value>>>> {
        let mut places = Sides::new(0, 0);
        let mut parts = Vec::new();
        for case in self.cases {
            let mut part = Sides::default();
            for side in Side::BOTH {
                let end = places[side] + case.values[side].len();
                part[side] = values[side].get(places[side]..end)?.to_vec();
                places[side] = end;
            }
            let both = part.as_ref().map(|values: &Vec<Value>| refs(values));
            if !reference::equivalent(case.pair(), &both, self.seen.context) {
                return None;
            }
            parts.push(part);
        }
        (places == values.as_ref().map(Vec::len)).then_some(parts)
    }

    fn leaves(&self, why: &str, times: ChangedAt, pass: PassOf<'_>, entry: &mut Entry) {
        for case in self.cases {
            if pass(case, entry).is_some() {
                entry.conflicts.push(self.decided(case, None, why, times));
                case.adopt(entry, None);
            }
        }
    }

    fn asks(&self, why: &str, times: ChangedAt, entry: &mut Entry) {
        if self.together == Some(Together::Record) {
            return self.holds_record(why, times, entry);
        }
        let words = words(why);
        for case in self.cases {
            let mut row = case.row(&self.strategies().name(), times);
            why.clone_into(&mut row.why);
            let mut hold = case.new_hold(HoldReason::Conflict, &words);
            if let Some(ToldAlone::Asked(asked)) = case.told_alone(entry) {
                hold.detail = asked.detail;
            }
            hold.conflict = Some(row.id);
            hold.asked = Some(asked(self.strategies()));
            let known = case.hold.as_ref().and_then(|hold| hold.conflict);
            entry.holds.push(hold);
            if known != Some(row.id) {
                entry.conflicts.push(row);
            }
        }
    }

    /// The whole record waits; it waits for one conflict at a time.
    fn holds_record(&self, why: &str, times: ChangedAt, entry: &mut Entry) {
        let key = HoldKey::Link(self.seen.link.id);
        if entry.holds.iter().any(|hold| hold.key == key) {
            return;
        }
        for case in self.cases {
            // What a pair waited for has moved, or would be tried again, and is part of what the record
            // waits for now.
            let is_over =
                |hold: &&Hold| hold.not_before.is_some() || hold.values != case.fingerprints();
            if let Some(hold) = case.hold.as_ref().filter(is_over) {
                case.release(hold, entry);
            }
            if let Some(ToldAlone::Asked(asked)) = case.told_alone(entry) {
                entry.holds.push(*asked);
            }
        }
        let mut row = self.whole_row();
        row.times = times.map(|modified| modified.map(|m| m.at));
        why.clone_into(&mut row.why);
        let label = match self.cases {
            [case] => case.pair().label.clone(),
            cases => {
                let labels: Vec<&str> = cases.iter().map(|case| &*case.pair().label).collect();
                labels.join(", ")
            }
        };
        let now = self.seen.context.now;
        let detail = format!("{label}: {}", words(why));
        let mut hold = Hold::new(key, HoldReason::Conflict, detail, now);
        hold.values = row.values.as_ref().map(|values| Some(fingerprint_values(values)));
        hold.conflict = Some(row.id);
        hold.asked = Some(asked(self.strategies()));
        hold.pairs = self.cases.iter().map(|case| case.in_question()).collect();
        match self.seen.record_hold().filter(|before| before.conflict == Some(row.id)) {
            // The same question, with why an answer could not be carried out.
            Some(before) if before.attempts > 0 && before.values == hold.values => {
                hold.detail.clone_from(&before.detail);
                hold.attempts = before.attempts;
            }
            Some(_) => {}
            None => entry.conflicts.push(row),
        }
        entry.holds.push(hold);
    }

    /// The open row of the unit: of its pair, or of the whole record.
    pub(super) fn whole_row(&self) -> Conflict {
        let strategy = self.strategies().name();
        if let [case] = self.cases
            && self.together != Some(Together::Record)
        {
            return case.row(&strategy, Sides::default());
        }
        let values = Sides::from_fn(|side| self.each(|case| case.stored(side)));
        let base = |side: Side| {
            let of = |case: &&Case<'_>| case.base_values(side);
            self.cases.iter().map(of).collect::<Option<Vec<_>>>().map(|bases| bases.concat())
        };
        Conflict {
            base: Sides::from_fn(base),
            kind: self.kind(),
            ..row(self.seen, None, values, &strategy, Sides::default())
        }
    }

    fn decided(
        &self,
        case: &Case<'_>,
        winner: Option<Winner>,
        why: &str,
        times: ChangedAt,
    ) -> Conflict {
        let mut row = case.row(&self.strategies().name(), times);
        let waited = case.hold.as_ref().is_some_and(|hold| hold.conflict == Some(row.id));
        row.winner = winner;
        row.status = if waited { ConflictStatus::Resolved } else { ConflictStatus::Auto };
        why.clone_into(&mut row.why);
        row
    }
}

impl Case<'_> {
    fn base_values(&self, side: Side) -> Option<Vec<Value>> {
        let base = self.base.as_ref()?;
        Some(self.pair().stored(side, &owned(&base[side]), &self.seen.context.key))
    }

    /// The pair as a person is asked about it.
    fn in_question(&self) -> AskedPair {
        AskedPair { pair: self.pair().id.clone(), values: self.fingerprints() }
    }

    /// What a side holds, as a row keeps it.
    fn stored(&self, side: Side) -> Vec<Value> {
        self.pair().stored(side, &owned(&self.values[side]), &self.seen.context.key)
    }

    /// An open row of this pair.
    pub(super) fn row(&self, strategy: &str, times: ChangedAt) -> Conflict {
        let kind = match self.base {
            Some(_) => ConflictKind::UpdateUpdate,
            None => ConflictKind::FirstLink,
        };
        Conflict {
            kind,
            base: Sides::from_fn(|side| self.base_values(side)),
            ..row(
                self.seen,
                Some(&self.pair().id),
                Sides::from_fn(|s| self.stored(s)),
                strategy,
                times,
            )
        }
    }
}

fn row(
    seen: &Seen<'_>,
    pair: Option<&PairId>,
    values: Sides<Vec<Value>>,
    strategy: &str,
    times: ChangedAt,
) -> Conflict {
    Conflict {
        id: Conflict::id_of(seen.link.id, pair, &values),
        link: seen.link.id,
        records: seen.link.records.clone(),
        pair: pair.cloned(),
        kind: ConflictKind::UpdateUpdate,
        base: Sides::default(),
        values,
        times: times.map(|modified| modified.map(|m| m.at)),
        strategy: strategy.to_owned(),
        winner: None,
        why: String::new(),
        status: ConflictStatus::Open,
        run: seen.context.run,
        at: seen.context.now,
    }
}

impl Seen<'_> {
    /// The hold of a conflict that the whole record waits for, or waits for after something else.
    pub(super) fn record_hold(&self) -> Option<&Hold> {
        let is_own = |hold: &&Hold| {
            let asks = hold.reason == HoldReason::Conflict || !hold.pairs.is_empty();
            matches!(hold.key, HoldKey::Link(_)) && asks
        };
        self.work.holds.iter().find(is_own)
    }
}

/// The pair's hold by a conflict, if both sides hold what they held.
pub(super) fn waiting<'a>(case: &'a Case<'_>) -> Option<&'a Hold> {
    let hold = case.hold.as_ref()?;
    let same = hold.reason == HoldReason::Conflict && hold.values == case.fingerprints();
    same.then_some(hold)
}

fn words(why: &str) -> String {
    format!("both sides differ, and {why}: decide which value stands, or edit one of them")
}
