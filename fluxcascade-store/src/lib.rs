//! Where FluxCascade keeps what a sync remembers: in memory, or in one SQLite file.
//!
//! Every store keeps the rules of [`fluxcascade_core::store`]; one suite of tests runs against
//! all of them. What is stored, and why, is the engine's business: nothing here decides about
//! records.

pub mod memory;
mod rules;

pub use memory::MemoryStore;
