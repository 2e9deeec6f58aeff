//! What is left of a script, told without ids: two scripts that should end alike are compared by it.

use std::collections::BTreeSet;

use fluxcascade_core::model::{HoldKey, Link, LinkStatus, RecordId, Side, Sides, Value};
use fluxcascade_core::testkit::Remains;

use crate::setup::{PAIRS, mail};
use crate::values::{fields, form};
use crate::world::World;

/// Systems, links, holds and conflict rows, with records told apart by their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    records: Sides<Vec<String>>,
    links: BTreeSet<String>,
    holds: BTreeSet<String>,
    conflicts: BTreeSet<String>,
}

impl State {
    pub(crate) fn of(world: &World, remains: &Remains) -> Self {
        let told = |side: Side, record: &RecordId| tell(world, side, record);
        let linked = |link: &Link| {
            let of = |system: Side| told(system, &link.records[world.setup.side(system)]);
            format!("{} = {}", of(Side::Source), of(Side::Target))
        };
        let by_id = |id| {
            let link = remains.links.iter().find(|link| link.id == id);
            link.map(linked).unwrap_or_default()
        };
        let active = remains.links.iter().filter(|link| link.status != LinkStatus::Tombstone);
        let holds = remains.holds.iter().map(|hold| match &hold.key {
            HoldKey::Pair(link, pair) => format!("{} of {}: {pair}", hold.reason, by_id(*link)),
            HoldKey::Link(link) => format!("{} of {}", hold.reason, by_id(*link)),
            HoldKey::Record(side, record) => {
                format!("{} of {}", hold.reason, told(world.setup.side(*side), record))
            }
        });
        let conflicts = remains.conflicts.iter().map(|row| {
            let pair = row.pair.as_ref().map(ToString::to_string);
            // All blanks are one: they have one fingerprint.
            let blanked = |v: &Value| if v.is_blank() { Value::Null } else { v.clone() };
            let values = |system: Side| -> Vec<Value> {
                row.values[world.setup.side(system)].iter().map(blanked).collect()
            };
            let values = Sides::from_fn(values);
            format!("{pair:?} {:?} {:?} {values:?}", row.kind, row.status)
        });
        Self {
            records: Sides::from_fn(|side| {
                let records = world.systems[side].records();
                let mut all: Vec<String> = records.iter().map(|r| whole(world, side, r)).collect();
                all.sort();
                all
            }),
            links: active.map(|link| format!("{:?} {}", link.status, linked(link))).collect(),
            holds: holds.collect(),
            conflicts: conflicts.collect(),
        }
    }

    /// How many links there are.
    pub(crate) fn linked(&self) -> usize {
        self.links.len()
    }

    pub(crate) fn nothing_waits(&self) -> bool {
        self.holds.is_empty()
    }
}

/// A record by its key; one that is gone has none.
fn tell(world: &World, side: Side, record: &RecordId) -> String {
    world.systems[side].text(record, mail(side))
}

fn whole(world: &World, side: Side, record: &RecordId) -> String {
    let values = (0..PAIRS.len()).map(|pair| {
        let of = fields(pair, side).iter().map(|field| world.systems[side].value(record, field));
        let of: Vec<Value> = of.map(|value| form(&value)).collect();
        format!("{of:?}")
    });
    let values: Vec<String> = values.collect();
    format!("{}: {}", tell(world, side, record), values.join(" "))
}
