//! P4, P5 and P10: what the engine wrote, where it came from, and how often.

use std::collections::BTreeMap;

use super::course::{Course, Place};
use super::tied::{Content, Flow, Tied, is_blank};
use super::witness::{Act, Author, Standing};
use super::{Rewriting, Verdict};
use crate::model::{Cause, FieldName, OperationId, Value};

/// The writes of one value to one pair of one record: the first act of each operation.
type Writes = BTreeMap<(usize, Place, Vec<Value>), BTreeMap<OperationId, usize>>;

pub(super) fn judge(course: &Course<'_>, verdict: &mut Verdict) {
    let (mut writes, mut former) = (Writes::new(), Writes::new());
    for (at, act) in course.acts.iter().enumerate() {
        let Author::Engine(operation) = act.by else { continue };
        verdict.judged.writes += 1;
        for pair in 0..course.oracle.pairs.len() {
            let tied = &course.oracle.pairs[pair];
            let place = (act.side, act.record.clone());
            for fields in &tied.former[act.side] {
                let Some(values) = written(tied, fields, act) else { continue };
                let operations = former.entry((pair, place.clone(), values)).or_default();
                operations.entry(operation).or_insert(at);
            }
            let Some(values) = written(tied, &tied.fields[act.side], act) else { continue };
            direction(course, pair, act, verdict);
            origin(course, pair, (at, act), &values, verdict);
            writes.entry((pair, place, values)).or_default().entry(operation).or_insert(at);
        }
    }
    for ((pair, place, values), operations) in &writes {
        let echoes = match course.oracle.rewriting {
            Rewriting::Never => 0,
            // What a system wrote down in another way comes back once for each time it was written.
            Rewriting::Once => {
                let other = writes
                    .iter()
                    .chain(&former)
                    .filter(|((of, on, same), _)| of == pair && on.0 != place.0 && same == values);
                other.map(|(_, operations)| operations.len()).sum()
            }
        };
        count(course, *pair, (place, values), operations, echoes, verdict);
    }
}

/// What was sent for a pair's fields, in the form in which values are compared.
pub(super) fn written(tied: &Tied, fields: &[FieldName], act: &Act) -> Option<Vec<Value>> {
    let sent = |field: &FieldName| act.sent.iter().find(|(name, _)| name == field);
    if !fields.iter().any(|field| sent(field).is_some()) {
        return None;
    }
    let value = |field: &FieldName| sent(field).map_or(Value::Null, |(_, value)| value.clone());
    let values: Vec<Value> = fields.iter().map(value).collect();
    Some(tied.formed(&values))
}

/// P10: a one-way pair is never written on its origin.
fn direction(course: &Course<'_>, pair: usize, act: &Act, verdict: &mut Verdict) {
    let tied = &course.oracle.pairs[pair];
    if let Flow::To(side) = tied.flow
        && side != act.side
    {
        let what = format!("{} was written to the {}: {:?}", tied.id, act.side, act.sent);
        verdict.violate("P10", what);
    }
}

/// P4: somebody wrote the value, whole.
fn origin(
    course: &Course<'_>,
    pair: usize,
    (at, act): (usize, &Act),
    values: &[Value],
    verdict: &mut Verdict,
) {
    let tied = &course.oracle.pairs[pair];
    let place = (act.side, act.record.clone());
    let known = if is_blank(values) {
        // Blanks are not unique: one of the records that it was linked to was blank.
        course.partners(&place).any(|partner| {
            let mut steps = course.steps(pair, &partner).iter();
            steps.any(|step| step.act < at && is_blank(&step.values))
        })
    } else {
        let by_people = |side| {
            let steps = course.of_side(pair, side);
            steps.filter(move |step| step.act < at && !step.by.is_engine())
        };
        let sides = [act.side.other(), act.side];
        match tied.content {
            Content::Whole => {
                sides.iter().any(|&side| by_people(side).any(|step| step.values == values))
            }
            Content::Parts => sides
                .iter()
                .any(|&side| by_people(side).any(|step| tied.holds(values, &step.values))),
        }
    };
    if !known {
        let what = format!(
            "{}: {values:?} was written to {}, and nobody wrote it{}",
            tied.id,
            act.record,
            course.tell(pair, &place)
        );
        verdict.violate("P4", what);
    }
}

/// P5: one edit causes one write on the other side and none on its own, unless the log says why.
fn count(
    course: &Course<'_>,
    pair: usize,
    (place, values): (&Place, &[Value]),
    operations: &BTreeMap<OperationId, usize>,
    echoes: usize,
    verdict: &mut Verdict,
) {
    if is_blank(values) {
        return; // not unique: it cannot be told which edit it came from
    }
    let tied = &course.oracle.pairs[pair];
    let causes = operations.keys().map(|operation| course.remains.cause(*operation, &tied.id));
    let (mut plain, mut unanswered) = (0, 0);
    for cause in causes {
        match cause {
            None => unanswered += 1,
            Some(Cause::Edit | Cause::Create | Cause::EditOverwrites) => plain += 1,
            // Each of these says by itself why there is one more.
            Some(
                Cause::Conflict { .. }
                | Cause::Fill
                | Cause::FirstLinkOverwrites
                | Cause::DriftLeft
                | Cause::DriftRestored
                | Cause::LeftAsFound
                | Cause::Rewritten
                | Cause::Answered { .. }
                | Cause::OtherId
                | Cause::TransformChanged
                | Cause::TakenAsFound,
            ) => {}
        }
    }
    let first = operations.values().min().copied().unwrap_or_default();
    let by_people = |place: &Place| {
        course.steps(pair, place).iter().any(|step| {
            // What came from a record that was merged into this one was not written here.
            let sent = !course.acts[step.act].sent.is_empty();
            let before = sent && step.written && step.act < first;
            before && !step.by.is_engine() && step.values == values
        })
    };
    // What people wrote on both sides may come from either.
    let own = by_people(place) && !course.partners(place).any(|partner| by_people(&partner));
    // A merge brings a value anew to each record that gets it.
    let merged = course.partners(place).map(|partner| {
        let steps = course.steps(pair, &partner).iter().filter(|step| {
            let gained = step.written && step.here && course.acts[step.act].sent.is_empty();
            gained && !step.by.is_engine() && step.values == values
        });
        steps.count()
    });
    let followed = follows(course, pair, place, values);
    let allowed = usize::from(!own) + merged.sum::<usize>() + followed + echoes;
    // A write without an answer is repeated at most once each.
    if plain > allowed.max(usize::from(unanswered > 0)) {
        let what = format!(
            "{}: {values:?} was written {plain} times to {} {}, {allowed} at most{}",
            tied.id,
            place.0,
            place.1,
            course.tell(pair, place)
        );
        verdict.violate("P5", what);
    }
}

/// How often a link followed its record into another that held the value already: it brings it anew.
fn follows(course: &Course<'_>, pair: usize, place: &Place, values: &[Value]) -> usize {
    let partners: Vec<Place> = course.partners(place).collect();
    let merges = partners.iter().flat_map(|partner| course.acts_on(partner));
    merges
        .filter(|(at, merge)| {
            let Standing::MergedInto(survivor) = &merge.standing else { return false };
            let survivor = (merge.side, survivor.clone());
            let steps = course.steps(pair, &survivor);
            let held = steps.iter().rev().find(|step| step.act < *at);
            partners.contains(&survivor)
                && held.is_some_and(|held| {
                    // What it gained by this very merge is counted as such.
                    let act = &course.acts[held.act];
                    held.values == values && (!act.sent.is_empty() || act.at < merge.at)
                })
        })
        .count()
}
