//! Nouns on their way down: all of a noun is sealed, and a shell of it is stored that has what the
//! store below decides by (ids, versions, times, states, keyed fingerprints), and the sealed noun
//! where its values were. How a shell is opened again is in `open`.

use std::sync::Arc;

use fluxcascade_core::codec::{encode, encode_base};
use fluxcascade_core::model::{
    Answer, Base, Cause, Choice, Conflict, Hold, HoldKey, HoldReason, Link, LinkId, LogPair,
    LogRow, MappingKey, Observation, Operation, OperationPair, PairId, RunRow, Side, Sides, Slot,
    State, Timestamp, Value, Values, Version,
};
use fluxcascade_core::store::{CommitBatch, Intake, IntakeRow, LinkChange, StoreError};
use secrecy::zeroize::Zeroizing;

use super::envelope::seal_text;
use super::key::Keyring;
use super::legible::Legible;
use super::prints::Prints;
use super::row::RowId;

/// Seals what is stored for one mapping.
pub(super) struct Sealer<'a> {
    pub(super) ring: &'a Keyring,
    pub(super) prints: &'a Prints,
    pub(super) mapping: &'a MappingKey,
    pub(super) legible: Arc<Legible>,
}

impl Sealer<'_> {
    fn text(&self, row: &RowId, bytes: Vec<u8>) -> Result<String, StoreError> {
        seal_text(self.ring, row, &Zeroizing::new(bytes))
    }

    fn value(&self, row: &RowId, bytes: Vec<u8>) -> Result<Value, StoreError> {
        self.text(row, bytes).map(Value::Text)
    }

    /// An observation without a value has nothing to seal.
    pub(super) fn observation(
        &self,
        side: Side,
        seen: &Observation,
    ) -> Result<Observation, StoreError> {
        let row = RowId::observation(self.mapping, side, &seen.record);
        let values = || -> Result<Values, StoreError> {
            Ok(Values::new([Slot::Present(self.value(&row, encode(seen))?)]))
        };
        let state = match &seen.state {
            State::Known { version, .. } => {
                State::Known { values: values()?, version: version.clone() }
            }
            State::Archived(had) if !had.slots().is_empty() => State::Archived(values()?),
            State::Unreadable(_) => State::Unreadable(self.text(&row, encode(seen))?),
            State::Archived(_)
            | State::Deleted(_)
            | State::Missing
            | State::MergedInto(_)
            | State::OutOfScope => seen.state.clone(),
        };
        Ok(Observation { record: seen.record.clone(), state, provenance: seen.provenance })
    }

    pub(super) fn page(&self, page: &Intake) -> Result<Intake, StoreError> {
        let row = |row: &IntakeRow| -> Result<IntakeRow, StoreError> {
            Ok(IntakeRow {
                observation: self.observation(page.side, &row.observation)?,
                fingerprint: row.fingerprint.map(|print| self.prints.image(print)),
                keys: row.keys.clone(),
            })
        };
        Ok(Intake {
            side: page.side,
            revision: page.revision,
            rows: page.rows.iter().map(row).collect::<Result<_, _>>()?,
            feed_key: page.feed_key.clone(),
            feed: page.feed.clone(),
            sweep: page.sweep,
        })
    }

    fn base(&self, id: LinkId, side: Side, base: &Base) -> Result<Base, StoreError> {
        let row = RowId::base(self.mapping, id, side);
        let sealed = Slot::Present(self.value(&row, encode_base(base))?);
        Ok(Base {
            revision: base.revision,
            slots: std::iter::once(sealed).chain(self.legible.slots(side, base)).collect(),
            fingerprint: base.fingerprint.map(|print| self.prints.image(print)),
            version: Version::default(),
            written: Vec::new(),
            retransformed: Vec::new(),
        })
    }

    pub(super) fn link(&self, link: &Link) -> Result<Link, StoreError> {
        let base = |side| self.base(link.id, side, &link.bases[side]);
        Ok(Link {
            id: link.id,
            records: link.records.clone(),
            status: link.status,
            bases: Sides::new(base(Side::Source)?, base(Side::Target)?),
            ending: link.ending,
        })
    }

    /// Its keys and claims are keyed fingerprints already.
    pub(super) fn operation(&self, operation: &Operation) -> Result<Operation, StoreError> {
        let row = RowId::operation(self.mapping, operation.id);
        let pair = OperationPair {
            pair: stand_in()?,
            fields: Sides::default(),
            origin: vec![self.value(&row, encode(operation))?],
            planned: Vec::new(),
            sent: Vec::new(),
            cause: Cause::Edit,
            joint: false,
        };
        Ok(Operation { pairs: vec![pair], conflicts: Vec::new(), ..without_pairs(operation) })
    }

    pub(super) fn hold(&self, hold: &Hold) -> Result<Hold, StoreError> {
        let row = RowId::hold(self.mapping, &hold.key);
        let asked = Hold { answer: None, ..hold.clone() };
        let answer = hold.answer.as_ref().map(|answer| self.answer(&hold.key, answer)).transpose();
        Ok(Hold {
            detail: self.text(&row, encode(&asked))?,
            conflict: hold.conflict.map(|id| self.prints.conflict(id)),
            values: hold.values.map(|print| print.map(|print| self.prints.image(print))),
            answer: answer?,
            pairs: Vec::new(),
            ..asked
        })
    }

    /// Only an answer with values has something to seal.
    pub(super) fn answer(&self, key: &HoldKey, answer: &Answer) -> Result<Answer, StoreError> {
        let choice = match &answer.choice {
            Choice::Set(_) => {
                let row = RowId::answer(self.mapping, key);
                let sealed = self.value(&row, encode(&carrier(key, answer)))?;
                Choice::Set(Sides::new(vec![sealed], Vec::new()))
            }
            Choice::Take(_)
            | Choice::Leave
            | Choice::LinkTo(_)
            | Choice::Create
            | Choice::Never
            | Choice::NotMade
            | Choice::Allow
            | Choice::Retry
            | Choice::Recreate => answer.choice.clone(),
        };
        Ok(Answer { choice, at: answer.at })
    }

    pub(super) fn conflict(&self, conflict: &Conflict) -> Result<Conflict, StoreError> {
        let id = self.prints.conflict(conflict.id);
        let row = RowId::conflict(self.mapping, id);
        let sealed = self.value(&row, encode(conflict))?;
        let is_legible = conflict.pair.as_ref().is_some_and(|pair| self.legible.pair(pair));
        let copied = Some(conflict).filter(|_| is_legible);
        let mut values = copied.map(|copied| copied.values.clone()).unwrap_or_default();
        values.source.insert(0, sealed);
        Ok(Conflict {
            id,
            link: conflict.link,
            records: conflict.records.clone(),
            pair: conflict.pair.clone(),
            kind: conflict.kind,
            base: copied.map(|copied| copied.base.clone()).unwrap_or_default(),
            values,
            times: Sides::default(),
            strategy: String::new(),
            winner: conflict.winner,
            why: String::new(),
            status: conflict.status,
            run: conflict.run,
            at: conflict.at,
        })
    }

    pub(super) fn log(&self, log: &LogRow) -> Result<LogRow, StoreError> {
        let row = RowId::log(self.mapping, log);
        let pair = LogPair {
            pair: stand_in()?,
            before: vec![self.value(&row, encode(log))?],
            after: Vec::new(),
            cause: Cause::Edit,
        };
        Ok(LogRow {
            run: log.run,
            at: log.at,
            kind: log.kind,
            link: log.link,
            side: log.side,
            records: log.records.clone(),
            operation: log.operation,
            pairs: std::iter::once(pair).chain(self.legible.log(&log.pairs, self.prints)).collect(),
            note: String::new(),
        })
    }

    /// What went wrong in a run is a system's own words, which may repeat a value.
    pub(super) fn run(&self, run: &RunRow) -> Result<RunRow, StoreError> {
        let row = RowId::run(self.mapping, run.number);
        let error = run.error.as_ref().map(|_| self.text(&row, encode(run))).transpose()?;
        Ok(RunRow { error, ..run.clone() })
    }

    pub(super) fn batch(&self, batch: &CommitBatch) -> Result<CommitBatch, StoreError> {
        let link = |change: &LinkChange| -> Result<LinkChange, StoreError> {
            Ok(LinkChange { link: self.link(&change.link)? })
        };
        let judged = batch.judged.iter().map(|(id, status)| (self.prints.conflict(*id), *status));
        Ok(CommitBatch {
            links: batch.links.iter().map(link).collect::<Result<_, _>>()?,
            keys: batch.keys.clone(),
            archived: batch.archived.clone(),
            closed: batch.closed.clone(),
            made: batch.made.clone(),
            released: batch.released.clone(),
            holds: batch.holds.iter().map(|hold| self.hold(hold)).collect::<Result<_, _>>()?,
            conflicts: batch
                .conflicts
                .iter()
                .map(|c| self.conflict(c))
                .collect::<Result<_, _>>()?,
            judged: judged.collect(),
            log: batch.log.iter().map(|row| self.log(row)).collect::<Result<_, _>>()?,
            cleared: batch.cleared.clone(),
            requeued: batch.requeued.clone(),
        })
    }
}

/// The pair under which a sealed operation or log row stands.
fn stand_in() -> Result<PairId, StoreError> {
    PairId::new("sealed").map_err(StoreError::failed)
}

/// An operation without what is sealed of it.
fn without_pairs(operation: &Operation) -> Operation {
    Operation {
        id: operation.id,
        link: operation.link,
        side: operation.side,
        origin: operation.origin.clone(),
        kind: operation.kind.clone(),
        pairs: Vec::new(),
        conflicts: Vec::new(),
        keys: operation.keys.clone(),
        claims: operation.claims.clone(),
        stamp: None,
        joint: operation.joint,
        run: operation.run,
        fence: operation.fence,
        begun: operation.begun,
        not_after: operation.not_after,
    }
}

/// An answer is stored within a hold, and so is what is sealed of it.
fn carrier(key: &HoldKey, answer: &Answer) -> Hold {
    let hold = Hold::new(key.clone(), HoldReason::Conflict, "", Timestamp::from_micros(0));
    Hold { answer: Some(answer.clone()), ..hold }
}
