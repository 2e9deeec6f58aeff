//! For the tests of those who write connectors or stores, or embed the engine: a system in memory,
//! suites that a connector or a store of one's own passes, stores that fail, crashes at every call,
//! and an oracle that judges what is left.

mod block;
pub mod conformance;
mod crash;
mod each_call;
mod failing;
mod oracle;
mod sim;

pub use block::block_on;
pub use crash::{
    CrashKind, CrashPlan, CrashPoints, CrashingClock, CrashingConnector, CrashingStore, Ended,
    Moment, Wall, at_every_point,
};
pub use failing::{Failed, Failing, Failure, Failures, Fate, Insisting, Trouble};
pub use oracle::{
    Act, Author, Flow, Form, Judged, Oracle, Remains, Standing, Tied, Verdict, Violation, Witness,
};
pub use sim::{
    Call, CallKind, EventFault, EventKind, Fault, FaultPlan, MergeSignal, Mishap, Normaliser,
    SimEvent, SimProfile, SimSystem,
};
