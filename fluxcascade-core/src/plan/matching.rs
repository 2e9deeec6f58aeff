//! Unlinked records: who their partner is, or that one is created, or that a person must say.

use std::time::Duration;

use super::context::PlanContext;
use super::create::{unanswered, unknown_outcome};
use super::detect::{View, view};
use super::entry::{Entry, Need, NewLink, PairBases, Step};
use super::linked::{decide_link, set_bases};
use crate::mapping::{CompiledMapping, refs};
use crate::model::{
    Candidates, Hold, HoldKey, HoldReason, KeyHolder, Link, LinkId, LinkStatus, Operation,
    OperationKind, RecordId, RunNumber, Side, Sides, State, Value, Values, Work, WorkKey,
};

/// A parked record is looked at again by itself after this time: others may have moved away.
const PARKED_FOR: Duration = Duration::from_secs(24 * 3600);

/// What the match rules say of a record.
enum Match<'a> {
    /// Nobody else has any of its keys.
    Nobody,
    /// Exactly this record has its key, by this rule.
    Partner(&'a Candidates, &'a KeyHolder),
    /// Several records could be meant; why, in words.
    Ambiguous(Vec<(Side, RecordId)>, &'static str),
}

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
    let values = match view(mapping, side, Some(record), work.entries[side].as_ref(), context) {
        View::IdOnly | View::Unseen => {
            needs.push(Need::Fetch { side, record: record.clone() });
            entry.step = Step::Needs;
            return entry;
        }
        View::Other(state) => return not_there(work, side, record, state, context, entry),
        View::Known { values, .. } => values,
    };
    let own_create = work.operations.iter().find(|op| op.kind == OperationKind::Create);
    match find_partner(work, side, record) {
        Match::Partner(rule, partner) => {
            let subject = Subject { mapping, work, side, record, values };
            subject.link(rule.rule, partner, own_create, context, entry, needs)
        }
        Match::Ambiguous(candidates, why) => park(side, record, candidates, why, context, entry),
        Match::Nobody => match own_create {
            Some(operation) => {
                let subject = Subject { mapping, work, side, record, values };
                unanswered(&subject, operation, context, entry, needs)
            }
            None => Subject { mapping, work, side, record, values }.create(context, entry),
        },
    }
}

/// An unlinked record of which something must be known before anything is said of it.
pub(super) fn waits_for_answers(work: &Work) -> Entry {
    let mut records = Sides::default();
    if let WorkKey::Record(side, record) = &work.key {
        records[*side] = Some(record.clone());
    }
    Entry { step: Step::Needs, ..Entry::new(work.key.clone(), records) }
}

/// A record that could be several waits for a person, and is looked at again by itself.
pub(super) fn park(
    side: Side,
    record: &RecordId,
    candidates: Vec<(Side, RecordId)>,
    why: &str,
    context: &PlanContext,
    mut entry: Entry,
) -> Entry {
    let mut hold = Hold::new(
        HoldKey::Record(side, record.clone()),
        HoldReason::Ambiguous,
        format!("{why}: say which one is meant, or change a key in one of the systems"),
        context.now,
    );
    hold.candidates = candidates;
    hold.not_before = Some(context.now + PARKED_FOR);
    entry.holds.push(hold);
    entry.step = Step::Decided;
    entry
}

/// The first rule whose key another record has decides alone.
fn find_partner<'a>(work: &'a Work, side: Side, record: &RecordId) -> Match<'a> {
    let other = side.other();
    for candidates in &work.candidates {
        let own = &candidates.holders[side];
        let theirs = &candidates.holders[other];
        let pending = candidates.pending.source + candidates.pending.target;
        if theirs.is_empty() && own.len() <= 1 && pending == 0 {
            continue;
        }
        let everyone = || {
            candidates
                .holders
                .iter()
                .flat_map(|(side, holders)| holders.iter().map(move |h| (side, h.record.clone())))
                .filter(|(s, r)| (*s, r) != (side, record))
                .collect()
        };
        // A create that claims the key is this record, if the sole partner waits for its answer.
        let settles = theirs.len() == 1 && theirs[0].pending.is_some();
        let claims = pending.saturating_sub(u32::from(settles));
        return match (own.len(), theirs.as_slice()) {
            _ if claims > 0 => {
                Match::Ambiguous(everyone(), "a create whose answer is missing claims its key")
            }
            (0 | 1, [partner]) if partner.link.is_some() => {
                Match::Ambiguous(everyone(), "the only record with its key is linked already")
            }
            (0 | 1, [partner]) if partner.decided_earlier => Match::Ambiguous(
                everyone(),
                "the only record with its key has another partner by an earlier rule",
            ),
            (0 | 1, [partner]) => Match::Partner(candidates, partner),
            _ => Match::Ambiguous(everyone(), "several records have the same key"),
        };
    }
    Match::Nobody
}

