//! What is private stays so: nothing legible at rest, and nothing left of what was forgotten.
#![cfg(all(feature = "sealed", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod adopting;
mod alike;
mod copies;
mod documents;
mod forgetting;
mod keys;
mod moved;
mod partly;
mod planted;
mod rotation;
#[cfg(feature = "postgres")]
#[path = "../shared/server.rs"]
mod server;
#[path = "../shared/alike.rs"]
mod shared;
mod whole;

use fluxcascade_core::store::{Rows, TokenStore, Upkeep};
use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};

/// What the stores below a layer are.
pub(crate) trait Kept: Rows + TokenStore + Upkeep {}

impl<S: Rows + TokenStore + Upkeep> Kept for S {}

/// A key whose bytes are all this one.
pub(crate) fn key(id: &str, byte: u8) -> SealingKey {
    SealingKey::new(id, &[byte; 32]).unwrap()
}

/// A store sealed with one key.
pub(crate) fn sealed<S>(store: S) -> Sealed<S> {
    Sealed::new(store, Keyring::new(key("one", 1)))
}
