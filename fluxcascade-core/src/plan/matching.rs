//! Unlinked records: who their partner is, or that one is created, or that a person must say.

use super::context::{Leads, PlanContext};
use super::create::{unanswered, unknown_outcome};
use super::detect::{View, is_read, view};
use super::ending::suspended;
use super::entry::{Entry, Need, NewLink, PairBases, Step};
use super::kept::{are_known, is_sent};
use super::late;
use super::linked::{follow_and_decide, set_bases};
use super::parked::{PARKED_FOR, Said, exclude, is_excluded, park, said};
use super::partner::{Match, is_vanished, parked_beside};
use super::tombstone::Freedom;
use crate::mapping::{CompiledMapping, CompiledRule, FingerprintKey, refs};
use crate::model::{
    Fingerprint, Hold, HoldKey, HoldReason, KeyHolder, Link, LinkId, LinkStatus, Operation,
    OperationKind, RecordId, RunNumber, Side, Sides, State, Value, Values, Work, WorkKey,
};
use crate::seeded::{self, Bug};

/// Decides what is to be done for an unlinked record.
pub(super) fn plan_record(
    mapping: &CompiledMapping,
    work: &Work,
    context: &PlanContext,
    needs: &mut Vec<Need>,
) -> Entry {
    let (side, record) = match &work.key {
        WorkKey::Record(side, record) => (*side, record),
        WorkKey::Link(_) => return Entry::new(work.key.clone(), Sides::default()),
    };
    let mut records = Sides::default();
    records[side] = Some(record.clone());
    let mut entry = Entry::new(work.key.clone(), records);
    let said = said(work, side, record, context);
    match said {
        Said::Never => return exclude(side, record, context, entry),
        Said::Nothing if is_excluded(work) => return entry,
        Said::Nothing | Said::Same(_) | Said::Another | Said::NotMade | Said::Leave => {}
    }
    let values = match view(mapping, side, Some(record), work.entries[side].as_ref(), context) {
        View::IdOnly | View::Unseen => {
            needs.push(Need::Fetch { side, record: record.clone() });
            entry.step = Step::Needs;
            return entry;
        }
        View::Other(state) => return not_there(work, side, record, state, context, entry, needs),
        View::Known { values, .. } => values,
    };
    if let Some(entry) = settle_restores(work, context, &mut entry) {
        return entry;
    }
    let subject = Subject { mapping, work, side, record, values };
    let mut entry = subject.decide(said, context, entry, needs);
    asks_about_create(work, &mut entry);
    entry
}

/// What is asked while a create has no answer is asked about that create: an answer is to no other.
fn asks_about_create(work: &Work, entry: &mut Entry) {
    let open = work.operations.iter().find(|op| op.kind == OperationKind::Create);
    let Some(create) = open.filter(|create| !entry.closes.contains(&create.id)) else { return };
    let of_record = |hold: &&mut Hold| matches!(hold.key, HoldKey::Record(..));
    for hold in entry.holds.iter_mut().filter(of_record) {
        hold.values[create.side] = Some(create.fingerprint());
    }
}

/// Whether what was asked of a record was asked about this create.
fn is_about(work: &Work, create: &Operation) -> bool {
    let hold = super::parked::record_hold(work);
    hold.is_some_and(|hold| hold.values[create.side] == Some(create.fingerprint()))
}

/// An unlinked record of which something must be known before anything is said of it.
pub(super) fn waits_for_answers(work: &Work) -> Entry {
    let mut records = Sides::default();
    if let WorkKey::Record(side, record) = &work.key {
        records[*side] = Some(record.clone());
    }
    Entry { step: Step::Needs, ..Entry::new(work.key.clone(), records) }
}

/// A restore without an answer is given up once no request for it can be under way: what the record
/// is now is read, and decided anew.
fn settle_restores(work: &Work, context: &PlanContext, entry: &mut Entry) -> Option<Entry> {
    for operation in work.operations.iter().filter(|op| op.kind != OperationKind::Create) {
        let from = context.settles_from(operation);
        if from > context.now {
            return Some(entry.clone().wait_until(from, "a write without an answer settles"));
        }
        entry.closes.push(operation.id);
    }
    None
}

/// An unlinked record that can be read.
pub(super) struct Subject<'a> {
    pub(super) mapping: &'a CompiledMapping,
    pub(super) work: &'a Work,
    pub(super) side: Side,
    pub(super) record: &'a RecordId,
    pub(super) values: &'a Values,
}

/// By what two records are linked.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    /// A match rule.
    Rule(&'a CompiledRule),
    /// A person's word.
    Person,
}

