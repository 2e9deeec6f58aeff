//! For the tests of those who write connectors or embed the engine: a system in memory.

mod sim;

pub use sim::{
    Call, CallKind, EventFault, EventKind, Fault, FaultPlan, MergeSignal, Mishap, Normaliser,
    SimEvent, SimProfile, SimSystem,
};
