//! Business systems as HTTP servers on 127.0.0.1: for tests, examples and benchmarks.
//!
//! A simulator answers on the vendor's own paths with the vendor's own shapes, limits and
//! habits, and can be told to fail: see [`FaultPlan`]. Time is a [`Clock`]'s, so that a test
//! moves lags, limits and `Date` headers together with the engine. Everything that is drawn
//! comes from the seed.
//!
//! What is common to all of them is here; what a vendor does is in the module of its name. No
//! adapter code is shared with them, so that a simulator cannot repeat an adapter's mistake.
//!
//! Over HTTP a simulator is steered below `/__sim`:
//!
//! | request | meaning |
//! | --- | --- |
//! | `GET /__sim/requests` | the request log; `DELETE` clears it |
//! | `POST /__sim/faults` | a new [`FaultPlan`]: `{"seed":1,"rules":[{"path":"/crm/*","when":{"next":2},"effect":"lost_answer"}]}` |
//! | `POST /__sim/throttle` | the next request meets the vendor's limit; `{"requests":3}`: the next three |
//! | `POST /__sim/webhooks` | sends what is due now; `{"mishaps":["drop","repeat","overtaken"]}`: what happens to the next ones |
//! | `POST /__sim/oauth` | `{"do":"revoke"}`: the customer removes the app; `"expire"`: access tokens end now; `"deny"`: the next consent is refused |
//! | `GET`, `POST`, `PATCH`, `DELETE /__sim/records/…` | people's doings: see [`hubspot`] and [`jobber`] |
//! | `GET /__sim/clock` | the simulator's time |
//! | `POST /__sim/clock` | moves it: `{"advance_seconds":60}` or `{"set":"2026-03-01T14:00:00Z"}` |

use std::fmt;
use std::sync::Arc;

use fluxcascade_core::clock::Clock;
use secrecy::SecretString;

mod call;
mod clock;
mod control;
mod draw;
mod fault;
mod garble;
mod glob;
mod hook;
pub mod hubspot;
#[cfg(feature = "jobber")]
pub mod jobber;
mod log;
mod oauth;
mod outbox;
mod people;
mod server;
mod stream;

pub use clock::{OffsetClock, SteeredClock};
pub use fault::{Effect, FaultPlan, FaultRule, When};
pub use log::LoggedRequest;
pub use oauth::SimApp;
pub use outbox::Mishap;
pub use people::Person;
pub use server::Sim;

/// What every simulator needs to start.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Everything that is drawn comes from it: the same seed gives the same answers.
    pub seed: u64,
    /// The simulator's time.
    pub clock: Arc<dyn Clock>,
    /// The same clock, if `POST /__sim/clock` may move it.
    pub steering: Option<Arc<dyn SteeredClock>>,
    /// What goes wrong, from the start on.
    pub faults: FaultPlan,
    /// The port of 127.0.0.1 to listen on; a free one if there is none.
    pub port: Option<u16>,
    /// The only access token that is taken; if there is none, any is.
    pub token: Option<SecretString>,
    /// The app by which accounts are connected: with one, only tokens of its OAuth server are taken.
    pub app: Option<SimApp>,
}

impl SimConfig {
    /// The machine's time, which may be moved over HTTP; no faults; a free port; any token.
    pub fn new(seed: u64) -> Self {
        Self::steered(seed, Arc::new(OffsetClock::default()))
    }

    /// Time by a clock that only the caller moves.
    pub fn with_clock(seed: u64, clock: Arc<dyn Clock>) -> Self {
        let faults = FaultPlan::default();
        Self { seed, clock, steering: None, faults, port: None, token: None, app: None }
    }

    /// Time by a clock that may also be moved over HTTP.
    pub fn steered<C: SteeredClock>(seed: u64, clock: Arc<C>) -> Self {
        let steering: Arc<dyn SteeredClock> = Arc::<C>::clone(&clock);
        Self { steering: Some(steering), ..Self::with_clock(seed, clock) }
    }

    /// Listens on this port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Takes this access token only.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(SecretString::from(token.into()));
        self
    }

    /// Takes only the tokens that this app is given, on the vendor's own paths.
    #[must_use]
    pub fn app(mut self, app: SimApp) -> Self {
        self.app = Some(app);
        self
    }

    /// Starts with these faults.
    #[must_use]
    pub fn faults(mut self, faults: FaultPlan) -> Self {
        self.faults = faults;
        self
    }
}

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "could not listen on 127.0.0.1:{port}: {source}; give another port, or none for a free one"
)]
pub struct SimError {
    port: u16,
    source: std::io::Error,
}

/// A time as the web's headers have it: `Sun, 01 Mar 2026 14:00:00 GMT`.
fn http_date(at: fluxcascade_core::Timestamp) -> Option<String> {
    at.to_chrono().map(|time| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// A mutex whose holder may have panicked: a simulator's state is whole between its statements
/// or the test has failed already.
fn lock<T: fmt::Debug>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
