//! What a system refuses: the pairs whose fields it names wait, and the rest of the record goes on; a
//! refusal that names none holds the record (P14).

use std::collections::HashMap;

use super::batch::seen;
use super::outcome::{Answer, Sent};
use super::retry::try_again;
use super::run::Run;
use super::told::{RefusedPair, Told, is_told, is_told_with_others};
use crate::connector::ConnectorError;
use crate::model::{
    Cause, Conflict, FieldName, Fingerprint, Hold, HoldKey, HoldReason, Observation, Operation,
    OperationPair, RecordId, Side, Sides, Work,
};
use crate::plan::Entry;
use crate::store::CommitBatch;

type Fetched = HashMap<(Side, RecordId), Observation>;

impl Run<'_> {
    /// Pairs of a write were refused, which wait from now on. What is left of the entry; nothing, if
    /// no field that was written is named.
    pub(super) fn hold_refused(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        entry: &Entry,
        sent: &Sent,
    ) -> Option<Entry> {
        let refused = self.refused_pairs(entry, sent);
        let stamp = self.refused_stamp(work, entry, sent);
        if refused.is_empty() && stamp.is_none() {
            return None;
        }
        let mut rest = entry.clone();
        rest.pairs.retain(|plan| !refused.iter().any(|refused| refused.plan.index == plan.index));
        if stamp.is_some() {
            rest.stamps[sent.operation.side] = None;
        }
        let told = Told::of(work, entry);
        let (of_record, alone): (Vec<_>, Vec<_>) = refused.into_iter().partition(|refused| {
            told.is_some() && is_told_with_others(refused.plan, &self.mapping, work)
        });
        let holds = alone.iter().map(|refused| self.refused_hold(work, refused, sent));
        for hold in holds.chain(stamp).collect::<Vec<Hold>>() {
            self.hold_rest(commit, work, &mut rest, hold);
        }
        if let Some(told) = told.filter(|_| !of_record.is_empty() && self.is_concluded(sent)) {
            self.ask_record_again(commit, work, &mut rest, &told, &of_record);
        }
        Some(rest)
    }

    /// Whether it is known what became of a write but for what was refused of it: all else was
    /// carried out, or there is nothing else.
    pub(super) fn is_concluded(&self, sent: &Sent) -> bool {
        match &sent.answer {
            Answer::Applied(_) => true,
            Answer::Rejected { fields, .. } => {
                let mut written = self.written_fields(&sent.operation);
                let is_named = |of: &[FieldName]| of.iter().any(|name| fields.contains(name));
                written.all(is_named)
            }
            Answer::Unread { .. }
            | Answer::Moved(_)
            | Answer::Done(_)
            | Answer::Exists(_)
            | Answer::Claimed(_)
            | Answer::NotApplied(_)
            | Answer::Unknown(_) => false,
        }
    }

    /// The fields of each pair that was written, and of the other record's id.
    fn written_fields<'o>(
        &'o self,
        operation: &'o Operation,
    ) -> impl Iterator<Item = &'o [FieldName]> {
        let of_pair = |written: &OperationPair| {
            let index = self.mapping.pair_written(written)?;
            Some(&self.mapping.pairs[index].ends[operation.side].names[..])
        };
        let stamp = operation.stamp.iter().map(|stamp| std::slice::from_ref(&stamp.field));
        operation.pairs.iter().filter_map(of_pair).chain(stamp)
    }

    /// Puts a hold in the place of the one with its key; it does not end with what is left.
    fn hold_rest(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        rest: &mut Entry,
        hold: Hold,
    ) {
        rest.released.retain(|key| *key != hold.key);
        self.note_hold(&hold, &rest.records);
        work.holds.retain(|before| before.key != hold.key);
        work.holds.push(hold.clone());
        commit.holds.push(hold);
    }

    /// What a person said about the whole record was refused for these pairs: they are asked again
    /// about those. The record waits for that, and for nothing else meanwhile.
    fn ask_record_again(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        rest: &mut Entry,
        told: &Told,
        refused: &[RefusedPair<'_>],
    ) {
        let Some(link) = &work.link else { return };
        let (hold, row) = told.asked_of(&self.mapping, &self.key, link, refused);
        let (next, holds): (Vec<Hold>, Vec<Hold>) =
            std::mem::take(&mut rest.holds).into_iter().partition(|held| held.key == hold.key);
        rest.holds = holds;
        let is_next = |row: &Conflict| next.iter().any(|held| held.conflict == Some(row.id));
        rest.conflicts.retain(|row| row.id != told.row.id && !is_next(row));
        rest.judged.retain(|(row, _)| *row != told.row.id);
        if row.id != told.row.id {
            commit.conflicts.extend([told.row.clone(), row]);
        } else if told.hold.conflict != Some(row.id) {
            commit.conflicts.push(row);
        }
        self.hold_rest(commit, work, rest, hold);
    }

    /// The record waits, whole.
    pub(super) fn hold_refused_record(
        &mut self,
        commit: &mut CommitBatch,
        work: &Work,
        entry: &Entry,
        operation: &Operation,
        error: &ConnectorError,
        fetched: &Fetched,
    ) {
        let words = self.storable_words(operation, error);
        let why = format!("the {} refuses the record: {words}", operation.side);
        let hold = match Told::of(work, entry) {
            Some(told) if is_told(&operation.pairs) => told.asked_again(&self.mapping, entry, &why),
            Some(told) => told.tried_again(&self.mapping, entry, &why, self.now()),
            None => {
                let detail = format!("{why}; edit it on either side");
                self.failed_record(work, entry, operation, detail, fetched)
            }
        };
        self.hold_record(commit, work, hold);
        self.keep_let_through(commit, work, entry, operation.side);
    }

    /// What guards have let through of a record that was not written is not asked of them once more: it is
    /// tried again with the record.
    pub(super) fn keep_let_through(
        &mut self,
        commit: &mut CommitBatch,
        work: &Work,
        entry: &Entry,
        side: Side,
    ) {
        let Some(link) = &work.link else { return };
        for plan in &entry.pairs {
            let Some(what) = plan.let_through(side) else { continue };
            let pair = &self.mapping.pairs[plan.index];
            let key = HoldKey::Pair(link.id, pair.id.clone());
            if commit.holds.iter().any(|held| held.key == key) {
                continue; // it is refused by its own name
            }
            let why = format!("{}: it is written when its record is", pair.label);
            let mut hold = Hold::new(key, HoldReason::Rejected, why, self.now());
            hold.values = Sides::from_fn(|s| Some(pair.print(s, &plan.values[s], &self.key)));
            hold.withheld = Some(what);
            let counts = |held: &Hold| {
                let before = (&held.key, held.reason, &held.values, held.withheld);
                before == (&hold.key, hold.reason, &hold.values, hold.withheld) && held.attempts > 0
            };
            if work.holds.iter().any(counts) {
                continue; // it was refused by its own name before, and those attempts are counted on
            }
            commit.holds.push(hold);
        }
    }

    /// The pairs whose fields a refusal names.
    fn refused_pairs<'e>(&self, entry: &'e Entry, sent: &Sent) -> Vec<RefusedPair<'e>> {
        let side = sent.operation.side;
        let written = entry.pairs.iter().filter(|pair| pair.writes_to(side));
        let refused = written.filter_map(|plan| {
            let names = &self.mapping.pairs[plan.index].ends[side].names;
            let (field, error) = sent.refusal(names)?;
            // A refusal says one thing of all of its fields.
            let words = self.storable_words(sent.whole(), error);
            Some(RefusedPair { plan, why: format!("the {side} refuses {field}: {words}") })
        });
        refused.collect()
    }

    /// The hold of a pair that was refused: it is tried again, or, where a person has decided it, they
    /// are asked again.
    fn refused_hold(&self, work: &Work, refused: &RefusedPair<'_>, sent: &Sent) -> Hold {
        let RefusedPair { plan, why } = refused;
        let pair = &self.mapping.pairs[plan.index];
        let key = HoldKey::Pair(sent.operation.link, pair.id.clone());
        let print = |side| pair.print(side, &plan.values[side], &self.key);
        let values = Sides::from_fn(|side| Some(print(side)));
        let is_answer = matches!(plan.cause(), Some(Cause::Answered { .. }));
        // A second half is not what was asked, but what became of it: its count goes on.
        let is_asked = |hold: &&Hold| {
            hold.key == key && hold.reason != HoldReason::Rejected && hold.values == values
        };
        if let Some(asked) = work.holds.iter().filter(|_| is_answer).find(is_asked) {
            return asked.asks_again(&pair.label, why);
        }
        let detail = format!("{}: {why}; edit the value", pair.label);
        let mut hold = Hold::new(key, HoldReason::Rejected, detail, self.now());
        hold.values = values;
        hold.withheld = plan.let_through(sent.operation.side);
        try_again(&work.holds, hold, self.now())
    }

    /// The hold of the other record's id, if it was refused.
    fn refused_stamp(&self, work: &Work, entry: &Entry, sent: &Sent) -> Option<Hold> {
        let side = sent.operation.side;
        let (stamp, foreign) =
            entry.stamps[side].as_ref().zip(self.mapping.foreign_ids[side].as_ref())?;
        let (field, error) = sent.refusal(std::slice::from_ref(&stamp.field))?;
        let words = self.storable_words(sent.whole(), error);
        let detail = format!(
            "the {side} refuses the other record's id in {field}: {words}; mend the field there"
        );
        let key = HoldKey::Pair(sent.operation.link, foreign.pair_id());
        let refused = Hold::new(key, HoldReason::Rejected, detail, self.now());
        Some(try_again(&work.holds, refused, self.now()))
    }

    /// Fingerprints of what both records showed when a write was decided.
    pub(super) fn seen_prints(
        &self,
        work: &Work,
        entry: &Entry,
        fetched: &Fetched,
    ) -> Sides<Option<Fingerprint>> {
        Sides::from_fn(|side| {
            let record = entry.records[side].clone()?;
            let listed = || seen(work, side, fetched, self.mapping.revision);
            let seen = fetched.get(&(side, record)).or_else(listed)?;
            self.mark_of(side, seen)
        })
    }
}
