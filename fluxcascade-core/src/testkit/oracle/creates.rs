//! P6 and P8: records that the engine made, and records that it removed.

use std::collections::BTreeMap;

use super::Verdict;
use super::course::{Course, Place};
use super::witness::{Act, Author, Standing};
use crate::model::{FieldName, OperationId, Side, Sides, Value};

pub(super) fn judge(course: &Course<'_>, verdict: &mut Verdict) {
    if let Some(key) = &course.oracle.key {
        for side in Side::BOTH {
            once(course, key, side, verdict);
        }
    }
    for (place, own) in &course.records {
        if course.acts[own[0]].by.is_engine() {
            verdict.judged.creates += 1;
        }
        removals(course, place, own, verdict);
    }
}

/// P6: the engine makes no more records with a key than there were on the other side. What a system
/// made of one operation, done twice on its way, counts once: nobody can tell it before it is there. One
/// that a person said is nobody's does not count, nor does one that was gone when the last was made:
/// whoever brought it back made the duplicate.
fn once(course: &Course<'_>, key: &Sides<FieldName>, side: Side, verdict: &mut Verdict) {
    let mut made: BTreeMap<Value, Vec<Made<'_>>> = BTreeMap::new();
    for (place, own) in course.records.iter().filter(|(place, _)| place.0 == side) {
        let first = &course.acts[own[0]];
        let here = course.now(place).is_some_and(is_there);
        if let Author::Engine(operation) = first.by
            && here
            && !course.remains.is_excluded(place.0, &place.1)
        {
            let all = made.entry(keyed(first, &key[side])).or_default();
            all.push(Made { operation, place, own });
        }
    }
    for (value, made) in made.into_iter().filter(|(value, _)| !value.is_blank()) {
        let other = side.other();
        let origins = course.records.iter().filter(|(place, own)| {
            let held = own.iter().any(|&at| keyed(&course.acts[at], &key[other]) == value);
            place.0 == other && held
        });
        let origins = origins.count();
        let last = made.iter().map(|made| made.own[0]).max().unwrap_or_default();
        let stood = made.iter().filter(|made| made.stood(course, last));
        let places: BTreeMap<OperationId, &Place> =
            stood.map(|made| (made.operation, made.place)).collect();
        if places.len() > origins {
            let ids: Vec<&str> = places.values().map(|(_, record)| record.as_str()).collect();
            let what = format!("{value:?} was made {} times on the {side}: {ids:?}", places.len());
            verdict.violate("P6", what);
        }
    }
}

/// A record that the engine made.
struct Made<'c> {
    operation: OperationId,
    place: &'c Place,
    /// Where its acts are, the first of which made it.
    own: &'c [usize],
}

impl Made<'_> {
    /// Whether it was there when this act took place.
    fn stood(&self, course: &Course<'_>, at: usize) -> bool {
        let until = self.own.iter().rev().find(|&&own| own <= at);
        until.is_some_and(|&own| is_there(&course.acts[own]))
    }
}

fn is_there(act: &Act) -> bool {
    match act.standing {
        Standing::Here | Standing::Hidden => true,
        Standing::Gone | Standing::MergedInto(_) => false,
    }
}

fn keyed(act: &Act, field: &FieldName) -> Value {
    act.values.get(field).cloned().unwrap_or(Value::Null)
}

/// P8: the engine removes a record only after a person removed one that it was linked to.
fn removals(course: &Course<'_>, place: &Place, own: &[usize], verdict: &mut Verdict) {
    for &at in own {
        let act = &course.acts[at];
        if is_there(act) || !act.by.is_engine() {
            continue;
        }
        verdict.judged.removals += 1;
        let by_person = course.partners(place).any(|partner| {
            let acts = course.records.get(&partner).into_iter().flatten();
            let mut before = acts.filter(|&&other| other < at).map(|&other| &course.acts[other]);
            before.any(|act| !is_there(act) && !act.by.is_engine())
        });
        if !by_person {
            let what =
                format!("{} of the {} was removed, and nobody removed its twin", place.1, place.0);
            verdict.violate("P8", what);
        }
    }
}
