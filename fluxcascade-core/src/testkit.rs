//! For the tests of those who write connectors or embed the engine: a system in memory,
//! and suites that a connector of one's own passes.

mod block;
pub mod conformance;
mod sim;

pub use block::block_on;
pub use sim::{
    Call, CallKind, EventFault, EventKind, Fault, FaultPlan, MergeSignal, Mishap, Normaliser,
    SimEvent, SimProfile, SimSystem,
};
