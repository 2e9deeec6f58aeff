//! What a system refuses: the pairs whose fields it names wait, and the rest of the record goes on; a
//! refusal that names none holds the record (P14).

use std::collections::HashMap;

use super::batch::seen;
use super::retry::try_again;
use super::run::Run;
use crate::connector::ConnectorError;
use crate::model::{
    Cause, FieldName, Fingerprint, Hold, HoldKey, HoldReason, LinkId, Observation, Operation,
    RecordId, Side, Sides, Work,
};
use crate::plan::Entry;
use crate::store::CommitBatch;

type Fetched = HashMap<(Side, RecordId), Observation>;

impl Run<'_> {
    /// Pairs of a write were refused, which wait from now on. What is left of the entry; nothing, if
    /// the refusal names no field that was written.
    pub(super) fn hold_refused(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        entry: &Entry,
        operation: &Operation,
        refusal: (&[FieldName], &ConnectorError),
    ) -> Option<Entry> {
        let holds = self.refused_pairs(work, entry, operation, refusal);
        if holds.is_empty() {
            return None;
        }
        let mut rest = entry.clone();
        for hold in holds {
            let is_of = |index: usize| hold.key.pair() == Some(&self.mapping.pairs[index].id);
            rest.pairs.retain(|plan| !is_of(plan.index));
            rest.released.retain(|key| *key != hold.key);
            let stamp = self.mapping.foreign_ids[operation.side].as_ref();
            if stamp.is_some_and(|foreign| hold.key.pair() == Some(&foreign.pair_id())) {
                rest.stamps[operation.side] = None;
            }
            self.note_hold(&hold, &entry.records);
            work.holds.retain(|before| before.key != hold.key);
            work.holds.push(hold.clone());
            commit.holds.push(hold);
        }
        Some(rest)
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
        let side = operation.side;
        let key = match &work.link {
            Some(link) => HoldKey::Link(link.id),
            None => HoldKey::Record(side.other(), operation.origin.clone()),
        };
        let words = self.storable_words(operation, error);
        let detail = format!("the {side} refuses the record: {words}; edit it on either side");
        let mut hold = Hold::new(key, HoldReason::Rejected, detail, self.now());
        hold.values = self.seen_prints(work, entry, fetched);
        let hold = try_again(&work.holds, hold, self.now());
        self.hold_record(commit, work, hold);
    }

    /// Holds of the pairs whose fields a refusal names.
    fn refused_pairs(
        &self,
        work: &Work,
        entry: &Entry,
        operation: &Operation,
        (fields, error): (&[FieldName], &ConnectorError),
    ) -> Vec<Hold> {
        let (side, link): (Side, LinkId) = (operation.side, operation.link);
        let written = entry.pairs.iter().filter(|pair| pair.writes_to(side));
        let held = written.filter_map(|plan| {
            let pair = &self.mapping.pairs[plan.index];
            let field = pair.ends[side].names.iter().find(|name| fields.contains(name))?;
            let key = HoldKey::Pair(link, pair.id.clone());
            // A refusal says one thing of all of its fields.
            let words = self.storable_words(operation, error);
            let why = format!("the {side} refuses {field}: {words}");
            let is_answer = matches!(plan.cause(), Some(Cause::Answered { .. }));
            // A second half that is refused again goes on with its count.
            let mut asked = work.holds.iter().filter(|hold| hold.reason != HoldReason::Rejected);
            let asked = asked.find(|hold| is_answer && hold.key == key);
            if let Some(asked) = asked {
                return Some(asked.asks_again(&pair.label, &why));
            }
            let detail = format!("{}: {why}; edit the value", pair.label);
            let mut hold = Hold::new(key, HoldReason::Rejected, detail, self.now());
            let print = |s| pair.print(s, &plan.values[s], &self.key);
            hold.values = Sides::from_fn(|s| Some(print(s)));
            Some(try_again(&work.holds, hold, self.now()))
        });
        let stamp = entry.stamps[side].as_ref().filter(|stamp| fields.contains(&stamp.field));
        let of_stamp =
            stamp.zip(self.mapping.foreign_ids[side].as_ref()).map(|(stamp, foreign)| {
                let words = self.storable_words(operation, error);
                let detail = format!(
                    "the {side} refuses the other record's id in {}: {words}; mend the field there",
                    stamp.field
                );
                let key = HoldKey::Pair(link, foreign.pair_id());
                let refused = Hold::new(key, HoldReason::Rejected, detail, self.now());
                try_again(&work.holds, refused, self.now())
            });
        held.chain(of_stamp).collect()
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