impl Subject<'_> {
    fn decide(
        &self,
        said: Said<'_>,
        context: &PlanContext,
        entry: Entry,
        needs: &mut Vec<Need>,
    ) -> Entry {
        let own_create = self.work.operations.iter().find(|op| op.kind == OperationKind::Create);
        match (said, own_create) {
            (Said::Same(partner), _) => {
                return self.link_as_said(partner, own_create, context, entry, needs);
            }
            (Said::Another, Some(create)) if is_about(self.work, create) => {
                return self.again(create, context, entry);
            }
            (Said::NotMade, Some(create)) if is_about(self.work, create) => {
                // What it made all the same, after a person has looked, is listed by then.
                let from = context.settle.from(create) + context.list_lag[create.side];
                if from > context.now {
                    let why = "a create that is said to have made nothing may be under way";
                    return entry.wait_until(from, why);
                }
            }
            (Said::Another, None) => return self.create(context, entry),
            (Said::NotMade, None) if self.is_left(context) => return self.create(context, entry),
            (Said::Leave, _) => return self.leave(context, entry),
            // A create that began since is what the answer was carried out with.
            (Said::Nothing | Said::NotMade | Said::Another | Said::Never, _) => {}
        }
        if self.is_left(context) {
            return entry;
        }
        let (freedom, mut entry) = match self.rise(context, entry, needs) {
            Ok(free) => free,
            Err(decided) => return *decided,
        };
        if let Some(waiting) = self.wait_for_holders(context, &entry) {
            return waiting;
        }
        self.drop_vanished(context, &mut entry);
        match (self.find_partner(context), own_create) {
            (Match::Partner(rule, partner), _) => {
                let by = By::Rule(&self.mapping.rules[usize::from(rule.rule)]);
                self.link(by, partner, own_create, context, entry, needs)
            }
            (Match::Ambiguous(candidates, why), _) => {
                park(self.side, self.record, candidates, why, context, entry)
            }
            (Match::Nobody, Some(create))
                if said == Said::NotMade && is_about(self.work, create) =>
            {
                self.again(create, context, entry)
            }
            (Match::Nobody, Some(operation)) => unanswered(self, operation, context, entry, needs),
            (Match::Nobody, None) => match freedom {
                Freedom::Free if self.may_be_unanswered(context) => {
                    self.park_unanswered(context, entry, needs)
                }
                Freedom::Free | Freedom::Remade if self.has_unlisted_key(context) => {
                    entry.waits("who has its match key is known when it is listed")
                }
                Freedom::Free | Freedom::Remade => self.create(context, entry),
                Freedom::Ended => self.ignore(entry),
            },
            (Match::Parted, _) => self.ignore(entry),
        }
    }

    /// Whether it has a key by which nobody was looked for: a hint came before the listing (P6).
    fn has_unlisted_key(&self, context: &PlanContext) -> bool {
        let is_looked_for = |at: usize, key: Fingerprint| {
            let mut listed = self.work.candidates.iter();
            listed.any(|found| usize::from(found.rule) == at && found.key == key)
        };
        let mut rules = self.mapping.rules.iter().enumerate();
        rules.any(|(at, rule)| {
            let own = rule.fingerprint(self.side, self.record, self.values, &context.key);
            own.is_some_and(|own| !is_looked_for(at, own))
        })
    }

    /// It is unlinked, and stays so.
    fn ignore(&self, mut entry: Entry) -> Entry {
        entry.released.extend(self.work.holds.iter().map(|hold| hold.key.clone()));
        entry.step = Step::Ignored;
        entry
    }

    /// Links the record to its partner.
    pub(super) fn link(
        &self,
        by: By<'_>,
        partner: &KeyHolder,
        own_create: Option<&Operation>,
        context: &PlanContext,
        mut entry: Entry,
        needs: &mut Vec<Need>,
    ) -> Entry {
        let (mapping, side, other) = (self.mapping, self.side, self.side.other());
        let due =
            partner.entry.as_ref().is_some_and(|e| e.not_before.is_none_or(|at| at <= context.now));
        if side == Side::Target && due && context.leads == Leads::Source {
            entry.step = Step::Follows;
            return entry;
        }
        let seen = view(mapping, other, Some(&partner.record), partner.entry.as_ref(), context);
        let operation = own_create.or(partner.pending.as_ref());
        let theirs = match seen {
            View::Known { values, .. } => Some(values),
            View::IdOnly | View::Unseen => {
                needs.push(Need::Fetch { side: other, record: partner.record.clone() });
                entry.step = Step::Needs;
                return entry;
            }
            View::Other(State::OutOfScope) => None,
            View::Other(_) if !is_read(other, &partner.record, context) => {
                needs.push(Need::Fetch { side: other, record: partner.record.clone() });
                entry.step = Step::Needs;
                return entry;
            }
            // The record that a create was for is gone: what it made is linked all the same, and
            // then decided as a link of which one record is gone.
            View::Other(_) if partner.pending.is_some() => None,
            View::Other(state) => return self.beside(partner, state, context, entry),
        };
        if let (By::Rule(rule), None, Some(theirs)) = (by, operation, theirs) {
            let own = rule.fingerprint(side, self.record, self.values, &context.key);
            let is_hidden = rule.is_hidden(side, self.values) || rule.is_hidden(other, theirs);
            if own != rule.fingerprint(other, &partner.record, theirs, &context.key) {
                return if is_hidden {
                    let candidates = vec![(other, partner.record.clone())];
                    let why = "the key that it shared with the only other record is not shown now";
                    park(side, self.record, candidates, why, context, entry)
                } else {
                    entry.waits("a match key has just changed")
                };
            }
        }
        if let Some(need) = self.asks_former(&partner.record, operation, context) {
            needs.push(need);
            entry.step = Step::Needs;
            return entry;
        }
        let link = self.new_link(by, partner, operation, theirs, context, &mut entry);
        let linked = self.work_of_link(partner);
        if theirs.is_some() {
            return follow_and_decide(mapping, &linked, &link, context, entry, needs);
        }
        entry.step = Step::Decided;
        if let View::Other(State::OutOfScope) = seen {
            let why = format!("the {other} record {} is out of scope", partner.record);
            entry.after = Some(suspended(&link, why));
        } else {
            entry.wakes.push((other, partner.record.clone()));
        }
        entry
    }

    /// The link as it is made, which is noted in the entry.
    fn new_link(
        &self,
        by: By<'_>,
        partner: &KeyHolder,
        operation: Option<&Operation>,
        theirs: Option<&Values>,
        context: &PlanContext,
        entry: &mut Entry,
    ) -> Link {
        let (mapping, side) = (self.mapping, self.side);
        let records = match side {
            Side::Source => Sides::new(self.record.clone(), partner.record.clone()),
            Side::Target => Sides::new(partner.record.clone(), self.record.clone()),
        };
        let former = self.taken_up(&partner.record, context);
        let again = former.as_ref().map(|tombstone| tombstone.id);
        let id = operation
            .map(|operation| operation.link)
            .or(again)
            .unwrap_or_else(|| link_id(mapping, Side::Source, &records.source, context.run));
        entry.records = records.as_ref().map(|record| Some(record.clone()));
        entry.released = vec![
            HoldKey::Record(Side::Source, records.source.clone()),
            HoldKey::Record(Side::Target, records.target.clone()),
        ];
        let is_made = |op: &&Operation| !self.is_of_another(op, &partner.record, context);
        let created = operation.filter(is_made).map_or_else(Vec::new, |operation| {
            let written = if operation.side == side { Some(self.values) } else { theirs };
            written.map(|w| created_bases(mapping, operation, w, &context.key)).unwrap_or_default()
        });
        let mut bases = mapping.empty_bases();
        set_bases(mapping, &mut bases, &created);
        entry.link = Some(NewLink {
            id,
            records: records.clone(),
            rule: match by {
                By::Rule(rule) => rule.label.clone(),
                By::Person => "thing, as a person says".into(),
            },
            settles: operation.map(|operation| operation.id),
            former: again,
            bases: created,
        });
        Link { id, records, status: LinkStatus::Active, bases, ending: None }
    }

    /// The work of the link that is made.
    fn work_of_link(&self, partner: &KeyHolder) -> Work {
        let mut entries = self.work.entries.clone();
        entries[self.side.other()].clone_from(&partner.entry);
        Work {
            key: self.work.key.clone(),
            link: None,
            entries,
            holds: Vec::new(),
            operations: Vec::new(),
            candidates: Vec::new(),
            tombstones: Vec::new(),
        }
    }

    /// Nothing is created beside a partner that is archived or cannot be read.
    fn beside(
        &self,
        partner: &KeyHolder,
        state: &State,
        context: &PlanContext,
        mut entry: Entry,
    ) -> Entry {
        let mut hold = Hold::new(
            HoldKey::Record(self.side, self.record.clone()),
            HoldReason::Ambiguous,
            format!(
                "its only partner, {}, is {}: restore that one, or say that this one is another",
                partner.record,
                state.word()
            ),
            context.now,
        );
        hold.candidates = vec![(self.side.other(), partner.record.clone())];
        hold.not_before = Some(context.now + PARKED_FOR);
        entry.holds.push(hold);
        entry.step = Step::Decided;
        entry
    }
}

