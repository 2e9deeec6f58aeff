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
/// that a person said is nobody's does not count.
fn once(course: &Course<'_>, key: &Sides<FieldName>, side: Side, verdict: &mut Verdict) {
    let mut made: BTreeMap<Value, BTreeMap<OperationId, &Place>> = BTreeMap::new();
    for (place, own) in course.records.iter().filter(|(place, _)| place.0 == side) {
        let first = &course.acts[own[0]];
        let here = course.now(place).is_some_and(is_there);
        if let Author::Engine(operation) = first.by
            && here
            && !course.remains.is_excluded(place.0, &place.1)
        {
            made.entry(keyed(first, &key[side])).or_default().insert(operation, place);
        }
    }
    for (value, places) in made.into_iter().filter(|(value, _)| !value.is_blank()) {
        let other = side.other();
        let origins = course.records.iter().filter(|(place, own)| {
            let held = own.iter().any(|&at| keyed(&course.acts[at], &key[other]) == value);
            place.0 == other && held
        });
        let origins = origins.count();
        if places.len() > origins {
            let ids: Vec<&str> = places.values().map(|(_, record)| record.as_str()).collect();
            let what = format!("{value:?} was made {} times on the {side}: {ids:?}", places.len());
            verdict.violate("P6", what);
        }
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
