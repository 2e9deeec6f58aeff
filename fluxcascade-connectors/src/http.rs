//! How adapters reach the network: the only module that names the HTTP library.
//!
//! A `Client` sends a `Call` to one host, with a limit on time, size and repeats, and answers
//! with the vendor's `Answer` or with a `Failure` whose `Fate` says whether the call may have
//! been carried out. What an answer *means* is the vendor's: each adapter brings one `Dialect`,
//! its only place that makes errors out of status, headers and body.
//!
//! There is no OAuth here, no paging, and no JSON beyond reading an answer: those differ between
//! vendors.

mod answer;
mod budget;
mod client;
mod count;
mod post;
mod retry;
mod settings;
#[cfg(test)]
mod tests;
mod timed;

pub use budget::SharedBudget;
pub use count::RequestCounts;
pub use settings::HttpSettings;

pub(crate) use answer::Answer;
pub(crate) use budget::{Limit, Meter};
pub(crate) use client::{Body, Call, Client, Method};
pub(crate) use post::Poster;
pub(crate) use retry::{Dialect, Failure, Fate, Verdict};
