//! What the SQLite store alone promises: the file survives, and files that are not its own are
//! refused and left as they are.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod alike;
mod durable;
mod fixture;
mod opening;
mod refusing;
#[path = "../shared/alike.rs"]
mod shared;