/// The bases that an open create gives: of the pairs that the new record holds as sent.
fn created_bases(
    mapping: &CompiledMapping,
    operation: &Operation,
    written: &Values,
    key: &FingerprintKey,
) -> PairBases {
    operation
        .pairs
        .iter()
        .filter_map(|sent| {
            let index = mapping.pair_written(sent)?;
            let pair = &mapping.pairs[index];
            let held = present(pair.ends[operation.side].slots.iter(), written)?;
            let origin = refs(&sent.origin);
            let same = match operation.side {
                _ if !are_known(&sent.origin) => {
                    is_sent(pair, operation.side, &sent.sent, &held, key)
                }
                Side::Source => pair.equivalent(&held, &origin),
                Side::Target => pair.equivalent(&origin, &held),
            };
            let held = owned(&held);
            let values = match operation.side {
                Side::Source => Sides::new(held, sent.origin.clone()),
                Side::Target => Sides::new(sent.origin.clone(), held),
            };
            same.then_some((index, values))
        })
        .collect()
}

/// The values in these slots; `None` if one is absent.
pub(super) fn present<'a, 'b>(
    mut slots: impl Iterator<Item = &'b usize>,
    values: &'a Values,
) -> Option<Vec<&'a Value>> {
    slots.try_fold(Vec::new(), |mut found, &slot| {
        found.push(values[slot].value()?);
        Some(found)
    })
}

