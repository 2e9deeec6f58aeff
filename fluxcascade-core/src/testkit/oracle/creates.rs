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

/// P6: the engine makes no more records with a key than there were on the other side, and persons
/// ordered.
fn once(course: &Course<'_>, key: &Sides<FieldName>, side: Side, verdict: &mut Verdict) {
    let mut made: BTreeMap<Value, Vec<Made<'_>>> = BTreeMap::new();
    for (place, own) in course.records.iter().filter(|(place, _)| place.0 == side) {
        let first = &course.acts[own[0]];
        if let Author::Engine(operation) = first.by {
            let all = made.entry(keyed(first, &key[side])).or_default();
            all.push(Made { operation, place, own });
        }
    }
    for (value, made) in made.into_iter().filter(|(value, _)| !value.is_blank()) {
        let places = counted(course, &made);
        let other = side.other();
        let held = |place: &Place| {
            let own = course.records.get(place).into_iter().flatten();
            let mut own = own.map(|&at| keyed(&course.acts[at], &key[other]));
            place.0 == other && own.any(|held| held == value)
        };
        let origins = course.records.keys().filter(|place| held(place)).count();
        let ordered = course.oracle.ordered.iter().filter(|place| held(place)).count();
        if places.len() > origins + ordered {
            let ids: Vec<&str> = places.values().map(|(_, record)| record.as_str()).collect();
            let what = format!("{value:?} was made {} times on the {side}: {ids:?}", places.len());
            verdict.violate("P6", what);
        }
    }
}

/// Those of the records made with a key that count, by operation. What a system made of one
/// operation, done twice on its way, counts once, or not at all if one of them is gone: nobody can
/// tell it before it is there. One that a person said is nobody's does not count, nor does one that was
/// gone when the last was made: whoever brought it back made the duplicate.
fn counted<'c>(course: &Course<'_>, made: &[Made<'c>]) -> BTreeMap<OperationId, &'c Place> {
    let last = made.iter().map(|made| made.own[0]).max().unwrap_or_default();
    let is_here = |made: &Made<'_>| course.now(made.place).is_some_and(is_there);
    let is_left_over =
        |one: &Made<'_>| made.iter().any(|made| made.operation == one.operation && !is_here(made));
    let counts = |made: &&Made<'_>| {
        is_here(made)
            && !is_left_over(made)
            && made.stood(course, last)
            && !course.remains.is_excluded(made.place.0, &made.place.1)
    };
    made.iter().filter(counts).map(|made| (made.operation, made.place)).collect()
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
