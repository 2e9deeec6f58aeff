//! Records that name others of their system: whether both sides name the same ones (P25).

use fluxcascade_core::model::{
    Cause, HoldKey, Link, LinkStatus, PairId, RecordId, Reference, Sides, Value,
};
use fluxcascade_core::testkit::Remains;

use crate::setup::boss;
use crate::world::World;

/// Fails if both records of a link name others that are not one, and nothing says why. Returns how
/// many links name the same.
pub(crate) fn judge(world: &World, remains: &Remains) -> u64 {
    if !world.setup.refers {
        return 0;
    }
    let active = remains.links.iter().filter(|link| link.status == LinkStatus::Active);
    let mut agreed = 0;
    for link in active {
        let Sides { source: Some(source), target: Some(target) } = named(world, link) else {
            continue; // blanks are not unique, and a record may be gone
        };
        if were_linked(remains, &Sides::new(source.clone(), target.clone())) {
            agreed += 1;
            continue;
        }
        let told = told(remains, link);
        assert!(told, "P25: {:?} name {source} and {target}, and nothing says why", link.records);
    }
    agreed
}

/// Whether two records are one, or were before one of them was merged away.
fn were_linked(remains: &Remains, records: &Sides<RecordId>) -> bool {
    let once = records.as_ref().map(|record| Some(record.clone()));
    remains.links.iter().any(|link| link.records == *records)
        || remains.log.iter().any(|row| row.records == once)
}

/// Whom the records of a link name, by the sides of the mapping.
fn named(world: &World, link: &Link) -> Sides<Option<RecordId>> {
    Sides::from_fn(|side| {
        let system = world.setup.side(side);
        match world.systems[system].value(&link.records[side], boss(system)) {
            Value::Ref(Reference { id, .. }) => Some(id),
            _ => None,
        }
    })
}

/// Whether the pair waits, or a row says why it stays as it is.
fn told(remains: &Remains, link: &Link) -> bool {
    let pair = PairId::new("boss").unwrap();
    let held = remains.holds.iter().any(|hold| match &hold.key {
        HoldKey::Link(id) => *id == link.id,
        HoldKey::Pair(id, of) => *id == link.id && *of == pair,
        HoldKey::Record(..) => false,
    });
    let mut rows = remains.conflicts.iter().filter(|row| row.link == link.id);
    let stays =
        rows.any(|row| row.winner.is_none() && row.pair.as_ref().is_none_or(|of| *of == pair));
    let logged = remains.log.iter().filter(|row| row.link == Some(link.id));
    let mut logged = logged.flat_map(|row| &row.pairs).filter(|written| written.pair == pair);
    held || stays
        || logged.any(|written| {
            matches!(
                written.cause,
                Cause::LeftAsFound
                    | Cause::TakenAsFound
                    | Cause::DriftLeft
                    | Cause::Answered { .. }
            )
        })
}
