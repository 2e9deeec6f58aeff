//! The engine of FluxCascade: it keeps records in sync, both ways, between business systems.
//!
//! The data flows one way, and the modules are the rooms of that one line:
//!
//! ```text
//! pull ─▶ inbox ─▶ match ─▶ detect ─▶ merge ─▶ plan ⇄ refresh ─▶ apply ─▶ commit ─▶ report
//! engine  (store)  └────────── plan: pure, no I/O ────────────┘  └──── engine ────┘
//! ```
//!
//! - [`model`] has the nouns: values, records, versions, observations, links, bases.
//! - [`codec`] is how the nouns are stored as bytes.
//! - [`connector`] and [`store`] are the walls to the systems and to storage; [`resolver`],
//!   [`transform`] and [`clock`] are the other things that a host may bring; [`credential`] is how
//!   adapters refresh what a store keeps for them.
//! - [`mapping`] says what is kept in sync, and compiles it into slots.
//! - [`plan`] decides. It sees no I/O, no clock and no randomness, and it cannot fail.
//! - [`engine`] runs the line.

pub mod clock;
pub mod codec;
pub mod connector;
pub mod credential;
pub mod engine;
pub mod mapping;
pub mod model;
pub mod plan;
pub mod report;
pub mod resolver;
#[cfg(not(feature = "seeded"))]
mod seeded;
#[cfg(feature = "seeded")]
#[doc(hidden)]
pub mod seeded;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod transform;

pub use clock::{Clock, SystemClock};
pub use connector::{Connector, Reader};
pub use engine::{Engine, SyncError};
pub use mapping::{Direction, Mapping};
pub use model::{Side, Slot, Timestamp, Value};
pub use plan::Plan;
pub use report::SyncReport;
pub use resolver::{ConflictResolver, Strategies, Strategy};
pub use store::{Store, TokenStore};
