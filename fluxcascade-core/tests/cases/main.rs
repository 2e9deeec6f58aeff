//! Tables of three-way decisions from other projects, through our planner.
//!
//! Each `.json` beside this file is a table as its project has it, with its source and licence in
//! it. An adapter turns a row into a call of the planner and compares what comes out in our
//! semantics. A row that is not taken has a reason; no row has neither, and no reason outlives its
//! row.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod dolt;
#[path = "../laws/given.rs"]
mod given;
mod mozilla;
mod mutagen;
mod record;
mod sheet;
mod table;
mod vdirsyncer;