pub(super) fn owned(values: &[&Value]) -> Vec<Value> {
    values.iter().map(|&value| value.clone()).collect()
}

/// The id of a link that a run makes: told from the record that it begins with, not drawn.
pub(crate) fn link_id(
    mapping: &CompiledMapping,
    side: Side,
    origin: &RecordId,
    run: RunNumber,
) -> LinkId {
    LinkId::of(&[
        mapping.key.tenant.as_str().as_bytes(),
        mapping.key.mapping.as_str().as_bytes(),
        &[side.number()],
        origin.as_str().as_bytes(),
        &(run.0 + seeded::drawn()).to_le_bytes(),
    ])
}

/// An unlinked record that is gone is no longer waited for; one that cannot be read is held.
fn not_there(
    work: &Work,
    side: Side,
    record: &RecordId,
    state: &State,
    context: &PlanContext,
    mut entry: Entry,
    needs: &mut Vec<Need>,
) -> Entry {
    let own_create = work.operations.iter().find(|op| op.kind == OperationKind::Create);
    let is_known_so = is_read(side, record, context) || matches!(state, State::OutOfScope);
    let is_of_account = match state {
        State::Archived(_) => !work.holds.is_empty() || !work.operations.is_empty(),
        State::Unreadable(_) => true,
        State::Known { .. }
        | State::Deleted(_)
        | State::Missing
        | State::MergedInto(_)
        | State::OutOfScope => {
            let waits = !work.holds.is_empty() || !work.operations.is_empty();
            waits || !work.candidates.is_empty()
        }
    };
    if !is_known_so && is_of_account {
        needs.push(Need::Fetch { side, record: record.clone() });
        entry.step = Step::Needs;
        return entry;
    }
    if let Some(waiting) =
        late::wait_for_record(side, record, work.entries[side].as_ref(), context, &entry)
    {
        return waiting;
    }
    match (state, own_create) {
        (_, Some(operation)) => unknown_outcome(operation, record, None, context, entry),
        (State::Missing, None) if seeded::is(Bug::ForgedHintStays) => entry.waits("not found"),
        (State::Unreadable(why), None) => {
            let mut hold = Hold::new(
                HoldKey::Record(side, record.clone()),
                HoldReason::Unreadable,
                format!("the {side} record {record} cannot be read ({why}): mend it there"),
                context.now,
            );
            // A sweep does not miss it when it is gone: it has no link, and perhaps no key.
            hold.not_before = Some(context.now + PARKED_FOR);
            entry.holds.push(hold);
            entry.step = Step::Decided;
            entry
        }
        (
            State::Known { .. }
            | State::Archived(_)
            | State::Deleted(_)
            | State::Missing
            | State::MergedInto(_)
            | State::OutOfScope,
            None,
        ) => {
            entry.released = work.holds.iter().map(|hold| hold.key.clone()).collect();
            let is_archived = matches!(state, State::Archived(_));
            if (is_archived || is_vanished(state)) && !work.candidates.is_empty() {
                entry.drops.push((side, record.clone()));
                entry.wakes = parked_beside(work, side, record);
            }
            entry.step = Step::Ignored;
            entry
        }
    }
}
