//! The whole line, from pull to commit, between two systems in memory.

mod config;
mod conflicts;
mod creates;
mod failures;
mod restart;
mod updates;
mod world;
