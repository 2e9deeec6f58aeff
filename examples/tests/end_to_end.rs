//! Whole runs: the real adapters speak HTTP to the simulated HubSpot and the simulated Jobber, and
//! one clock moves all of it. What single parts do is tested beside them.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "end_to_end/edits.rs"]
mod edits;
#[path = "end_to_end/lost.rs"]
mod lost;
#[path = "end_to_end/reconnected.rs"]
mod reconnected;
#[path = "end_to_end/restart.rs"]
mod restart;
#[path = "support/world.rs"]
mod world;
