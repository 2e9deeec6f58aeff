//! Creates: what a new record gets, and what becomes of a create without an answer (P6).

use std::time::Duration;

use super::context::PlanContext;
use super::detect::is_refused_still;
use super::entry::{Entry, Need, PairAction, PairPlan, Step};
use super::matching::{By, Subject, owned, present};
use super::parked::{park, record_hold};
use super::reference::{self, Blocked};
use super::stamp;
use crate::mapping::CompiledMapping;
use crate::model::{
    Awaited, Cause, Choice, FieldName, Fingerprint, Hold, HoldKey, HoldReason, KeyHolder,
    Observation, Operation, RecordId, Sides, Timestamp, Value, Withheld,
};
use crate::seeded::{self, Bug};

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
            let Some(origin) = present(slots, self.values) else {
                if pair.required {
                    let why = format!("{} is required, and its value is not shown", pair.label);
                    return self.refuse(&why, context, entry);
                }
                continue;
            };
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
        if self.work.holds.iter().any(|hold| is_refused_still(mapping, hold, &seen, context)) {
            return Entry::new(entry.key, entry.records);
        }
        if self.is_withheld(context) {
            return self.withhold(entry, context);
        }
        entry.create = Some(to);
        entry.stamps[to] = stamp::of_new(mapping, to, self.record);
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

    /// A store that was lost, and a first sync that has found few partners, make nothing until a
    /// person has seen the counts.
    fn is_withheld(&self, context: &PlanContext) -> bool {
        let allowed = record_hold(self.work).and_then(Hold::choice) == Some(&Choice::Allow);
        !allowed && !context.gate.lets(Withheld::Create)
    }

    fn withhold(&self, mut entry: Entry, context: &PlanContext) -> Entry {
        let (side, record) = (self.side, self.record);
        entry.pairs.clear();
        let mut hold = Hold::new(
            HoldKey::Record(side, record.clone()),
            HoldReason::Guard,
            format!(
                "the {side} record {record} has no partner: it is created on the {} when creates \
                 are let through",
                side.other()
            ),
            context.now,
        );
        hold.withheld = Some(Withheld::Create);
        entry.released.retain(|key| *key != hold.key);
        entry.holds.push(hold);
        entry.step = Step::Decided;
        entry
    }

    /// The create was not carried out: it is given up, and decided anew on what the record holds
    /// now.
    pub(super) fn again(
        &self,
        operation: &Operation,
        context: &PlanContext,
        mut entry: Entry,
    ) -> Entry {
        entry.closes.push(operation.id);
        self.create(context, entry)
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
/// late as the look-up may lag, and sent again if nothing is found. Without a key it waits. One that
/// changes what it has made before if it is sent again is looked for without waiting: that makes no
/// second one, but would overwrite what a person has made of the first since.
pub(super) fn unanswered(
    subject: &Subject<'_>,
    operation: &Operation,
    context: &PlanContext,
    entry: Entry,
    needs: &mut Vec<Need>,
) -> Entry {
    let (record, to) = (subject.record, operation.side);
    let settled = context.settle.from(operation);
    // Only a record that still has the key would be refused beside one that was made with it.
    let is_unique = |(rule, key): &(u16, Fingerprint)| {
        if !sends_key(subject.mapping, operation, *rule) {
            return false;
        }
        let rule = subject.mapping.rules.get(usize::from(*rule)).filter(|rule| rule.unique[to]);
        rule.filter(|rule| rule.own_id != Some(to)).is_some_and(|rule| {
            let now = rule.fingerprint(subject.side, subject.record, subject.values, &context.key);
            now == Some(*key)
        })
    };
    let is_safe = seeded::is(Bug::SentAgainUnseen)
        || context.refuses_duplicates[to] && operation.keys.iter().any(is_unique);
    let upserts = upserts(subject.mapping, operation, context);
    if (is_safe || upserts) && settled > context.now {
        return unknown_outcome(operation, record, Some(settled), context, entry);
    }
    if is_safe && !upserts {
        return subject.again(operation, context, entry);
    }
    let is_ours = |look_up: &LookUp<'_>| {
        let rule = subject.mapping.rules.get(usize::from(look_up.key.0));
        rule.is_some_and(|rule| rule.own_id == Some(to.other()))
    };
    let mut look_ups =
        look_ups(subject, operation).filter(|look_up| !upserts || is_ours(look_up)).peekable();
    let shown = settled + if upserts { Duration::ZERO } else { context.find_lag[to] };
    if look_ups.peek().is_some() && shown > context.now {
        return unknown_outcome(operation, record, Some(shown), context, entry);
    }
    let mut is_looked_for = false;
    for LookUp { field, value, key } in look_ups {
        match context.found.get(&(operation.id, field.clone())) {
            None => {
                let (operation, field) = (operation.id, field.clone());
                needs.push(Need::Find { operation, side: to, field, value });
                return Entry { step: Step::Needs, ..entry };
            }
            Some(None) => {} // the system has no look-up by this field
            Some(Some(found)) => {
                is_looked_for = true;
                let made = with_key(subject, operation, key, found, context);
                if !made.is_empty() {
                    return found_records(subject, operation, key, &made, context, entry, needs);
                }
            }
        }
    }
    // By a key of which only the fingerprint is known nobody was looked for.
    if upserts || is_looked_for && !has_unknown_key(subject.mapping, operation) {
        return subject.again(operation, context, entry);
    }
    unknown_outcome(operation, record, None, context, entry)
}

