//! When each side was changed, for strategies that go by time: as far as the systems say, and never
//! by a write of the engine's own.

use super::conflict::Unit;
use super::context::BeforeWrite;
use super::detect::View;
use super::entry::Need;
use super::merge::Case;
use super::unit::Seen;
use crate::mapping::CompiledPair;
use crate::model::{Base, ConflictKind, Modified, Side, Sides};
use crate::resolver::{Strategies, TimedBy};

/// When each side was changed, as far as its system says.
pub(super) type ChangedAt = Sides<Option<Modified>>;

impl Unit<'_> {
    /// When each side was changed: the newest of the unit's fields, where the system knows that;
    /// `None` if it must be asked first.
    pub(super) fn times(
        &self,
        strategies: &Strategies,
        needs: &mut Vec<Need>,
    ) -> Option<(ChangedAt, Sides<TimedBy>)> {
        let mut times = Sides::from_fn(|side| self.seen.changed_at(side));
        let mut timed_by = Sides::default();
        if self.kind() != ConflictKind::UpdateUpdate || !strategies.go_by_time() {
            return Some((times, timed_by));
        }
        let before = needs.len();
        for side in Side::BOTH {
            if !self.seen.context.knows_field_times[side] {
                continue;
            }
            let record = self.seen.link.records[side].clone();
            let Some(told) = self.seen.context.field_times.get(&(side, record.clone())) else {
                needs.push(Need::FieldTimes { side, record });
                continue;
            };
            let is_own = |pair: &CompiledPair, field| pair.ends[side].names.contains(field);
            let own = told
                .iter()
                .filter(|(field, _)| self.cases.iter().any(|case| is_own(case.pair(), field)))
                .map(|(_, modified)| *modified)
                .max_by_key(|modified| modified.at);
            // A time from before the base is not the time of this change.
            let confirmed = self.seen.confirmed_at(side);
            let of_this = |own: &Modified| confirmed.is_none_or(|base| own.at >= base.at);
            if let Some(own) = own.filter(of_this) {
                times[side] = Some(own);
                timed_by[side] = TimedBy::Fields;
            }
        }
        (needs.len() == before).then_some((times, timed_by))
    }
}

impl Case<'_> {
    /// When each side's record was changed, as far as its system says.
    pub(super) fn times(&self) -> ChangedAt {
        Sides::from_fn(|side| self.seen.changed_at(side))
    }
}

impl<'a> Seen<'a> {
    /// The record's time, if it is newer than the version in the base: only then it tells of this
    /// change.
    pub(super) fn changed_at(&self, side: Side) -> Option<Modified> {
        let View::Known { version, .. } = self.views[side] else { return None };
        let before = self.before_write(side);
        let modified = before.map_or(version.modified, |before| before.shown)?;
        match self.confirmed_at(side) {
            Some(confirmed) if modified.at <= confirmed.at => None,
            Some(_) | None => Some(modified),
        }
    }

    /// The time of the version in the base, from before a write of ours in this batch.
    fn confirmed_at(&self, side: Side) -> Option<Modified> {
        let base: &Base = &self.link.bases[side];
        self.before_write(side).map_or(base.version.modified, |before| before.confirmed)
    }

    /// What the record was before a write of ours in this batch, unless it was edited since.
    fn before_write(&self, side: Side) -> Option<&'a BeforeWrite> {
        if self.context.before_write.is_empty() {
            return None;
        }
        let View::Known { version, .. } = self.views[side] else { return None };
        let before = self.context.before_write.get(&(side, self.link.records[side].clone()));
        before.filter(|before| before.left == *version)
    }
}
