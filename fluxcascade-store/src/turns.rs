//! What every store decides alike about who syncs a mapping when.
//!
//! Pure functions, as in `rules`. How a claim passes over what others are changing is each backend's.

use std::time::Duration;

use fluxcascade_core::model::{MappingKey, Timestamp};
use fluxcascade_core::store::Scheduled;

use crate::rules::Standing;

/// Due at once, whatever the time: what was woken.
pub(crate) const WOKEN: Timestamp = Timestamp::from_micros(i64::MIN);

/// When a mapping that is scheduled is due, if it was due at `before` already.
pub(crate) fn scheduled(before: Option<Timestamp>, scheduled: &Scheduled) -> Timestamp {
    before.map_or(scheduled.first, |due| due.min(latest(scheduled)))
}

/// No mapping that is scheduled again is due later than this.
pub(crate) fn latest(scheduled: &Scheduled) -> Timestamp {
    scheduled.first + scheduled.every
}

/// For what is due and was not taken: a time after now.
pub(crate) fn soon(now: Timestamp) -> Timestamp {
    now + Duration::from_secs(1)
}

/// A mapping on the schedule, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standby {
    pub(crate) mapping: MappingKey,
    pub(crate) due: Timestamp,
    pub(crate) every: Duration,
    pub(crate) standing: Standing,
}

impl Standby {
    /// A lease that is over and was not given back makes it due: whoever had it is gone.
    fn is_due(&self, now: Timestamp) -> bool {
        self.standing.until.unwrap_or(self.due) <= now
    }

    /// When it is to be looked at, where it is not due now. A lease may be given back before its end.
    fn next(&self, now: Timestamp) -> Timestamp {
        match self.standing.until {
            Some(until) if self.due > now => until.min(self.due),
            Some(until) => until,
            None => self.due,
        }
    }
}

/// Which of the mappings a claim takes, where all of them are at hand, and when the next one is due.
pub(crate) fn choose(
    mut all: Vec<Standby>,
    now: Timestamp,
    limit: usize,
) -> (Vec<Standby>, Option<Timestamp>) {
    all.sort_by(|a, b| (a.due, &a.mapping).cmp(&(b.due, &b.mapping)));
    let (due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.is_due(now));
    let next = later.iter().map(|one| one.next(now)).min();
    let next = if due.len() > limit { Some(soon(now)) } else { next };
    (due.into_iter().take(limit).collect(), next)
}
