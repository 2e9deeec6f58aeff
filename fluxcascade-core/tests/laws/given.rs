//! Works as a store would hand them out, and what a plan makes of the records and bases in them.
//! Shared by the laws and the tables of cases: all that names the shape of a work is here.

use std::time::Duration;

use fluxcascade_core::mapping::{CompiledMapping, DEFAULT_RETENTION, FingerprintKey, Mapping};
use fluxcascade_core::model::{
    Base, FieldName, FieldSchema, FieldType, Hold, InboxEntry, Link, LinkId, LinkStatus,
    ObjectSchema, ObjectType, Observation, RecordId, RunNumber, Side, Sides, Slot, State, TenantId,
    Timestamp, Version, Withheld, Work, WorkKey,
};
use fluxcascade_core::plan::{Entry, Gate, PlanContext, Powers, SettleRule, Writing};

pub(crate) fn schema<'a>(fields: impl IntoIterator<Item = (&'a str, FieldType)>) -> ObjectSchema {
    let fields = fields
        .into_iter()
        .map(|(name, field_type)| FieldSchema::new(FieldName::new(name).unwrap(), field_type))
        .collect();
    ObjectSchema { object: ObjectType::new("things").unwrap(), fields }
}

pub(crate) fn compiled(mapping: Mapping, schemas: &Sides<ObjectSchema>) -> CompiledMapping {
    let mut compiled =
        CompiledMapping::new(TenantId::default(), mapping, schemas.as_ref()).unwrap();
    compiled.adopt(&[], Timestamp::from_secs(0), DEFAULT_RETENTION);
    compiled
}

/// A pass over systems that can do everything, in which guards let everything through.
pub(crate) fn context(now: Timestamp) -> PlanContext {
    let settle =
        SettleRule { fence: 1, sole_since: None, request_timeout: Duration::from_secs(30) };
    let key = FingerprintKey::new([0; 32]);
    let powers = Powers { archives: true, deletes_for_good: true, restores: true, upserts: false };
    let all = [
        Withheld::Delete,
        Withheld::Archive,
        Withheld::Blanking,
        Withheld::Overwrite,
        Withheld::Create,
    ];
    PlanContext {
        powers: Sides::new(powers, powers),
        gate: Gate::Open(all.into()),
        ..PlanContext::new(RunNumber(1), now, Writing::Both, settle, key)
    }
}

/// What the store has of a link and its two records.
#[derive(Debug, Clone)]
pub(crate) struct Linked {
    pub(crate) number: u8,
    /// In the mapping's base order; absent: the pair has no base.
    pub(crate) bases: Sides<Vec<Slot>>,
    pub(crate) confirmed: Sides<Version>,
    /// What is in the inbox of each record.
    pub(crate) seen: Sides<Option<Observation>>,
    pub(crate) holds: Vec<Hold>,
}

impl Linked {
    pub(crate) fn link(&self) -> LinkId {
        LinkId([self.number; 16])
    }

    pub(crate) fn record(&self, side: Side) -> RecordId {
        RecordId::new(format!("{side}-{}", self.number)).unwrap()
    }

    pub(crate) fn work(&self, mapping: &CompiledMapping) -> Work {
        let bases = Sides::from_fn(|side| Base {
            slots: self.bases[side].clone().into(),
            version: self.confirmed[side].clone(),
            ..Base::empty(mapping.revision, 0)
        });
        Work {
            key: WorkKey::Link(self.link()),
            link: Some(Link {
                id: self.link(),
                records: Sides::from_fn(|side| self.record(side)),
                status: LinkStatus::Active,
                bases,
                ending: None,
            }),
            entries: Sides::from_fn(|side| {
                let seen = self.seen[side].clone()?;
                Some(inbox(seen, mapping.revision))
            }),
            holds: self.holds.clone(),
            operations: Vec::new(),
            candidates: Vec::new(),
            tombstones: Vec::new(),
        }
    }

    /// What is stored and held when all that the entry says has been carried out, by systems that
    /// keep what they get.
    pub(crate) fn after(&self, mapping: &CompiledMapping, entry: &Entry) -> Linked {
        let mut after = self.clone();
        for planned in &entry.pairs {
            let ends = &mapping.pairs[planned.index].ends;
            let mut values = planned.values.clone();
            for (to, send, _) in planned.writes() {
                values[to] = send.to_vec();
                if let Some(State::Known { values, .. }) =
                    after.seen[to].as_mut().map(|seen| &mut seen.state)
                {
                    for (&slot, value) in ends[to].slots.iter().zip(send) {
                        values.slots_mut()[slot] = Slot::Present(value.clone());
                    }
                }
            }
            for side in Side::BOTH {
                let base = &mut after.bases[side][ends[side].base.clone()];
                for (slot, value) in base.iter_mut().zip(&values[side]) {
                    *slot = Slot::Present(value.clone());
                }
            }
        }
        after.holds.retain(|hold| !entry.released.contains(&hold.key));
        after.holds.extend(entry.holds.iter().cloned());
        after
    }
}

pub(crate) fn inbox(seen: Observation, revision: u32) -> InboxEntry {
    InboxEntry {
        record: seen.record.clone(),
        sequence: 1,
        revision,
        observation: Some(seen),
        not_before: None,
        attempts: 0,
    }
}
