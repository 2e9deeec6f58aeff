//! The whole line, from pull to commit, between two systems in memory.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod archived;
mod by_hand;
mod claims;
mod config;
mod conflicts;
mod connectors;
mod creates;
mod deletes;
mod desk;
mod explain;
mod failures;
mod first_sync;
mod foreign_ids;
mod groups;
mod guards;
mod hidden;
mod late;
mod merged;
mod merges;
mod moved;
mod options;
mod oscillation;
mod parked;
mod plans;
mod properties;
mod references;
mod refused;
mod restart;
mod restored;
mod retired;
mod retransform;
mod rewriting;
mod said;
mod scenario;
mod scope;
mod scripts;
mod sealed;
mod seeded;
mod settings;
mod unanswered;
mod updates;
mod verify;
mod workers;
mod world;
