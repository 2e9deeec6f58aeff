//! Ids of the other side's records, kept in a field of each: what must stand there in the end.

use fluxcascade_core::mapping::IdWrites;
use fluxcascade_core::model::{HoldKey, Link, LinkStatus, Side};
use fluxcascade_core::testkit::Remains;

use crate::values::Hand;
use crate::world::World;

/// Checks that each record of a link names the other one, where the mapping asks for it, nothing
/// waits, and the system keeps what it is sent (P23). Says how many do.
pub(crate) fn judge(world: &World, remains: &Remains) -> u64 {
    if world.setup.policies.ids != Some(IdWrites::Always) {
        return 0;
    }
    let mut stored = 0;
    let active = remains.links.iter().filter(|link| link.status == LinkStatus::Active);
    for link in active.filter(|link| !waits(remains, link)) {
        for side in Side::BOTH {
            let system = world.setup.side(side);
            if world.setup.systems[system].hand != Hand::AsSent {
                continue;
            }
            let held = world.systems[system].text(&link.records[side], "other_id");
            let other = link.records[side.other()].as_str();
            assert_eq!(held, other, "the {side} does not name the other record (P23): {link:?}");
            stored += 1;
        }
    }
    stored
}

fn waits(remains: &Remains, link: &Link) -> bool {
    remains.holds.iter().any(|hold| match &hold.key {
        HoldKey::Link(id) | HoldKey::Pair(id, _) => *id == link.id,
        HoldKey::Record(side, record) => link.records[*side] == *record,
    })
}
