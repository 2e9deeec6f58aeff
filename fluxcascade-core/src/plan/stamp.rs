//! Ids of the other side's record, in fields of ours: which of a link's are to be written.

use std::time::Duration;

use super::context::PlanContext;
use super::detect::View;
use super::entry::Entry;
use crate::mapping::{CompiledForeignId, CompiledMapping, IdWrites, holds_id};
use crate::model::record::fingerprint_values;
use crate::model::{
    Choice, Fingerprint, Hold, HoldKey, HoldReason, Link, RecordId, Side, Sides, Stamp, Timestamp,
    Value, Work, Written,
};
use crate::seeded::{self, Bug};

/// How long what was written is watched.
const WATCHED: Duration = Duration::from_secs(24 * 3600);
/// So often an id is written in that time.
const MOST_TIMES: usize = 3;

/// Whether every field that is always to hold the other record's id does, as far as it is seen.
pub(super) fn agree(mapping: &CompiledMapping, link: &Link, views: &Sides<View<'_>>) -> bool {
    Side::BOTH.into_iter().all(|side| missing(mapping, link, views, side).is_none())
}

/// Writes the ids that are missing, unless the system refuses them still.
pub(super) fn add(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    views: &Sides<View<'_>>,
    context: &PlanContext,
    entry: &mut Entry,
) {
    for side in Side::BOTH {
        let Some(foreign) = &mapping.foreign_ids[side] else { continue };
        let key = HoldKey::Pair(link.id, foreign.pair_id());
        let hold = work.holds.iter().find(|hold| hold.key == key);
        let Some(stamp) = missing(mapping, link, views, side) else {
            entry.released.extend(hold.map(|hold| hold.key.clone()));
            continue;
        };
        let waits = |hold: &Hold| {
            hold.reason == HoldReason::Rejected
                && hold.choice() != Some(&Choice::Retry)
                && hold.not_before.is_none_or(|due| due > context.now)
        };
        if hold.is_some_and(waits) {
            continue;
        }
        let written: Vec<_> = written_at(link, side, foreign, &stamp).collect();
        // A late read may not show yet what was written just now: it is read again when it must.
        let shown = written.iter().map(|at| *at + context.late(side)).max();
        if let Some(shown) = shown.filter(|shown| *shown > context.now) {
            entry.late.push((side, link.records[side].clone(), shown));
            continue;
        }
        let is_asked = hold.is_some_and(|hold| hold.choice() == Some(&Choice::Retry));
        // Written so often within a day, it would go on without end (P22).
        let is_watched = |at: &&Timestamp| context.now.since(**at) <= WATCHED;
        let often = written.iter().filter(is_watched).count() >= MOST_TIMES;
        if !is_asked && often {
            let detail = format!(
                "{}: the {side} changes again and again the other record's id that is written to \
                 it; stop what changes it there",
                stamp.field
            );
            entry.holds.push(Hold::new(key, HoldReason::Rejected, detail, context.now));
        } else {
            entry.released.extend(hold.map(|hold| hold.key.clone()));
            entry.stamps[side] = Some(stamp);
        }
    }
}

/// A person left both records as they are: nothing is held of their ids, which are not written.
pub(super) fn leave(mapping: &CompiledMapping, work: &Work, link: &Link, entry: &mut Entry) {
    for foreign in Side::BOTH.into_iter().filter_map(|side| mapping.foreign_ids[side].as_ref()) {
        let key = HoldKey::Pair(link.id, foreign.pair_id());
        entry.released.extend(work.holds.iter().any(|hold| hold.key == key).then_some(key));
    }
}

/// When this id was written lately, and the system kept it as it was sent.
fn written_at<'l>(
    link: &'l Link,
    side: Side,
    foreign: &CompiledForeignId,
    stamp: &Stamp,
) -> impl Iterator<Item = Timestamp> + use<'l> {
    let own = stamp_print(&stamp.id, &foreign.value(&stamp.id));
    notes(link, side).filter(move |written| written.fingerprint == own).map(|written| written.at)
}

/// What was noted of ids that were written.
fn notes(link: &Link, side: Side) -> impl Iterator<Item = &Written> {
    let written = link.bases[side].written.iter();
    written.filter(|written| written.position == Written::STAMP)
}

/// The id that a new record gets.
pub(super) fn of_new(mapping: &CompiledMapping, side: Side, origin: &RecordId) -> Option<Stamp> {
    mapping.foreign_ids[side].as_ref().map(|foreign| stamp(foreign, origin))
}

fn missing(
    mapping: &CompiledMapping,
    link: &Link,
    views: &Sides<View<'_>>,
    side: Side,
) -> Option<Stamp> {
    let foreign = mapping.foreign_ids[side].as_ref()?;
    let View::Known { values, .. } = views[side] else { return None };
    let partner = &link.records[side.other()];
    let held = values[foreign.slot].value()?;
    match foreign.writes {
        IdWrites::OnCreate => None,
        IdWrites::Always if seeded::is(Bug::IdsWrittenAgain) => Some(stamp(foreign, partner)),
        IdWrites::Always if holds_id(held, partner) => None,
        IdWrites::Always if is_as_kept(link, side, held) => None,
        IdWrites::Always => Some(stamp(foreign, partner)),
    }
}

/// Whether the field holds what the system made of this id when it was written: it keeps it so.
fn is_as_kept(link: &Link, side: Side, held: &Value) -> bool {
    let kept = stamp_print(&link.records[side.other()], held);
    notes(link, side).any(|written| written.fingerprint == kept)
}

/// What is noted of an id of which the system made something else.
pub(crate) fn stamp_print(id: &RecordId, held: &Value) -> Fingerprint {
    let held = fingerprint_values(std::slice::from_ref(held));
    Fingerprint::of(&[id.as_str().as_bytes(), &held.0])
}

fn stamp(foreign: &CompiledForeignId, id: &RecordId) -> Stamp {
    Stamp { field: foreign.field.clone(), id: id.clone() }
}
