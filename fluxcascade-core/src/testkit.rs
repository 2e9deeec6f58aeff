//! For the tests of those who write connectors or embed the engine: a system in memory.

mod sim;

pub use sim::{Call, CallKind, Fault, Normaliser, SimProfile, SimSystem};
