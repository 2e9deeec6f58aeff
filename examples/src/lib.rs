//! What the examples share: how a run is shown to people. The examples themselves are in
//! `examples/`; `cargo run --example quickstart` is the one to begin with.
//!
//! - [`flux`] does the main job from a file, without code.
//! - [`show`] makes tables of plans, reports, log rows and conflicts.
//! - [`probe`] goes through an adapter's whole life against an account, and removes what it made.
//! - [`progress`] shows how far a run has come, on terminals only.
//!
//! Nothing here prints: an example decides where what is said goes. A host that shows runs in its own
//! way needs none of this; the values are all in `fluxcascade-core`.

pub mod flux;
pub mod probe;
pub mod progress;
pub mod show;
mod typed;
