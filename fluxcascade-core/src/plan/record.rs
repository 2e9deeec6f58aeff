//! Linked records of which one is not there to be synced: deleted, missing, hidden or unreadable.
//! The table of record decisions, and what each of them says of the link.

use super::context::PlanContext;
use super::detect::{Change, View, change};
use super::ending::{end, link_hold, question_or, resumed, suspended};
use super::entry::{Entry, RecordAction, Step};
use crate::mapping::{CompiledMapping, DeletePolicy, DeleteUpdate};
use crate::model::{
    Choice, Conflict, ConflictKind, ConflictStatus, DeleteEvidence, Ending, Fingerprint, Hold,
    HoldKey, HoldReason, Link, LinkStatus, Side, Sides, State, Value, Values, Withheld, Work,
};
use crate::seeded::{self, Bug};

/// What a hold keeps in the place of a record's fingerprint when the record is gone.
pub(crate) fn gone_mark() -> Fingerprint {
    Fingerprint::of(&[b"the record is gone"])
}

/// Where a record of a link stands.
#[derive(Debug, Clone, Copy)]
enum Standing<'a> {
    /// It is there, or nothing says otherwise.
    Here(Option<&'a Values>),
    /// It is deleted.
    Gone,
    /// It was not found, and the grace time is not over.
    Missing,
    /// A filter or a permission hides it.
    Hidden,
    /// Its answer cannot be read; why.
    Unreadable(&'a str),
}

impl Standing<'_> {
    /// What stops more goes before what stops less.
    fn weight(self) -> u8 {
        match self {
            Standing::Here(_) => 0,
            Standing::Gone => 1,
            Standing::Missing => 2,
            Standing::Hidden => 3,
            Standing::Unreadable(_) => 4,
        }
    }
}

/// A record that is not found is deleted if the feed said so, if it was not found the grace time ago, or
/// if it was judged deleted before.
fn missing_is_deleted(work: &Work, side: Side, context: &PlanContext) -> bool {
    let listed = work.entries[side].as_ref().and_then(|entry| entry.observation.as_ref());
    let is_told =
        listed.is_some_and(|seen| matches!(seen.state, State::Deleted(DeleteEvidence::Feed)));
    if is_told || seeded::is(Bug::MissingIsDeleted) {
        return true;
    }
    let Some(hold) = link_hold(work) else { return false };
    let is_over = match hold.reason {
        HoldReason::Missing => hold.not_before.is_none_or(|due| due <= context.now),
        HoldReason::Conflict
        | HoldReason::Reference
        | HoldReason::Rejected
        | HoldReason::Oscillating
        | HoldReason::Schema
        | HoldReason::Unsettled
        | HoldReason::Ambiguous
        | HoldReason::UnknownOutcome
        | HoldReason::Unreadable
        | HoldReason::Invalid
        | HoldReason::Guard
        | HoldReason::Excluded => true,
    };
    hold.values[side] == Some(gone_mark()) && is_over
}

/// Whether a record that is not found may be back before it counts as deleted. Where the link waits for
/// something else it is not counted.
pub(super) fn may_be_back(work: &Work, side: Side, context: &PlanContext) -> bool {
    let waits_for_it = link_hold(work).is_none_or(|hold| hold.reason == HoldReason::Missing);
    let is_active = work.link.as_ref().is_some_and(|link| link.status == LinkStatus::Active);
    is_active && waits_for_it && !missing_is_deleted(work, side, context)
}

/// A link of which a record is not there.
pub(super) struct Loss<'a> {
    pub(super) mapping: &'a CompiledMapping,
    pub(super) work: &'a Work,
    pub(super) link: &'a Link,
    pub(super) views: &'a Sides<View<'a>>,
    pub(super) context: &'a PlanContext,
}

