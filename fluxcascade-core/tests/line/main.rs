//! The whole line, from pull to commit, between two systems in memory.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod config;
mod conflicts;
mod connectors;
mod creates;
mod desk;
mod explain;
mod failures;
mod groups;
mod guards;
mod merged;
mod options;
mod oscillation;
mod plans;
mod references;
mod restart;
mod retransform;
mod rewriting;
mod scripts;
mod updates;
mod verify;
mod world;
