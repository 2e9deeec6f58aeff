//! Pair decisions, theme by theme, through the whole planner: a link with its bases, holds and last
//! writes goes in, and what the plan says of its pairs is looked at. Nothing is read or written.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod answers;
mod diffs;
mod explained;
mod flapping;
mod given;
mod groups;
mod guards;
mod merged;
mod references;
mod retired;
mod retransformed;
mod times;
