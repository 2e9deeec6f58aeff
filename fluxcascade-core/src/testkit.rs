//! For the tests of those who write connectors or embed the engine: a system in memory, crashes at
//! every call, and an oracle that judges what is left.

mod crash;
mod oracle;
mod sim;

pub use crash::{
    CrashKind, CrashPlan, CrashPoints, CrashingClock, CrashingConnector, CrashingStore, Ended,
    Moment, Wall, at_every_point,
};
pub use oracle::{
    Act, Author, Flow, Form, Judged, Oracle, Remains, Standing, Tied, Verdict, Violation, Witness,
};
pub use sim::{
    Call, CallKind, EventFault, EventKind, Fault, FaultPlan, MergeSignal, Mishap, Normaliser,
    SimEvent, SimProfile, SimSystem,
};
