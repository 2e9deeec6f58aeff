//! What the SQLite store alone promises: the file survives, and files that are not its own are
//! refused and left as they are.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod alike;
mod fixture;
#[path = "../support/nouns.rs"]
#[allow(dead_code, reason = "the contract suite uses all of it")]
mod nouns;
mod opening;
