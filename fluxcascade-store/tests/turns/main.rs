//! Which mappings are due, and how the budgets of connections are divided: the contracts of
//! `Schedule` and `Budgets`, sentence by sentence, on each store. What several stores on one server do
//! at the same moment is in `tests/postgres`.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod budgets;
mod schedules;
#[cfg(feature = "postgres")]
#[path = "../shared/server.rs"]
mod server;

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::model::{MappingKey, Timestamp, WorkerName};
use fluxcascade_core::store::{Budgets, ClaimRequest, Claimed, Schedule, Scheduled};
use fluxcascade_core::testkit::conformance::store::nouns::TTL;
use fluxcascade_store::{MemoryStore, SqliteStore};

/// What each store here is.
pub(crate) trait Turns: Schedule + Budgets {}

impl<S: Schedule + Budgets> Turns for S {}

/// Makes one test of each check on each store.
macro_rules! on_each_store {
    ($($check:ident)+) => {
        mod memory {
            $(#[tokio::test]
            async fn $check() {
                super::$check(crate::in_memory()).await;
            })+
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $check() {
                let folder = tempfile::tempdir().unwrap();
                super::$check(crate::in_a_file(&folder).await).await;
            })+
        }

        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[tokio::test]
            async fn $check() {
                let Some(place) = crate::server::Place::or_skip() else { return };
                super::$check(crate::on_a_server(&place).await).await;
            })+
        }
    };
}
pub(crate) use on_each_store;

fn in_memory() -> Arc<dyn Turns> {
    Arc::new(MemoryStore::new())
}

async fn in_a_file(folder: &tempfile::TempDir) -> Arc<dyn Turns> {
    Arc::new(SqliteStore::open(folder.path().join("sync.db")).await.unwrap())
}

#[cfg(feature = "postgres")]
async fn on_a_server(place: &server::Place) -> Arc<dyn Turns> {
    Arc::new(fluxcascade_store::PostgresStore::open(&place.options()).await.unwrap())
}

/// How often what is scheduled here is due.
pub(crate) const EVERY: Duration = Duration::from_secs(60);

pub(crate) fn worker(name: &str) -> WorkerName {
    WorkerName::new(name).unwrap()
}

pub(crate) async fn schedule(store: &dyn Turns, mapping: &MappingKey, first: Timestamp) {
    let scheduled = Scheduled { mapping: mapping.clone(), every: EVERY, first };
    store.schedule(&scheduled).await.unwrap();
}

/// What `one` claims at a time, of all mappings.
pub(crate) fn claiming(now: Timestamp, limit: usize) -> ClaimRequest {
    ClaimRequest { worker: worker("one"), among: None, now, ttl: TTL, limit }
}

pub(crate) async fn claim(store: &dyn Turns, now: Timestamp, limit: usize) -> Claimed {
    store.claim(&claiming(now, limit)).await.unwrap()
}

/// The names of the mappings that are claimed, after which their leases are given back.
pub(crate) async fn due(store: &dyn Turns, now: Timestamp) -> Vec<String> {
    let claimed = claim(store, now, 100).await;
    for lease in &claimed.leases {
        store.release(lease).await.unwrap();
    }
    claimed.leases.iter().map(|lease| lease.mapping.mapping.to_string()).collect()
}
