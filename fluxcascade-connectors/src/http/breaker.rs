//! A circuit breaker: a system that fails again and again is left in peace for a while. What a failure is
//! is the client's to say.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;

/// Opens after so many failures on end, for so long; then one request tries.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    /// How long a request that tries may take, before another one may.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many failures on end.
    Closed(u32),
    /// Nothing leaves before this time.
    Open(Timestamp),
    /// One request tries; if nothing is heard of it by this time, another one does.
    Trying(Timestamp),
}

/// What came of a request, as far as the system's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered, if only to refuse.
    Answered,
    /// It did not answer, or said that it is in trouble.
    Failed,
}

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration, patience: Duration) -> Self {
        Self { failures, pause, patience, state: Mutex::new(State::Closed(0)) }
    }

    /// Lets a request leave, or says why not.
    pub(super) fn admit(&self, kind: &str, now: Timestamp) -> Result<(), ConnectorError> {
        let mut state = self.lock();
        match *state {
            State::Closed(_) => Ok(()),
            State::Open(until) | State::Trying(until) => {
                if let Some(wait) = self.left(until, now) {
                    return Err(resting(kind, wait));
                }
                *state = State::Trying(now + self.patience);
                Ok(())
            }
        }
    }

    /// Keeps what came of a request that was let go.
    pub(super) fn note(&self, health: Health, now: Timestamp) {
        let mut state = self.lock();
        *state = match (health, *state) {
            (Health::Answered, _) => State::Closed(0),
            (Health::Failed, State::Closed(before)) if before + 1 < self.failures => {
                State::Closed(before + 1)
            }
            (Health::Failed, State::Closed(_) | State::Trying(_)) => State::Open(now + self.pause),
            // A request that was on its way when it opened.
            (Health::Failed, State::Open(until)) => State::Open(until),
        };
    }

    /// Whether requests are held back at this time.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        match *self.lock() {
            State::Closed(_) => false,
            State::Open(until) | State::Trying(until) => self.left(until, now).is_some(),
        }
    }

    /// The error for a request that is held back at this time.
    pub(super) fn resting(&self, kind: &str, now: Timestamp) -> ConnectorError {
        match *self.lock() {
            State::Closed(_) => resting(kind, Duration::ZERO),
            State::Open(until) | State::Trying(until) => resting(kind, until.since(now)),
        }
    }

    /// How long it is until then. A clock that was set back does not prolong it.
    fn left(&self, until: Timestamp, now: Timestamp) -> Option<Duration> {
        let longest = self.pause.max(self.patience);
        (now < until).then(|| until.since(now)).filter(|left| *left <= longest)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // One value, which is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resting(kind: &str, wait: Duration) -> ConnectorError {
    ConnectorError {
        retry_after: Some(wait),
        ..ConnectorError::new(
            ErrorKind::Transient,
            format!(
                "the {kind} request was not sent: the system failed again and again, and is left in \
                 peace for a while"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);
    const PAUSE: Duration = Duration::from_secs(30);

    fn after(seconds: u64) -> Timestamp {
        NOON + Duration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let breaker = Breaker::new(3, PAUSE, Duration::from_secs(30));
        for _ in 0..3 {
            breaker.admit("read", NOON).unwrap();
            breaker.note(Health::Failed, NOON);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_on_end_and_says_when_to_come_back() {
        let breaker = Breaker::new(3, PAUSE, PAUSE);
        for health in [Health::Failed, Health::Failed, Health::Answered, Health::Failed] {
            breaker.note(health, NOON);
        }
        assert!(breaker.admit("read", NOON).is_ok(), "an answer came between");
        let error = opened().admit("read", after(10)).unwrap_err();
        assert_eq!(error.retry_after, Some(Duration::from_secs(20)));
        assert!(error.is_transient());
    }

    #[test]
    fn after_the_pause_one_request_tries_and_closes_it_or_opens_it_again() {
        let breaker = opened();
        assert!(breaker.admit("read", after(30)).is_ok());
        assert!(breaker.admit("read", after(30)).is_err(), "one tries already");
        breaker.note(Health::Failed, after(31));
        assert!(breaker.admit("read", after(60)).is_err());
        assert!(breaker.admit("read", after(61)).is_ok());
        breaker.note(Health::Answered, after(62));
        assert!(
            breaker.admit("read", after(62)).is_ok() && breaker.admit("read", after(62)).is_ok()
        );
    }

    #[test]
    fn a_try_of_which_nothing_is_heard_does_not_hold_it_open_for_ever() {
        let breaker = opened();
        assert!(breaker.admit("read", after(30)).is_ok());
        assert!(breaker.admit("read", after(59)).is_err());
        assert!(breaker.admit("read", after(60)).is_ok());
    }

    #[test]
    fn what_was_on_its_way_when_it_opened_does_not_prolong_it() {
        let breaker = opened();
        breaker.note(Health::Failed, after(29));
        assert!(breaker.is_open(after(29)) && !breaker.is_open(after(30)));
    }
    #[test]
    fn a_clock_that_was_set_back_does_not_prolong_it() {
        let breaker = opened();
        let before = NOON - Duration::from_secs(3600);
        assert!(!breaker.is_open(before) && breaker.admit("read", before).is_ok());
    }
}
