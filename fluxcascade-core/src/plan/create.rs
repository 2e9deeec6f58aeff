//! Creates: what a new record gets, and what becomes of a create without an answer (P6).

use super::context::PlanContext;
use super::detect::is_refused_still;
use super::entry::{Entry, Need, PairAction, PairPlan, Step};
use super::matching::{Subject, owned, park, present};
use super::reference::{self, Blocked};
use crate::model::{
    Awaited, Cause, Fingerprint, Hold, HoldKey, HoldReason, KeyHolder, Observation, Operation,
    RecordId, Sides, Timestamp,
};

impl Subject<'_> {
    /// A record without a partner is created on the other side, if the mapping lets it.
    pub(super) fn create(&self, context: &PlanContext, mut entry: Entry) -> Entry {
        let (mapping, to) = (self.mapping, self.side.other());
        entry.released = self.work.holds.iter().map(|hold| hold.key.clone()).collect();
        if !mapping.mapping.creates_on(to) {
            entry.step = Step::Ignored;
            return entry;
        }
        let mut refused: Option<String> = None;
        for (index, pair) in mapping.pairs.iter().enumerate() {
            if !pair.direction.writes_to(to) {
                continue;
            }
            let slots = pair.ends[self.side].slots.iter();
            let Some(origin) = present(slots, self.values) else { continue };
            if origin.iter().all(|value| value.is_blank()) {
                if pair.required {
                    let why = format!("{} is required, and blank; fill it in", pair.label);
                    return self.refuse(&why, context, entry);
                }
                continue;
            }
            match reference::carry(pair, self.side, &origin, &[], context) {
                // It is left out here, and written once the record that it refers to is linked.
                Err(Blocked::Waits(_)) if !pair.needed[to] && !pair.required => {}
                Err(Blocked::Waits(awaited)) => {
                    return self.wait_for_link(&pair.label, &awaited, context, entry);
                }
                Ok(send) => {
                    let mut values = Sides::new(Vec::new(), Vec::new());
                    values[self.side] = owned(&origin);
                    let cause = Cause::Create;
                    let action = PairAction::Write { to, send, cause, conflict: None };
                    entry.pairs.push(PairPlan { index, values, action });
                }
                // It is left out here, and held once the records are linked.
                Err(Blocked::Refused(refusal)) => {
                    let why = format!("{} is refused: {refusal}", pair.label);
                    if pair.required {
                        return self.refuse(&why, context, entry);
                    }
                    refused.get_or_insert(why);
                }
            }
        }
        if entry.pairs.is_empty() {
            let blank = || "every field that would be written is blank; fill one in".to_owned();
            return self.refuse(&refused.unwrap_or_else(blank), context, entry);
        }
        let mut seen = Sides::default();
        seen[self.side] = Some(self.values);
        if self.work.holds.iter().any(|hold| is_refused_still(hold, &seen, context.now)) {
            return Entry::new(entry.key, entry.records);
        }
        entry.create = Some(to);
        entry.step = Step::Decided;
        entry
    }

    /// A record that cannot be made without its reference waits for the link of that one.
    fn wait_for_link(
        &self,
        pair: &str,
        awaited: &Awaited,
        context: &PlanContext,
        entry: Entry,
    ) -> Entry {
        let why = format!(
            "{pair} refers to {} of {}, which is not linked there yet",
            awaited.record, awaited.mapping
        );
        let mut entry = self.refuse(&why, context, entry);
        for hold in &mut entry.holds {
            hold.reason = HoldReason::Reference;
            hold.waits_for = Some(awaited.clone());
        }
        entry
    }

    fn refuse(&self, why: &str, context: &PlanContext, mut entry: Entry) -> Entry {
        let (side, record) = (self.side, self.record);
        entry.pairs.clear();
        entry.released.clear();
        entry.holds.push(Hold::new(
            HoldKey::Record(side, record.clone()),
            HoldReason::Invalid,
            format!("the {side} record {record} is not created on the {}: {why}", side.other()),
            context.now,
        ));
        entry.step = Step::Decided;
        entry
    }
}

