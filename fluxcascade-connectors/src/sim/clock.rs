//! Clocks that a simulator's user can move. Reading the time is core's [`Clock`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::Timestamp;
use fluxcascade_core::clock::{Clock, ManualClock, SystemClock};

/// A clock that can be moved.
pub trait SteeredClock: Clock {
    /// Moves it on.
    fn advance(&self, by: Duration);

    /// Sets it, also backwards.
    fn set(&self, to: Timestamp);
}

impl SteeredClock for ManualClock {
    fn advance(&self, by: Duration) {
        ManualClock::advance(self, by);
    }

    fn set(&self, to: Timestamp) {
        ManualClock::set(self, to);
    }
}

/// The machine's clock plus an offset that can be moved. It runs; sleeping takes real time.
#[derive(Debug, Default)]
pub struct OffsetClock {
    micros: AtomicI64,
}

#[async_trait]
impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        let offset = self.micros.load(Ordering::SeqCst);
        Timestamp::from_micros(SystemClock.now().micros().saturating_add(offset))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

impl SteeredClock for OffsetClock {
    fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let moved = |offset: i64| Some(offset.saturating_add(by));
        self.micros.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved).ok();
    }

    fn set(&self, to: Timestamp) {
        let offset = to.micros().saturating_sub(SystemClock.now().micros());
        self.micros.store(offset, Ordering::SeqCst);
    }
}
