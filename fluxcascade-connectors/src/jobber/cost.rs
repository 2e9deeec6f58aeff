//! The account's points: a bucket that every query draws from and time refills. What Jobber says
//! in its answers is kept here, so that a query which would be refused waits before it is sent.
//!
//! Other programs draw from the same bucket; a query that fits here may still be refused there. What
//! workers agree on is [`super::points`]'.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;

use super::client::{Api, Reply};
use super::document::Document;
use super::wire::ThrottleStatus;

/// How many shapes of query are remembered with their cost.
const SHAPES: usize = 1_024;

/// The points as they were last heard of.
#[derive(Debug)]
pub(super) struct Bucket {
    clock: Arc<dyn Clock>,
    /// So many hundredths of the points are left to others.
    reserve_percent: u8,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    level: Option<(ThrottleStatus, Timestamp)>,
    costs: HashMap<u64, f64>,
}

/// Whether a query may leave.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Admission {
    /// As far as is known, yes.
    Go,
    /// After this time.
    Wait(Duration),
    /// Never: it costs more than the bucket holds.
    Never(ConnectorError),
}

impl Bucket {
    pub(super) fn new(clock: Arc<dyn Clock>, reserve_percent: u8) -> Self {
        Self { clock, reserve_percent, state: Mutex::new(State::default()) }
    }

    /// Keeps what an answer says of the bucket.
    pub(super) fn learn_level(&self, level: Option<ThrottleStatus>) {
        if let Some(level) = level {
            self.with(|state, now| state.level = Some((level, now)));
        }
    }

    /// Keeps what a shape of query costs.
    pub(super) fn learn_cost(&self, shape: u64, cost: f64) {
        self.with(|state, _| {
            if state.costs.len() >= SHAPES && !state.costs.contains_key(&shape) {
                state.costs.clear();
            }
            state.costs.insert(shape, cost);
        });
    }

    /// What a query of this shape costs, if that is known.
    pub(super) fn cost_of(&self, shape: u64) -> Option<f64> {
        self.with(|state, _| state.costs.get(&shape).copied())
    }

    /// Asks for a query of this shape to leave, and takes its points if it may.
    pub(super) fn admit(&self, shape: u64) -> Admission {
        self.with(|state, now| {
            let (Some(&cost), Some((level, at))) = (state.costs.get(&shape), state.level) else {
                return Admission::Go;
            };
            if cost > level.maximum_available {
                return Admission::Never(too_costly(cost, level.maximum_available));
            }
            let available = refilled(level, at, now);
            // A query that costs more than what the reserve leaves goes when the bucket is full.
            let kept = level.maximum_available * f64::from(self.reserve_percent) / 100.0;
            let needed = (cost + kept).min(level.maximum_available);
            if let Some(wait) = wait(needed, available, level.restore_rate) {
                return Admission::Wait(wait);
            }
            let level = ThrottleStatus { currently_available: available - cost, ..level };
            state.level = Some((level, now));
            Admission::Go
        })
    }

    /// Puts points back that were taken for a query that did not leave.
    pub(super) fn put_back(&self, cost: f64) {
        self.with(|state, _| {
            if let Some((level, _)) = &mut state.level {
                let available = level.currently_available + cost;
                level.currently_available = available.min(level.maximum_available);
            }
        });
    }

    /// How long to wait for so many points; none if there are enough, or nothing is known.
    pub(super) fn wait_for(&self, cost: f64) -> Option<Duration> {
        self.with(|state, now| {
            let (level, at) = state.level?;
            wait(cost, refilled(level, at, now), level.restore_rate)
        })
    }

