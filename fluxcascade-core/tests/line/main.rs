//! The whole line, from pull to commit, between two systems in memory.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod config;
mod conflicts;
mod connectors;
mod creates;
mod failures;
mod groups;
mod merged;
mod oscillation;
mod references;
mod restart;
mod retransform;
mod rewriting;
mod scripts;
mod updates;
mod world;
