//! P3 and P8: what becomes of the values that people wrote.

use super::course::{Course, Place, Step, is_value};
use super::witness::{Act, Standing};
use super::{Overwrites, Verdict};
use crate::model::RecordId;

pub(super) fn judge(course: &Course<'_>, verdict: &mut Verdict) {
    for pair in 0..course.oracle.pairs.len() {
        for place in course.records.keys() {
            let steps = course.steps(pair, place);
            for (at, step) in steps.iter().enumerate() {
                if !step.by.is_engine() && is_value(step) {
                    verdict.judged.edits += 1;
                    follow(course, pair, place, step, steps.get(at + 1), verdict);
                }
            }
        }
    }
}

/// A value is live, or was overwritten by a later edit, or stands in a row.
fn follow(
    course: &Course<'_>,
    pair: usize,
    place: &Place,
    edit: &Step,
    next: Option<&Step>,
    verdict: &mut Verdict,
) {
    let Some(next) = next.filter(|next| next.by.is_engine()) else { return };
    let tied = &course.oracle.pairs[pair];
    let kept = next.here && tied.holds(&next.values, &edit.values);
    if kept || course.is_in_a_row(pair, &edit.values) {
        return;
    }
    let followed = if next.here {
        later_edit_saw_it(course, pair, place, edit, next)
    } else {
        reached_the_other_side(course, pair, place, edit)
    };
    if followed {
        return;
    }
    if let Some((requests, time)) = in_window(course, place, edit, next) {
        let judged = &mut verdict.judged;
        judged.in_window += 1;
        judged.widest_requests = judged.widest_requests.max(requests);
        judged.widest_time = judged.widest_time.max(time);
        let narrow = course.oracle.widest.is_none_or(|widest| requests <= widest);
        let can_happen = course.oracle.conditional[place.0] == Overwrites::InWindow;
        if narrow && can_happen {
            return;
        }
        let what = format!(
            "{}: {:?} of {} was overwritten {requests} requests after it was read{}",
            tied.id,
            edit.values,
            place.1,
            course.tell(pair, place)
        );
        verdict.violate("P15", what);
        return;
    }
    let property = if next.here { "P3" } else { "P8" };
    let what = format!(
        "{}: {:?} of {} {} is lost: overwritten by {:?}{}",
        tied.id,
        edit.values,
        place.0,
        place.1,
        next.values,
        course.tell(pair, place)
    );
    verdict.violate(property, what);
}

/// Whether the value that overwrote it was written by somebody who had it before their eyes.
fn later_edit_saw_it(
    course: &Course<'_>,
    pair: usize,
    place: &Place,
    edit: &Step,
    next: &Step,
) -> bool {
    course.partners(place).any(|partner| {
        let steps = course.steps(pair, &partner);
        let origin = steps.iter().rposition(|step| {
            step.act < next.act && !step.by.is_engine() && step.values == next.values
        });
        let before = origin.map_or(&[][..], |origin| &steps[..origin]);
        before.iter().any(|step| step.values == edit.values)
    })
}

/// Whether the record's partner came to hold the value, so that a delete of the partner removes it
/// knowingly.
fn reached_the_other_side(course: &Course<'_>, pair: usize, place: &Place, edit: &Step) -> bool {
    let tied = &course.oracle.pairs[pair];
    let one_way = tied.flow == super::Flow::To(place.0);
    // A row said that both sides stay as they are: the value was not on its way, nor is it where it
    // came by a merge.
    let is_it = |record: &RecordId| {
        let merged = |act: &Act| act.standing == Standing::MergedInto(place.1.clone());
        *record == place.1 || course.acts_on(&(place.0, record.clone())).any(|(_, act)| merged(act))
    };
    let mut rows = course.remains.log.iter();
    let left = rows.any(|row| {
        row.records[place.0].as_ref().is_some_and(is_it)
            && row.pairs.iter().any(|p| p.pair == tied.id && super::rest::leaves(&p.cause))
    });
    one_way
        || left
        || course.partners(place).any(|partner| {
            let mut steps = course.steps(pair, &partner).iter();
            steps.any(|step| step.values == edit.values)
        })
}

/// Whether an edit was made after the engine's last read of the record before it wrote: how many
/// requests, and how long, the write came after the read.
fn in_window(
    course: &Course<'_>,
    place: &Place,
    edit: &Step,
    next: &Step,
) -> Option<(u64, std::time::Duration)> {
    let write = &course.acts[next.act];
    let read = course.read_before(place, next.act)?;
    let edited_since = read.acts <= edit.act;
    edited_since.then(|| (write.calls.saturating_sub(read.calls), write.at.since(read.at)))
}