/// Whether a create on this side changes the record that it has made before, if it is sent again: it
/// goes by the origin's id in a unique field of ours.
fn upserts(mapping: &CompiledMapping, operation: &Operation, context: &PlanContext) -> bool {
    let to = operation.side;
    let is_unique = mapping.foreign_ids[to].as_ref().is_some_and(|id| id.unique);
    context.powers[to].upserts && is_unique && operation.stamp.is_some()
}

/// Whether what a create makes has the key of a rule, as far as it was sent: a field may be refused, or
/// be one that no pair writes.
pub(crate) fn sends_key(mapping: &CompiledMapping, create: &Operation, rule: u16) -> bool {
    let to = create.side;
    let Some(rule) = mapping.rules.get(usize::from(rule)) else { return false };
    let is_sent = |slot: &usize| {
        let foreign = mapping.foreign_ids[to].as_ref().filter(|foreign| foreign.slot == *slot);
        foreign.is_some() && create.stamp.is_some()
            || create.pairs.iter().any(|sent| {
                let index = mapping.pair_written(sent);
                index.is_some_and(|index| mapping.pairs[index].ends[to].slots.contains(slot))
            })
    };
    let slots = &rule.slots[to];
    !slots.is_empty() && slots.iter().all(is_sent)
}

/// By what a record that was made is looked for.
struct LookUp<'a> {
    field: &'a FieldName,
    value: Value,
    /// What it must have: the rule, and the key.
    key: (u16, Fingerprint),
}

/// The look-ups by the first field of each of the operation's keys that was sent: a system may have made
/// something else of what one of them goes by.
fn look_ups<'a>(
    subject: &Subject<'a>,
    operation: &'a Operation,
) -> impl Iterator<Item = LookUp<'a>> {
    let (mapping, to) = (subject.mapping, operation.side);
    operation.keys.iter().filter_map(move |&(rule, key)| {
        let slot = *mapping.rules.get(usize::from(rule))?.slots[to].first()?;
        let field = mapping.projections[to].fields().get(slot)?;
        let value = sent_in(mapping, operation, slot)?;
        Some(LookUp { field, value, key: (rule, key) })
    })
}

/// Those of the records that were found which have the key.
fn with_key<'a>(
    subject: &Subject<'_>,
    operation: &Operation,
    (rule, key): (u16, Fingerprint),
    found: &'a [Observation],
    context: &PlanContext,
) -> Vec<&'a Observation> {
    let compiled = &subject.mapping.rules[usize::from(rule)];
    let has_key = |seen: &&Observation| {
        let values = seen.values();
        let held = values
            .and_then(|v| compiled.fingerprint(operation.side, &seen.record, v, &context.key));
        held == Some(key)
    };
    found.iter().filter(has_key).collect()
}

/// Whether one of the keys is a value of which only the fingerprint is known: its origin was edited since.
fn has_unknown_key(mapping: &CompiledMapping, operation: &Operation) -> bool {
    let to = operation.side;
    let rules = operation.keys.iter().filter_map(|(rule, _)| mapping.rules.get(usize::from(*rule)));
    rules.filter_map(|rule| rule.slots[to].first()).any(|&slot| {
        let mut sent = operation.pairs.iter().filter_map(|sent| {
            let pair = &mapping.pairs[mapping.pair_written(sent)?];
            sent.sent.get(pair.ends[to].slots.iter().position(|&s| s == slot)?)
        });
        sent.any(Value::is_kept)
    })
}

/// What an operation sent for a field.
fn sent_in(mapping: &CompiledMapping, operation: &Operation, slot: usize) -> Option<Value> {
    let to = operation.side;
    let of_pairs = operation.pairs.iter().find_map(|sent| {
        let pair = &mapping.pairs[mapping.pair_written(sent)?];
        let at = pair.ends[to].slots.iter().position(|&s| s == slot)?;
        // What was sent is known if the origin holds still what it came of.
        sent.sent.get(at).filter(|value| !value.is_kept()).cloned()
    });
    let of_stamp = || {
        let foreign = mapping.foreign_ids[to].as_ref().filter(|foreign| foreign.slot == slot)?;
        let stamp = operation.stamp.as_ref().filter(|stamp| stamp.field == foreign.field)?;
        Some(foreign.value(&stamp.id))
    };
    of_pairs.or_else(of_stamp)
}

fn found_records(
    subject: &Subject<'_>,
    operation: &Operation,
    (rule, _): (u16, Fingerprint),
    made: &[&Observation],
    context: &PlanContext,
    entry: Entry,
    needs: &mut Vec<Need>,
) -> Entry {
    let compiled = &subject.mapping.rules[usize::from(rule)];
    match made {
        [] => subject.again(operation, context, entry),
        [one] => {
            match context.linked.get(&(operation.side, one.record.clone())) {
                Some(None) => {}
                // Since then it has become another record's partner, as a person said: it is not
                // what the create made.
                Some(Some(_)) => return subject.again(operation, context, entry),
                None => {
                    needs.push(Need::Linked { side: operation.side, record: one.record.clone() });
                    return Entry { step: Step::Needs, ..entry };
                }
            }
            let partner = KeyHolder {
                record: one.record.clone(),
                link: None,
                entry: None,
                pending: None,
                decided_earlier: false,
                archived: false,
                hold: None,
            };
            subject.link(By::Rule(compiled), &partner, Some(operation), context, entry, needs)
        }
        several => {
            let candidates = several.iter().map(|o| (operation.side, o.record.clone())).collect();
            let why = "a create has no answer, and several records have its key";
            park(subject.side, subject.record, candidates, why, context, entry)
        }
    }
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
    hold.values[operation.side] = Some(operation.fingerprint());
    hold.not_before = until;
    entry.holds.push(hold);
    entry.step = Step::Decided;
    entry
}
