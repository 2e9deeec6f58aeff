//! How adapters reach the network: the only module that names the HTTP library.
//!
//! A `Client` sends a `Call` through its `Transport` to one host, with a limit on time, size and repeats, and answers
//! with the vendor's `Answer` or with a `Failure` whose `Fate` says whether the call may have
//! been carried out. What an answer *means* is the vendor's: each adapter brings one `Dialect`,
//! its only place that makes errors out of status, headers and body.
//!
//! - `credential` and [`oauth`] sign calls: a token that stays, or one that is renewed in time, by one of
//!   all tasks and processes.
//! - `budget` holds a connection to the vendor's limits, and leaves a part of them to others;
//!   `breaker` leaves a system in peace that fails again and again; `retry` sends again where that is safe.
//! - [`HttpClient`] is the host's own, if it brings one; [`RequestObserver`] is told of every request.
//!
//! There is no paging here, and no JSON beyond reading an answer: those differ between vendors.

mod answer;
mod breaker;
mod budget;
mod call;
#[cfg(any(test, fuzzing))]
mod canned;
mod client;
mod count;
mod credential;
mod failed;
mod host;
pub mod oauth;
mod post;
mod retry;
mod settings;
#[cfg(test)]
mod tests;
mod timed;
mod transport;

pub use budget::SharedBudget;
pub use count::{RequestCounts, RequestEvent, RequestObserver};
pub use credential::{ConnectionState, ConnectionStatus};
pub use host::HttpClient;
pub use reqwest;
pub use settings::HttpSettings;

pub(crate) use answer::Answer;
pub(crate) use budget::{Covers, Drawing, Hand, Leave, Limit, Meter, Reported, Share};
pub(crate) use call::{Asker, Body, Call, Method};
pub(crate) use client::{Client, Surroundings};
pub(crate) use credential::Credential;
pub(crate) use post::Poster;
pub(crate) use retry::{Dialect, Failure, Fate, Verdict};
pub(crate) use settings::base_url;