/// A create without an answer, of which no record is known: once no request for it can be under
/// way, it is sent again if the system refuses duplicates of its key; else it is looked for, as
/// late as the look-up may lag, and sent again if nothing is found. Without a key it waits.
pub(super) fn unanswered(
    subject: &Subject<'_>,
    operation: &Operation,
    context: &PlanContext,
    entry: Entry,
    needs: &mut Vec<Need>,
) -> Entry {
    let (record, to) = (subject.record, operation.side);
    let settled = context.settle.from(operation);
    // Only a record that still has the key would be refused beside the one that was made.
    let is_unique = |(rule, key): &(u16, Fingerprint)| {
        let rule = subject.mapping.rules.get(usize::from(*rule)).filter(|rule| rule.unique[to]);
        rule.is_some_and(|rule| {
            rule.fingerprint(subject.side, subject.values, &context.key) == Some(*key)
        })
    };
    if context.refuses_duplicates[to] && operation.keys.iter().any(is_unique) {
        if settled > context.now {
            return unknown_outcome(operation, record, Some(settled), context, entry);
        }
        return again(subject, operation, context, entry);
    }
    let Some(need) = look_up(subject, operation) else {
        return unknown_outcome(operation, record, None, context, entry);
    };
    let shown = settled + context.find_lag[to];
    if shown > context.now {
        return unknown_outcome(operation, record, Some(shown), context, entry);
    }
    match context.found.get(&operation.id) {
        None => {
            needs.push(need);
            Entry { step: Step::Needs, ..entry }
        }
        Some(None) => unknown_outcome(operation, record, None, context, entry),
        Some(Some(found)) => found_records(subject, operation, found, context, entry, needs),
    }
}

/// The look-up by the first field of the operation's first key.
fn look_up(subject: &Subject<'_>, operation: &Operation) -> Option<Need> {
    let to = operation.side;
    let (rule, _) = operation.keys.first()?;
    let slot = *subject.mapping.rules.get(usize::from(*rule))?.slots[to].first()?;
    let field = subject.mapping.projections[to].fields().get(slot)?;
    let value = operation.pairs.iter().find_map(|sent| {
        let pair = &subject.mapping.pairs[subject.mapping.pair_index(&sent.pair)?];
        let at = pair.ends[to].slots.iter().position(|&s| s == slot)?;
        sent.sent.get(at)
    })?;
    Some(Need::Find {
        operation: operation.id,
        side: to,
        field: field.clone(),
        value: value.clone(),
    })
}

fn found_records(
    subject: &Subject<'_>,
    operation: &Operation,
    found: &[Observation],
    context: &PlanContext,
    entry: Entry,
    needs: &mut Vec<Need>,
) -> Entry {
    let Some(&(rule, key)) = operation.keys.first() else {
        return unknown_outcome(operation, subject.record, None, context, entry);
    };
    let compiled = &subject.mapping.rules[usize::from(rule)];
    let has_key = |seen: &&Observation| {
        let values = seen.values();
        values.and_then(|v| compiled.fingerprint(operation.side, v, &context.key)) == Some(key)
    };
    match found.iter().filter(has_key).collect::<Vec<_>>().as_slice() {
        [] => again(subject, operation, context, entry),
        [one] => {
            let partner = KeyHolder {
                record: one.record.clone(),
                link: None,
                entry: None,
                pending: None,
                decided_earlier: false,
                hold: None,
            };
            subject.link(rule, &partner, Some(operation), context, entry, needs)
        }
        several => {
            let candidates = several.iter().map(|o| (operation.side, o.record.clone())).collect();
            let why = "a create has no answer, and several records have its key";
            park(subject.side, subject.record, candidates, why, context, entry)
        }
    }
}

/// The create was not carried out: it is given up, and decided anew on what the record holds now.
fn again(
    subject: &Subject<'_>,
    operation: &Operation,
    context: &PlanContext,
    mut entry: Entry,
) -> Entry {
    entry.closes.push(operation.id);
    subject.create(context, entry)
}

/// What became of a create is not known, and is not found out before this time, or not by itself.
pub(super) fn unknown_outcome(
    operation: &Operation,
    record: &RecordId,
    until: Option<Timestamp>,
    context: &PlanContext,
    mut entry: Entry,
) -> Entry {
    let side = operation.side.other();
    let next = match until {
        Some(until) => format!("it is looked into at {until}"),
        None => "when the new record is seen it is linked, and none is made until then".to_owned(),
    };
    let mut hold = Hold::new(
        HoldKey::Record(side, record.clone()),
        HoldReason::UnknownOutcome,
        format!(
            "a create on the {} was sent at {} and its answer is missing: {next}",
            operation.side, operation.begun
        ),
        context.now,
    );
    hold.not_before = until;
    entry.holds.push(hold);
    entry.step = Step::Decided;
    entry
}