    fn with<T>(&self, run: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.clock.now();
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

fn refilled(level: ThrottleStatus, at: Timestamp, now: Timestamp) -> f64 {
    let gained = now.since(at).as_secs_f64() * level.restore_rate;
    (level.currently_available + gained).min(level.maximum_available)
}

/// Whole seconds until the points are there.
fn wait(cost: f64, available: f64, rate: f64) -> Option<Duration> {
    if cost <= available {
        return None;
    }
    // A rate of nothing would be waited for without end; a minute is as good as any.
    let seconds = if rate > 0.0 { ((cost - available) / rate).ceil() } else { 60.0 };
    Duration::try_from_secs_f64(seconds).ok()
}

/// This adapter's own code for a query that the bucket never holds.
const TOO_COSTLY: &str = "TOO_COSTLY";

/// A query that can never be answered.
pub(super) fn too_costly(cost: f64, maximum: f64) -> ConnectorError {
    ConnectorError {
        code: Some(TOO_COSTLY.to_owned()),
        ..ConnectorError::new(
            ErrorKind::Permanent,
            format!(
                "the query costs {cost} points and the account never has more than {maximum}; \
                 map fewer fields of it"
            ),
        )
    }
}

/// Whether a query was refused because the bucket never holds what it costs.
pub(super) fn is_too_costly(error: &ConnectorError) -> bool {
    error.code.as_deref() == Some(TOO_COSTLY)
}

/// Asks for a page, and for half of it as long as it costs more than the bucket ever holds. What
/// fits is kept in `first`; what does not fit is known afterwards, and costs no second request.
pub(super) async fn shrinking(
    api: &Api,
    first: &mut usize,
    page: impl Fn(usize) -> Document,
) -> Result<Reply, ConnectorError> {
    loop {
        match api.read(&page(*first)).await {
            Err(error) if is_too_costly(&error) && *first > 1 => *first /= 2,
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluxcascade_core::clock::ManualClock;

    fn level(available: f64) -> ThrottleStatus {
        ThrottleStatus {
            maximum_available: 1000.0,
            currently_available: available,
            restore_rate: 50.0,
        }
    }

    #[test]
    fn a_query_whose_cost_is_known_waits_until_its_points_are_there() {
        let clock = Arc::new(ManualClock::starting(Timestamp::from_secs(0)));
        let bucket = Bucket::new(Arc::<ManualClock>::clone(&clock), 0);
        assert_eq!(bucket.admit(1), Admission::Go, "nothing is known yet");
        bucket.learn_level(Some(level(100.0)));
        bucket.learn_cost(1, 340.0);
        assert_eq!(bucket.admit(1), Admission::Wait(Duration::from_secs(5)));
        clock.advance(Duration::from_secs(5));
        assert_eq!(bucket.admit(1), Admission::Go);
        assert_eq!(
            bucket.admit(1),
            Admission::Wait(Duration::from_secs(7)),
            "its points are taken"
        );
        assert_eq!(bucket.admit(2), Admission::Go, "another shape, whose cost is not known");
        bucket.put_back(340.0);
        assert_eq!(bucket.admit(1), Admission::Go, "it did not leave");
    }

    #[test]
    fn the_bucket_does_not_fill_beyond_its_size_and_what_is_larger_never_leaves() {
        let clock = Arc::new(ManualClock::starting(Timestamp::from_secs(0)));
        let bucket = Bucket::new(Arc::<ManualClock>::clone(&clock), 0);
        bucket.learn_level(Some(level(900.0)));
        clock.advance(Duration::from_secs(3600));
        assert_eq!(bucket.wait_for(1000.0), None);
        assert_eq!(bucket.wait_for(1001.0), Some(Duration::from_secs(1)));
        bucket.learn_cost(1, 1001.0);
        assert!(matches!(bucket.admit(1), Admission::Never(_)));
    }

    #[test]
    fn only_so_many_shapes_are_remembered() {
        let clock = Arc::new(ManualClock::starting(Timestamp::from_secs(0)));
        let bucket = Bucket::new(clock, 0);
        (0..10_000).for_each(|shape| bucket.learn_cost(shape, 1.0));
        assert!(bucket.state.lock().unwrap().costs.len() <= SHAPES);
    }
}
