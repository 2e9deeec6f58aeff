//! The simulated system is what its profile says: each part of a profile, each act of a person and
//! each fault shows in what a connector's caller sees, and in the ledger.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod faults;
mod lists;
mod people;
mod world;
mod writes;
