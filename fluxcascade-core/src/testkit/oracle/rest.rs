//! P1 and P7: whether the sides agree now, or something says why not.

use std::collections::BTreeMap;

use super::course::{Course, Place};
use super::witness::Standing;
use super::{Flow, Unlinked, Verdict};
use crate::model::{Cause, Link, LinkStatus, Side, Value};

pub(super) fn judge(course: &Course<'_>, verdict: &mut Verdict) {
    one_to_one(course, verdict);
    for link in course.remains.links.iter().filter(|link| link.status == LinkStatus::Active) {
        agreement(course, link, verdict);
    }
    for place in course.records.keys() {
        linked_or_held(course, place, verdict);
    }
}

/// P7: a record has one link that has not ended.
fn one_to_one(course: &Course<'_>, verdict: &mut Verdict) {
    let mut links: BTreeMap<Place, usize> = BTreeMap::new();
    for link in course.remains.links.iter().filter(|link| link.status != LinkStatus::Tombstone) {
        for side in Side::BOTH {
            *links.entry((side, link.records[side].clone())).or_default() += 1;
        }
    }
    for ((side, record), count) in links.into_iter().filter(|(_, count)| *count > 1) {
        verdict.violate("P7", format!("{record} of the {side} has {count} links"));
    }
}

/// P1: a record that is there has a link, or had one, or is held.
fn linked_or_held(course: &Course<'_>, place: &Place, verdict: &mut Verdict) {
    let here = course.now(place).is_some_and(|now| now.standing == Standing::Here);
    let (side, record) = place;
    let told = course.remains.had_link(*side, record)
        || course.remains.record_is_held(*side, record)
        || course.oracle.unlinked == Unlinked::Allowed;
    if here && !told {
        let held: Vec<String> =
            course.remains.holds.iter().map(|hold| format!("{hold:?}")).collect();
        let what = format!("{record} of the {side} has no link and no hold; holds: {held:?}");
        verdict.violate("P1", what);
    }
}

/// P1: each pair of an active link agrees, or is held, or a row says why it does not.
fn agreement(course: &Course<'_>, link: &Link, verdict: &mut Verdict) {
    let places = Side::BOTH.map(|side| (side, link.records[side].clone()));
    let both_here = places
        .iter()
        .all(|place| course.now(place).is_some_and(|now| now.standing == Standing::Here));
    if !both_here {
        let link_held = course.remains.record_is_held(places[0].0, &places[0].1);
        let gone = places.iter().find(|place| {
            !course.now(place).is_some_and(|now| now.standing == Standing::Hidden)
                && !course.now(place).is_some_and(|now| now.standing == Standing::Here)
        });
        if let Some(gone) = gone.filter(|_| !link_held) {
            let what =
                format!("{} of the {} is gone, its link is active and not held", gone.1, gone.0);
            verdict.violate("P1", what);
        }
        return;
    }
    for (pair, tied) in course.oracle.pairs.iter().enumerate() {
        let values = |place: &Place| course.holds(pair, place).map(|step| step.values.clone());
        let (source, target) = (values(&places[0]), values(&places[1]));
        let agree = source == target;
        if agree || course.remains.pair_is_held(link, &tied.id) || stated(course, link, pair) {
            continue;
        }
        let what = format!(
            "{} of {} and {}: {source:?} and {target:?}, and nothing says why{}",
            tied.id,
            link.records.source,
            link.records.target,
            course.tell(pair, &places[0])
        );
        verdict.violate("P1", what);
    }
}

/// Whether a row says why the pair differs: rewritten, refused, left, skipped, as found.
fn stated(course: &Course<'_>, link: &Link, pair: usize) -> bool {
    let tied = &course.oracle.pairs[pair];
    let holds = |side: Side, values: &[Value]| {
        let now = course.holds(pair, &(side, link.records[side].clone()));
        let formed = tied.formed(values);
        now.is_some_and(|now| now.values == formed)
    };
    let rows = course.remains.log.iter().filter(|row| row.link == Some(link.id));
    let logged = rows.flat_map(|row| row.pairs.iter().map(move |pair| (row.side, pair)));
    let left = logged.filter(|(_, written)| written.pair == tied.id).any(|(side, written)| {
        leaves(&written.cause) && (holds(side, &written.after) || holds(side, &written.before))
    });
    let mut skipped = course.remains.conflicts.iter().filter(|row| {
        row.link == link.id
            && row.pair.as_ref().is_none_or(|pair| *pair == tied.id)
            && row.winner.is_none()
    });
    let one_way = matches!(tied.flow, Flow::To(_));
    left || skipped.any(|row| Side::BOTH.iter().all(|&side| holds(side, &row.values[side])))
        || one_way && blank_origin(course, link, pair)
}

/// Whether it says that both sides stay as they are.
pub(super) fn leaves(cause: &Cause) -> bool {
    match cause {
        Cause::DriftLeft
        | Cause::LeftAsFound
        | Cause::Rewritten
        | Cause::TakenAsFound
        | Cause::Answered { .. } => true,
        Cause::Edit
        | Cause::EditOverwrites
        | Cause::Conflict { .. }
        | Cause::Fill
        | Cause::FirstLinkOverwrites
        | Cause::Create
        | Cause::DriftRestored
        | Cause::OtherId
        | Cause::TransformChanged => false,
    }
}

/// A one-way pair whose origin is blank and never was anything else leaves the far side as found.
fn blank_origin(course: &Course<'_>, link: &Link, pair: usize) -> bool {
    let origin = match course.oracle.pairs[pair].flow {
        Flow::Both => return false,
        Flow::To(side) => side.other(),
    };
    let steps = course.steps(pair, &(origin, link.records[origin].clone()));
    steps.iter().all(|step| super::tied::is_blank(&step.values))
}
