//! When a call is sent again, and what is known of one that failed. The sending is the client's.
//!
//! `backon` makes the schedule of waits; the loop is our own, because `backon`'s takes its time
//! from the runtime, and here all waiting is the [`Clock`](fluxcascade_core::Clock)'s, each wait
//! may be the vendor's instead, and none may outlast `not_after`.

use std::fmt::Debug;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use fluxcascade_core::connector::ConnectorError;

use super::answer::Answer;
use super::budget::Reported;

/// When the same call may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whenever it may help: it changes nothing, or changes it to the same.
    Safely,
    /// Only if the vendor surely did nothing.
    OnlyIfNotSent,
}

/// What is known of a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Surely not carried out, and worth sending again later.
    NotSent,
    /// Surely not carried out: the vendor refused it.
    Refused,
    /// It may have been carried out.
    Unknown,
}

/// A call that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fate: Fate,
    pub(crate) error: ConnectorError,
    /// What the vendor said, if it answered.
    pub(crate) answer: Option<Box<Answer>>,
}

impl From<Failure> for ConnectorError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// What a vendor's answer means.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is what was asked for, as far as status and form go.
    Accepted,
    /// Refused, and nothing was carried out.
    Refused(ConnectorError),
    /// Not now, and nothing was carried out. It may be sent again after the error's `retry_after`,
    /// else after `Retry-After`, else after the usual backoff.
    Later(ConnectorError),
    /// It may have been carried out. Sent again where that is safe, if the error is transient.
    Unclear(ConnectorError),
}

/// A vendor's way of answering: the one place of an adapter that makes errors out of answers.
pub(crate) trait Dialect: Debug + Send + Sync {
    /// What the answer to this attempt (the first is 1) means.
    fn judge(&self, answer: &Answer, attempt: u32) -> Verdict;

    /// What the answer says of the vendor's limits.
    fn limits(&self, answer: &Answer) -> Vec<Reported>;
}

/// The waits between a call's attempts: 0.5 s, doubling up to 16 s, without jitter, so that the
/// same seed gives the same trace.
pub(super) fn schedule() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_factor(2.0)
        .with_max_delay(Duration::from_secs(16))
        .without_max_times()
        .build()
}
