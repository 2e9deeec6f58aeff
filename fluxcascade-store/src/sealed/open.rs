//! Nouns on their way up: what was sealed is opened, and what the store below may have changed
//! since (a conflict's status, when a hold is due, its answer) is taken from the shell. All else of
//! the shell is not believed.

use fluxcascade_core::codec::{Stored, decode, decode_base};
use fluxcascade_core::model::{
    Answer, Base, Candidates, Choice, Conflict, Hold, HoldKey, InboxEntry, KeyHolder, Link, LinkId,
    LogRow, MappingKey, Observation, Operation, RunRow, Side, Sides, Slot, State, Value, Values,
    Work,
};
use fluxcascade_core::store::StoreError;
use secrecy::zeroize::Zeroizing;

use super::envelope::{OpenError, open_text};
use super::key::Keyring;
use super::row::RowId;

/// Opens what is stored for one mapping.
#[derive(Clone, Copy)]
pub(super) struct Opener<'a> {
    pub(super) ring: &'a Keyring,
    pub(super) mapping: &'a MappingKey,
}

impl Opener<'_> {
    fn bytes(&self, row: &RowId, text: Option<&str>) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let not_sealed = || OpenError::NotSealed { row: row.to_string() };
        Ok(open_text(self.ring, row, text.ok_or_else(not_sealed)?)?)
    }

    fn noun<T: Stored>(
        &self,
        row: &RowId,
        what: &'static str,
        text: Option<&str>,
    ) -> Result<T, StoreError> {
        Ok(decode(what, &self.bytes(row, text)?)?)
    }

    pub(super) fn observation(
        &self,
        side: Side,
        shell: Observation,
    ) -> Result<Observation, StoreError> {
        let text = match &shell.state {
            State::Known { values, .. } => text_of_slots(values.slots()),
            State::Archived(values) if values.slots().is_empty() => return Ok(shell),
            State::Archived(values) => text_of_slots(Values::slots(values)),
            State::Unreadable(text) => Some(text.as_str()),
            State::Deleted(_) | State::Missing | State::MergedInto(_) | State::OutOfScope => {
                return Ok(shell);
            }
        };
        let row = RowId::observation(self.mapping, side, &shell.record);
        self.noun(&row, "observation", text)
    }

    pub(super) fn entry(&self, side: Side, entry: InboxEntry) -> Result<InboxEntry, StoreError> {
        let seen = entry.observation.map(|seen| self.observation(side, seen)).transpose()?;
        Ok(InboxEntry { observation: seen, ..entry })
    }

    fn base(&self, id: LinkId, side: Side, shell: &Base) -> Result<Base, StoreError> {
        let row = RowId::base(self.mapping, id, side);
        Ok(decode_base(&self.bytes(&row, text_of_slots(&shell.slots))?)?)
    }

    pub(super) fn link(&self, link: Link) -> Result<Link, StoreError> {
        let base = |side| self.base(link.id, side, &link.bases[side]);
        let bases = Sides::new(base(Side::Source)?, base(Side::Target)?);
        Ok(Link { bases, ..link })
    }

    pub(super) fn operation(&self, shell: &Operation) -> Result<Operation, StoreError> {
        let row = RowId::operation(self.mapping, shell.id);
        self.noun(&row, "operation", shell.pairs.first().and_then(|p| text_of(&p.origin)))
    }

    pub(super) fn hold(&self, shell: &Hold) -> Result<Hold, StoreError> {
        let row = RowId::hold(self.mapping, &shell.key);
        let asked: Hold = self.noun(&row, "hold", Some(&shell.detail))?;
        let answer = shell.answer.as_ref().map(|answer| self.answer(&shell.key, answer));
        // Records that were forgotten since are named no more: of the shell, less is believed.
        let named = asked.candidates.iter().filter(|named| shell.candidates.contains(named));
        Ok(Hold {
            candidates: named.cloned().collect(),
            waits_for: asked.waits_for.clone().filter(|_| shell.waits_for.is_some()),
            not_before: shell.not_before,
            answer: answer.transpose()?,
            ..asked
        })
    }

    fn answer(&self, key: &HoldKey, shell: &Answer) -> Result<Answer, StoreError> {
        let sealed = match &shell.choice {
            Choice::Set(values) => text_of(&values.source),
            Choice::Take(_)
            | Choice::Leave
            | Choice::LinkTo(_)
            | Choice::Create
            | Choice::Never
            | Choice::NotMade
            | Choice::Allow
            | Choice::Retry
            | Choice::Recreate => return Ok(shell.clone()),
        };
        let row = RowId::answer(self.mapping, key);
        let carrier: Hold = self.noun(&row, "answer", sealed)?;
        let lost = || OpenError::NotSealed { row: row.to_string() };
        Ok(Answer { at: shell.at, ..carrier.answer.ok_or_else(lost)? })
    }

    pub(super) fn conflict(&self, shell: &Conflict) -> Result<Conflict, StoreError> {
        let row = RowId::conflict(self.mapping, shell.id);
        let told: Conflict = self.noun(&row, "conflict", text_of(&shell.values.source))?;
        Ok(Conflict { status: shell.status, ..told })
    }

    pub(super) fn log(&self, shell: &LogRow) -> Result<LogRow, StoreError> {
        let row = RowId::log(self.mapping, shell);
        self.noun(&row, "log row", shell.pairs.first().and_then(|p| text_of(&p.before)))
    }

    pub(super) fn run(&self, shell: RunRow) -> Result<RunRow, StoreError> {
        let Some(text) = &shell.error else { return Ok(shell) };
        self.noun(&RowId::run(self.mapping, shell.number), "run", Some(text))
    }

    pub(super) fn work(&self, work: Work) -> Result<Work, StoreError> {
        let mut entries = Sides::default();
        for (side, entry) in
            [(Side::Source, work.entries.source), (Side::Target, work.entries.target)]
        {
            entries[side] = entry.map(|entry| self.entry(side, entry)).transpose()?;
        }
        let links = work.tombstones.into_iter().map(|link| self.link(link));
        let candidates = work.candidates.into_iter().map(|found| self.candidates(found));
        Ok(Work {
            key: work.key,
            link: work.link.map(|link| self.link(link)).transpose()?,
            entries,
            holds: work.holds.iter().map(|hold| self.hold(hold)).collect::<Result<_, _>>()?,
            operations: work
                .operations
                .iter()
                .map(|operation| self.operation(operation))
                .collect::<Result<_, _>>()?,
            candidates: candidates.collect::<Result<_, _>>()?,
            tombstones: links.collect::<Result<_, _>>()?,
        })
    }

    fn candidates(&self, found: Candidates) -> Result<Candidates, StoreError> {
        let holder = |side: Side, holder: KeyHolder| -> Result<KeyHolder, StoreError> {
            let entry = holder.entry.map(|entry| self.entry(side, entry)).transpose()?;
            let pending = holder.pending.as_ref().map(|create| self.operation(create));
            Ok(KeyHolder { entry, pending: pending.transpose()?, ..holder })
        };
        let all = |side, holders: Vec<KeyHolder>| -> Result<Vec<KeyHolder>, StoreError> {
            holders.into_iter().map(|found| holder(side, found)).collect()
        };
        let holders = Sides::new(
            all(Side::Source, found.holders.source)?,
            all(Side::Target, found.holders.target)?,
        );
        Ok(Candidates { holders, ..found })
    }
}

pub(super) fn text_of_slots(slots: &[Slot]) -> Option<&str> {
    slots.first().and_then(Slot::value).and_then(Value::as_text)
}

pub(super) fn text_of(values: &[Value]) -> Option<&str> {
    values.first().and_then(Value::as_text)
}