impl Loss<'_> {
    /// Decides what becomes of the link. Both records have been read, or nothing is done to them.
    pub(super) fn decide(&self, mut entry: Entry) -> Entry {
        let standings = Sides::from_fn(|side| self.standing(side));
        entry.step = Step::Decided;
        let worst = if standings.source.weight() >= standings.target.weight() {
            Side::Source
        } else {
            Side::Target
        };
        match (standings[worst], standings[worst.other()]) {
            (Standing::Unreadable(why), _) => self.unreadable(worst, why, entry),
            (Standing::Hidden, _) => self.suspend(worst, entry),
            (Standing::Missing, _) => self.missing(&standings, entry),
            (Standing::Gone, Standing::Here(Some(values))) => self.one_gone(worst, values, entry),
            (Standing::Gone, Standing::Gone) => {
                end(self.work, self.link, Ending::BothDeleted, "both records are deleted", entry)
            }
            (Standing::Gone, _) => entry.waits("the other record could not be read"),
            (Standing::Here(_), _) => entry,
        }
    }

    fn standing(&self, side: Side) -> Standing<'_> {
        match self.views[side] {
            View::Known { values, .. } | View::Other(State::Known { values, .. }) => {
                Standing::Here(Some(values))
            }
            View::Unseen | View::IdOnly => Standing::Here(None),
            View::Other(State::Archived(_) | State::Deleted(_)) => Standing::Gone,
            View::Other(State::OutOfScope) => Standing::Hidden,
            View::Other(State::Unreadable(why)) => Standing::Unreadable(why),
            View::Other(State::MergedInto(_)) => {
                Standing::Unreadable("it is said to be merged into itself")
            }
            View::Other(State::Missing) if missing_is_deleted(self.work, side, self.context) => {
                Standing::Gone
            }
            View::Other(State::Missing) => Standing::Missing,
        }
    }

    fn missing(&self, standings: &Sides<Standing<'_>>, mut entry: Entry) -> Entry {
        let values = standings.as_ref().map(|standing| match standing {
            Standing::Missing | Standing::Gone => Some(gone_mark()),
            Standing::Here(_) | Standing::Hidden | Standing::Unreadable(_) => None,
        });
        let before = link_hold(self.work)
            .filter(|hold| hold.reason == HoldReason::Missing && hold.values == values)
            .and_then(|hold| hold.not_before);
        let due = before.unwrap_or(self.context.now + self.context.grace);
        let which: Vec<String> = standings
            .iter()
            .filter(|(_, standing)| matches!(standing, Standing::Missing))
            .map(|(side, _)| format!("the {side} record {}", self.link.records[side]))
            .collect();
        let detail = format!(
            "{} was not found: it counts as deleted if it is not found at {due} either, and \
             nothing is written until then",
            which.join(" and ")
        );
        let mut hold = self.hold(HoldReason::Missing, detail);
        hold.values = values;
        hold.not_before = Some(due);
        hold.keep_question(link_hold(self.work));
        entry.holds.push(hold);
        entry
    }

    fn unreadable(&self, side: Side, why: &str, mut entry: Entry) -> Entry {
        let detail = format!(
            "the {side} record {} cannot be read ({why}): nothing is written for it until it can",
            self.link.records[side]
        );
        let hold = self.hold(HoldReason::Unreadable, detail);
        entry.holds.push(question_or(self.work, hold));
        entry
    }

    /// A record that is hidden is no deleted one: bases are kept, and nothing is written.
    fn suspend(&self, side: Side, mut entry: Entry) -> Entry {
        match self.link.status {
            LinkStatus::Suspended if entry.before.is_none() => {
                entry.step = Step::Unchanged;
                entry
            }
            LinkStatus::Suspended | LinkStatus::Active | LinkStatus::Tombstone => {
                // What a person is asked about it, or has said, stands.
                let hold = link_hold(self.work);
                match hold.and_then(Hold::question) {
                    Some(question) => entry.holds.push(question),
                    None => entry.released.extend(hold.map(|hold| hold.key.clone())),
                }
                let why = format!("the {side} record {} is out of scope", self.link.records[side]);
                entry.after = Some(suspended(self.link, why));
                entry
            }
        }
    }

    fn one_gone(&self, gone: Side, values: &Values, entry: Entry) -> Entry {
        match self.edits(gone.other()) {
            Edits::None => self.by_policy(gone, values, entry),
            Edits::Unclear => {
                let why = "its twin is deleted, and fields of it are not shown, so that an edit \
                           could be lost: it stays as it is";
                end(self.work, self.link, Ending::Deleted(gone), why, entry)
            }
            Edits::Of(pairs) => self.against_edit(gone, values, &pairs, entry),
        }
    }

    /// What of a record was edited since it was synced. A value that never was synced counts.
    fn edits(&self, side: Side) -> Edits {
        let (mut edited, mut unclear) = (Vec::new(), false);
        for (index, pair) in self.mapping.pairs.iter().enumerate() {
            let base = &self.link.bases[side];
            match change(pair, side, self.views[side], base) {
                Change::Same => {}
                Change::Changed => edited.push(index),
                Change::Absent => unclear = true,
                Change::NoBase => {
                    let held = super::detect::pair_values(pair, side, self.views[side], base);
                    if held.is_some_and(|held| held.iter().any(|value| !value.is_blank())) {
                        edited.push(index);
                    }
                }
            }
        }
        match (edited.is_empty(), unclear) {
            (false, _) => Edits::Of(edited),
            (true, true) => Edits::Unclear,
            (true, false) => Edits::None,
        }
    }

    /// The other record is unchanged: the mapping's policy for deletes of this side, as far as its
    /// direction and what it creates let it.
    fn by_policy(&self, gone: Side, values: &Values, mut entry: Entry) -> Entry {
        let twin = gone.other();
        let writes = |side| self.mapping.mapping.direction.writes_to(side);
        match self.mapping.mapping.on_delete[gone] {
            DeletePolicy::Archive if writes(twin) => {
                self.remove(gone, values, (RecordAction::Archive, Withheld::Archive), entry)
            }
            DeletePolicy::Delete if writes(twin) => {
                self.remove(gone, values, (RecordAction::Delete, Withheld::Delete), entry)
            }
            DeletePolicy::Recreate if self.remakes(gone) => {
                entry.wakes.push((twin, self.link.records[twin].clone()));
                self.end(Ending::Remade(gone), entry)
            }
            DeletePolicy::Unlink
            | DeletePolicy::Archive
            | DeletePolicy::Delete
            | DeletePolicy::Recreate => self.end(Ending::Deleted(gone), entry),
        }
    }

    /// The other record goes too, if the system can do it and the guard lets it.
    fn remove(
        &self,
        gone: Side,
        values: &Values,
        (action, withheld): (RecordAction, Withheld),
        mut entry: Entry,
    ) -> Entry {
        let twin = gone.other();
        let record = &self.link.records[twin];
        let marks = self.marks(gone, values);
        let hold = link_hold(self.work).filter(|hold| hold.values == marks);
        let powers = self.context.powers[twin];
        let can = match action {
            RecordAction::Archive => powers.archives,
            RecordAction::Delete => powers.deletes_for_good,
            RecordAction::Restore => powers.restores,
        };
        let waits = |hold: &Hold| {
            hold.reason == HoldReason::Rejected
                && hold.answer.is_none()
                && hold.not_before.is_none_or(|due| due > self.context.now)
        };
        if hold.is_some_and(waits) {
            entry.step = Step::Unchanged;
            return entry;
        }
        let (reason, next) = match (hold.and_then(Hold::choice), can) {
            (Some(Choice::Leave), _) => return self.end(Ending::Deleted(gone), entry),
            (_, false) => {
                (HoldReason::Schema, "the system cannot do that: do it there, or leave it")
            }
            (Some(Choice::Allow), true) => return self.removed(gone, action, entry),
            (_, true) if self.context.gate.lets(withheld) => {
                return self.removed(gone, action, entry);
            }
            (_, true) => (HoldReason::Guard, "it waits until the guard has counted the whole run"),
        };
        let detail = format!(
            "the {gone} record {} is deleted, and for it the {twin} record {record} is to be {}: \
             {next}",
            self.link.records[gone],
            action.done()
        );
        let mut withheld_now = self.hold(reason, detail);
        withheld_now.values = marks;
        if reason == HoldReason::Guard {
            withheld_now.withheld = Some(withheld);
            withheld_now.keep_count(hold.filter(|_| !seeded::is(Bug::RemovalTriedAnew)));
        }
        entry.holds.push(withheld_now);
        entry
    }

    fn removed(&self, gone: Side, action: RecordAction, mut entry: Entry) -> Entry {
        let twin = gone.other();
        entry.record = Some((twin, action));
        entry.drops.push((twin, self.link.records[twin].clone()));
        self.end(Ending::TwinRemoved(gone), entry)
    }

    /// The other record was edited: that edit survives.
    fn against_edit(
        &self,
        gone: Side,
        values: &Values,
        pairs: &[usize],
        mut entry: Entry,
    ) -> Entry {
        let twin = gone.other();
        let policy = self.mapping.mapping.delete_update;
        let remakes = self.remakes(gone);
        let mut row = self.row(gone, pairs);
        let ending = match policy {
            DeleteUpdate::Recreate if remakes => Ending::Remade(gone),
            DeleteUpdate::Survive | DeleteUpdate::Recreate => Ending::Deleted(gone),
            DeleteUpdate::Manual => match self.said(gone, values, &row) {
                Some(Choice::Recreate) if remakes => Ending::Remade(gone),
                Some(Choice::Leave | Choice::Recreate) => Ending::Deleted(gone),
                Some(_) | None => return self.ask(gone, values, row, entry),
            },
        };
        match policy {
            DeleteUpdate::Manual => entry.judged.push((row.id, ConflictStatus::Resolved)),
            DeleteUpdate::Survive | DeleteUpdate::Recreate => {
                row.status = ConflictStatus::Auto;
                row.winner = Some(twin.into());
                row.why = format!("the {twin} record was edited, so that it stays");
                entry.conflicts.push(row);
            }
        }
        if ending == Ending::Remade(gone) {
            entry.wakes.push((twin, self.link.records[twin].clone()));
        }
        self.end(ending, entry)
    }

    /// Whether a deleted record can be made again: nothing is, where nothing is created.
    fn remakes(&self, gone: Side) -> bool {
        self.mapping.mapping.creates_on(gone)
    }

    /// What a person said of exactly this conflict.
    fn said(&self, gone: Side, values: &Values, row: &Conflict) -> Option<&Choice> {
        let hold = link_hold(self.work)?;
        let same = hold.conflict == Some(row.id) && hold.values == self.marks(gone, values);
        hold.choice().filter(|_| same)
    }

    fn ask(&self, gone: Side, values: &Values, mut row: Conflict, mut entry: Entry) -> Entry {
        let twin = gone.other();
        row.why = "the mapping leaves it to a person".into();
        let next = if self.remakes(gone) {
            "say that the deleted one is made again, or leave it"
        } else {
            "leave it, for nothing is created there, or make the deleted one again in its system"
        };
        let detail = format!(
            "the {gone} record {} is deleted and the {twin} record {} was edited: {next}",
            self.link.records[gone], self.link.records[twin]
        );
        let mut hold = self.hold(HoldReason::Conflict, detail);
        hold.values = self.marks(gone, values);
        hold.conflict = Some(row.id);
        let before = link_hold(self.work).and_then(|hold| hold.conflict);
        if before != Some(row.id) {
            entry.judged.extend(before.map(|id| (id, ConflictStatus::Stale)));
            entry.conflicts.push(row);
        }
        if self.link.status == LinkStatus::Suspended && entry.before.is_none() {
            entry.before = Some(resumed(self.link, "neither record is hidden any more"));
        }
        entry.holds.push(hold);
        entry
    }

    fn row(&self, gone: Side, pairs: &[usize]) -> Conflict {
        let twin = gone.other();
        let held = |side: Side, seen: View<'_>| -> Vec<Value> {
            let base = &self.link.bases[side];
            let of = |&index: &usize| {
                let pair = &self.mapping.pairs[index];
                let held = super::detect::pair_values(pair, side, seen, base)?;
                Some(pair.stored(side, &super::matching::owned(&held), &self.context.key))
            };
            pairs.iter().filter_map(of).flatten().collect()
        };
        let mut values = Sides::new(Vec::new(), Vec::new());
        values[twin] = held(twin, self.views[twin]);
        Conflict {
            id: Conflict::id_of(self.link.id, None, &values),
            link: self.link.id,
            records: self.link.records.clone(),
            pair: None,
            kind: ConflictKind::DeleteUpdate,
            base: Sides::from_fn(|side| Some(held(side, View::Unseen))),
            values,
            times: Sides::from_fn(|side| match self.views[side] {
                View::Known { version, .. } => version.modified.map(|modified| modified.at),
                View::Unseen | View::IdOnly | View::Other(_) => None,
            }),
            strategy: format!("delete_update {}", word(self.mapping.mapping.delete_update)),
            winner: None,
            why: String::new(),
            status: ConflictStatus::Open,
            run: self.context.run,
            at: self.context.now,
        }
    }

    /// What a hold of a delete is about: an answer to anything else is stale.
    fn marks(&self, gone: Side, values: &Values) -> Sides<Option<Fingerprint>> {
        let twin = gone.other();
        let mut marks = Sides::default();
        marks[gone] = Some(gone_mark());
        marks[twin] = Some(self.mapping.record_print(twin, values, &self.context.key));
        marks
    }

    fn hold(&self, reason: HoldReason, detail: String) -> Hold {
        Hold::new(HoldKey::Link(self.link.id), reason, detail, self.context.now)
    }

    fn end(&self, ending: Ending, entry: Entry) -> Entry {
        let why = match ending {
            Ending::Deleted(side) => {
                format!("the {side} record is deleted; the {} one stays", side.other())
            }
            Ending::TwinRemoved(side) => {
                format!("the {side} record is deleted, and the {} one for it", side.other())
            }
            Ending::Remade(side) => format!("the {side} record is deleted, and is made again"),
            Ending::BothDeleted => "both records are deleted".into(),
            Ending::Unlinked => "a person ended it".into(),
            Ending::Excluded(side) => format!("a person excluded the {side} record"),
        };
        end(self.work, self.link, ending, &why, entry)
    }
}

/// What of a record was edited since it was synced.
enum Edits {
    None,
    /// Fields are not in the answer, so that it cannot be said.
    Unclear,
    /// These pairs, by place.
    Of(Vec<usize>),
}

impl RecordAction {
    fn done(self) -> &'static str {
        match self {
            RecordAction::Archive => "archived",
            RecordAction::Delete => "deleted",
            RecordAction::Restore => "restored",
        }
    }
}

fn word(policy: DeleteUpdate) -> &'static str {
    match policy {
        DeleteUpdate::Survive => "survive",
        DeleteUpdate::Recreate => "recreate",
        DeleteUpdate::Manual => "manual",
    }
}
