//! P26: what the log tells was written, and no more often than it was.

use std::collections::BTreeMap;

use super::Verdict;
use super::course::{Course, Place};
use super::tied::is_blank;
use super::writes::written;
use crate::model::{Cause, LogPair, LogRow, Side, Timestamp, Value};

/// How often a value was told or written, by pair, record and value.
type Times = BTreeMap<(usize, Place, Vec<Value>), usize>;

pub(super) fn judge(course: &Course<'_>, verdict: &mut Verdict) {
    let done = done(course);
    for (of, times) in told(course) {
        let (pair, place, values) = &of;
        let by_people = course.steps(*pair, place).iter().any(|step| {
            // A write of the same value without an answer cannot be told from it.
            !step.by.is_engine() && step.values == *values
        });
        let written = done.get(&of).copied().unwrap_or_default();
        if times > written && !by_people {
            let id = &course.oracle.pairs[*pair].id;
            let what = format!(
                "{id}: the log tells {times} times that {values:?} was written to the {} {}, and it \
                 was {written} times{}",
                place.0,
                place.1,
                course.tell(*pair, place)
            );
            verdict.violate("P26", what);
        }
    }
}

/// What the log tells. Blanks are not unique, and what may have been written is told as such.
fn told(course: &Course<'_>) -> Times {
    let mut told = Times::new();
    let is_write = |row: &&LogRow| row.operation.is_some() && row.note != LogRow::UNSEEN;
    for row in course.remains.log.iter().filter(is_write) {
        let Some(record) = &row.records[row.side] else { continue };
        for pair in row.pairs.iter().filter(|pair| pair.cause != Cause::Rewritten) {
            let Some((at, values)) = formed(course, pair) else { continue };
            let place: Place = (row.side, record.clone());
            // Of a write without an answer it is only known if the record held it still.
            let is_known = row.note.is_empty() || holds(course, at, &place, &values, row.at);
            if is_known {
                *told.entry((at, place, values)).or_default() += 1;
            }
        }
    }
    told
}

/// Whether a record held a value before a time.
fn holds(course: &Course<'_>, pair: usize, place: &Place, values: &[Value], at: Timestamp) -> bool {
    let mut steps = course.steps(pair, place).iter().rev();
    let last = steps.find(|step| course.acts[step.act].at < at);
    last.is_some_and(|step| step.values == values)
}

fn formed(course: &Course<'_>, written: &LogPair) -> Option<(usize, Vec<Value>)> {
    let at = course.oracle.pairs.iter().position(|tied| tied.id == written.pair)?;
    let values = course.oracle.pairs[at].formed(&written.after);
    (!is_blank(&values)).then_some((at, values))
}

/// What the engine wrote.
fn done(course: &Course<'_>) -> Times {
    let mut done = Times::new();
    for act in course.acts.iter().filter(|act| act.by.is_engine()) {
        for (at, tied) in course.oracle.pairs.iter().enumerate() {
            let side: Side = act.side;
            for fields in std::iter::once(&tied.fields[side]).chain(&tied.former[side]) {
                if let Some(values) = written(tied, fields, act) {
                    let place = (side, act.record.clone());
                    *done.entry((at, place, values)).or_default() += 1;
                }
            }
        }
    }
    done
}