/// An unlinked record that can be read.
pub(super) struct Subject<'a> {
    pub(super) mapping: &'a CompiledMapping,
    pub(super) work: &'a Work,
    pub(super) side: Side,
    pub(super) record: &'a RecordId,
    pub(super) values: &'a Values,
}

impl Subject<'_> {
    /// Links the record to its sole partner by a rule.
    pub(super) fn link(
        &self,
        rule: u16,
        partner: &KeyHolder,
        own_create: Option<&Operation>,
        context: &PlanContext,
        mut entry: Entry,
        needs: &mut Vec<Need>,
    ) -> Entry {
        let (mapping, side, other) = (self.mapping, self.side, self.side.other());
        let due =
            partner.entry.as_ref().is_some_and(|e| e.not_before.is_none_or(|at| at <= context.now));
        if side == Side::Target && due {
            entry.step = Step::Follows;
            return entry;
        }
        let seen = view(mapping, other, Some(&partner.record), partner.entry.as_ref(), context);
        let theirs = match seen {
            View::Known { values, .. } => values,
            View::IdOnly | View::Unseen => {
                needs.push(Need::Fetch { side: other, record: partner.record.clone() });
                entry.step = Step::Needs;
                return entry;
            }
            View::Other(state) => return self.beside(partner, state, context, entry),
        };
        let rule = &mapping.rules[usize::from(rule)];
        let key = |side, values| rule.fingerprint(side, values, &context.key);
        let operation = own_create.or(partner.pending.as_ref());
        if operation.is_none() && key(side, self.values) != key(other, theirs) {
            return entry.waits("a match key has just changed");
        }
        let records = match side {
            Side::Source => Sides::new(self.record.clone(), partner.record.clone()),
            Side::Target => Sides::new(partner.record.clone(), self.record.clone()),
        };
        let id = operation.map_or_else(
            || link_id(mapping, Side::Source, &records.source, context.run),
            |operation| operation.link,
        );
        entry.records = records.as_ref().map(|record| Some(record.clone()));
        entry.released = vec![
            HoldKey::Record(Side::Source, records.source.clone()),
            HoldKey::Record(Side::Target, records.target.clone()),
        ];
        let created = operation.map_or_else(Vec::new, |operation| {
            let written = if operation.side == side { self.values } else { theirs };
            created_bases(mapping, operation, written)
        });
        let mut bases = mapping.empty_bases();
        set_bases(mapping, &mut bases, &created);
        entry.link = Some(NewLink {
            id,
            records: records.clone(),
            rule: rule.label.clone(),
            settles: operation.map(|operation| operation.id),
            bases: created,
        });
        let link = Link { id, records, status: LinkStatus::Active, bases, ending: None };
        let mut entries = self.work.entries.clone();
        entries[other].clone_from(&partner.entry);
        let linked = Work {
            key: self.work.key.clone(),
            link: None,
            entries,
            holds: Vec::new(),
            operations: Vec::new(),
            candidates: Vec::new(),
            tombstones: Vec::new(),
        };
        decide_link(mapping, &linked, &link, context, entry, needs)
    }

    /// Nothing is created beside a partner that is archived or out of scope.
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
fn created_bases(mapping: &CompiledMapping, operation: &Operation, written: &Values) -> PairBases {
    operation
        .pairs
        .iter()
        .filter_map(|sent| {
            let index = mapping.pair_index(&sent.pair)?;
            let pair = &mapping.pairs[index];
            let held = present(pair.ends[operation.side].slots.iter(), written)?;
            let origin = refs(&sent.origin);
            let (same, held): (bool, Vec<Value>) = match operation.side {
                Side::Source => (pair.equivalent(&held, &origin), owned(&held)),
                Side::Target => (pair.equivalent(&origin, &held), owned(&held)),
            };
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
        &run.0.to_le_bytes(),
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
) -> Entry {
    let own_create = work.operations.iter().find(|op| op.kind == OperationKind::Create);
    match (state, own_create) {
        (_, Some(operation)) => unknown_outcome(operation, record, None, context, entry),
        (State::Unreadable(why), None) => {
            let hold = Hold::new(
                HoldKey::Record(side, record.clone()),
                HoldReason::Unreadable,
                format!("the {side} record {record} cannot be read ({why}): mend it there"),
                context.now,
            );
            entry.holds.push(hold);
            entry.step = Step::Decided;
            entry
        }
        (
            State::Known { .. }
            | State::Deleted(_)
            | State::Missing
            | State::MergedInto(_)
            | State::OutOfScope,
            None,
        ) => {
            entry.released = work.holds.iter().map(|hold| hold.key.clone()).collect();
            entry.step = Step::Ignored;
            entry
        }
    }
}
