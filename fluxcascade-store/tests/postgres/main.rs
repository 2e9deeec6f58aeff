//! What the PostgreSQL store alone promises: many may open it at once, what is not its own is
//! refused and left as it is, and every key begins with the tenant.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod alike;
mod budget;
mod failing;
mod fixture;
mod insisting;
mod meanwhile;
mod opening;
mod plans;
mod refusing;
#[path = "../shared/server.rs"]
mod server;
#[path = "../shared/alike.rs"]
mod shared;
mod tokens;
#[path = "../shared/trials.rs"]
mod trials;
mod turns;
mod wire;
mod workers;
