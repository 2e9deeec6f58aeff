//! Records that wait for a person: how they are parked, and what is done when a person has said
//! what they are.

use std::time::Duration;

use super::context::PlanContext;
use super::entry::{Entry, Need, Step};
use super::matching::{By, Subject};
use crate::model::{
    Candidates, Choice, Fingerprint, Hold, HoldKey, HoldReason, KeyHolder, Operation, RecordId,
    Side, Work,
};

/// A parked record is looked at again by itself after this time: others may have moved away.
pub(super) const PARKED_FOR: Duration = Duration::from_secs(24 * 3600);

/// What a person said of an unlinked record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// Nothing that bears on it now.
    Nothing,
    /// It is the same as this record of the other side.
    Same(&'a RecordId),
    /// It is none of those: it is created on the other side.
    Another,
    /// It is never matched or created.
    Never,
    /// The create that has no answer made nothing.
    NotMade,
    /// It is left as it is until it is edited.
    Leave,
}

/// What a person said of the record: by naming two records, or by answering its hold.
pub(super) fn said<'a>(
    work: &'a Work,
    side: Side,
    record: &RecordId,
    context: &'a PlanContext,
) -> Said<'a> {
    if let Some(partner) = context.told.get(&(side, record.clone())) {
        return Said::Same(partner);
    }
    let Some(choice) = record_hold(work).and_then(Hold::choice) else { return Said::Nothing };
    match choice {
        Choice::LinkTo(partner) => Said::Same(partner),
        Choice::Create | Choice::Recreate => Said::Another,
        Choice::Never => Said::Never,
        Choice::NotMade => Said::NotMade,
        Choice::Leave => Said::Leave,
        Choice::Take(_) | Choice::Set(_) | Choice::Allow | Choice::Retry => Said::Nothing,
    }
}

/// The hold of an unlinked record.
pub(super) fn record_hold(work: &Work) -> Option<&Hold> {
    work.holds.iter().find(|hold| matches!(hold.key, HoldKey::Record(..)))
}

/// Whether a person said that the record is never matched or created.
pub(super) fn is_excluded(work: &Work) -> bool {
    record_hold(work).is_some_and(|hold| hold.reason == HoldReason::Excluded)
}

/// The record is never looked at again by itself.
pub(super) fn exclude(
    side: Side,
    record: &RecordId,
    context: &PlanContext,
    mut entry: Entry,
) -> Entry {
    let detail = "a person said that it is never matched or created";
    let key = HoldKey::Record(side, record.clone());
    entry.holds.push(Hold::new(key, HoldReason::Excluded, detail, context.now));
    entry.step = Step::Decided;
    entry
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

impl Subject<'_> {
    /// Links the record to the one that a person named, if that one is free.
    pub(super) fn link_as_said(
        &self,
        partner: &RecordId,
        own_create: Option<&Operation>,
        context: &PlanContext,
        mut entry: Entry,
        needs: &mut Vec<Need>,
    ) -> Entry {
        let other = self.side.other();
        match context.linked.get(&(other, partner.clone())) {
            None => {
                needs.push(Need::Linked { side: other, record: partner.clone() });
                entry.step = Step::Needs;
                entry
            }
            Some(Some(_)) => {
                let why = format!("a person said that it is {partner}, which is linked already");
                park(self.side, self.record, vec![(other, partner.clone())], &why, context, entry)
            }
            Some(None) => {
                let partner = KeyHolder {
                    record: partner.clone(),
                    link: None,
                    entry: None,
                    pending: None,
                    decided_earlier: false,
                    archived: false,
                    hold: None,
                };
                self.link(By::Person, &partner, own_create, context, entry, needs)
            }
        }
    }

    /// A person said that the create without an answer, or one that is refused, is left alone: nothing
    /// is made until the record is edited.
    pub(super) fn leave(&self, context: &PlanContext, mut entry: Entry) -> Entry {
        entry.closes.extend(self.work.operations.iter().map(|operation| operation.id));
        // Of a create that was refused it is known that it made nothing.
        let is_refused = |hold: &Hold| hold.reason == HoldReason::Rejected;
        let reason = if record_hold(self.work).is_some_and(is_refused) {
            HoldReason::Rejected
        } else {
            HoldReason::UnknownOutcome
        };
        let mut hold = Hold::new(
            HoldKey::Record(self.side, self.record.clone()),
            reason,
            "a person left it: nothing is made for it until it is edited",
            context.now,
        );
        hold.values[self.side] = Some(self.print(context));
        entry.holds.push(hold);
        entry.step = Step::Decided;
        entry
    }

    /// Whether a person left it, and it was not edited since.
    pub(super) fn is_left(&self, context: &PlanContext) -> bool {
        record_hold(self.work).is_some_and(|hold| {
            hold.reason == HoldReason::UnknownOutcome
                && self.work.operations.is_empty()
                && hold.values[self.side] == Some(self.print(context))
        })
    }

    /// What a hold keeps of the record, to know whether it was edited.
    fn print(&self, context: &PlanContext) -> Fingerprint {
        self.mapping.record_print(self.side, self.values, &context.key)
    }

    /// Whether a create without a key and without an answer may have made the record, which has
    /// no key that would say otherwise. Once that was asked, it is asked on until all records that it
    /// may be have links of their own: also if one is forgotten or gone since, or left by a person.
    pub(super) fn may_be_unanswered(&self, context: &PlanContext) -> bool {
        let is_own_id = |rule: u16| {
            let rule = self.mapping.rules.get(usize::from(rule));
            rule.is_some_and(|rule| rule.own_id == Some(self.side))
        };
        let is_linked = |candidate| matches!(context.linked.get(candidate), Some(Some(_)));
        let may_be = !context.keyless_creates[self.side].is_empty()
            || self
                .asked_of()
                .is_some_and(|asked| asked.is_empty() || !asked.iter().all(is_linked));
        may_be
            && self.mapping.mapping.creates_on(self.side.other())
            && self.work.candidates.iter().all(|found| is_own_id(found.rule))
    }

    /// The records that it could be, if that is asked.
    fn asked_of(&self) -> Option<&[(Side, RecordId)]> {
        let hold = record_hold(self.work)?;
        (hold.reason == HoldReason::Ambiguous).then_some(&hold.candidates)
    }

    /// It is not made back on the side that it may have come from, until a person has said.
    pub(super) fn park_unanswered(
        &self,
        context: &PlanContext,
        mut entry: Entry,
        needs: &mut Vec<Need>,
    ) -> Entry {
        let origins = context.keyless_creates[self.side].iter().take(Candidates::MOST_HOLDERS);
        let origin = |origin: &RecordId| (self.side.other(), origin.clone());
        let mut candidates: Vec<(Side, RecordId)> = origins.map(origin).collect();
        if candidates.is_empty() {
            candidates.extend_from_slice(self.asked_of().unwrap_or_default());
            let unknown = candidates.iter().filter(|asked| !context.linked.contains_key(asked));
            let linked = |(side, record): &(Side, RecordId)| Need::Linked {
                side: *side,
                record: record.clone(),
            };
            let asked = needs.len();
            needs.extend(unknown.map(linked));
            if needs.len() > asked {
                entry.step = Step::Needs;
                return entry;
            }
        }
        let why = match candidates.len() {
            0 => "it has no key, and a create for a record that is forgotten may have made it",
            _ => "it has no key, and a create whose answer is missing may have made it",
        };
        park(self.side, self.record, candidates, why, context, entry)
    }
}
