//! FluxCascade's adapters to business systems, and simulators of those systems.
//!
//! One module per system; each sits behind a feature of its name. Deciding what is written is
//! not here: that is `fluxcascade-core`.

#[cfg(feature = "sim")]
pub mod sim;
