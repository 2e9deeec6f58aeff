//! FluxCascade's adapters to business systems, and simulators of those systems. Each adapter speaks
//! to one vendor, and none knows another.
//!
//! - `hubspot` has contacts, `jobber` has clients; each sits behind a feature of its name.
//! - [`http`] is how all of them reach the network; nothing else names the HTTP library.
//! - [`config`] is what they share in being set up.
//! - `scrub` is what takes people's values out of the words of all of them.
//! - `signature` is what the webhooks of all of them are checked by.
//! - `sim`, behind the feature of its name, has the systems as servers on this machine.
//!
//! Deciding what is written is not here: that is `fluxcascade-core`.

pub mod config;
#[cfg(all(any(test, fuzzing), feature = "hubspot", feature = "jobber"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(any(feature = "hubspot", feature = "jobber", feature = "sim"))]
// An adapter alone does not use every part of the layer that it shares.
#[allow(dead_code, unused_imports)]
pub mod http;
#[cfg(feature = "hubspot")]
pub mod hubspot;
#[cfg(feature = "jobber")]
pub mod jobber;
#[cfg(any(feature = "hubspot", feature = "jobber"))]
// As above.
#[allow(dead_code)]
mod scrub;
#[cfg(any(feature = "hubspot", feature = "jobber"))]
// As above.
#[allow(dead_code)]
mod signature;
#[cfg(feature = "sim")]
pub mod sim;

pub use config::ConfigError;
#[cfg(feature = "hubspot")]
pub use hubspot::HubSpot;
#[cfg(feature = "jobber")]
pub use jobber::Jobber;
