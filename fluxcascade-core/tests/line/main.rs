//! The whole line, from pull to commit, between two systems in memory.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod claims;
mod config;
mod conflicts;
mod connectors;
mod creates;
mod deletes;
mod failures;
mod first_sync;
mod foreign_ids;
mod merges;
mod parked;
mod restart;
mod restored;
mod rewriting;
mod scope;
mod scripts;
mod updates;
mod world;
