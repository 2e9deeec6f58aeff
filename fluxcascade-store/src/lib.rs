//! Where FluxCascade keeps what a sync remembers: in memory, in one SQLite file, or in a PostgreSQL
//! database (feature `postgres`).
//!
//! Every store keeps the rules of [`fluxcascade_core::store`]; one suite of tests runs against
//! all of them. What is stored, and why, is the engine's business: nothing here decides about
//! records.
//!
//! ```
//! use std::time::Duration;
//!
//! use fluxcascade_core::model::{MappingKey, MappingName, Timestamp};
//! use fluxcascade_core::store::Store;
//! use fluxcascade_store::{MemoryStore, SqliteStore};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("sync.db");
//! let contacts = MappingKey::of(MappingName::new("contacts")?);
//! let stores: [Box<dyn Store>; 2] =
//!     [Box::new(MemoryStore::new()), Box::new(SqliteStore::open(&path).await?)];
//!
//! for store in &stores {
//!     let now = Timestamp::from_secs(1_772_000_000);
//!     let lease = store.lease(&contacts, now, Duration::from_secs(300)).await?;
//!     assert!(store.lease(&contacts, now, Duration::from_secs(300)).await.is_err());
//!     store.release(&lease).await?;
//! }
//! # Ok(())
//! # }
//! ```

mod bell;
mod budget;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod columns;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod rules;
#[cfg(feature = "sealed")]
pub mod sealed;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod turns;
mod upkeep;

pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "sealed")]
pub use sealed::Sealed;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
